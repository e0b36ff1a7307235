//! A quotient of two tensors, rounded to the nearest, halves upwards; the divisor is positive.
//!
//! `y = floor((2^s·a + b/2) / b)` is `2^(s+1)·a + b = 2b·y + rem` with `0 ≤ rem < 2b`. Both `rem` and `rest = 2b - 1 - rem` are
//! limbs, so not negative: that leaves one `y` that is an integer of 16 bits, and `b` at least one. No reciprocal is rounded on
//! the way, so of a softmax, `b` the sum of all `a`, every share is exact.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, values};
use super::check::{bits, same_shape};
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights};

/// `y = floor((2^(s+1)·a + b) / 2b)`; operands `a` and `b`, `b` at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divide {
    /// `s`, at most 32.
    pub shift: u8,
}

impl Divide {
    pub(super) const EXAMPLE: Self = Self { shift: 14 };

    /// Columns `[a, b, y, rem, rest]`: `2b·y + rem - b - 2^(s+1)·a`, `rem + rest + 1 - 2b`.
    fn identities(self) -> [Expression; 2] {
        let quotient = Expression::default()
            .plus(Fr::from(2), &[1, 2])
            .plus(Fr::ONE, &[3])
            .plus(-Fr::ONE, &[1])
            .plus(-pow2(usize::from(self.shift) + 1), &[0]);
        let below = Expression::default()
            .plus(Fr::ONE, &[3])
            .plus(Fr::ONE, &[4])
            .plus(Fr::ONE, &[])
            .plus(-Fr::from(2), &[1]);
        [quotient, below]
    }
}

impl OpSpec for Divide {
    fn name(&self) -> &'static str {
        "divide"
    }

    fn arity(&self) -> usize {
        2
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        if self.shift > 32 && on("shift of a quotient") {
            let shift = self.shift;
            return Err(format!("shift {shift}, expected at most 32"));
        }
        let out = node.output()?;
        bits(out, 16)?;
        for (operand, what) in ["dividend", "divisor"].into_iter().enumerate() {
            let tensor = node.operand(operand)?;
            // A view of 32 bits is a sum of stored values of 16.
            let id = node.io().node.inputs.get(operand);
            if !id.is_some_and(|id| node.program().is_view(*id)) {
                bits(tensor, 16)?;
            }
            same_shape(what, tensor, out)?;
        }
        Ok(())
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let roles = [Role::DIVISION_LOW, Role::DIVISION_HIGH];
        AuxColumn::all(roles, 4, Extent::Output)
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        // Any remainder fits some element of the field.
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        None
    }

    fn even_padding(&self, _: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        false
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        // The divisor is above zero there, too.
        zero(0, axis)
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        let of = |operand: usize| node.operand(operand).map_or(WORD, values);
        (of(0) << (self.shift.min(32) + 1)) + of(1)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let [quotient, below] = self.identities();
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![
                node.operand(0)?,
                node.operand(1)?,
                node.output(),
                node.aux(Role::DIVISION_LOW),
                node.aux(Role::DIVISION_HIGH),
            ],
            quadratic: stated([(on("divide: quotient"), quotient)]),
            linear: stated([(on("divide: remainder below the divisor"), below)]),
            ..Elementwise::named("divide")
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn rounds_to_nearest() {
        let [quotient, below] = Divide { shift: 2 }.identities();
        let relation = Elementwise {
            columns: columns(5),
            quadratic: vec![quotient],
            linear: vec![below],
            ..Elementwise::named("divide")
        };
        // 4·7/5 = 5.6 is 6: 56 + 5 = 60 + 1.
        accepts_and_refuses(
            &relation,
            &[7, 5, 6, 1, 8],
            &[&[7, 5, 6, 2, 7], &[7, 5, 6, 1, 9], &[7, 5, 7, 1, 8]],
        );
        // -4·7/8 = -3.5 is -3: -56 + 8 = -48 + 0.
        accepts_and_refuses(
            &relation,
            &[-7, 8, -3, 0, 15],
            &[&[-7, 8, -4, 0, 15], &[7, 8, -3, 0, 15]],
        );
    }
}
