//! `y[t,g,r,u] = table[max_{u'≤t} x[t,g,r,u'] - x[t,g,r,u] - 2^15]` for `u ≤ t`, else the last entry, 0.

use laminate_model::ops::Softmax;
use laminate_model::program::{ACTIVATION_BOUND, MASKED, Role};

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Softmax {
    /// `(slots, [groups, queries, all slots])` to the same shape. Only a depth beyond the table does not fit, which no
    /// int16 scores give.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let slots = task.program.slots();
        let table = &task.program.tables[self.table].values;
        let mut values = Vec::with_capacity(task.len());
        let mut maximum = Vec::with_capacity(task.len() / slots);
        let mut depth = Vec::with_capacity(task.len());
        let mut pick = Vec::with_capacity(task.len());
        for (row, slot) in task.slots.clone().enumerate() {
            for (line, scores) in x[0].row(slot).chunks_exact(slots).enumerate() {
                let (past, future) = scores.split_at(slot + 1);
                let max = past.iter().copied().fold(i32::MIN, i32::max);
                maximum.push((i64::from(max) + ACTIVATION_BOUND) as u32);
                let chosen = past.iter().position(|s| *s == max);
                for (u, score) in past.iter().enumerate() {
                    let z = i64::from(max) - i64::from(*score);
                    let at = (row, line * slots + u);
                    let entry = usize::try_from(z).ok().and_then(|z| table.get(z));
                    values.push(i32::from(*entry.ok_or_else(|| outside(z, at))?));
                    depth.push(z as u32);
                    pick.push(u32::from(chosen == Some(u)));
                }
                let masked = table.last().map_or(0, |v| i32::from(*v));
                values.extend(future.iter().map(|_| masked));
                depth.extend(future.iter().map(|_| MASKED as u32));
                pick.extend(future.iter().map(|_| 0));
            }
        }
        Ok(Computed::new(values)
            .with(Role::MAXIMUM, maximum)
            .with(Role::DEPTH, depth)
            .with(Role::PICK, pick))
    }
}

fn outside(depth: i64, (row, feature): (usize, usize)) -> Failure {
    Failure {
        what: "depth below the largest score",
        row,
        feature,
        value: depth.into(),
        lowest: 0,
        highest: MASKED,
    }
}
