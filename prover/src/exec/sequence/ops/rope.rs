//! `y[i] = round_16(c·x[i] - s·x[i+h])`, `y[i+h] = round_16(s·x[i] + c·x[i+h])`, `h` pairs a head.

use super::{half, int16, round, rounded};
use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Computed;
use crate::exec::ops::Operand;
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;
use laminate_model::ops::Rope;
use laminate_model::program::{Program, Weights};

/// Shift of the angles.
const SHIFT: u8 = 16;

/// `(slots, [heads…, 2, pairs])` to the same shape. Padded pairs have no angle and stay zero.
///
/// # Errors
/// The first output that is not an int16.
pub fn execute(task: &Task<'_>, table: usize, x: Rows<'_>) -> Result<Computed, Failure> {
    let width = task.width();
    let pairs = task.axes().last().map_or(1, |p| *p as usize);
    let padded = pairs.next_power_of_two();
    let angles = &task.program.rope[table];
    let mut values = vec![0; task.slots.len() * width];
    let mut remainder = vec![half(SHIFT); values.len()];
    for (row, slot) in task.slots.clone().enumerate() {
        let source = x.row(slot);
        let cos = &angles.cos[slot * pairs..][..pairs];
        let sin = &angles.sin[slot * pairs..][..pairs];
        for head in (0..width).step_by(2 * padded) {
            for (pair, (c, s)) in cos.iter().zip(sin).enumerate() {
                let (i, j) = (head + pair, head + padded + pair);
                let [a, b, c, s] = [source[i], source[j], *c, *s].map(i128::from);
                for (at, exact) in [(i, c * a - s * b), (j, s * a + c * b)] {
                    let (y, rest) = round(exact, SHIFT);
                    values[row * width + at] = int16(y, (row, at))?;
                    remainder[row * width + at] = rest;
                }
            }
        }
    }
    Ok(rounded(values, remainder))
}

impl Execute for Rope {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        _: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        None
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        execute(task, self.table, operand(0))
    }
}
