//! `D = Σ_u e[t,g,r,u]`, `R = floor(2^32 / D)`, `y[t,g,r,d] = round_32(R·Σ_u e[t,g,r,u]·v[u,g,d])`.

use laminate_model::ops::Mix;
use laminate_model::program::Role;

use super::padded;
use crate::exec::round::{int16, round};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

/// The witnesses of a row, in this order.
const ROLES: [Role; 4] = [
    Role::TOTAL,
    Role::RECIPROCAL,
    Role::DIVISION_LOW,
    Role::DIVISION_HIGH,
];

impl Execute for Mix {
    /// `e (slots, [groups, queries, all slots])`, `v (all slots, [groups, head])` to
    /// `(slots, [groups, queries, head])`. A padded query of a real group mixes its group's values evenly. What does
    /// not fit is first a row whose weights sum to less than 2 (its reciprocal has no 32 bits), then an output.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let (e, v) = (&x[0], &x[1]);
        let slots = task.program.slots();
        let [_, queries, head] = [0, 1, 2].map(|i| padded(&task.axes()[i..=i]));
        let mut values = Vec::with_capacity(task.len());
        let mut remainder = Vec::with_capacity(task.len());
        let mut columns = [const { Vec::new() }; ROLES.len()];
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
        let computed = Computed::new(values).with(Role::REMAINDER, remainder);
        let columns = ROLES.into_iter().zip(columns);
        Ok(columns.fold(computed, |computed, (role, column)| {
            computed.with(role, column)
        }))
    }

    fn kept(&self) -> Option<usize> {
        Some(1)
    }
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
