//! A dense layer with ReLU in its rounding: [`super::dense`] with `p - n` in the place of `y`, and `p·n = 0`.
//!
//! With `p` and `n` in `[0, 2^16)` that makes `p = max(y, 0)` and `n = max(-y, 0)` for the rounded sum `y`, which is in no
//! column of its own. The output is `p`, so it is always range-checked, as a ReLU's is ([`super::relu`]).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::bits;
use super::{AuxColumn, Bounds, Check, Dense, Extent, Io, OpSpec, Output, Placed, Role, dense};
use crate::program::{Program, Weights};

/// `y[b,j] = max(round_s(m[j]·(Σ_k w[j,k]·x[b,k] + bias[j])), 0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseRelu {
    /// Index of the hidden parameters in [`Program::weights`].
    pub weight: usize,
    /// `s`: 16, 24 or 32.
    pub shift: u8,
}

impl DenseRelu {
    pub(super) const EXAMPLE: Self = Self {
        weight: 0,
        shift: 16,
    };

    /// The layer without ReLU.
    pub const fn dense(self) -> Dense {
        Dense {
            weight: self.weight,
            shift: self.shift,
        }
    }
}

impl OpSpec for DenseRelu {
    fn name(&self) -> &'static str {
        "dense_relu"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[16, 24, 32])?;
        bits(node.output()?, 16)?;
        dense::check(node, self.weight)
    }

    fn output(&self) -> Output {
        Output::Unsigned
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn columns(&self) -> Vec<AuxColumn> {
        AuxColumn::all([Role::NEGATIVE], 2, Extent::Output)
    }

    fn steps(&self, node: &Io<'_>) -> bool {
        self.dense().steps(node)
    }

    fn relied_output(&self) -> Option<Bounds> {
        // Of `p = y, n = 0` and `p = 0, n = -y` the one that is meant is not negative.
        on("sign of a fused ReLU").then_some(Bounds::unsigned(16))
    }

    fn relied_operand(&self, operand: usize) -> Option<Bounds> {
        self.dense().relied_operand(operand)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(
        &self,
        node: &Io<'_>,
        axis: usize,
        zero: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        // Where `y` is zero, both parts are: `p = n` and `p·n = 0`.
        self.dense().zero_padding(node, axis, zero)
    }

    fn open_padding(&self, node: &Io<'_>) -> Option<&'static str> {
        self.dense().open_padding(node)
    }

    fn bound(&self, _: &Io<'_>, weights: &Weights) -> u128 {
        dense::dense_bound(weights, self.weight, WORD) + half(self.shift)
    }

    fn even_padding(&self, node: &Io<'_>, operand: &dyn Fn(usize) -> bool) -> bool {
        self.dense().even_padding(node, operand)
    }

    /// The layer's, rounded to `p - n`, and columns `[p, n]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let (positive, negative) = (node.output(), node.aux(Role::NEGATIVE));
        let rounded = negative.scale_add(-Fr::ONE, &positive);
        let mut out = dense::relations(node, self.weight, self.shift, &rounded)?;
        out.push(Relation::Elementwise(Elementwise {
            columns: vec![positive, negative],
            quadratic: stated([(
                on("dense relu: p·n"),
                Expression::default().plus(Fr::ONE, &[0, 1]),
            )]),
            ..Elementwise::named("dense relu")
        }));
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn one_part_is_zero() {
        let relation = Elementwise {
            columns: columns(2),
            quadratic: vec![Expression::default().plus(Fr::ONE, &[0, 1])],
            ..Elementwise::named("dense relu")
        };
        accepts_and_refuses(&relation, &[0, 5], &[&[1, 6], &[3, 3]]);
        accepts_and_refuses(&relation, &[7, 0], &[&[8, 1]]);
    }
}
