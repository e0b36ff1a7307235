//! Gemm: `y = alpha·x·B' + beta·C`, `(batch, k) -> (batch, n)`; `B` constant, `(k, n)` or with
//! `transB` `(n, k)`; `C` constant, broadcasting to `(n)`, or omitted.

use super::super::builder::{Dense, Draft};
use super::super::error::ImportError;
use super::Context;

/// Adds a dense layer.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (alpha, beta) = (context.float("alpha", 1.0)?, context.float("beta", 1.0)?);
    if context.int("transA", 0)? != 0 {
        return Err(context.fail("transA is set, expected 0: the first axis is the batch"));
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let &[cols] = features.as_slice() else {
        return Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, expected one axis; flatten it first"
        )));
    };
    let b = context.constant(1)?;
    let transposed = context.int("transB", 0)? != 0;
    let &[first, second] = b.dims.as_slice() else {
        return Err(context.fail(format!("B has shape {:?}, expected two axes", b.dims)));
    };
    let (rows, found) = if transposed {
        (first, second)
    } else {
        (second, first)
    };
    if found != cols {
        return Err(context.fail(format!("B takes {found} features, operand 0 has {cols}")));
    }
    let mut weight = if transposed {
        b.floats()?.to_vec()
    } else {
        transpose(b.floats()?, cols, rows)
    };
    for w in &mut weight {
        *w = (f64::from(*w) * f64::from(alpha)) as f32;
    }
    let bias = match context.optional(2)? {
        None => vec![0.0; rows],
        Some(_) => {
            let c = context.constant(2)?.broadcast(&[rows])?;
            c.into_iter()
                .map(|v| (v * f64::from(beta)) as f32)
                .collect()
        }
    };
    let dense = Dense {
        rows,
        cols,
        weight,
        bias,
    };
    context.push(Draft::Dense(dense), vec![x], vec![rows])
}

/// `(k, n)` row-major to `(n, k)`.
pub(super) fn transpose(values: &[f32], k: usize, n: usize) -> Vec<f32> {
    let column = |j: usize| values.iter().skip(j).step_by(n.max(1)).take(k).copied();
    (0..n).flat_map(column).collect()
}
