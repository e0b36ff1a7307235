//! `y = max(x, 0)`, with `n = max(-x, 0)`: `x = y - n`, `y·n = 0`.

use laminate_model::ops::Relu;
use laminate_model::program::Role;

use super::parts;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Relu {
    /// `(slots, width) -> (slots, width)`; always in range.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone()).iter();
        let negative: Vec<u32> = x.clone().map(|x| parts(*x).1).collect();
        Ok(Computed::new(x.map(|x| (*x).max(0)).collect()).with(Role::NEGATIVE, negative))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn splits_the_sign() {
        let program = program(Relu, &[4], 16, 0);
        let got = run(&program, &none(), &[&[5, 0, -1, -32_768]]).unwrap();
        assert_eq!(got.values, [5, 0, 0, 0]);
        assert_eq!(got.aux.narrow(Role::NEGATIVE), [0, 0, 1, 32_768]);
    }
}
