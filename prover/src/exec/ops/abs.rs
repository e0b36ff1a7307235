//! `y = |x|`.

use laminate_model::ops::Abs;

use crate::exec::round::int16;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Abs {
    /// `(slots, width) -> (slots, width)`; `-2^15` does not fit.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone()).iter().enumerate();
        let values = x.map(|(flat, x)| int16(i128::from(*x).abs(), task.place(flat)));
        Ok(Computed::new(values.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn takes_the_sign_away() {
        let program = program(Abs, &[4], 16, 0);
        let got = run(&program, &none(), &[&[5, 0, -1, -32_767]]).unwrap();
        assert_eq!(got.values, [5, 0, 1, 32_767]);
        let failure = run(&program, &none(), &[&[0, -32_768, 0, 0]]).unwrap_err();
        assert_eq!((failure.feature, failure.value), (1, 32_768));
    }
}
