//! `y = floor((p·2^16 - n·slope + 2^15) / 2^16)` with `p = max(x, 0)`, `n = max(-x, 0)`.

use laminate_model::ops::LeakyRelu;
use laminate_model::program::Role;

use super::{parts, rescaled};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for LeakyRelu {
    /// `(slots, width) -> (slots, width)`; `0 < slope < 2^16`, so the output is always in range.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone());
        let computed = rescaled(task, 16, |i| {
            let (p, n) = parts(x[i]);
            (i128::from(p) << 16) - i128::from(n) * i128::from(self.slope)
        })?;
        let (positive, negative): (Vec<u32>, Vec<u32>) = x.iter().map(|x| parts(*x)).unzip();
        Ok(computed
            .with(Role::POSITIVE, positive)
            .with(Role::NEGATIVE, negative))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn rounds_negative_values() {
        // Slope 1/4: -1 -> -0.25, -2 -> -0.5 (halves go up), -3 -> -0.75.
        let program = program(LeakyRelu { slope: 1 << 14 }, &[4], 16, 0);
        let got = run(&program, &none(), &[&[3, -1, -2, -3]]).unwrap();
        assert_eq!(got.values, [3, 0, 0, -1]);
        let column = |role| got.aux.narrow(role);
        assert_eq!(column(Role::REMAINDER), [1 << 15, 1 << 14, 0, 3 << 14]);
        assert_eq!(column(Role::POSITIVE), [3, 0, 0, 0]);
        assert_eq!(column(Role::NEGATIVE), [0, 1, 2, 3]);
    }

    #[test]
    fn extremes_stay_in_range() {
        let slope = (1 << 16) - 1;
        let program = program(LeakyRelu { slope }, &[2], 16, 0);
        let got = run(&program, &none(), &[&[-32_768, 32_767]]).unwrap();
        assert_eq!(got.values, [-32_767, 32_767]);
    }
}
