//! `y[t] = x[t-1]`, `y[0]` the initial state or zero: as a view. A run asks a recurrence's own steps instead.

use laminate_model::ops::Delay;

use super::view::read;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Delay {
    /// `(slots, steps, features…)` and `(slots, features…)` to `(slots, steps, features…)`.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        read(&self.reads(task.axes()), task, x)
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::Tensor;

    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn is_one_step_behind() {
        // Three steps of three features, a fourth of each is padding and is not read.
        let mut program = program(Delay { operands: 2 }, &[3, 3], 16, 0);
        for axes in [vec![3, 3], vec![3]] {
            program.tensors.push(Tensor {
                axes,
                ..Tensor::new("state", 1, 0)
            });
        }
        program.nodes[0].inputs = vec![1, 2];
        let x = [1, 2, 3, 9, 4, 5, 6, 9, 7, 8, 9, 9, 9, 9, 9, 9];
        let got = run(&program, &none(), &[&x, &[-1, -2, -3, 9]]).unwrap();
        let expected = [-1, -2, -3, 0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0, 0];
        assert_eq!(got.values, expected);
    }
}
