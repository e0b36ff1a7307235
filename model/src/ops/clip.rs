//! Clipping to an interval.
//!
//! `y = x + up - down`, where `up` is not zero at the lower end alone and `down` at the upper end alone:
//! `up·(y - lowest) = 0`, `down·(highest - y) = 0`. All four of `up`, `down`, `above = y - lowest` and
//! `below = highest - y` are limbs. So `y` is inside; strictly inside it is `x`, at the lower end `x <= y`, and at the
//! upper end `x >= y`.

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

impl Role {
    /// `max(lowest - x, 0)`.
    pub const UP: Self = Self::new("Up");
    /// `max(x - highest, 0)`.
    pub const DOWN: Self = Self::new("Down");
    /// `y - lowest`.
    pub const ABOVE: Self = Self::new("Above");
    /// `highest - y`.
    pub const BELOW: Self = Self::new("Below");
}

/// `y = min(max(x, lowest), highest)`, `lowest < highest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// The lower end.
    pub lowest: i16,
    /// The upper end.
    pub highest: i16,
}

impl Clip {
    pub(super) const EXAMPLE: Self = Self {
        lowest: -1,
        highest: 1,
    };

    /// The value for an operand.
    pub fn of(self, x: i64) -> i64 {
        x.max(self.lowest.into()).min(self.highest.into())
    }

    /// Of columns `[x, y, up, down, above, below]`: what is zero.
    fn products() -> [Expression; 2] {
        let product = |of: &[usize]| Expression::default().plus(Fr::ONE, of);
        [product(&[2, 4]), product(&[3, 5])]
    }

    fn identities(self) -> [Expression; 3] {
        let moved = Expression::default()
            .plus(Fr::ONE, &[1])
            .plus(-Fr::ONE, &[0])
            .plus(-Fr::ONE, &[2])
            .plus(Fr::ONE, &[3]);
        let above = Expression::default()
            .plus(Fr::ONE, &[4])
            .plus(-Fr::ONE, &[1])
            .plus(fr_from_i64(self.lowest.into()), &[]);
        let below = Expression::default()
            .plus(Fr::ONE, &[5])
            .plus(Fr::ONE, &[1])
            .plus(-fr_from_i64(self.highest.into()), &[]);
        [moved, above, below]
    }
}

impl OpSpec for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let Self { lowest, highest } = self;
        if lowest >= highest && on("ends of a clip") {
            return Err(format!(
                "clips to {lowest} to {highest}, expected the lower end first"
            ));
        }
        let (x, out) = (node.operand(0)?, node.output()?);
        // A view of 32 bits is a sum of stored values of 16; what is moved further than 16 bits has no column that holds it.
        let id = node.io().node.inputs.first();
        if !id.is_some_and(|id| node.program().is_view(*id)) {
            bits(x, 16)?;
        }
        bits(out, 16)?;
        same_shape("operand", x, out)
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let roles = [Role::UP, Role::DOWN, Role::ABOVE, Role::BELOW];
        AuxColumn::all(roles, 2, Extent::Output)
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        // `above` and `below` hold it between the ends.
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(self.of(operand(0)))
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        zero(0, axis) && (self.of(0) == 0 || !on("padding that is clipped"))
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        node.operand(0).map_or(WORD, values)
    }

    /// Columns `[x, y, up, down, above, below]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let [up, down] = Self::products();
        let [moved, above, below] = self.identities();
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![
                node.operand(0)?,
                node.output(),
                node.aux(Role::UP),
                node.aux(Role::DOWN),
                node.aux(Role::ABOVE),
                node.aux(Role::BELOW),
            ],
            quadratic: stated([(on("clip: up·above"), up), (on("clip: down·below"), down)]),
            linear: stated([
                (on("clip: y - x - up + down"), moved),
                (on("clip: above"), above),
                (on("clip: below"), below),
            ]),
            ..Elementwise::named("clip")
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn values_are_moved_to_the_end_that_they_left() {
        let clip = Clip {
            lowest: -3,
            highest: 10,
        };
        let relation = Elementwise {
            columns: columns(6),
            quadratic: Clip::products().to_vec(),
            linear: clip.identities().to_vec(),
            ..Elementwise::named("clip")
        };
        // Inside: not moved up, not down, not to an end.
        accepts_and_refuses(
            &relation,
            &[5, 5, 0, 0, 8, 5],
            &[
                &[5, 6, 1, 0, 9, 4],
                &[5, 4, 0, 1, 7, 6],
                &[5, 6, 0, 0, 9, 4],
                &[5, 5, 1, 1, 8, 5],
                &[5, 5, 0, 0, 0, 5],
                &[5, 5, 0, 0, 8, 0],
            ],
        );
        accepts_and_refuses(
            &relation,
            &[-7, -3, 4, 0, 0, 13],
            &[&[-7, -7, 0, 0, 0, 17], &[-7, -2, 5, 0, 1, 12]],
        );
        accepts_and_refuses(
            &relation,
            &[12, 10, 0, 2, 13, 0],
            &[&[12, 12, 0, 0, 15, 0], &[12, 9, 0, 3, 12, 1]],
        );
    }

    #[test]
    fn ends_are_in_order() {
        let of = |x| {
            Clip {
                lowest: -3,
                highest: 10,
            }
            .of(x)
        };
        assert_eq!([-9, -3, 0, 10, 11].map(of), [-3, -3, 0, 10, 10]);
    }
}
