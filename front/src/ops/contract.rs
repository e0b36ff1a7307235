//! Products with a matrix of weights: Gemm, MatMul, constant factors and offsets, the matrices of transformers.

use rayon::prelude::*;

use super::Context;
use crate::graph::{Param, ParamError, Value};
use crate::llama::matmul;

/// Weights that are read at once.
const CHUNK: usize = 1 << 22;

/// The weights have the output's features and the operand's, the bias the output's.
pub(super) fn check(operands: &[&Value], params: &[&Param], output: &Value) -> Result<(), String> {
    let ([x], [weight, bias @ ..]) = (operands, params) else {
        return Err("expected one operand, and weights".into());
    };
    let rows: Vec<usize> = output.features().collect();
    let whole: Vec<usize> = rows.iter().copied().chain(x.features()).collect();
    let biases = bias.iter().map(|bias| (bias, &rows));
    for (param, expected) in std::iter::once((weight, &whole)).chain(biases) {
        if param.shape != *expected {
            return Err(format!(
                "parameter {:?} has shape {:?}, expected {expected:?}",
                param.name, param.shape
            ));
        }
    }
    Ok(())
}

/// `(rows, cols) -> (rows, width)`.
pub(super) fn evaluate(
    x: &[f32],
    weight: &Param,
    bias: Option<&Param>,
    context: &Context<'_>,
) -> Result<Vec<f32>, ParamError> {
    let width = context.width.max(1);
    let cols = (weight.count() / width).max(1);
    let bias = bias.map(Param::read).transpose()?;
    let bias = bias.as_deref().unwrap_or_default();
    // Rows of the parameter are rows of the matrix, or several.
    let inner = width / weight.row_count().max(1);
    let step = (CHUNK / (inner * cols).max(1)).max(1);
    let mut out = vec![0.0; x.len() / cols * width];
    for start in (0..weight.row_count()).step_by(step) {
        let end = weight.row_count().min(start + step);
        let some = weight.rows(start..end)?;
        let part = if context.lanes {
            matmul(&some, x, cols)
        } else {
            let biases = bias.get(start * inner..).unwrap_or_default();
            double(&some, x, cols, biases)
        };
        if end - start == weight.row_count() && bias.is_empty() {
            return Ok(part);
        }
        let first = start * inner;
        let parts = part.par_chunks_exact(((end - start) * inner).max(1));
        out.par_chunks_exact_mut(width)
            .zip(parts)
            .for_each(|(out, part)| {
                let places = out.iter_mut().skip(first);
                places.zip(part).for_each(|(to, from)| *to = *from);
            });
    }
    if context.lanes && !bias.is_empty() {
        for row in out.chunks_exact_mut(width) {
            row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
    }
    Ok(out)
}

/// `(rows, cols) -> (rows, rows of w)`; every sum is taken in f64, in the order of the columns, and rounded with the
/// bias, if there is one.
fn double(w: &[f32], x: &[f32], cols: usize, bias: &[f32]) -> Vec<f32> {
    let width = (w.len() / cols).max(1);
    let mut out = vec![0.0; x.len() / cols * width];
    out.par_chunks_mut(width)
        .zip(x.par_chunks_exact(cols))
        .for_each(|(out, x)| {
            let biases = bias.iter().copied().chain(std::iter::repeat(0.0));
            let rows = w.chunks_exact(cols).zip(biases);
            for (out, (w, bias)) in out.iter_mut().zip(rows) {
                let products = w.iter().zip(x);
                let sum: f64 = products.map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                *out = (sum + f64::from(bias)) as f32;
            }
        });
    out
}
