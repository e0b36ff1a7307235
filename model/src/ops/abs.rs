//! Absolute values.
//!
//! `y² = x²` has two solutions. `y` is stored as it is and always range-checked ([`crate::layout::reliance`]), so that it
//! is the one that is not negative; no auxiliary column is needed.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights};

/// `y = |x|`. The executor refuses `-2^15`, whose absolute value is no int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abs;

impl Abs {
    pub(super) const EXAMPLE: Self = Self;
}

impl OpSpec for Abs {
    fn name(&self) -> &'static str {
        "abs"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.elementwise()
    }

    fn output(&self) -> Output {
        Output::Unsigned
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        on("sign of an absolute value").then_some(Bounds::unsigned(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // Far from half of the field, so that `-x` is negative if `x` is positive.
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(operand(0).abs())
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        // Zero has one root.
        zero(0, axis)
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        WORD
    }

    /// Columns `[x, y]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![node.operand(0)?, node.output()],
            quadratic: stated([(on("abs: y·y - x·x"), squares())]),
            ..Elementwise::named("abs")
        })])
    }
}

/// `y·y - x·x = 0`
fn squares() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[1, 1])
        .plus(-Fr::ONE, &[0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn squares_are_equal() {
        let relation = Elementwise {
            columns: columns(2),
            quadratic: vec![squares()],
            ..Elementwise::named("abs")
        };
        accepts_and_refuses(&relation, &[-5, 5], &[&[-5, 4], &[-5, 6], &[-5, 0]]);
        // Of these two the range of `y` takes the first.
        accepts_and_refuses(&relation, &[5, 5], &[&[5, 0]]);
        accepts_and_refuses(&relation, &[5, -5], &[&[5, -4]]);
    }
}
