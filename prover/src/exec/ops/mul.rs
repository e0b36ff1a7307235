//! `z = floor((a·b·multiplier + 2^(s-1)) / 2^s)`.

use laminate_model::ops::Mul;

use super::rescaled;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Mul {
    /// `(slots, width)² -> (slots, width)`.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let [a, b] = [0, 1].map(|i: usize| x[i].range(task.slots.clone()));
        rescaled(task, self.shift, |i| {
            i128::from(a[i]) * i128::from(b[i]) * i128::from(self.multiplier)
        })
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::Role;

    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn rounds_negative_products() {
        let op = Mul {
            multiplier: 128,
            shift: 8,
        };
        let (a, b) = ([-1, 3, -3, 2], [1, 1, 1, -2]);
        let got = run(&program(op, &[4], 16, 0), &none(), &[&a, &b]).unwrap();
        assert_eq!(
            got.values,
            [0, 2, -1, -2],
            "-0.5 -> 0, 1.5 -> 2, -1.5 -> -1, -2"
        );
        assert_eq!(got.aux.narrow(Role::REMAINDER), [0, 0, 0, 128]);
    }

    #[test]
    fn worst_case_does_not_overflow() {
        let op = Mul {
            multiplier: (1 << 24) - 1,
            shift: 32,
        };
        let a = [-32_768, 0];
        let exact = ((1i128 << 30) * ((1 << 24) - 1) + (1 << 31)) >> 32;
        let failure = run(&program(op, &[2], 16, 0), &none(), &[&a, &a]).unwrap_err();
        assert_eq!((failure.feature, failure.value), (0, exact));
    }
}
