//! Attention: scores of queries and keys, causal softmax, values mixed by it. A value's rows are the positions of a
//! text; its keys are the rows of the whole text so far.

use rayon::prelude::*;

use super::Op;
use crate::graph::{Len, Value};

/// Shapes: Scores `(t, g, r, d), (u, g, d) -> (t, g, r, u)`, Softmax `(t, g, r, u)`, Mix
/// `(t, g, r, u), (u, g, d) -> (t, g, r, d)`; `t` and `u` are rows.
pub(super) fn check(op: &Op, operands: &[&Value], output: &Value) -> Result<(), String> {
    let lens = |value: &Value| -> Vec<Len> { value.lens().collect() };
    let (shapes, found): (Vec<_>, _) = (operands.iter().map(|v| lens(v)).collect(), lens(output));
    let fits = match (op, shapes.as_slice()) {
        (Op::Scores { .. }, [q, k]) => match (q.as_slice(), k.as_slice()) {
            ([t, g, r, d], [u, h, e]) => g == h && d == e && found == [*t, *g, *r, *u],
            _ => false,
        },
        (Op::Softmax, [x]) => matches!(x.as_slice(), [Len::Rows, _, _, Len::Rows]) && found == *x,
        (Op::Mix, [p, v]) => match (p.as_slice(), v.as_slice()) {
            ([t, g, r, Len::Rows], [Len::Rows, h, d]) => g == h && found == [*t, *g, *r, *d],
            _ => false,
        },
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let shapes: Vec<String> = operands.iter().map(|v| v.shape()).collect();
    Err(format!(
        "operands have shapes {}, the result {}",
        shapes.join(" and "),
        output.shape()
    ))
}

/// One text's scores, times a factor: queries have the shape `(g, r, d)` at a row.
pub(super) fn scores(q: &[f32], k: &[f32], shape: [usize; 3], factor: f32) -> Vec<f32> {
    let [groups, shared, d] = shape;
    let keys: Vec<&[f32]> = k.chunks_exact((groups * d).max(1)).collect();
    let row = |(head, query): (usize, &[f32])| -> Vec<f32> {
        let group = head % (groups * shared).max(1) / shared.max(1);
        let own = keys.iter().filter_map(|key| key.chunks_exact(d).nth(group));
        own.map(|key| factor * query.iter().zip(key).map(|(a, b)| a * b).sum::<f32>())
            .collect()
    };
    let rows = q.par_chunks_exact(d.max(1)).enumerate().map(row);
    rows.flatten_iter().collect()
}

/// One text's softmax over the keys up to its own position: `heads` rows of scores for all keys at a position, the
/// first of which is `first`. Later keys have the weight zero.
pub(super) fn softmax(x: &[f32], heads: usize, keys: usize, first: usize) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_exact_mut(keys.max(1))
        .zip(x.par_chunks_exact(keys.max(1)))
        .enumerate()
        .for_each(|(row, (out, x))| {
            let past = x.iter().take(first + row / heads.max(1) + 1);
            let max = past.clone().copied().fold(f32::NEG_INFINITY, f32::max);
            let weights: Vec<f32> = past.map(|s| (s - max).exp()).collect();
            let total: f32 = weights.iter().sum();
            for (out, weight) in out.iter_mut().zip(weights) {
                *out = weight / total;
            }
        });
    out
}

/// One text's values, mixed: `(g, r, u)` weights at a position.
pub(super) fn mix(p: &[f32], v: &[f32], [groups, shared, d]: [usize; 3], first: usize) -> Vec<f32> {
    let values: Vec<&[f32]> = v.chunks_exact((groups * d).max(1)).collect();
    let heads = (groups * shared).max(1);
    let row = |(row, weights): (usize, &[f32])| -> Vec<f32> {
        let group = row % heads / shared.max(1);
        let own = values.iter().filter_map(|v| v.chunks_exact(d).nth(group));
        let mut out = vec![0.0; d];
        for (weight, value) in weights.iter().zip(own).take(first + row / heads + 1) {
            for (out, value) in out.iter_mut().zip(value) {
                *out += weight * value;
            }
        }
        out
    };
    let rows = p.par_chunks_exact(values.len().max(1)).enumerate().map(row);
    rows.flatten_iter().collect()
}
