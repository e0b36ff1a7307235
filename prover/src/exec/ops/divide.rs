//! `y = floor((2^(s+1)·a + b) / 2b)`, and what is left.

use laminate_model::ops::Divide;
use laminate_model::program::Role;

use crate::exec::round::int16;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Divide {
    /// Element by element, int16; a divisor below 1 does not fit.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let [a, b] = [0, 1].map(|i: usize| x[i].range(task.slots.clone()));
        let mut values = Vec::with_capacity(a.len());
        let (mut low, mut high) = (vec![0u32; a.len()], vec![0u32; a.len()]);
        for (flat, (a, b)) in a.iter().zip(b).enumerate() {
            let (row, feature) = task.place(flat);
            if *b < 1 {
                return Err(Failure {
                    what: "divisor",
                    row,
                    feature,
                    value: (*b).into(),
                    lowest: 1,
                    highest: i32::MAX.into(),
                });
            }
            let divisor = 2 * i128::from(*b);
            let dividend = (i128::from(*a) << (self.shift + 1)) + i128::from(*b);
            let rest = dividend.rem_euclid(divisor);
            values.push(int16(dividend.div_euclid(divisor), (row, feature))?);
            // Below 2^32, as the divisor is an int32.
            (low[flat], high[flat]) = (rest as u32, (divisor - 1 - rest) as u32);
        }
        let computed = Computed::new(values).with(Role::DIVISION_LOW, low);
        Ok(computed.with(Role::DIVISION_HIGH, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn rounds_halves_upwards() {
        let program = program(Divide { shift: 2 }, &[4], 16, 0);
        let got = run(&program, &none(), &[&[7, -7, 7, 0], &[5, 8, 8, 9]]).unwrap();
        assert_eq!(got.values, [6, -3, 4, 0], "5.6, -3.5, 3.5, 0");
        assert_eq!(got.aux.narrow(Role::DIVISION_LOW), [1, 0, 0, 9]);
        assert_eq!(got.aux.narrow(Role::DIVISION_HIGH), [8, 15, 15, 8]);
        let wide = run(&program, &none(), &[&[1 << 30, 0, 0, 0], &[i32::MAX; 4]]).unwrap();
        assert_eq!(wide.values, [2, 0, 0, 0]);
    }

    #[test]
    fn divisors_are_positive() {
        let program = program(Divide { shift: 0 }, &[2], 16, 0);
        for divisor in [0, -1, i32::MIN] {
            let failure = run(&program, &none(), &[&[1, 1], &[1, divisor]]).unwrap_err();
            assert_eq!((failure.what, failure.feature), ("divisor", 1));
        }
        let failure = run(&program, &none(), &[&[1, 1 << 15], &[1, 1]]).unwrap_err();
        assert_eq!((failure.feature, failure.value), (1, 1 << 15));
    }
}
