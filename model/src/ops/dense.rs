//! Dense layers with requantisation, with or without a residual.
//!
//! Shapes: `x (stack, slots, places, cols)`, `w (stack, rows, cols)`, `bias, m (stack, rows)`,
//! `y, rem (stack, slots, places, rows)`; all padded. The axes of `places` are positions at each of which the layer is
//! applied: with a view of windows as `x`, it is a convolution. The identity
//! `m·(Σ_k w·x + bias) = 2^s·(y - res) + rem - 2^(s-1)` is a [`Product`] of two stages; padded
//! multipliers are zero, so padded outputs are zero whatever the weights ([`Zeros`]).
//!
//! The accumulator is never committed. `rem` is in `[0, 2^s)` as it is made of limbs, so `y` is the
//! rounded quotient; no product reaches the field's size (`docs/specs/numerics.md`).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::relations::Relation;
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::relations::zeros::Zeros;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::{Use, bits};
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{DenseShape, Program, Weights, axes_log};

/// `y[b,j] = floor((m[j]·(Σ_k w[j,k]·x[b,k] + bias[j]) + 2^(s-1)) / 2^s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dense {
    /// Index of the hidden parameters in [`Program::weights`].
    pub weight: usize,
    /// `s`: 16, 24 or 32.
    pub shift: u8,
}

impl Dense {
    pub(super) const EXAMPLE: Self = Self {
        weight: 0,
        shift: 16,
    };
}

impl OpSpec for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[16, 24, 32])?;
        node.rounded()?;
        check(node, self.weight)
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn steps(&self, node: &Io<'_>) -> bool {
        positions(node, self.weight) > 0
    }

    fn relied_output(&self) -> Option<Bounds> {
        // A rounded quotient: any remainder fits some element of the field.
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(&self, node: &Io<'_>, axis: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        // Padded rows have no multiplier; at padded positions there is a bias.
        axis >= positions(node, self.weight) || !on("padded positions of a dense layer")
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // Where the operand is not zero, the weights of padded columns are.
        None
    }

    fn bound(&self, _: &Io<'_>, weights: &Weights) -> u128 {
        dense_bound(weights, self.weight, WORD) + half(self.shift)
    }

    fn even_padding(&self, node: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        positions(node, self.weight) == 0
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        relations(node, self.weight, self.shift, &node.output())
    }
}

/// Weights fit the operand and the output, and no other layer has them.
pub(super) fn check(node: &mut Check<'_, '_>, weight: usize) -> Result<(), String> {
    let (x, out) = (node.operand(0)?, node.output()?);
    node.claim_weight(weight, Use::Layer)?;
    bits(x, 16)?;
    let shape = node.program().weights.get(weight);
    let shape = shape.ok_or_else(|| format!("weights {weight} do not exist"))?;
    if (shape.stack != x.stack && on("copies of a dense layer's weights"))
        || (out.stack != x.stack && on("copies of a dense layer's output"))
    {
        return Err(format!(
            "stacks of weights, input and output are {}, {}, {}",
            shape.stack, x.stack, out.stack
        ));
    }
    if (shape.rows.is_empty() || shape.cols.is_empty()) && on("axes of a dense layer's own") {
        return Err(format!(
            "weights are {:?}x{:?}, expected an axis each",
            shape.rows, shape.cols
        ));
    }
    let before = |axes: &'_ [u32], own: &[u32]| axes.strip_suffix(own).map(<[u32]>::to_vec);
    let (rows, cols) = (before(&out.axes, &shape.rows), before(&x.axes, &shape.cols));
    if (rows.is_none() && on("rows of a dense layer"))
        || (cols.is_none() && on("columns of a dense layer"))
    {
        return Err(format!(
            "weights are {:?}x{:?}, tensors want {:?}x{:?}",
            shape.rows, shape.cols, out.axes, x.axes
        ));
    }
    let (rows, cols) = (rows.unwrap_or_default(), cols.unwrap_or_default());
    if rows != cols && on("positions of a dense layer") {
        return Err(format!(
            "is applied at positions {cols:?} and gives positions {rows:?}; both are axes before the layer's own"
        ));
    }
    if !cols.is_empty() && node.program().sequence.is_some() && on("positions of rows") {
        return Err("is applied at positions, which programs over tokens do not have".into());
    }
    Ok(())
}

