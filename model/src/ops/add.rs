//! Element-wise addition with rescaling: `2^s·y + rem = left·a + right·b + 2^(s-1)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::factor;
use super::{Bounds, Check, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights, round};

/// `y = floor((left·a + right·b + 2^(s-1)) / 2^s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Add {
    /// Factor of the first operand, below 2^24.
    pub left: u32,
    /// Factor of the second operand, below 2^24.
    pub right: u32,
    /// `s`: 8, 16 or 24.
    pub shift: u8,
}

impl Add {
    pub(super) const EXAMPLE: Self = Self {
        left: 1,
        right: 1,
        shift: 16,
    };

    fn identity(self) -> Expression {
        Expression::default()
            .plus(Fr::from(u64::from(self.left)), &[0])
            .plus(Fr::from(u64::from(self.right)), &[1])
            .plus(pow2(usize::from(self.shift) - 1), &[])
            .plus(-pow2(self.shift.into()), &[2])
            .plus(-Fr::ONE, &[3])
    }
}

impl OpSpec for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn arity(&self) -> usize {
        2
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[8, 16, 24])?;
        factor(self.left)?;
        factor(self.right)?;
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
        let (a, b) = (operand(0), operand(1));
        let sum = a * i64::from(self.left) + b * i64::from(self.right);
        Some(round(sum, self.shift))
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        false
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        WORD * (u128::from(self.left) + u128::from(self.right)) + half(self.shift)
    }

    /// Columns `[a, b, y, rem]`; linear, so no sumcheck.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![
                node.operand(0)?,
                node.operand(1)?,
                node.output(),
                node.aux(Role::REMAINDER),
            ],
            linear: stated([(on("add"), self.identity())]),
            ..Elementwise::named("add")
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn rounds_to_nearest() {
        let add = Add {
            left: 256,
            right: 128,
            shift: 8,
        };
        let relation = Elementwise {
            columns: columns(4),
            linear: vec![add.identity()],
            ..Elementwise::named("add")
        };
        // 256·3 + 128·5 + 128 = 1536 = 6·256 + 0
        accepts_and_refuses(
            &relation,
            &[3, 5, 6, 0],
            &[&[3, 5, 5, 0], &[3, 5, 6, 1], &[4, 5, 6, 0], &[3, 4, 6, 0]],
        );
    }
}
