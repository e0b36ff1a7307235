//! `y[t,g,r,u] = round_s(multiplier·Σ_d q[t,g,r,d]·k[u,g,d])`, for all slots `u`.

use laminate_model::ops::Scores;
use laminate_model::program::Role;
use rayon::prelude::*;

use super::{first, padded};
use crate::exec::round::{int16, round};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Scores {
    /// `q (slots, [groups, queries, head…])`, `k (all slots, [groups, head…])` to
    /// `(slots, [groups, queries, all slots])`.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let (q, k) = (&x[0], &x[1]);
        let (width, slots) = (task.width(), task.program.slots());
        let queries = padded(&task.axes()[1..2]);
        let head = q.width * slots / width;
        let mut values = vec![0; task.len()];
        let mut remainder = vec![0; task.len()];
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
                    let (y, rest) =
                        round(i128::from(sum) * i128::from(self.multiplier), self.shift);
                    let at = line * slots + u;
                    remainder[at] = rest;
                    values[at] = int16(y, (row, at))?;
                }
            }
            Ok(())
        });
        first(results.collect())?;
        Ok(Computed::new(values).with(Role::REMAINDER, remainder))
    }

    fn kept(&self) -> Option<usize> {
        Some(1)
    }
}
