//! Saturation: what a rounding gave in 32 bits, moved to the nearest end of an interval of int16.
//!
//! `y = x + up - down`, `up·(y - lowest) = 0`, `down·(highest - y) = 0`, with `up` and `down` in `[0, 2^32)` and `y` between the
//! ends. So where `up` is not zero, `y` is the lower end and `x` below it; where `down` is not, `y` is the upper end and `x`
//! above it; both are never; and where both are zero, `y` is `x`. Every int32 has one solution, so nothing that the operand
//! holds is refused.
//!
//! Between the ends of int16 the output's own limbs hold `y`, and there are no other columns. Other ends are those of a
//! [`super::clip`], by `above = y - lowest` and `below = highest - y` in `[0, 2^16)`; a lower end of zero is a ReLU.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::fr_from_i64;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, values};
use super::check::{bits, same_shape};
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights};

/// `y = min(max(x, lowest), highest)` of an int32 tensor, `lowest < highest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saturate {
    /// The lower end.
    pub lowest: i16,
    /// The upper end.
    pub highest: i16,
}

impl Saturate {
    pub(super) const EXAMPLE: Self = Self {
        lowest: -1,
        highest: 1,
    };

    /// All of int16.
    pub const INT16: Self = Self {
        lowest: i16::MIN,
        highest: i16::MAX,
    };

    /// The value for an operand.
    pub fn of(self, x: i64) -> i64 {
        x.max(self.lowest.into()).min(self.highest.into())
    }

    /// Whether the output's limbs are the ends.
    fn is_whole(self) -> bool {
        self == Self::INT16
    }

    /// Of columns `[x, y, up, down]`: `up·(y - lowest)` and `down·(highest - y)`, which are zero.
    fn products(self) -> [Expression; 2] {
        let up = Expression::default()
            .plus(Fr::ONE, &[2, 1])
            .plus(-fr_from_i64(self.lowest.into()), &[2]);
        let down = Expression::default()
            .plus(fr_from_i64(self.highest.into()), &[3])
            .plus(-Fr::ONE, &[3, 1]);
        [up, down]
    }

    /// `y - x - up + down`.
    fn moved() -> Expression {
        Expression::default()
            .plus(Fr::ONE, &[1])
            .plus(-Fr::ONE, &[0])
            .plus(-Fr::ONE, &[2])
            .plus(Fr::ONE, &[3])
    }

    /// Of columns `[x, y, up, down, above, below]`: `above - (y - lowest)` and `below - (highest - y)`.
    fn ends(self) -> [Expression; 2] {
        let above = Expression::default()
            .plus(Fr::ONE, &[4])
            .plus(-Fr::ONE, &[1])
            .plus(fr_from_i64(self.lowest.into()), &[]);
        let below = Expression::default()
            .plus(Fr::ONE, &[5])
            .plus(Fr::ONE, &[1])
            .plus(-fr_from_i64(self.highest.into()), &[]);
        [above, below]
    }
}

