//! Prover of one group opening; the protocol is in `laminate_engine::fold`.
//!
//! The batching sumcheck runs over two halves, the weight and the trace polynomial, each with the
//! kernel of its claims; their round polynomials are added. Neither polynomial is expanded into field
//! elements unless it is small: see [`strips`].

mod claims;
mod combine;
mod dense;
mod inner;
mod outer;
mod plan;
mod strips;
#[cfg(test)]
mod tests;

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::fold::{BATCHING_DEGREE, OpeningProof};
use laminate_engine::geometry::{Geometry, Poly};
use laminate_engine::poly::eq;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;

use crate::columns::Columns;
use crate::pcs;
use crate::sumcheck::{evaluate, interpolate};
use claims::ClaimSet;
use inner::Stored;
use strips::Half;

/// Batches the claims of one group into one opening.
pub fn prove(
    transcript: &mut Transcript<Native>,
    geometry: &Geometry,
    columns: &Columns<'_>,
    powers: &[G1Affine],
    claims: &[EvalClaim<Fr>],
) -> OpeningProof<Fr, G1Affine> {
    prove_in_stages(transcript, geometry, columns, powers, claims, &|| {})
}

/// [`prove`], telling when the claims are batched and the opening begins.
pub(crate) fn prove_in_stages(
    transcript: &mut Transcript<Native>,
    geometry: &Geometry,
    columns: &Columns<'_>,
    powers: &[G1Affine],
    claims: &[EvalClaim<Fr>],
    batched: &dyn Fn(),
) -> OpeningProof<Fr, G1Affine> {
    let log = geometry.max_log();
    let row_log = geometry.row_log;
    let eta = transcript.challenge(&mut Native, "batching eta");
    let mut claim = Fr::ZERO;
    let mut power = Fr::ONE;
    for c in claims {
        claim += power * (c.value - c.view.constant_at(&mut Native, &c.point));
        power *= eta;
    }
    let halves = [Poly::Weight, Poly::Trace].map(|poly| {
        let set = ClaimSet::new(claims, eta, poly);
        let stored = Stored {
            columns,
            poly,
            row_log,
            cut: plan::cut(&set, columns.stored(poly), log),
        };
        Half::new(stored, &set, log)
    });
    let (batching, point, evaluations) = sumcheck(transcript, halves, log, claim);
    transcript.absorb("batching evaluations", &evaluations);
    batched();

    let rho = transcript.challenge(&mut Native, "batching rho");
    let (high, low) = point.split_at(log - row_log);
    let selector = eq::table(high);
    let blind = columns.blind(&selector, row_log, rho);
    let values = combine::opened(columns, &selector, row_log, rho);
    OpeningProof {
        batching,
        evaluations,
        pcs: pcs::prove(transcript, powers, values, blind, low),
    }
}

fn sumcheck(
    transcript: &mut Transcript<Native>,
    mut halves: [Half<'_>; 2],
    log: usize,
    mut claim: Fr,
) -> (SumcheckProof<Fr>, Vec<Fr>, [Fr; 2]) {
    let mut rounds = vec![];
    let mut point = vec![];
    for _ in 0..log {
        let [a, b] = [halves[0].round(), halves[1].round()];
        let message = interpolate(BATCHING_DEGREE, claim, a[0] + b[0], a[1] + b[1], Fr::ZERO);
        transcript.absorb("batching round", &message);
        let r = transcript.challenge(&mut Native, "batching round");
        claim = evaluate(&message, claim, r);
        for half in &mut halves {
            half.bind(&r);
        }
        rounds.push(message);
        point.push(r);
    }
    let evaluations = halves.map(|half| half.value());
    (SumcheckProof { rounds }, point, evaluations)
}
