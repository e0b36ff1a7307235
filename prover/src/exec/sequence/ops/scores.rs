//! `y[t,g,r,u] = round_s(multiplier·Σ_d q[t,g,r,d]·k[u,g,d])`, for all slots `u`.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use laminate_model::ops::Scores;
use laminate_model::program::{Program, Weights};
use rayon::prelude::*;

use super::{first, int16, padded, round, rounded};
use crate::exec::ops::Computed;
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;

/// `q (slots, [groups, queries, head…])`, `k (all slots, [groups, head…])` to
/// `(slots, [groups, queries, all slots])`.
///
/// # Errors
/// The first score that is not an int16.
pub fn execute(
    task: &Task<'_>,
    (multiplier, shift): (u32, u8),
    q: Rows<'_>,
    k: Rows<'_>,
) -> Result<Computed, Failure> {
    let (width, slots) = (task.width(), task.program.slots());
    let queries = padded(&task.axes()[1..2]);
    let head = q.width * slots / width;
    let mut values = vec![0; task.slots.len() * width];
    let mut remainder = vec![0; values.len()];
    let lines = values
        .par_chunks_exact_mut(width)
        .zip(remainder.par_chunks_exact_mut(width));
    let results = lines.enumerate().map(|(row, (values, remainder))| {
        let q = q.row(task.slots.start + row);
        for (line, q) in q.chunks_exact(head).enumerate() {
            let group = line / queries;
            for u in 0..slots {
                let k = &k.row(u)[group * head..][..head];
                // A product of two int16 is at most 2^30.
                let sum: i64 = q.iter().zip(k).map(|(q, k)| i64::from(q * k)).sum();
                let (y, rest) = round(i128::from(sum) * i128::from(multiplier), shift);
                let at = line * slots + u;
                remainder[at] = rest;
                values[at] = int16(y, (row, at))?;
            }
        }
        Ok(())
    });
    first(results.collect())?;
    Ok(rounded(values, remainder))
}

impl Execute for Scores {
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
        execute(task, (self.multiplier, self.shift), operand(0), operand(1))
    }

    fn kept(&self) -> Option<usize> {
        Some(1)
    }
}
