//! `y[b,j] = floor((m[j]·(Σ_k w[j,k]·x[b,k] + bias[j]) + 2^(s-1)) / 2^s)`; a layer may have no biases.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::sequence::{self, Failure, Rows, Task};
use laminate_model::ops::Dense;
use laminate_model::program::{DenseShape, DenseWeights, WeightFormat, padded_log};
use laminate_model::program::{Program, Weights};

use super::{Computed, Operand, with_remainder};
use crate::exec::requantise;
use crate::kernels::ternary::Packed;

/// Products below 2^22 that an i32 sums without overflow: 256·2^22 = 2^30.
const CHUNK: usize = 256;

/// `(slots, cols) -> (slots, rows)`, both padded; padded rows have weights, bias and multiplier zero.
/// Operands are int16.
///
/// # Errors
/// Flat index and value of the first output out of range.
pub fn execute(
    dense: &DenseWeights,
    shape: &DenseShape,
    shift: u8,
    x: Operand<'_>,
) -> Result<Computed, (usize, i128)> {
    let (rows, cols) = (shape.row_count(), shape.col_count());
    let log_rows = padded_log(rows);
    let slots = x.values.len() >> x.log_width;
    let sums = (shape.format == WeightFormat::Ternary).then(|| {
        let rows_of = x.values.chunks_exact(1 << x.log_width);
        let x: Vec<i16> = rows_of
            .flat_map(|r| r[..cols].iter().map(|v| *v as i16))
            .collect();
        Packed::new(&dense.weight, cols).products(0..rows, &x)
    });
    with_remainder(slots << log_rows, |flat| {
        let (slot, j) = (flat >> log_rows, flat & ((1 << log_rows) - 1));
        if j >= rows {
            return requantise(0, shift);
        }
        let row = &x.values[slot << x.log_width..][..cols];
        let sum = match &sums {
            Some(sums) => sums[j * slots + slot],
            None => dot(&dense.weight[j * cols..][..cols], row),
        };
        let acc = sum + i64::from(dense.bias.get(j).copied().unwrap_or(0));
        requantise(i128::from(acc) * i128::from(dense.multiplier[j]), shift)
    })
}

/// `|Σ w·x| <= 2^7·2^15·cols`, at most 2^42 for the widest tensor.
fn dot(w: &[i8], x: &[i32]) -> i64 {
    let chunks = w.chunks(CHUNK).zip(x.chunks(CHUNK));
    chunks
        .map(|(w, x)| i64::from(w.iter().zip(x).map(|(w, x)| i32::from(*w) * x).sum::<i32>()))
        .sum()
}

impl Execute for Dense {
    fn on_rows<'t>(
        &self,
        (program, weights): (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        let (dense, shape) = (&weights.dense[self.weight], &program.weights[self.weight]);
        Some(execute(dense, shape, self.shift, operand(0)))
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        sequence::ops::dense::execute(task, (self.weight, self.shift), operand(0), None)
    }

    fn layer(&self) -> Option<usize> {
        Some(self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(weight: Vec<i8>, bias: Vec<i32>, multiplier: Vec<u32>) -> DenseWeights {
        DenseWeights {
            weight,
            bias,
            multiplier,
        }
    }

    #[test]
    fn rounds_negative_values_and_pads_outputs() {
        // Three outputs of two inputs, factor 1/2: 1·1+0, -1·1+0, -1·1-2.
        let dense = layer(vec![1, 0, -1, 0, -1, 0], vec![0, 0, -2], vec![1 << 15; 3]);
        let x = Operand {
            values: &[1, 7],
            log_width: 1,
        };
        let got = execute(&dense, &DenseShape::new(3, 2), 16, x).unwrap();
        assert_eq!(
            got.values,
            [1, 0, -1, 0],
            "0.5 -> 1, -0.5 -> 0, -1.5 -> -1, padding"
        );
        assert_eq!(got.aux.remainder, [0, 0, 0, 1 << 15]);
    }

    #[test]
    fn ternary_layers_compute_what_int8_ones_do() {
        let (rows, cols, slots) = (11usize, 29usize, 5i32);
        let dense = layer(
            (0..rows * cols)
                .map(|i| (i * i % 5 % 3) as i8 - 1)
                .collect(),
            (0..rows as i32).map(|j| 1000 * j - 4000).collect(),
            (0..rows as u32).map(|j| 3000 + 7 * j).collect(),
        );
        let values: Vec<i32> = (0..slots * 32)
            .map(|i| (i * 7919) % 65_536 - 32_768)
            .collect();
        let int8 = DenseShape::new(rows as u32, cols as u32);
        let ternary = DenseShape {
            format: WeightFormat::Ternary,
            ..int8.clone()
        };
        let x = Operand {
            values: &values,
            log_width: 5,
        };
        let got = execute(&dense, &ternary, 16, x).unwrap();
        assert_eq!(got, execute(&dense, &int8, 16, x).unwrap());
    }

    #[test]
    fn worst_case_does_not_overflow() {
        let cols = 1 << 12;
        let dense = layer(vec![-128; cols], vec![i32::MIN], vec![(1 << 24) - 1]);
        let x = vec![32_767; cols];
        let got = execute(
            &dense,
            &DenseShape::new(1, cols as u32),
            32,
            Operand {
                values: &x,
                log_width: 12,
            },
        );
        let exact = (-128i128 * 32_767 * (cols as i128) + i128::from(i32::MIN)) * ((1 << 24) - 1);
        assert_eq!(got, Err((0, (exact + (1 << 31)).div_euclid(1 << 32))));
    }
}
