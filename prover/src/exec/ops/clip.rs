//! `y = min(max(x, lowest), highest)`, and how far `x` was moved and `y` is from both ends.

use laminate_model::ops::Clip;
use laminate_model::program::Role;

use super::parts;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Clip {
    /// `(slots, width) -> (slots, width)`; an operand that is moved by 2^16 or more does not fit.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone());
        let (lowest, highest) = (i32::from(self.lowest), i32::from(self.highest));
        let reach = lowest - 0xffff..=highest + 0xffff;
        if let Some(flat) = x.iter().position(|x| !reach.contains(x)) {
            let (row, feature) = task.place(flat);
            return Err(Failure {
                what: "operand",
                row,
                feature,
                value: x[flat].into(),
                lowest: (*reach.start()).into(),
                highest: (*reach.end()).into(),
            });
        }
        let values: Vec<i32> = x.iter().map(|x| (*x).max(lowest).min(highest)).collect();
        let column = |of: &dyn Fn(i32, i32) -> i32| -> Vec<u32> {
            let both = x.iter().zip(&values);
            both.map(|(x, y)| parts(of(*x, *y)).0).collect()
        };
        let columns = [
            (Role::UP, column(&|x, y| y - x)),
            (Role::DOWN, column(&|x, y| x - y)),
            (Role::ABOVE, column(&|_, y| y - lowest)),
            (Role::BELOW, column(&|_, y| highest - y)),
        ];
        let computed = Computed::new(values);
        let with = |all: Computed, (role, column)| all.with(role, column);
        Ok(columns.into_iter().fold(computed, with))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn moves_what_is_outside_to_the_ends() {
        let clip = Clip {
            lowest: -3,
            highest: 32_767,
        };
        let program = program(clip, &[4], 16, 0);
        let got = run(&program, &none(), &[&[-32_768, -3, 0, 32_767]]).unwrap();
        assert_eq!(got.values, [-3, -3, 0, 32_767]);
        let column = |role| got.aux.narrow(role);
        assert_eq!(column(Role::UP), [32_765, 0, 0, 0]);
        assert_eq!(column(Role::DOWN), [0; 4]);
        assert_eq!(column(Role::ABOVE), [0, 0, 3, 32_770]);
        assert_eq!(column(Role::BELOW), [32_770, 32_770, 32_767, 0]);
        // Of a view of 32 bits.
        let got = run(&program, &none(), &[&[-65_538, 0, 0, 98_302]]).unwrap();
        assert_eq!(got.aux.narrow(Role::UP)[0], 0xffff);
        assert_eq!(got.aux.narrow(Role::DOWN)[3], 0xffff);
        let failure = run(&program, &none(), &[&[0, -65_539, 0, 0]]).unwrap_err();
        assert_eq!(
            (failure.what, failure.feature, failure.value),
            ("operand", 1, -65_539)
        );
        assert!(run(&program, &none(), &[&[0, 0, 98_303, 0]]).is_err());
    }
}
