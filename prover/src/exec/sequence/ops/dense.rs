//! `y[t,j] = res[t,j] + round_s(m[j]·(Σ_k w[j,k]·x[t,k] + bias[j]))`, the residual for `dense_add` only.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use laminate_model::ops::DenseAdd;
use laminate_model::program::{ACTIVATION_BOUND, BIAS_BOUND, padded_index};
use laminate_model::program::{Program, Weights};
use rayon::prelude::*;

use super::{first, half, round, within};
use crate::exec::NodeAux;
use crate::exec::ops::Computed;
use crate::exec::sequence::dot;
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;

/// Bound of an int32 output.
const WIDE: i64 = BIAS_BOUND;

/// `(slots, cols) -> (slots, rows)`; padded rows and blocks have weights and multipliers zero. The
/// accumulator is `Σ_k w·x`.
///
/// # Errors
/// The first output that is not an int16 (int32 with a residual).
pub fn execute(
    task: &Task<'_>,
    (weight, shift): (usize, u8),
    x: Rows<'_>,
    residual: Option<Rows<'_>>,
) -> Result<Computed, Failure> {
    let (width, slots) = (task.width(), task.slots.len());
    let mut values = match residual {
        Some(residual) => residual.range(task.slots.start, slots).to_vec(),
        None => vec![0; slots * width],
    };
    let mut remainder = vec![half(shift); slots * width];
    let mut accumulator = vec![0i64; slots * width];
    let shape = &task.program.weights[weight];
    if task.block < shape.stack as usize {
        let (rows, cols) = (shape.row_count(), shape.col_count());
        let dense = &task.weights.dense[weight];
        let x = operand(task, &shape.cols, x);
        let start = task.block * rows;
        let sums = match task.packed.get(weight) {
            Some(Some(packed)) => packed.products(start..start + rows, &x),
            _ => dot::products(&dense.weight[start * cols..][..rows * cols], &x, cols),
        };
        let multipliers = &dense.multiplier[task.block * rows..][..rows];
        let biases = dense.bias.get(task.block * rows..).unwrap_or(&[]);
        let bound = if residual.is_some() {
            WIDE
        } else {
            ACTIVATION_BOUND
        };
        let lines = values
            .par_chunks_exact_mut(width)
            .zip(remainder.par_chunks_exact_mut(width))
            .zip(accumulator.par_chunks_exact_mut(width));
        let results = lines
            .enumerate()
            .map(|(row, ((values, remainder), accumulator))| {
                for (j, m) in multipliers.iter().enumerate() {
                    let at = padded_index(&shape.rows, j);
                    let sum = sums[j * slots + row];
                    let bias = biases.get(j).copied().unwrap_or(0);
                    let exact = (i128::from(sum) + i128::from(bias)) * i128::from(*m);
                    let (y, rest) = round(exact, shift);
                    let y = y + i128::from(values[at]);
                    (remainder[at], accumulator[at]) = (rest, sum);
                    values[at] = within(y, bound, (row, at))?;
                }
                Ok(())
            });
        first(results.collect())?;
    }
    Ok(Computed {
        values,
        aux: NodeAux {
            remainder,
            accumulator,
            ..NodeAux::default()
        },
    })
}

/// The unpadded features of every slot, in the order of the weights' columns. Operands are int16.
fn operand(task: &Task<'_>, cols: &[u32], x: Rows<'_>) -> Vec<i16> {
    let count = cols.iter().map(|c| *c as usize).product();
    let places: Vec<usize> = (0..count).map(|k| padded_index(cols, k)).collect();
    let mut out = Vec::with_capacity(task.slots.len() * count);
    for slot in task.slots.clone() {
        let row = x.row(slot);
        out.extend(places.iter().map(|at| row[*at] as i16));
    }
    out
}

impl Execute for DenseAdd {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        _: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        None
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        execute(
            task,
            (self.weight, self.shift),
            operand(0),
            Some(operand(1)),
        )
    }

    fn layer(&self) -> Option<usize> {
        Some(self.weight)
    }
}
