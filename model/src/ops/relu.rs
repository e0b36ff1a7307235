//! ReLU.
//!
//! The operand splits as `x = p - n` with `p·n = 0` and `p, n` in `[0, 2^16)`, which makes
//! `p = max(x, 0)` and `n = max(-x, 0)`. A ReLU's output column *is* `p`, so it is always range-checked
//! ([`crate::layout::reliance`]): without its sign, `p = x` and `n = 0` would do for any `x`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights};

impl Role {
    /// `max(-x, 0)`.
    pub const NEGATIVE: Self = Self::new("Negative");
}

/// `y = max(x, 0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relu;

impl Relu {
    pub(super) const EXAMPLE: Self = Self;
}

impl OpSpec for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.elementwise()
    }

    fn output(&self) -> Output {
        Output::Unsigned
    }

    fn columns(&self) -> Vec<AuxColumn> {
        AuxColumn::all([Role::NEGATIVE], 2, Extent::Output)
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        // `x = p - n` with `p·n = 0` has two solutions; the one that is meant is not negative.
        on("sign of a ReLU").then_some(Bounds::unsigned(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(operand(0).max(0))
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        false
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        WORD
    }

    /// Columns `[x, p, n]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![node.operand(0)?, node.output(), node.aux(Role::NEGATIVE)],
            quadratic: stated([(
                on("relu: p·n"),
                Expression::default().plus(Fr::ONE, &[1, 2]),
            )]),
            linear: stated([(on("relu: x - p + n"), split())]),
            ..Elementwise::named("relu")
        })])
    }
}

/// `x - p + n = 0`
pub(super) fn split() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[0])
        .plus(-Fr::ONE, &[1])
        .plus(Fr::ONE, &[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn relu_splits_the_sign() {
        let relation = Elementwise {
            columns: columns(3),
            quadratic: vec![Expression::default().plus(Fr::ONE, &[1, 2])],
            linear: vec![split()],
            ..Elementwise::named("relu")
        };
        accepts_and_refuses(
            &relation,
            &[-5, 0, 5],
            &[&[-5, 5, 10], &[-5, 0, 0], &[5, 0, 0]],
        );
        accepts_and_refuses(&relation, &[7, 7, 0], &[&[7, 8, 1], &[7, 0, 0]]);
    }
}
