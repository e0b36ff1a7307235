//! MatMul with a constant right side: `(batch, 1…, k) · (k, n) -> (batch, 1…, n)`.

use super::super::builder::{Dense, Draft};
use super::super::error::ImportError;
use super::Context;
use super::gemm::transpose;

/// Adds a dense layer without bias; an Add of a constant behind it folds into it.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let mut features = context.features(x);
    let Some(cols) = features.pop() else {
        return Err(context.fail("operand 0 has the batch axis only, expected (batch, features)"));
    };
    if features.iter().any(|d| *d != 1) {
        features.push(cols);
        return Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, expected one axis; flatten it first"
        )));
    }
    let b = context.constant(1)?;
    let (found, rows) = match *b.dims.as_slice() {
        [k, n] => {
            features.push(n);
            (k, n)
        }
        [k] => (k, 1),
        _ => return Err(context.fail(format!("operand 1 has shape {:?}, expected (k, n)", b.dims))),
    };
    if found != cols {
        return Err(context.fail(format!(
            "operand 1 takes {found} features, operand 0 has {cols}"
        )));
    }
    let weight = transpose(b.floats()?, cols, rows);
    let dense = Dense {
        rows,
        cols,
        weight,
        bias: vec![0.0; rows],
    };
    context.push(Draft::Dense(dense), vec![x], features)
}
