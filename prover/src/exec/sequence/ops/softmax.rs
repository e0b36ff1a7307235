//! `y[t,g,r,u] = table[max_{u'≤t} x[t,g,r,u'] - x[t,g,r,u] - 2^15]` for `u ≤ t`, else the last entry, 0.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use laminate_model::ops::Softmax;
use laminate_model::program::{ACTIVATION_BOUND, MASKED, Role};
use laminate_model::program::{Program, Weights};

use crate::exec::ops::Computed;
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;
use crate::exec::{NodeAux, Values};

/// `(slots, [groups, queries, all slots])` to the same shape.
///
/// # Errors
/// The first depth beyond the table, which no int16 scores give.
pub fn execute(task: &Task<'_>, table: usize, x: Rows<'_>) -> Result<Computed, Failure> {
    let (width, slots) = (task.width(), task.program.slots());
    let table = &task.program.tables[table].values;
    let len = task.slots.len() * width;
    let mut values = Vec::with_capacity(len);
    let mut maximum = Vec::with_capacity(len / slots);
    let mut depth = Vec::with_capacity(len);
    let mut pick = Vec::with_capacity(len);
    for (row, slot) in task.slots.clone().enumerate() {
        for (line, scores) in x.row(slot).chunks_exact(slots).enumerate() {
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
    let others = [
        (Role::Maximum, maximum),
        (Role::Depth, depth),
        (Role::Pick, pick),
    ];
    Ok(Computed {
        values,
        aux: NodeAux {
            others: others.map(|(role, v)| (role, Values::Narrow(v))).into(),
            ..NodeAux::default()
        },
    })
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

impl Execute for Softmax {
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
