//! Prover of linear combinations of points; the protocol is in `laminate_engine::multiexp`.

mod integers;
mod sums;
#[cfg(test)]
mod tests;
mod witness;
mod zero_check;

use halo2curves_axiom::bn256::{Fr, G1Affine};
use laminate_engine::backend::Native;
use laminate_engine::claim::{EvalClaim, View};
use laminate_engine::error::VerifyError;
use laminate_engine::multiexp::{
    Combination, Multiexp, NativeMultiexp, at, draw, multiples, steps, tops,
};
use laminate_engine::poly;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use thiserror::Error;

use crate::columns::{Columns, TraceColumns, WeightColumns};
use crate::{fold, lookup};

/// Why no proof of a combination was made.
#[derive(Debug, Error)]
pub enum MultiexpError {
    /// The reference string is too short.
    #[error(
        "reference string has {found} powers, rows of 2^{row_log} need {needed}; take a longer string or shorter rows"
    )]
    SrsTooSmall {
        /// Powers at hand.
        found: usize,
        /// Powers needed.
        needed: usize,
        /// log2 of a row.
        row_log: usize,
    },
    /// There are not as many terms as the verifier expects.
    #[error("{found} terms, expected {expected}")]
    Terms {
        /// Terms at hand.
        found: usize,
        /// Terms of the verifier.
        expected: usize,
    },
    /// The terms do not sum to zero, one is the identity, or the running sum meets a point.
    #[error("no proof of this combination: {0}")]
    Sum(&'static str),
    /// From the verifier.
    #[error(transparent)]
    Verifier(#[from] VerifyError),
}

/// Proves `Σ scalar·point + generator·G = 0`. The transcript must have absorbed what the terms follow from.
///
/// # Errors
/// A short reference string, or terms that do not sum to zero.
pub fn prove(
    multiexp: &Multiexp,
    transcript: &mut Transcript<Native>,
    combination: Combination<'_, Fr, G1Affine>,
    powers: &[G1Affine],
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<NativeMultiexp, MultiexpError> {
    let row_log = multiexp.row_log();
    let needed = (1 << row_log) + 1;
    if powers.len() < needed {
        return Err(MultiexpError::SrsTooSmall {
            found: powers.len(),
            needed,
            row_log,
        });
    }
    let trace = witness::lay_out(multiexp, combination, rng)?;
    prove_trace(multiexp, transcript, combination, &trace, powers)
}

/// Proves what a trace says.
fn prove_trace(
    multiexp: &Multiexp,
    transcript: &mut Transcript<Native>,
    combination: Combination<'_, Fr, G1Affine>,
    trace: &TraceColumns,
    powers: &[G1Affine],
) -> Result<NativeMultiexp, MultiexpError> {
    let row_log = multiexp.row_log();
    let weights = WeightColumns::none();
    let columns = Columns::new(&weights, trace, vec![]);
    let rows = trace.commit(row_log, powers);
    for row in &rows {
        transcript.absorb_point(&mut Native, "multiexp row", row);
    }
    let (steps, step_evaluations, mut claims) = prove_steps(multiexp, transcript, &columns)?;
    let positions = claims.first().map_or(vec![], |claim| {
        claim.point[claim.point.len() - multiexp.log..].to_vec()
    });
    let (multiples, multiple_evaluations, more) = prove_multiples(multiexp, transcript, &columns)?;
    claims.extend(more);
    claims.extend(multiexp.known_claims(&mut Native, combination, &positions));
    let placement = &multiexp.placement;
    let (lookup, more) = lookup::prove(transcript, &placement.tree, &columns);
    claims.extend(more);
    let opening = fold::prove(transcript, &placement.geometry, &columns, powers, &claims);
    Ok(NativeMultiexp {
        rows,
        steps,
        step_evaluations,
        multiples,
        multiple_evaluations,
        lookup,
        opening,
    })
}

type Checked = (SumcheckProof<Fr>, Vec<Fr>, Vec<EvalClaim<Fr>>);

fn prove_steps(
    multiexp: &Multiexp,
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
) -> Result<Checked, MultiexpError> {
    let log = multiexp.steps_log();
    let (tau, challenge) = draw(&mut Native, transcript, log);
    let views = multiexp.step_columns();
    let values = values(columns, &views);
    let double = (0..1usize << log).map(|i| {
        let position = i & ((1 << multiexp.log) - 1);
        Fr::from(u64::from(position < steps::DOUBLINGS))
    });
    let tables = sums::contract(multiexp, &challenge, &values, double.collect());
    let summand = |row: &[Fr]| sums::identities(&challenge, row).unwrap_or_default();
    let (proof, point) = zero_check::prove(transcript, tables, &tau, steps::DEGREE, &summand);
    let evaluations = evaluate(&views, &values, &point);
    transcript.absorb("multiexp step evaluations", &evaluations);
    let mut claims = at(views, &point, &evaluations);
    claims.extend(tops(&mut Native, &multiexp.columns.steps, &point));
    Ok((proof, evaluations, claims))
}

fn prove_multiples(
    multiexp: &Multiexp,
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
) -> Result<Checked, MultiexpError> {
    let sheet = &multiexp.columns.multiples;
    let (tau, challenge) = draw(&mut Native, transcript, multiexp.log);
    let views = sheet.views();
    let tables = values(columns, &views);
    let summand = |row: &[Fr]| {
        let row = challenge.row(&mut Native, sheet, row);
        multiples::identities(&mut Native, &challenge, &row).unwrap_or_default()
    };
    let (proof, point) = zero_check::prove(
        transcript,
        tables.clone(),
        &tau,
        multiples::DEGREE,
        &summand,
    );
    let evaluations = evaluate(&views, &tables, &point);
    transcript.absorb("multiexp multiple evaluations", &evaluations);
    let mut claims = at(views, &point, &evaluations);
    claims.extend(tops(&mut Native, sheet, &point));
    Ok((proof, evaluations, claims))
}

fn values(columns: &Columns<'_>, views: &[View]) -> Vec<Vec<Fr>> {
    views.par_iter().map(|view| columns.values(view)).collect()
}

/// Evaluations at the last part of `point`, as long as a column's own.
fn evaluate(views: &[View], values: &[Vec<Fr>], point: &[Fr]) -> Vec<Fr> {
    let pairs = views.par_iter().zip(values);
    pairs
        .map(|(view, values)| poly::evaluate(values, &point[point.len() - view.log()..]))
        .collect()
}
