//! Rotation of the residual stream.
//!
//! A norm whose scale is folded into what follows commutes with every orthogonal matrix `R`, so the
//! stream can be turned: whatever writes to it is multiplied by `R`, whatever reads it by its transpose, and the
//! float function stays as it is (QuaRot, Ashkboos et al., arXiv 2404.00456). Rows of weights with a few
//! large entries, and a stream with a few huge channels, become rows and a stream of entries alike, which
//! waste no bits of their unit.
//!
//! `R` flips signs in a fixed pseudo-random pattern, then takes the Walsh-Hadamard transform over the
//! largest power of two that divides the width and the Hartley transform over the rest, each scaled to be
//! orthogonal.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{Basis, Change, Plan, is_product, only_reader, readers};
use crate::graph::{Graph, ValueId};
use crate::ops::Op;

/// A stream and who has to do with it.
#[derive(Default)]
struct Stream {
    /// Rows of tables, and sums with what was added.
    values: BTreeSet<ValueId>,
    /// The same, normalised.
    normed: BTreeSet<ValueId>,
    /// Products that are added.
    added: Vec<ValueId>,
}

impl Stream {
    /// The stream that begins with rows of tables; none if something else reads it or is added to it.
    fn of(graph: &Graph) -> Option<Self> {
        let mut out = Self::default();
        for node in graph.nodes() {
            let inside = |id: &&ValueId| out.values.contains(*id);
            match node.op {
                Op::Gather => drop(out.values.insert(node.output)),
                Op::Norm { .. } if node.inputs.iter().any(|id| inside(&id)) => {
                    out.normed.insert(node.output);
                }
                Op::Add if node.inputs.iter().any(|id| inside(&id)) => {
                    let others = node.inputs.iter().filter(|id| !inside(id));
                    let others: Vec<ValueId> = others.copied().collect();
                    let alone = |id: &ValueId| only_reader(graph, *id).is_some();
                    if !others.iter().all(|id| is_product(graph, *id) && alone(id)) {
                        return None;
                    }
                    out.added.extend(others);
                    out.values.insert(node.output);
                }
                _ => {}
            }
        }
        let of_stream = |op: &Op| matches!(op, Op::Norm { .. } | Op::Add);
        let alike = |ids: &BTreeSet<ValueId>, fits: &dyn Fn(&Op) -> bool| {
            let inside = |id: &ValueId| *id != graph.output();
            ids.iter()
                .all(|id| inside(id) && readers(graph, *id).all(|n| fits(&n.op)))
        };
        let normed = |op: &Op| matches!(op, Op::Contract | Op::Scale);
        (alike(&out.values, &of_stream) && alike(&out.normed, &normed)).then_some(out)
    }
}

/// Turns the stream of a graph, if it has one.
pub(super) fn turn(plan: &mut Plan<'_>) {
    let graph = plan.graph;
    let Some(stream) = Stream::of(graph) else {
        return;
    };
    let Some(first) = stream.values.first() else {
        return;
    };
    // A scale that stays between a norm and what reads it does not commute.
    let folded = |id: &ValueId| {
        let mut scales = readers(graph, *id).filter(|n| n.op == Op::Scale);
        scales.all(|n| plan.is_folded(n.output))
    };
    if !stream.normed.iter().all(folded) {
        return;
    }
    plan.rotation = Some(Rotation::new(graph.width(*first)));
    let turned = stream.values.iter().chain(&stream.normed);
    for id in turned.chain(&stream.added) {
        if let Some(basis) = plan.bases.get_mut(*id) {
            *basis = Basis::Turned;
        }
    }
    for id in &stream.values {
        if graph.producer(*id).is_some_and(|n| n.op == Op::Gather) {
            plan.change(*id, Change::TurnRows);
        }
    }
    for id in &stream.added {
        plan.change(*id, Change::TurnColumns);
    }
    for id in &stream.normed {
        for reader in plan.readers(*id) {
            plan.change(reader, Change::TurnRows);
        }
    }
    plan.stream = stream.values;
    plan.added = stream.added.into_iter().collect();
}

/// An orthogonal matrix with a fast product.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    signs: Vec<f64>,
    /// The power of two.
    even: usize,
    /// `(odd, odd)` of the Hartley transform.
    hartley: Vec<f64>,
}

