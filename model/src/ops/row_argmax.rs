//! The class of a row: the first entry that no other is greater than.
//!
//! `x'(b, k) = 2^c·(x(b, k) + 2^31) + 2^c - 1 - k` for the `C ≤ 2^c` entries of a row puts the first of equal ones above the
//! others, so that a row has one greatest entry:
//!
//! ```text
//! gap(b, k) = best(b) - x'(b, k)  for k < C,   k + 1  beyond         48 bits
//! pick·gap = 0 ,   Σ_k pick(b, k) = 1 ,   y(b) = Σ_k k·pick(b, k)
//! ```
//!
//! Gaps are limbs, so not negative: `best` is at least every `x'`. Picks are not negative integers with sum one, so one of
//! them is one, and its gap is zero: its entry is inside and `best` is its `x'`. No other entry has that `x'`, so `y` is
//! determined, and so is `best`.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::maps::{Linear, Map, Mask, Wiring};
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::relations::{Relation, RowSum};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::check::bits;
use super::columns::{masked, wired};
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, WORD_BOUND, Weights, padded_log};

/// Most entries of a row: their numbers are int16.
pub const MAX_CLASSES: usize = 1 << 15;
/// Bytes of a gap.
const GAP: usize = 6;

/// `y[b] = min{k : x[b,k] = max_j x[b,j]}`, of int16 or int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowArgmax;

impl RowArgmax {
    pub(super) const EXAMPLE: Self = Self;

    /// `x'` of entry `k` of a row of `count`.
    pub fn rank(x: i32, k: usize, count: usize) -> u64 {
        let log = padded_log(count);
        let stored = (i64::from(x) + WORD_BOUND) as u64;
        (stored << log) + ((1 << log) - 1 - k as u64)
    }

    /// The gap beyond the end of a row.
    pub fn outside(k: usize) -> u64 {
        k as u64 + 1
    }
}

/// log2 of a row's axes, and its entries.
struct Axes {
    slots: usize,
    classes: usize,
    count: usize,
}

impl Axes {
    fn of(node: &Placed<'_>) -> Option<Self> {
        let x = node.io.operand(0)?;
        Some(Self {
            slots: node.slots_log(),
            classes: x.width_log(),
            count: x.width(),
        })
    }

    fn inside(&self) -> Vec<Mask> {
        let ends = self.count < 1 << self.classes && on("ends of a row");
        let mask = Mask::Below {
            axis: 1,
            size: self.count,
        };
        ends.then_some(mask).into_iter().collect()
    }

    /// What the gap is.
    fn gap(&self, node: &Placed<'_>) -> Option<View> {
        let axes = vec![self.slots, self.classes];
        let inside = self.inside();
        let spread = Arc::new(Wiring {
            view: axes.clone(),
            axes: vec![(self.slots, Map::Same { axis: 0 })],
            masks: inside.clone(),
        });
        let entries = match inside.is_empty() {
            true => Map::Same { axis: 1 },
            false => Map::Linear(Linear::shift(1, self.count, 0, self.count)),
        };
        let own = Arc::new(Wiring {
            view: axes.clone(),
            axes: vec![(self.slots, Map::Same { axis: 0 }), (self.classes, entries)],
            masks: vec![],
        });
        let best = wired(&node.aux(Role::BEST), &spread);
        let unit = pow2(self.classes);
        let x = node.operand(0)?.through(1, &own)?;
        let mut gap = x.scale_add(-unit, &best);
        let offset = -unit * fr_from_i64(WORD_BOUND);
        gap.constant += Fr::ONE - unit;
        if inside.is_empty() {
            gap.constant += offset;
        } else {
            // One more than k beyond the end.
            gap.constant += unit;
            gap.constants.push(masked(offset - unit, &axes, inside));
        }
        // The number of the entry, bit by bit.
        gap.constants.extend((0..self.classes).map(|i| {
            let axes = [self.slots + self.classes - 1 - i, 1, i];
            masked(pow2(i), &axes, vec![Mask::Only { axis: 1, at: 1 }])
        }));
        Some(gap)
    }

