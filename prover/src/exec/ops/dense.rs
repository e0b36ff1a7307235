//! `y[t,j] = round_s(m[j]·(Σ_k w[j,k]·x[t,k] + bias[j]))`, `t` over slots and the places in each; a layer may have no
//! biases.

use laminate_model::ops::Dense;
use laminate_model::program::{Role, padded_index};
use rayon::prelude::*;

use super::{first, padded};
use crate::exec::round::{half, round, within};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Dense {
    /// `(slots, places, cols) -> (slots, places, rows)`, int16 or int32.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let zero = vec![0; task.len()];
        add(task, (self.weight, self.shift), &x[0], zero, task.bound())
    }
}

/// The layer added to `values`, `(slots, places, rows)`, of `2·bound` values around zero; padded rows and blocks have
/// weights, biases and multipliers zero. Sums are `Σ_k w·x`.
///
/// # Errors
/// The first output that does not fit.
pub(super) fn add(
    task: &Task<'_>,
    (weight, shift): (usize, u8),
    x: &Rows<'_>,
    mut values: Vec<i32>,
    bound: i64,
) -> Result<Computed, Failure> {
    let mut remainder = vec![half(shift); values.len()];
    let mut kept = vec![0i64; values.len()];
    let (shape, dense) = task.layers.get(weight);
    if task.block < shape.stack as usize {
        let (rows, width) = (shape.row_count(), padded(&shape.rows));
        let places = task.width() / width;
        let lines = task.slots.len() * places;
        let sums =
            task.layers
                .products(weight, task.block, &operand(task, (&shape.cols, places), x));
        let multipliers = &dense.multiplier[task.block * rows..][..rows];
        let biases = dense.bias.get(task.block * rows..).unwrap_or(&[]);
        let targets = values
            .par_chunks_exact_mut(width)
            .zip(remainder.par_chunks_exact_mut(width))
            .zip(kept.par_chunks_exact_mut(width));
        let results = targets
            .enumerate()
            .map(|(line, ((values, remainder), kept))| {
                for (j, m) in multipliers.iter().enumerate() {
                    let at = padded_index(&shape.rows, j);
                    let sum = sums[j * lines + line];
                    let bias = biases.get(j).copied().unwrap_or(0);
                    let exact = (i128::from(sum) + i128::from(bias)) * i128::from(*m);
                    let (y, rest) = round(exact, shift);
                    let y = y + i128::from(values[at]);
                    (remainder[at], kept[at]) = (rest, sum);
                    let feature = line % places * width + at;
                    values[at] = within(y, bound, (line / places, feature))?;
                }
                Ok(())
            });
        first(results.collect())?;
    }
    let mut computed = Computed::new(values).with(Role::REMAINDER, remainder);
    computed.aux.sums = kept;
    Ok(computed)
}

/// The unpadded features at every place of every slot, in the order of the weights' columns. Operands are int16.
fn operand(task: &Task<'_>, (cols, count): (&[u32], usize), x: &Rows<'_>) -> Vec<i16> {
    let features: usize = cols.iter().map(|c| *c as usize).product();
    let features: Vec<usize> = (0..features).map(|k| padded_index(cols, k)).collect();
    let mut out = Vec::with_capacity(task.slots.len() * count * features.len());
    for slot in task.slots.clone() {
        for place in x.row(slot).chunks_exact(x.width / count) {
            out.extend(features.iter().map(|at| place[*at] as i16));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{DenseShape, DenseWeights, WeightFormat, Weights};

    use super::*;
    use crate::exec::ops::tests::{program, run};

    fn layer(weight: Vec<i8>, bias: Vec<i32>, multiplier: Vec<u32>) -> DenseWeights {
        DenseWeights {
            weight,
            bias,
            multiplier,
        }
    }

    fn dense(
        (layer, shape): (&DenseWeights, DenseShape),
        (shift, slots_log): (u8, u8),
        x: &[i32],
    ) -> Result<Computed, Failure> {
        let op = Dense { weight: 0, shift };
        let mut program = program(op, &shape.rows, 16, slots_log);
        program.weights.push(shape);
        let weights = Weights {
            dense: vec![layer.clone()],
        };
        run(&program, &weights, &[x])
    }

    #[test]
    fn rounds_negative_values_and_pads_outputs() {
        // Three outputs of two inputs, factor 1/2: 1·1+0, -1·1+0, -1·1-2.
        let half = layer(vec![1, 0, -1, 0, -1, 0], vec![0, 0, -2], vec![1 << 15; 3]);
        let got = dense((&half, DenseShape::new(3, 2)), (16, 0), &[1, 7]).unwrap();
        assert_eq!(
            got.values,
            [1, 0, -1, 0],
            "0.5 -> 1, -0.5 -> 0, -1.5 -> -1, padding"
        );
        assert_eq!(got.aux.narrow(Role::REMAINDER), [0, 0, 0, 1 << 15]);
        assert_eq!(got.aux.sums, [1, -1, -1, 0]);
    }

    #[test]
    fn ternary_layers_compute_what_int8_ones_do() {
        let (rows, cols) = (11u32, 29u32);
        let made = layer(
            (0..(rows * cols) as usize)
                .map(|i| (i * i % 5 % 3) as i8 - 1)
                .collect(),
            (0..rows as i32).map(|j| 1000 * j - 4000).collect(),
            (0..rows).map(|j| 3000 + 7 * j).collect(),
        );
        let x: Vec<i32> = (0..4 * 32).map(|i| (i * 7919) % 65_536 - 32_768).collect();
        let int8 = DenseShape::new(rows, cols);
        let ternary = DenseShape {
            format: WeightFormat::Ternary,
            ..int8.clone()
        };
        let [int8, ternary] =
            [int8, ternary].map(|shape| dense((&made, shape), (16, 2), &x).unwrap());
        assert_eq!(int8, ternary);
    }

    #[test]
    fn worst_case_does_not_overflow() {
        let cols = 1 << 12;
        let worst = layer(vec![-128; cols], vec![i32::MIN], vec![(1 << 24) - 1]);
        let shape = DenseShape::new(1, cols as u32);
        let failure = dense((&worst, shape), (32, 0), &vec![32_767; cols]).unwrap_err();
        let exact = (-128i128 * 32_767 * (cols as i128) + i128::from(i32::MIN)) * ((1 << 24) - 1);
        assert_eq!(failure.value, (exact + (1 << 31)).div_euclid(1 << 32));
    }
}
