//! `y[i] = round_16(c·x[i] - s·x[i+h])`, `y[i+h] = round_16(s·x[i] + c·x[i+h])`, `h` pairs a head.

use laminate_model::ops::Rope;
use laminate_model::program::Role;

use crate::exec::round::{half, int16, round};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

/// Shift of the angles.
const SHIFT: u8 = 16;

impl Execute for Rope {
    /// `(slots, [heads…, 2, pairs])` to the same shape. Padded pairs have no angle and stay zero.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let width = task.width();
        let pairs = task.axes().last().map_or(1, |p| *p as usize);
        let padded = pairs.next_power_of_two();
        let angles = &task.program.rope[self.table];
        let mut values = vec![0; task.len()];
        let mut remainder = vec![half(SHIFT); task.len()];
        for (row, slot) in task.slots.clone().enumerate() {
            let source = x[0].row(slot);
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
        Ok(Computed::new(values).with(Role::REMAINDER, remainder))
    }
}