    /// `Σ_k k·pick`.
    fn picked(&self, pick: &View) -> View {
        let bit = |i: usize| {
            let high = self.classes - 1 - i;
            let wiring = Wiring {
                view: vec![self.slots],
                axes: vec![
                    (self.slots, Map::Same { axis: 0 }),
                    (high, Map::Sum { below: 1 << high }),
                    (1, Map::Fixed { at: 1 }),
                    (i, Map::Sum { below: 1 << i }),
                ],
                masks: vec![],
            };
            wired(pick, &Arc::new(wiring))
        };
        let zero = View {
            constant: Fr::ZERO,
            constants: vec![],
            terms: vec![],
        };
        (0..self.classes).fold(zero, |sum, i| bit(i).scale_add(pow2(i), &sum))
    }
}

/// `gap - what it is = 0`, of columns `[pick, gap, what it is]`.
fn difference() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[1])
        .plus(-Fr::ONE, &[2])
}

impl OpSpec for RowArgmax {
    fn name(&self) -> &'static str {
        "row_argmax"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let (x, out) = (node.operand(0)?, node.output()?);
        if node.program().sequence.is_some() && on("argmax of rows") {
            return Err("works on rows, the program is over tokens".into());
        }
        // Either is far inside the 48 bits of a rank.
        if x.bits != 16 {
            bits(x, 32)?;
        }
        bits(out, 16)?;
        let row = x.axes.len() == 1 && x.width() <= MAX_CLASSES;
        if (row || !on("row of an argmax")) && (out.axes == [1] || !on("class of a row")) {
            return Ok(());
        }
        Err(format!(
            "operand is {:?}, output {:?}, expected one axis of at most {MAX_CLASSES} entries, and one number",
            x.axes, out.axes
        ))
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let mut out = AuxColumn::all([Role::BEST], GAP, Extent::Slots);
        out.extend(AuxColumn::all([Role::PICK], 1, Extent::Operand));
        out.extend(AuxColumn::all([Role::GAP], GAP, Extent::Operand));
        out
    }

    fn determined(&self, role: Role) -> Option<&'static str> {
        (role == Role::BEST).then_some("it is that of the entry that is picked")
    }

    fn relied_output(&self) -> Option<Bounds> {
        // The number of an entry.
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // Ranks are below 2^48, and gaps do not wrap: of int16 all the more.
        Some(Bounds::signed(32))
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn even_padding(&self, _: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        true
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        // The output has no padding.
        true
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // Picks are summed: behind the ends their gaps are public and not zero.
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        1 << (8 * GAP)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let axes = Axes::of(node)?;
        let pick = node.aux(Role::PICK);
        let once = RowSum {
            column: pick.clone(),
            sum_log: axes.classes,
            total: None,
        };
        let class = axes.picked(&pick).scale_add(-Fr::ONE, &node.output());
        let rows = Elementwise {
            columns: vec![pick, node.aux(Role::GAP), axes.gap(node)?],
            quadratic: stated([(
                on("row argmax: pick·gap"),
                Expression::default().plus(Fr::ONE, &[0, 1]),
            )]),
            linear: stated([(on("row argmax: gap"), difference())]),
            ..Elementwise::named("row argmax")
        };
        let class = Elementwise {
            columns: vec![class],
            linear: stated([(
                on("row argmax: class"),
                Expression::default().plus(Fr::ONE, &[0]),
            )]),
            ..Elementwise::named("row argmax class")
        };
        Some(vec![
            Relation::RowSum(once),
            Relation::Elementwise(rows),
            Relation::Elementwise(class),
        ])
    }

    /// The operand is a column of its own, whose limbs bound it.
    fn check_columns(&self, node: &Io<'_>, operands: &[View]) -> Result<(), String> {
        node.stored_operand(operands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_distinct_and_the_first_of_equals_is_above() {
        let row = [i32::MIN, 7, 7, i32::MAX, i32::MAX];
        let ranks: Vec<u64> = (0..5).map(|k| RowArgmax::rank(row[k], k, 5)).collect();
        assert!(ranks[3] > ranks[4] && ranks[4] > ranks[1]);
        assert!(ranks[1] > ranks[2] && ranks[2] > ranks[0]);
        assert_eq!(RowArgmax::rank(i32::MIN, MAX_CLASSES - 1, MAX_CLASSES), 0);
        let most = RowArgmax::rank(i32::MAX, 0, MAX_CLASSES);
        assert_eq!(most, (1 << 47) - 1);
        assert!(most < 1 << (8 * GAP));
        assert!((0..8).all(|k| RowArgmax::outside(k) > 0));
    }
}