impl Rotation {
    /// For rows of `width` entries.
    pub fn new(width: usize) -> Self {
        let even = 1 << width.trailing_zeros().min(usize::BITS - 1);
        let odd = width / even;
        let turn = 2.0 * std::f64::consts::PI / odd as f64;
        let cells = (0..odd).flat_map(|i| (0..odd).map(move |j| i * j % odd));
        let factor = 1.0 / (width as f64).sqrt();
        let hartley = cells
            .map(|cell| {
                let (sin, cos) = libm::sincos(turn * cell as f64);
                factor * (sin + cos)
            })
            .collect();
        Self {
            signs: (0..width as u64).map(sign).collect(),
            even,
            hartley,
        }
    }

    /// Turns every row of a matrix of this width.
    pub fn rows(&self, matrix: &mut [f32]) {
        let width = self.signs.len().max(1);
        matrix
            .par_chunks_exact_mut(width)
            .for_each_init(Vec::new, |buffers, row| self.row(row, buffers));
    }

    /// Turns every column of a matrix with `cols` columns.
    pub fn columns(&self, matrix: &mut [f32], cols: usize) {
        let width = self.signs.len();
        let mut turned = transposed(matrix, width, cols);
        self.rows(&mut turned);
        matrix.copy_from_slice(&transposed(&turned, cols, width));
    }

    fn row(&self, row: &mut [f32], buffer: &mut Vec<f64>) {
        buffer.clear();
        buffer.extend(row.iter().zip(&self.signs).map(|(v, s)| f64::from(*v) * s));
        for part in buffer.chunks_exact_mut(self.even) {
            hadamard(part);
        }
        let odd = buffer.len() / self.even;
        for (i, out) in row.iter_mut().enumerate() {
            let cells = self.hartley.chunks_exact(odd).nth(i / self.even);
            let column = buffer.iter().skip(i % self.even).step_by(self.even);
            let sum: f64 = cells
                .unwrap_or_default()
                .iter()
                .zip(column)
                .map(|(h, v)| h * v)
                .sum();
            *out = sum as f32;
        }
    }
}

/// One or minus one: the top bit of SplitMix64's finaliser.
fn sign(index: u64) -> f64 {
    let mut z = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    if (z ^ (z >> 31)) >> 63 == 0 {
        1.0
    } else {
        -1.0
    }
}

/// Walsh-Hadamard transform, not scaled.
fn hadamard(values: &mut [f64]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// `(rows, cols)` to `(cols, rows)`.
fn transposed(matrix: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    let mut out = vec![0.0; matrix.len()];
    out.par_chunks_exact_mut(rows.max(1))
        .enumerate()
        .for_each(|(col, out)| {
            for (out, row) in out.iter_mut().zip(matrix.chunks_exact(cols.max(1))) {
                *out = row.get(col).copied().unwrap_or_default();
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_rows_stay() {
        for width in [1, 2, 9, 16, 24, 64, 576] {
            let value = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
            let rows: Vec<f32> = (0..3 * width).map(value).collect();
            let mut turned = rows.clone();
            Rotation::new(width).rows(&mut turned);
            let product = |m: &[f32], i: usize, j: usize| -> f64 {
                let row = |i: usize| m[i * width..][..width].iter().map(|v| f64::from(*v));
                row(i).zip(row(j)).map(|(a, b)| a * b).sum()
            };
            for (i, j) in [(0, 0), (0, 1), (1, 2), (2, 2)] {
                let error = product(&rows, i, j) - product(&turned, i, j);
                assert!(error.abs() < 1e-4, "{width}: {error}");
            }
        }
    }

    #[test]
    fn columns_turn_as_rows_do() {
        let matrix: Vec<f32> = (0..12 * 5).map(|i| i as f32).collect();
        let rotation = Rotation::new(12);
        let mut columns = matrix.clone();
        rotation.columns(&mut columns, 5);
        let mut rows = transposed(&matrix, 12, 5);
        rotation.rows(&mut rows);
        assert_eq!(transposed(&rows, 5, 12), columns);
    }

    #[test]
    fn single_entries_are_spread() {
        let mut row = vec![0.0f32; 576];
        row[100] = 1.0;
        Rotation::new(576).rows(&mut row);
        assert!(row.iter().all(|v| v.abs() < 1.5 / 24.0));
    }
}
