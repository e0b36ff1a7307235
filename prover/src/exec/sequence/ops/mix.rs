//! `D = Σ_u e[t,g,r,u]`, `R = floor(2^32 / D)`, `y[t,g,r,d] = round_32(R·Σ_u e[t,g,r,u]·v[u,g,d])`.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use laminate_model::ops::Mix;
use laminate_model::program::Role;
use laminate_model::program::{Program, Weights};

use super::{int16, padded, round};
use crate::exec::ops::Computed;
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;
use crate::exec::{NodeAux, Values};

/// `e (slots, [groups, queries, all slots])`, `v (all slots, [groups, head])` to
/// `(slots, [groups, queries, head])`. A padded query of a real group mixes its group's values evenly.
///
/// # Errors
/// The first row whose weights sum to less than 2 (its reciprocal has no 32 bits), else the first output
/// that is not an int16.
pub fn execute(task: &Task<'_>, e: Rows<'_>, v: Rows<'_>) -> Result<Computed, Failure> {
    let (width, slots) = (task.width(), task.program.slots());
    let [_, queries, head] = [0, 1, 2].map(|i| padded(&task.axes()[i..=i]));
    let len = task.slots.len() * width;
    let mut values = Vec::with_capacity(len);
    let mut remainder = Vec::with_capacity(len);
    let mut columns = [const { Vec::new() }; 4];
    let mut sums = vec![0i64; head];
    for (row, slot) in task.slots.clone().enumerate() {
        for (line, weights) in e.row(slot).chunks_exact(slots).enumerate() {
            let total: u64 = weights.iter().map(|e| u64::from(e.unsigned_abs())).sum();
            let division = divide(total, (row, line * head))?;
            for (column, value) in columns.iter_mut().zip(division) {
                column.push(value);
            }
            let group = line / queries;
            sums.fill(0);
            for (u, weight) in weights.iter().enumerate().filter(|(_, e)| **e != 0) {
                let v = &v.row(u)[group * head..][..head];
                for (sum, v) in sums.iter_mut().zip(v) {
                    *sum += i64::from(weight * v);
                }
            }
            for (d, sum) in sums.iter().enumerate() {
                let (y, rest) = round(i128::from(*sum) * i128::from(division[1]), 32);
                values.push(int16(y, (row, line * head + d))?);
                remainder.push(rest);
            }
        }
    }
    let roles = [
        Role::Total,
        Role::Reciprocal,
        Role::DivisionLow,
        Role::DivisionHigh,
    ];
    let others = roles.into_iter().zip(columns.map(Values::Narrow));
    Ok(Computed {
        values,
        aux: NodeAux {
            remainder,
            others: others.collect(),
            ..NodeAux::default()
        },
    })
}

/// `D`, `R`, the remainder and `D` less one less the remainder.
fn divide(total: u64, (row, feature): (usize, usize)) -> Result<[u32; 4], Failure> {
    // At most 2^12 slots of weights below 2^15.
    if !(2..1 << 32).contains(&total) {
        return Err(Failure {
            what: "sum of the attention weights",
            row,
            feature,
            value: total.into(),
            lowest: 2,
            highest: u32::MAX.into(),
        });
    }
    let reciprocal = (1 << 32) / total;
    let rest = (1 << 32) - total * reciprocal;
    Ok([total, reciprocal, rest, total - 1 - rest].map(|v| v as u32))
}

impl Execute for Mix {
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
        execute(task, operand(0), operand(1))
    }

    fn kept(&self) -> Option<usize> {
        Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn division_is_exact() {
        for total in [2, 3, 16_384, 16_385, 1 << 27, u64::from(u32::MAX)] {
            let [d, r, low, high] = divide(total, (0, 0)).unwrap().map(u64::from);
            assert!(d == total && d * r + low == 1 << 32 && low + high + 1 == d);
        }
        assert_eq!(divide(1, (2, 8)).unwrap_err().value, 1);
        assert!(divide(0, (0, 0)).is_err() && divide(1 << 32, (0, 0)).is_err());
    }
}
