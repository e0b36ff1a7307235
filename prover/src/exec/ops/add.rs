//! `z = floor((a·left + b·right + 2^(s-1)) / 2^s)`.

use laminate_model::ops::Add;

use super::rescaled;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Add {
    /// `(slots, width)² -> (slots, width)`.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let [a, b] = [0, 1].map(|i: usize| x[i].range(task.slots.clone()));
        let [left, right] = [self.left, self.right].map(i128::from);
        rescaled(task, self.shift, |i| {
            i128::from(a[i]) * left + i128::from(b[i]) * right
        })
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::Role;

    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    fn add(factors: [u32; 2], a: [i32; 2], b: [i32; 2]) -> Result<Computed, Failure> {
        let [left, right] = factors;
        let op = Add {
            left,
            right,
            shift: 8,
        };
        run(&program(op, &[2], 16, 0), &none(), &[&a, &b])
    }

    #[test]
    fn scales_both_operands() {
        let got = add([256, 128], [3, -3], [1, -2]).unwrap();
        assert_eq!(got.values, [4, -4], "3.5 -> 4, -4 -> -4");
        assert_eq!(got.aux.narrow(Role::REMAINDER), [0, 128]);
    }

    #[test]
    fn does_not_saturate() {
        let a = [0, 20_000];
        let failure = add([256, 256], a, a).unwrap_err();
        assert_eq!((failure.feature, failure.value), (1, 40_000));
    }
}
