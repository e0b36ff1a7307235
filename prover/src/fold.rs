//! Prover of one group opening; the protocol is in `laminate_protocol::fold`.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::EvalClaim;
use laminate_protocol::fold::{BATCHING_DEGREE, OpeningProof};
use laminate_protocol::layout::{Layout, Poly};
use laminate_protocol::poly::eq;
use laminate_protocol::program::Program;
use laminate_protocol::transcript::Transcript;

use crate::columns::Columns;
use crate::pcs;
use crate::sumcheck::TableSumcheck;

/// Batches the claims of one group into one opening.
pub fn prove(
    transcript: &mut Transcript<Native>,
    (program, layout): (&Program, &Layout),
    columns: &Columns<'_>,
    powers: &[G1Affine],
    claims: &[EvalClaim<Fr>],
) -> OpeningProof<Fr, G1Affine> {
    let log = layout.max_log();
    let eta = transcript.challenge(&mut Native, "batching eta");
    let [kernel_weight, kernel_trace] = kernels(log, eta, claims);
    let mut claim = Fr::ZERO;
    let mut power = Fr::ONE;
    for c in claims {
        claim += power * (c.value - c.view.constant);
        power *= eta;
    }
    let weight = columns.polynomial(Poly::Weight, log);
    let trace = columns.polynomial(Poly::Trace, log);
    let tables = [weight.clone(), kernel_weight, trace.clone(), kernel_trace];
    let summand = |t: &[Fr; 4]| t[0] * t[1] + t[2] * t[3];
    let (batching, point, [weight_at, _, trace_at, _]) = TableSumcheck::new(
        tables,
        BATCHING_DEGREE,
        &summand,
    )
    .prove(transcript, "batching round", claim);
    let evaluations = [weight_at, trace_at];
    transcript.absorb("batching evaluations", &evaluations);

    let rho = transcript.challenge(&mut Native, "batching rho");
    let row_log = layout.row_log(program);
    let (high, low) = point.split_at(log - row_log);
    let mut values = vec![Fr::ZERO; 1 << row_log];
    for (row, selector) in eq::table(high).into_iter().enumerate() {
        let start = row << row_log;
        for (i, value) in values.iter_mut().enumerate() {
            *value += selector * (weight[start + i] + rho * trace[start + i]);
        }
    }
    OpeningProof {
        batching,
        evaluations,
        pcs: pcs::prove(transcript, powers, &values, low),
    }
}

/// `K_W` and `K_T` of all claims.
fn kernels(log: usize, eta: Fr, claims: &[EvalClaim<Fr>]) -> [Vec<Fr>; 2] {
    let mut weight = vec![Fr::ZERO; 1 << log];
    let mut trace = vec![Fr::ZERO; 1 << log];
    let mut power = Fr::ONE;
    for claim in claims {
        let table = eq::scaled_table(&claim.point, power);
        for (coefficient, block) in &claim.view.terms {
            let kernel = match block.poly {
                Poly::Weight => &mut weight,
                Poly::Trace => &mut trace,
            };
            for (k, e) in kernel[block.offset..].iter_mut().zip(&table) {
                *k += if *coefficient == Fr::ONE {
                    *e
                } else {
                    coefficient * e
                };
            }
        }
        power *= eta;
    }
    [weight, trace]
}
