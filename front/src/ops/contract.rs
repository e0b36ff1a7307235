//! Products with a matrix of weights: Gemm, MatMul, constant factors and offsets.

use rayon::prelude::*;

use crate::graph::{Param, Value};

/// The weights have the output's features and the operand's, the bias the output's.
pub(super) fn check(operands: &[&Value], params: &[&Param], output: &Value) -> Result<(), String> {
    let ([x], [weight, bias]) = (operands, params) else {
        return Err("expected one operand, weights and a bias".into());
    };
    let rows: Vec<usize> = output.features().collect();
    let whole: Vec<usize> = rows.iter().copied().chain(x.features()).collect();
    for (param, expected) in [(weight, whole), (bias, rows)] {
        if param.shape != expected {
            return Err(format!(
                "parameter {:?} has shape {:?}, expected {expected:?}",
                param.name, param.shape
            ));
        }
    }
    Ok(())
}

/// `(rows, cols) -> (rows, width)`; every sum is taken in f64, in the order of the columns.
pub(super) fn evaluate(x: &[f32], weight: &[f32], bias: &[f32], width: usize) -> Vec<f32> {
    let cols = (weight.len() / width.max(1)).max(1);
    let mut out = vec![0.0; x.len() / cols * width];
    out.par_chunks_mut(width.max(1))
        .zip(x.par_chunks_exact(cols))
        .for_each(|(out, x)| {
            let rows = weight.chunks_exact(cols).zip(bias);
            for (out, (weight, bias)) in out.iter_mut().zip(rows) {
                let products = weight.iter().zip(x);
                let sum: f64 = products.map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                *out = (sum + f64::from(*bias)) as f32;
            }
        });
    out
}
