//! Gemm: `y = alpha·A'·B' + beta·C`, `(m, k) · (k, n)`, `A` and `B` turned by `transA` and `transB`. Of a batch, `m` is the
//! batch: `A` is `(batch, k)`, `B` constant, and so is `C`, which broadcasts to `(n)`, or is omitted.

use super::super::builder::{Dense, Draft, First};
use super::super::error::ImportError;
use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::ops::{Op, Read};

/// Adds a dense layer, or a product of two values.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if context.first() == First::Feature {
        return whole(context);
    }
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
    let mut dense = layer(context, cols)?;
    for w in &mut dense.weight {
        *w = (f64::from(*w) * f64::from(alpha)) as f32;
    }
    let rows = dense.rows;
    if context.optional(2)?.is_some() {
        let c = context.constant(2)?.broadcast(&[rows])?;
        let biases = c.into_iter().map(|v| (v * f64::from(beta)) as f32);
        dense.bias = biases.collect();
    }
    context.push(Draft::Dense(dense), vec![x], vec![rows])
}

/// The layer of a constant `B`, without biases.
fn layer(context: &Context<'_, '_>, cols: usize) -> Result<Dense, ImportError> {
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
    let weight = if transposed {
        b.floats()?.to_vec()
    } else {
        transpose(b.floats()?, cols, rows)
    };
    Ok(Dense {
        rows,
        cols,
        weight,
        bias: vec![0.0; rows],
    })
}

/// Of a model that is one row: all operands may be computed.
fn whole(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let a = context.activation(0)?;
    let a = turned(context, a, "transA")?;
    let (&[m, k], b) = (context.features(a).as_slice(), context.operand(1)?) else {
        return Err(context.fail("operand 0 has other axes than two"));
    };
    let product = match b {
        Operand::Constant(_) => {
            let dense = layer(context, k)?;
            let n = dense.rows;
            context.push_part("product", Draft::Linear(dense), vec![a], vec![m, n])?
        }
        Operand::Tensor(b) => {
            let b = turned(context, b, "transB")?;
            let &[l, n] = context.features(b).as_slice() else {
                return Err(context.fail("operand 1 has other axes than two"));
            };
            if l != k {
                return Err(context.fail(format!("B takes {l} features, A has {k}")));
            }
            context.part(Op::MatMul { factor: 1.0 }, vec![a, b], vec![m, n])?
        }
    };
    let (alpha, beta) = (context.float("alpha", 1.0)?, context.float("beta", 1.0)?);
    let mut found = match alpha {
        1.0 => product,
        _ => context.scaled(product, alpha.into(), 0.0)?,
    };
    match context.optional(2)? {
        None => {}
        Some(Operand::Constant(c)) => {
            let (x, _, c) = context.with_constant(found, &c)?;
            let scale = vec![1.0; c.len()];
            let shift = c.into_iter().map(|v| v * f64::from(beta)).collect();
            found = context.affine(x, scale, shift)?;
        }
        Some(Operand::Tensor(c)) => {
            let c = match beta {
                1.0 => c,
                _ => context.scaled(c, beta.into(), 0.0)?,
            };
            found = context.sum_of(found, c)?;
        }
    }
    context.give(found, context.features(found))
}

/// A matrix, turned if the attribute says so.
fn turned(
    context: &mut Context<'_, '_>,
    x: ValueId,
    attribute: &str,
) -> Result<ValueId, ImportError> {
    let features = context.features(x);
    let &[rows, cols] = features.as_slice() else {
        return Err(context.fail(format!(
            "an operand has shape {features:?}, expected two axes"
        )));
    };
    if context.int(attribute, 0)? == 0 {
        return Ok(x);
    }
    let reads = vec![Read::all(1), Read::all(0)];
    context.part(Op::Arrange(reads), vec![x], vec![cols, rows])
}

/// `(k, n)` row-major to `(n, k)`.
pub(super) fn transpose(values: &[f32], k: usize, n: usize) -> Vec<f32> {
    let column = |j: usize| values.iter().skip(j).step_by(n.max(1)).take(k).copied();
    (0..n).flat_map(column).collect()
}