/// Number of axes of the operand before those that the layer contracts: it is applied at each of their places.
pub(super) fn positions(node: &Io<'_>, weight: usize) -> usize {
    let shape = node.program.weights.get(weight);
    let own = shape.map_or(0, |shape| shape.cols.len());
    node.operand(0)
        .map_or(0, |x| x.axes.len().saturating_sub(own))
}

/// Relations of a layer whose sums are rounded to `output`.
pub(super) fn relations(
    node: &Placed<'_>,
    weight: usize,
    shift: u8,
    output: &View,
) -> Option<Vec<Relation>> {
    let dense = node.layout.dense.get(weight)?;
    let shape = node.io.program.weights.get(weight)?;
    let [l, t, j, k] = [0, 1, 2, 3];
    // Positions are more of the slots.
    let positions = positions(&node.io, weight);
    let places = node.io.operand(0)?.axes.get(..positions)?;
    let axes = vec![
        shape.stack_log(),
        node.slots_log() + axes_log(places),
        shape.row_log(),
        shape.col_log(),
    ];
    let multiplier = dense.multiplier_view();
    let rows = Stage {
        name: "dense row",
        shared: vec![l, j],
        contracted: vec![],
        kernel: None,
        factors: vec![Factor::new(multiplier.clone(), &[l, j])],
        inner: true,
        offset: dense.bias_view().map(|bias| Factor::new(bias, &[l, j])),
    };
    let inner = Stage {
        name: "dense inner",
        shared: vec![l],
        contracted: vec![k],
        kernel: None,
        factors: vec![
            Factor::new(dense.weight_view(), &[l, j, k]),
            Factor::new(node.operand(0)?, &[l, t, k]),
        ],
        inner: false,
        offset: None,
    };
    let product = Product {
        name: "dense",
        axes,
        target: Some(node.unrounded(output, shift.into())),
        target_axes: vec![l, t, j],
        constant: Fr::ONE,
        stages: vec![rows, inner],
    };
    let zeros = Zeros {
        view: multiplier,
        axes: multiplier_axes(shape),
    };
    let mut out = vec![Relation::Product(product), Relation::Zeros(zeros)];
    if !node.io.zero_padded(0, positions) {
        out.push(Relation::Zeros(column_zeros(dense.weight_view(), shape)));
    }
    Some(out)
}

/// `max_j (Σ_k |w[j,k]|·most + |bias[j]|)·m[j]` of operands up to `most`; zero if there is no such layer.
pub(super) fn dense_bound(weights: &Weights, layer: usize, most: u128) -> u128 {
    let Some(dense) = weights.dense.get(layer) else {
        return 0;
    };
    let cols = dense.weight.len() / dense.multiplier.len().max(1);
    let rows = dense.weight.chunks_exact(cols.max(1));
    let row = |(j, (weights, m)): (usize, (&[i8], &u32))| {
        let bias = dense.bias.get(j).copied().unwrap_or(0);
        let sum: u128 = weights.iter().map(|w| u128::from(w.unsigned_abs())).sum();
        (sum * most + u128::from(bias.unsigned_abs())) * u128::from(*m)
    };
    let rows = rows.zip(&dense.multiplier).enumerate();
    rows.map(row).max().unwrap_or(0)
}

fn sizes(axes: &[u32]) -> impl Iterator<Item = usize> + '_ {
    axes.iter().map(|a| *a as usize)
}

pub(super) fn multiplier_axes(shape: &DenseShape) -> Vec<usize> {
    std::iter::once(shape.stack as usize)
        .chain(sizes(&shape.rows))
        .collect()
}

/// Weights of padded columns are zero.
pub(super) fn column_zeros(weight: View, shape: &DenseShape) -> Zeros {
    let padded = (1usize << shape.stack_log()) << shape.row_log();
    Zeros {
        view: weight,
        axes: std::iter::once(padded).chain(sizes(&shape.cols)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::DenseWeights;

    #[test]
    fn dense_bound_is_the_worst_row() {
        let bound = |multiplier: [u32; 2]| {
            let layer = DenseWeights {
                weight: vec![1, -2, 127, 0],
                bias: vec![-5, 0],
                multiplier: multiplier.to_vec(),
            };
            dense_bound(&Weights { dense: vec![layer] }, 0, WORD)
        };
        assert_eq!(bound([10, 1]), 127 << 15);
        assert_eq!(bound([1000, 1]), ((3 << 15) + 5) * 1000);
        assert_eq!(dense_bound(&Weights { dense: vec![] }, 0, WORD), 0);
    }
}