impl OpSpec for Saturate {
    fn name(&self) -> &'static str {
        "saturate"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let Self { lowest, highest } = self;
        if lowest >= highest && on("ends of a saturation") {
            return Err(format!(
                "saturates at {lowest} and {highest}, expected the lower end first"
            ));
        }
        if node.program().sequence.is_some() && on("saturation of rows") {
            return Err("is an op over rows".into());
        }
        let (x, out) = (node.operand(0)?, node.output()?);
        // Of 16 bits it is moved by less, of 32 by less than the columns hold.
        if x.bits != 16 {
            bits(x, 32)?;
        }
        bits(out, 16)?;
        same_shape("operand", x, out)
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let mut out = AuxColumn::all([Role::UP, Role::DOWN], 4, Extent::Output);
        if !self.is_whole() {
            out.extend(AuxColumn::all(
                [Role::ABOVE, Role::BELOW],
                2,
                Extent::Output,
            ));
        }
        out
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        // Beside `above` and `below`, which hold it between other ends.
        (self.is_whole() && on("range of a saturated value")).then_some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::signed(32))
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(self.of(operand(0)))
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        zero(0, axis) && (self.of(0) == 0 || !on("padding that is saturated"))
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        node.operand(0).map_or(WORD, values)
    }

    /// Columns `[x, y, up, down]`, with other ends than int16's `[x, y, up, down, above, below]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let [up, down] = self.products();
        let mut columns = vec![
            node.operand(0)?,
            node.output(),
            node.aux(Role::UP),
            node.aux(Role::DOWN),
        ];
        let mut linear = stated([(on("saturate: y - x - up + down"), Self::moved())]);
        if !self.is_whole() {
            let [above, below] = self.ends();
            columns.extend([node.aux(Role::ABOVE), node.aux(Role::BELOW)]);
            linear.extend(stated([
                (on("saturate: above"), above),
                (on("saturate: below"), below),
            ]));
        }
        Some(vec![Relation::Elementwise(Elementwise {
            columns,
            quadratic: stated([
                (on("saturate: up·(y - lowest)"), up),
                (on("saturate: down·(highest - y)"), down),
            ]),
            linear,
            ..Elementwise::named("saturate")
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    fn relation(op: Saturate) -> Elementwise {
        let mut linear = vec![Saturate::moved()];
        if !op.is_whole() {
            linear.extend(op.ends());
        }
        Elementwise {
            columns: columns(if op.is_whole() { 4 } else { 6 }),
            quadratic: op.products().to_vec(),
            linear,
            ..Elementwise::named("saturate")
        }
    }

    #[test]
    fn int16_is_what_the_outputs_limbs_hold() {
        let relation = relation(Saturate::INT16);
        let (low, high) = (i64::from(i16::MIN), i64::from(i16::MAX));
        // Inside: not moved, and not moved both ways.
        accepts_and_refuses(
            &relation,
            &[5, 5, 0, 0],
            &[&[5, 6, 1, 0], &[5, 4, 0, 1], &[5, 5, 1, 1], &[5, 6, 0, 0]],
        );
        accepts_and_refuses(
            &relation,
            &[70_000, high, 0, 70_000 - high],
            &[
                &[70_000, high - 1, 0, 70_001 - high],
                &[70_000, low, 0, 70_000 - low],
            ],
        );
        let least = i64::from(i32::MIN);
        accepts_and_refuses(
            &relation,
            &[least, low, low - least, 0],
            &[
                &[least, low + 1, low + 1 - least, 0],
                &[least, high, high - least, 0],
            ],
        );
    }

    #[test]
    fn other_ends_have_columns() {
        let op = Saturate {
            lowest: 0,
            highest: 10,
        };
        let relation = relation(op);
        accepts_and_refuses(
            &relation,
            &[-7, 0, 7, 0, 0, 10],
            &[
                &[-7, -7, 0, 0, 0, 10],
                &[-7, 1, 8, 0, 1, 9],
                &[-7, 0, 7, 0, 1, 10],
            ],
        );
        accepts_and_refuses(
            &relation,
            &[12, 10, 0, 2, 10, 0],
            &[&[12, 12, 0, 0, 12, 0], &[12, 10, 0, 2, 10, 1]],
        );
    }

    /// Where the limbs are the ends, no table may stand in for them that shows less.
    #[test]
    fn the_limbs_are_relied_on_where_they_are_the_ends() {
        assert_eq!(Saturate::INT16.relied_output(), Some(Bounds::signed(16)));
        assert_eq!(Saturate::EXAMPLE.relied_output(), None);
    }

    #[test]
    fn ends_are_in_order() {
        assert_eq!(
            [i64::from(i32::MIN), -9, 40_000].map(|x| Saturate::INT16.of(x)),
            [-32_768, -9, 32_767]
        );
    }
}
