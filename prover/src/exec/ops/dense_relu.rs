//! `p[t,j] = max(y[t,j], 0)` with `n = max(-y, 0)` for `y` of [`super::dense`], which must fit int16.

use laminate_model::ops::DenseRelu;
use laminate_model::program::Role;

use super::parts;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for DenseRelu {
    /// `(slots, places, cols) -> (slots, places, rows)`, int16 and not negative.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let mut computed = self.dense().execute(task, x)?;
        let negative: Vec<u32> = computed.values.iter().map(|y| parts(*y).1).collect();
        computed.values.iter_mut().for_each(|y| *y = (*y).max(0));
        Ok(computed.with(Role::NEGATIVE, negative))
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{DenseShape, DenseWeights, Weights};

    use super::*;
    use crate::exec::ops::tests::{program, run};

    #[test]
    fn splits_the_rounded_sum() {
        // Factor 1/2: 1·1+0, -1·1+0, -1·1-2.
        let layer = DenseWeights {
            weight: vec![1, 0, -1, 0, -1, 0],
            bias: vec![0, 0, -2],
            multiplier: vec![1 << 15; 3],
        };
        let op = DenseRelu {
            weight: 0,
            shift: 16,
        };
        let mut program = program(op, &[3], 16, 0);
        program.weights.push(DenseShape::new(3, 2));
        let weights = Weights { dense: vec![layer] };
        let got = run(&program, &weights, &[&[1, 7]]).unwrap();
        assert_eq!(got.values, [1, 0, 0, 0], "1, 0, -1, padding");
        assert_eq!(got.aux.narrow(Role::NEGATIVE), [0, 0, 1, 0]);
        assert_eq!(got.aux.narrow(Role::REMAINDER), [0, 0, 0, 1 << 15]);
        assert_eq!(got.aux.sums, [1, -1, -1, 0]);
        // What a dense layer refuses, on either side.
        let failure = run(&program, &weights, &[&[32_767, 0]]);
        assert!(failure.is_ok());
        let loud = Weights {
            dense: vec![DenseWeights {
                multiplier: vec![1 << 17; 3],
                ..weights.dense[0].clone()
            }],
        };
        for x in [32_767, -32_767] {
            let failure = run(&program, &loud, &[&[x, 0]]).unwrap_err();
            assert_eq!(failure.value, i128::from(2 * x));
        }
    }
}
