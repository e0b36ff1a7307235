//! `y = min(max(x, lowest), highest)` of int32, and how far `x` was moved and, at other ends than int16's, `y` is from both.

use laminate_model::ops::{OpSpec, Saturate};
use laminate_model::program::Role;

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Saturate {
    /// `(slots, width) -> (slots, width)`; every int32 fits.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone());
        let (lowest, highest) = (i32::from(self.lowest), i32::from(self.highest));
        let values: Vec<i32> = x.iter().map(|x| (*x).clamp(lowest, highest)).collect();
        let column = |of: &dyn Fn(i64, i64) -> i64| -> Vec<u32> {
            let both = x.iter().zip(&values);
            both.map(|(x, y)| of((*x).into(), (*y).into()).max(0) as u32)
                .collect()
        };
        let roles = self.columns().into_iter().map(|column| column.role);
        let columns: Vec<(Role, Vec<u32>)> = roles
            .map(|role| {
                let own = match role {
                    Role::UP => column(&|x, y| y - x),
                    Role::DOWN => column(&|x, y| x - y),
                    Role::ABOVE => column(&|_, y| y - i64::from(lowest)),
                    _ => column(&|_, y| i64::from(highest) - y),
                };
                (role, own)
            })
            .collect();
        let with = |all: Computed, (role, column)| all.with(role, column);
        Ok(columns.into_iter().fold(Computed::new(values), with))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn every_int32_is_moved_to_the_nearest_end() {
        let all = program(Saturate::INT16, &[4], 16, 0);
        let got = run(&all, &none(), &[&[i32::MIN, -32_768, 32_767, i32::MAX]]).unwrap();
        assert_eq!(got.values, [-32_768, -32_768, 32_767, 32_767]);
        let column = |role| got.aux.narrow(role);
        assert_eq!(column(Role::UP), [(1 << 31) - (1 << 15), 0, 0, 0]);
        assert_eq!(column(Role::DOWN), [0, 0, 0, (1 << 31) - (1 << 15)]);
        assert!(column(Role::ABOVE).is_empty() && column(Role::BELOW).is_empty());
        let op = Saturate {
            lowest: 0,
            highest: 9,
        };
        let got = run(&program(op, &[4], 16, 0), &none(), &[&[-5, 0, 7, 70_000]]).unwrap();
        assert_eq!(got.values, [0, 0, 7, 9]);
        let column = |role| got.aux.narrow(role);
        assert_eq!(column(Role::UP), [5, 0, 0, 0]);
        assert_eq!(column(Role::DOWN), [0, 0, 0, 69_991]);
        assert_eq!(column(Role::ABOVE), [0, 0, 7, 9]);
        assert_eq!(column(Role::BELOW), [9, 9, 2, 0]);
    }
}
