//! Ops of a row alone that are no functions of single numbers: rows of a table, norms and their scales, rotation by
//! position.

use super::Op;
use crate::graph::{Param, ParamError, Value};

/// The rows of a table that the operand, whole numbers, names.
pub(super) fn gather(x: &[f32], table: &Param) -> Result<Vec<f32>, ParamError> {
    let mut out = vec![];
    for id in x {
        let id = *id as usize;
        out.extend_from_slice(&table.rows(id..id + 1)?);
    }
    Ok(out)
}

/// Divides each row by the root of its mean square plus `eps`.
pub(super) fn norm(x: &[f32], width: usize, eps: f32) -> Vec<f32> {
    let mut out = x.to_vec();
    for row in out.chunks_exact_mut(width.max(1)) {
        let square: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let factor = 1.0 / (square / width as f64 + f64::from(eps)).sqrt();
        row.iter_mut()
            .for_each(|v| *v = (f64::from(*v) * factor) as f32);
    }
    out
}

/// Multiplies each row by a vector.
pub(super) fn scale(x: &[f32], by: &[f32]) -> Vec<f32> {
    let rows = x.chunks_exact(by.len().max(1));
    rows.flat_map(|row| row.iter().zip(by).map(|(x, by)| x * by))
        .collect()
}

/// Rotates the pairs `(x[i], x[i + half])` of every head of one text, whose first position is `first`, by angles that
/// grow with the position.
pub(super) fn rotate(x: &[f32], width: usize, frequencies: &[f64], first: usize) -> Vec<f32> {
    let mut out = x.to_vec();
    for (at, row) in out.chunks_exact_mut(width.max(1)).enumerate() {
        let turn = |f: &f64| {
            let (sin, cos) = libm::sincos((first + at) as f64 * f);
            (sin as f32, cos as f32)
        };
        let turns: Vec<(f32, f32)> = frequencies.iter().map(turn).collect();
        for head in row.chunks_exact_mut((2 * turns.len()).max(1)) {
            let (first, second) = head.split_at_mut(turns.len());
            for ((a, b), (sin, cos)) in first.iter_mut().zip(second).zip(&turns) {
                (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
            }
        }
    }
    out
}

/// Shapes of these ops.
pub(super) fn check(
    op: &Op,
    operands: &[&Value],
    params: &[&Param],
    output: &Value,
) -> Result<(), String> {
    let [x] = operands else {
        return Err("expected one operand".into());
    };
    let features: Vec<usize> = output.features().collect();
    let wrong = || {
        let params: Vec<String> = params.iter().map(|p| format!("{:?}", p.shape)).collect();
        Err(format!(
            "operand {:?} has shape {}, the parameters {}, the result {}",
            x.name,
            x.shape(),
            params.join(", "),
            output.shape()
        ))
    };
    let fits = match (op, params) {
        (Op::Gather, [table]) => x.axes.len() == 1 && table.shape.get(1..) == Some(&features[..]),
        (Op::Scale, [by]) => x.features().eq(output.features()) && by.shape == features,
        (Op::Rotate { frequencies }, []) => {
            x.features().eq(output.features()) && features.last() == Some(&(2 * frequencies.len()))
        }
        (Op::Norm { .. }, []) => x.features().eq(output.features()),
        _ => false,
    };
    if fits { Ok(()) } else { wrong() }
}
