//! A tensor times a constant, rounded: `2^s·y + rem = multiplier·x + 2^(s-1)`. Of a view that is a sum over windows, the
//! average pool of a convolutional net.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half, values};
use super::check::{bits, factor, same_shape};
use super::{Bounds, Check, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights, round};

/// `y = floor((multiplier·x + 2^(s-1)) / 2^s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescale {
    /// Factor, below 2^24.
    pub multiplier: u32,
    /// `s`: 8, 16, 24 or 32.
    pub shift: u8,
}

impl Rescale {
    pub(super) const EXAMPLE: Self = Self {
        multiplier: 1,
        shift: 16,
    };

    fn identity(self) -> Expression {
        Expression::default()
            .plus(Fr::from(u64::from(self.multiplier)), &[0])
            .plus(pow2(usize::from(self.shift) - 1), &[])
            .plus(-pow2(self.shift.into()), &[1])
            .plus(-Fr::ONE, &[2])
    }
}

impl OpSpec for Rescale {
    fn name(&self) -> &'static str {
        "rescale"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[8, 16, 24, 32])?;
        factor(self.multiplier)?;
        let (x, out) = (node.operand(0)?, node.output()?);
        // A view of 32 bits is a sum of stored values of 16.
        let id = node.io().node.inputs.first();
        if !id.is_some_and(|id| node.program().is_view(*id)) {
            bits(x, 16)?;
        }
        node.rounded()?;
        same_shape("operand", x, out)
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
        Some(round(operand(0) * i64::from(self.multiplier), self.shift))
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        // Zero is rounded to zero.
        zero(0, axis)
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        u128::from(self.multiplier) * node.operand(0).map_or(WORD, values) + half(self.shift)
    }

    /// Columns `[x, y, rem]`; linear, so no sumcheck.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![node.operand(0)?, node.output(), node.aux(Role::REMAINDER)],
            linear: stated([(on("rescale"), self.identity())]),
            ..Elementwise::named("rescale")
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn rounds_to_nearest() {
        let relation = Elementwise {
            columns: columns(3),
            linear: vec![
                Rescale {
                    multiplier: 64,
                    shift: 8,
                }
                .identity(),
            ],
            ..Elementwise::named("rescale")
        };
        // A quarter of 10 is 2.5: 64·10 + 128 = 768 = 3·256.
        accepts_and_refuses(
            &relation,
            &[10, 3, 0],
            &[&[10, 2, 0], &[10, 3, 1], &[11, 3, 0]],
        );
    }
}
