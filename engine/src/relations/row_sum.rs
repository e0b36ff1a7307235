//! Row sums: `Σ_u column(x, u) = total(x)` for every row `x`, or one.
//!
//! Summing a multilinear polynomial over `n` variables is `2^n` times its value at `(½, …, ½)`, so at
//! a random row there is nothing to prove but two evaluations, and no message for a constant total.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};

use super::RelationProof;
use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::error::{VerifyError, expect_len};
use crate::field::pow2;
use crate::transcript::Transcript;

/// Sums over the last `sum_log` variables of a column.
#[derive(Clone, Debug)]
pub struct RowSum {
    /// The column.
    pub column: View,
    /// log2 of the summed axis.
    pub sum_log: usize,
    /// The sums; one if absent.
    pub total: Option<View>,
}

impl RowSum {
    /// log2 of the number of rows.
    pub fn row_log(&self) -> usize {
        self.column.log().saturating_sub(self.sum_log)
    }

    /// Number of evaluations sent.
    pub fn evaluations(&self) -> usize {
        usize::from(self.total.is_some())
    }
}

/// Claims left by the relation, given the drawn row and the total there.
pub fn claims<B: Backend>(
    backend: &mut B,
    relation: &RowSum,
    row: &[B::Scalar],
    total: &B::Scalar,
) -> Vec<EvalClaim<B::Scalar>> {
    let half = backend.constant(Fr::TWO_INV);
    let mut point = row.to_vec();
    point.extend(std::iter::repeat_n(half, relation.sum_log));
    let size = Option::from(pow2(relation.sum_log).invert()).unwrap_or(Fr::ZERO);
    let mut out = vec![EvalClaim {
        view: relation.column.clone(),
        point,
        value: backend.linear(Fr::ZERO, &[(size, total.clone())]),
    }];
    out.extend(relation.total.iter().map(|view| EvalClaim {
        view: view.clone(),
        point: row.to_vec(),
        value: total.clone(),
    }));
    out
}

pub(super) fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &RowSum,
    proof: &RelationProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    expect_len("sumchecks of row sums", proof.sumchecks.len(), 0)?;
    expect_len(
        "evaluations of row sums",
        proof.evaluations.len(),
        relation.evaluations(),
    )?;
    let row = transcript.challenges(backend, "row sum point", relation.row_log());
    transcript.absorb("row sum", &proof.evaluations);
    let total = match proof.evaluations.first() {
        Some(total) => total.clone(),
        None => backend.constant(Fr::ONE),
    };
    Ok(claims(backend, relation, &row, &total))
}
