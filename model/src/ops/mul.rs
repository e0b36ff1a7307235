//! Element-wise product with rescaling: `2^s·y + rem = multiplier·a·b + 2^(s-1)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::factor;
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights, round};

/// `y = floor((a·b·multiplier + 2^(s-1)) / 2^s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mul {
    /// Factor below 2^24.
    pub multiplier: u32,
    /// `s`: 8, 16, 24 or 32.
    pub shift: u8,
}

impl Mul {
    pub(super) const EXAMPLE: Self = Self {
        multiplier: 1,
        shift: 16,
    };

    fn identity(self) -> Expression {
        Expression::default()
            .plus(Fr::from(u64::from(self.multiplier)), &[0, 1])
            .plus(-Fr::ONE, &[2])
    }
}

impl OpSpec for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn arity(&self) -> usize {
        2
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[8, 16, 24, 32])?;
        factor(self.multiplier)?;
        node.rounds_elements(2)
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        let product = operand(0) * operand(1) * i64::from(self.multiplier);
        Some(round(product, self.shift))
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        zero(0, axis) || zero(1, axis)
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        WORD * WORD * u128::from(self.multiplier) + half(self.shift)
    }

    /// Columns `[a, b, 2^s·y + rem - 2^(s-1)]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let rounded = node.unrounded(&node.output(), self.shift.into());
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![node.operand(0)?, node.operand(1)?, rounded],
            quadratic: stated([(on("mul"), self.identity())]),
            ..Elementwise::named("mul")
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn rounds_to_nearest() {
        let mul = Mul {
            multiplier: 64,
            shift: 8,
        };
        let relation = Elementwise {
            columns: columns(3),
            quadratic: vec![mul.identity()],
            ..Elementwise::named("mul")
        };
        // 64·3·(-5) = -960 = -4·256 + 192 - 128
        accepts_and_refuses(
            &relation,
            &[3, -5, -4 * 256 + 192 - 128],
            &[
                &[3, -5, -3 * 256 + 192 - 128],
                &[3, -5, -961],
                &[3, 5, -960],
            ],
        );
    }
}
