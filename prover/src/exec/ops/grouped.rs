//! `y[t,g,j] = round_s(m[g,j]·(Σ_k w[g,j,k]·x[t,g,k] + bias[g,j]))`, `t` over slots and the places in each.

use laminate_model::ops::Grouped;
use laminate_model::program::{Role, axes_len, padded_index};
use rayon::prelude::*;

use super::padded;
use crate::exec::round::{half, round, within};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Grouped {
    /// `(slots, places, groups, cols) -> (slots, places, groups, rows)`, int16 or int32 both; padded groups and rows have weights, biases
    /// and multipliers zero.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let (shape, dense) = task.layers.get(self.weight);
        let x = x[0].range(task.slots.clone());
        let (groups, own_axes) = shape.rows.split_at(self.groups);
        let (stride, rows, cols) = (padded(groups), padded(own_axes), padded(&shape.cols));
        let features: Vec<usize> = (0..shape.col_count())
            .map(|k| padded_index(&shape.cols, k))
            .collect();
        let count = axes_len(own_axes);
        let lines = task.len() / (stride * rows);
        // Of each group the exact sums, `(rows, lines)`.
        let wide = task.operand(0).is_some_and(|tensor| tensor.bits == 32);
        let of = |group: usize| {
            let at = padded_index(groups, group);
            let line = |line: usize| {
                let place = &x[(line * stride + at) * cols..][..cols];
                features.iter().map(|at| place[*at])
            };
            let rows = group * count..(group + 1) * count;
            if wide {
                let operand: Vec<i32> = (0..lines).flat_map(line).collect();
                return task.layers.wide_row_products(self.weight, rows, &operand);
            }
            let operand = (0..lines).flat_map(line).map(|x| x as i16);
            let operand: Vec<i16> = operand.collect();
            task.layers.row_products(self.weight, rows, &operand)
        };
        let sums: Vec<Vec<i64>> = (0..axes_len(groups)).into_par_iter().map(of).collect();
        let mut values = vec![0; task.len()];
        let mut remainder = vec![half(self.shift); task.len()];
        let mut kept = vec![0i64; task.len()];
        for line in 0..lines {
            for (group, sums) in sums.iter().enumerate() {
                for j in 0..count {
                    let own = group * count + j;
                    let sum = sums[j * lines + line];
                    let bias = dense.bias.get(own).copied().unwrap_or(0);
                    let exact =
                        (i128::from(sum) + i128::from(bias)) * i128::from(dense.multiplier[own]);
                    let place = line * stride + padded_index(groups, group);
                    let at = place * rows + padded_index(own_axes, j);
                    let (y, rest) = round(exact, self.shift);
                    (remainder[at], kept[at]) = (rest, sum);
                    values[at] = within(y, task.bound(), task.place(at))?;
                }
            }
        }
        let mut computed = Computed::new(values).with(Role::REMAINDER, remainder);
        computed.aux.sums = kept;
        Ok(computed)
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{DenseShape, DenseWeights, Tensor, Weights};

    use super::*;
    use crate::exec::ops::tests::{program, run};

    #[test]
    fn every_group_has_weights_of_its_own() {
        let op = Grouped {
            weight: 0,
            groups: 1,
            shift: 16,
        };
        // Two places of three groups, each of one row and two columns; a fourth group is padding.
        let mut program = program(op, &[2, 3, 1], 16, 0);
        program.weights.push(DenseShape {
            rows: vec![3, 1],
            ..DenseShape::new(1, 2)
        });
        let weights = Weights {
            dense: vec![DenseWeights {
                weight: vec![1, 2, -1, 3, 0, 1],
                bias: vec![0, 10, -1],
                multiplier: vec![1 << 16, 1 << 16, 1 << 15],
            }],
        };
        let x = [1, 2, 3, 4, 5, 6, 9, 9, -1, -2, -3, -4, -5, -6, 9, 9];
        let got = run(&program, &weights, &[&x]).unwrap();
        // The last group: 5/2 is 3, -7/2 is -3.
        assert_eq!(got.values, [5, 19, 3, 0, -5, 1, -3, 0]);
        assert_eq!(got.aux.sums, [5, 9, 6, 0, -5, -9, -6, 0]);
        let half = 1 << 15;
        assert_eq!(
            got.aux.narrow(Role::REMAINDER),
            [half, half, 0, half, half, half, 0, half]
        );
    }

    /// A raw input: an offset and a factor for each column, in 32 bits and back to 16.
    #[test]
    fn int32_is_shifted_and_scaled() {
        let op = Grouped {
            weight: 0,
            groups: 1,
            shift: 32,
        };
        let mut program = program(op, &[3], 16, 0);
        program.tensors.push(Tensor {
            bits: 32,
            ..Tensor::new("raw", 3, 0)
        });
        program.nodes[0].inputs = vec![1];
        program.weights.push(DenseShape {
            cols: vec![],
            ..DenseShape::new(3, 1)
        });
        let layer = DenseWeights {
            weight: vec![127, -64, 1],
            bias: vec![-127_000_000, 0, i32::MAX],
            multiplier: vec![1 << 20, (1 << 24) - 1, 1],
        };
        let weights = Weights { dense: vec![layer] };
        let x = [1_000_100, -40_000, i32::MIN, 77];
        let got = run(&program, &weights, &[&x]).unwrap();
        // 127·100·2^20 / 2^32 is 3.1, 64·40000·(2^24 - 1) / 2^32 is 10000 less a bit, and -1 / 2^32 nothing.
        assert_eq!(got.values, [3, 10_000, 0, 0]);
        assert_eq!(got.aux.sums[..3], [127_012_700, 2_560_000, -(1 << 31)]);
        let far = [i32::MAX, 0, 0, 0];
        let failure = run(&program, &weights, &[&far]).unwrap_err();
        let exact = (127 * (i128::from(i32::MAX) - 1_000_000) * (1 << 20) + (1 << 31)) >> 32;
        assert_eq!((failure.feature, failure.value), (0, exact));
        // The same in 32 bits.
        program.tensors[program.nodes[0].output].bits = 32;
        let got = run(&program, &weights, &[&far]).unwrap();
        assert_eq!(i128::from(got.values[0]), exact);
    }
}
