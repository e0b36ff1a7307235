//! Rounding of weights that makes up for its own errors, by what a matrix is given to read.
//!
//! A row `w` of a matrix that reads `x` is rounded to integers `q` so that the expected square of
//! `(w - q)·x` over the calibration texts is small, `e·H·e` with `e = w - q` and `H = Σ x·xᵀ`: columns
//! are rounded one after another, and the errors made so far move those that follow (GPTQ, Frantar et
//! al., arXiv 2210.17323; columns with the largest `H` first). With `H = L·Lᵀ`, taken in reverse of
//! the order of rounding, this is Babai's nearest plane (Chen et al., arXiv 2507.18553): column `t` becomes
//! `round(w_t + Σ_s c_ts e_s)` over the columns `s` before it, with the same `c = L_st / L_tt` for every row.
//!
//! `H` is brought to a diagonal of one and damped there, so that a few huge inputs do not drown the others.

use rayon::prelude::*;

use super::cholesky;
use crate::llama::matmul;
use crate::llama::vector::{Kernel, LANES, Lanes, run};
use crate::quant::grid::Grid;

/// Added to a diagonal of one.
const DAMPING: f32 = 0.3;
/// Columns whose sums are taken together.
const TOGETHER: usize = 8;

/// How errors of a column move the columns that are rounded after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compensation {
    /// The columns in the order of rounding.
    order: Vec<usize>,
    /// `(columns, columns)` in that order, row `t` the coefficients of the errors before `t`.
    coefficients: Vec<f32>,
}

impl Compensation {
    /// From the inputs `x`, `(positions, cols)`.
    pub fn new(x: &[f32], cols: usize) -> Self {
        let squares = squares(x, cols);
        let mut order: Vec<usize> = (0..cols).collect();
        let square = |i: &usize| squares.get(*i).copied().unwrap_or_default();
        // Stable: of equals the lowest first.
        order.sort_by(|a, b| square(b).total_cmp(&square(a)));
        let norms: Vec<f32> = order.iter().map(|i| square(i).sqrt() as f32).collect();
        let mut l = correlations(x, cols, &order, &norms);
        (0..cols).for_each(|i| l[i * cols + i] = 1.0 + DAMPING);
        cholesky::factor(&mut l, cols);
        let mut coefficients = vec![0.0; cols * cols];
        coefficients
            .par_chunks_exact_mut(cols.max(1))
            .enumerate()
            .for_each(|(t, row)| {
                let column = cols - 1 - t;
                let pivot = l[column * cols + column] * norms[t];
                for (s, value) in row.iter_mut().enumerate().take(t) {
                    if pivot > 0.0 {
                        *value = l[(cols - 1 - s) * cols + column] * norms[s] / pivot;
                    }
                }
            });
        Self {
            order,
            coefficients,
        }
    }

    /// Integers of a matrix.
    pub fn round(&self, matrix: &[f32], grid: &Grid) -> Vec<i8> {
        let cols = self.order.len().max(1);
        let mut out = vec![0; matrix.len()];
        out.par_chunks_mut(LANES * cols)
            .zip(matrix.par_chunks(LANES * cols))
            .zip(grid.units.par_chunks(LANES))
            .for_each(|((out, rows), units)| {
                run(Group {
                    compensation: self,
                    rows,
                    units,
                    limit: grid.limit() as f32,
                    out,
                });
            });
        out
    }
}

/// Sum of the squares of every column.
fn squares(x: &[f32], cols: usize) -> Vec<f64> {
    let mut sums = vec![0.0; cols];
    for row in x.chunks_exact(cols) {
        for (sum, v) in sums.iter_mut().zip(row) {
            *sum += f64::from(*v) * f64::from(*v);
        }
    }
    sums
}

/// Correlations of the columns in reverse order, lower triangle.
fn correlations(x: &[f32], cols: usize, order: &[usize], norms: &[f32]) -> Vec<f32> {
    let positions = x.len() / cols;
    // (columns, positions), each of length one.
    let mut columns = vec![0.0; x.len()];
    let reversed = order.par_iter().zip(norms).rev();
    columns
        .par_chunks_exact_mut(positions.max(1))
        .zip(reversed)
        .for_each(|(out, (column, norm))| {
            let factor = if *norm > 0.0 { norm.recip() } else { 0.0 };
            for (out, row) in out.iter_mut().zip(x.chunks_exact(cols)) {
                *out = row[*column] * factor;
            }
        });
    let mut out = vec![0.0; cols * cols];
    let step = 128;
    for first in (0..cols).step_by(step) {
        let last = cols.min(first + step);
        let rows = matmul(
            &columns[..last * positions],
            &columns[first * positions..last * positions],
            positions,
        );
        for (row, found) in (first..).zip(rows.chunks_exact(last)) {
            out[row * cols..][..last].copy_from_slice(found);
        }
    }
    out
}

/// Up to [`LANES`] rows, side by side.
struct Group<'a> {
    compensation: &'a Compensation,
    rows: &'a [f32],
    units: &'a [f64],
    limit: f32,
    out: &'a mut [i8],
}

impl Kernel for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let order = &self.compensation.order;
        let cols = order.len();
        let mut errors = vec![[0.0f32; LANES]; cols];
        let steps = self.compensation.coefficients.chunks(TOGETHER * cols);
        for (first, coefficients) in (0..cols).step_by(TOGETHER).zip(steps) {
            let (before, block) = errors.split_at_mut(first);
            let sums = if coefficients.len() == TOGETHER * cols {
                sums::<L>(coefficients, cols, before)
            } else {
                rest(coefficients, cols, before)
            };
            for (i, sum) in sums
                .iter()
                .enumerate()
                .take(cols.min(first + TOGETHER) - first)
            {
                let coefficients = &coefficients[i * cols + first..][..i];
                let column = order[first + i];
                let mut sum = *sum;
                for (c, errors) in coefficients.iter().zip(block.iter()) {
                    for (sum, e) in sum.iter_mut().zip(errors) {
                        *sum += c * e;
                    }
                }
                for (lane, unit) in self.units.iter().enumerate() {
                    let place = lane * cols + column;
                    let exact = if *unit > 0.0 {
                        (f64::from(self.rows[place]) / unit) as f32
                    } else {
                        0.0
                    };
                    let rounded = (exact + sum[lane]).round().clamp(-self.limit, self.limit);
                    block[i][lane] = exact - rounded;
                    self.out[place] = rounded as i8;
                }
            }
        }
    }
}

/// What the errors before a block add to its columns.
#[inline(always)]
fn sums<L: Lanes>(
    coefficients: &[f32],
    cols: usize,
    errors: &[[f32; LANES]],
) -> [[f32; LANES]; TOGETHER] {
    let length = errors.len();
    let rows: [&[f32]; TOGETHER] = std::array::from_fn(|i| &coefficients[i * cols..][..length]);
    let mut sums = [L::splat(0.0); TOGETHER];
    for s in 0..length {
        let errors = L::load(&errors[s]);
        for i in 0..TOGETHER {
            sums[i] = sums[i].add_product(L::splat(rows[i][s]), errors);
        }
    }
    let mut out = [[0.0; LANES]; TOGETHER];
    for i in 0..TOGETHER {
        out[i] = sums[i].values();
    }
    out
}

/// The same for the last columns, fewer than a block.
fn rest(coefficients: &[f32], cols: usize, errors: &[[f32; LANES]]) -> [[f32; LANES]; TOGETHER] {
    let mut out = [[0.0; LANES]; TOGETHER];
    for (out, row) in out.iter_mut().zip(coefficients.chunks_exact(cols)) {
        for (c, errors) in row.iter().zip(errors) {
            for (sum, e) in out.iter_mut().zip(errors) {
                *sum += c * e;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::grid::{Magnitudes, WeightChoice};
    use crate::quant::rules::TOKENS;

    const ROWS: usize = 37;

    fn noise(i: usize) -> f32 {
        ((i * 2_654_435_761) % 10_007) as f32 / 5_003.5 - 1.0
    }

    fn matrix(cols: usize) -> (Vec<f32>, Grid) {
        let matrix: Vec<f32> = (0..ROWS * cols).map(|i| noise(i * 31 + 7)).collect();
        let magnitudes = Magnitudes::new(&matrix, cols, None);
        let units = magnitudes.units(0, WeightChoice::Int8).unwrap();
        let grid = Grid::new(&units, 20, &TOKENS).unwrap();
        (matrix, grid)
    }

    /// Sum of the squares of what rounding changes in the outputs.
    fn error(x: &[f32], cols: usize, (matrix, grid): &(Vec<f32>, Grid), integers: &[i8]) -> f64 {
        let rows = matrix.chunks_exact(cols).zip(integers.chunks_exact(cols));
        let of = |((row, integers), unit): ((&[f32], &[i8]), &f64)| -> f64 {
            let pairs = row.iter().zip(integers);
            let errors: Vec<f64> = pairs
                .map(|(w, q)| f64::from(*w) - f64::from(*q) * unit)
                .collect();
            let output =
                |x: &[f32]| -> f64 { x.iter().zip(&errors).map(|(x, e)| f64::from(*x) * e).sum() };
            x.chunks_exact(cols).map(|x| output(x).powi(2)).sum()
        };
        rows.zip(&grid.units).map(of).sum()
    }

    #[test]
    fn correlated_inputs_gain() {
        for cols in [24, 37, 130] {
            // Every input is mostly one common value.
            let x: Vec<f32> = (0..300 * cols)
                .map(|i| noise(i / cols * 17 + 3) + 0.2 * noise(i))
                .collect();
            let weights = matrix(cols);
            let by = Compensation::new(&x, cols);
            let found = by.round(&weights.0, &weights.1);
            let nearest = weights.1.nearest(&weights.0);
            let [found, nearest] = [found, nearest].map(|q| error(&x, cols, &weights, &q));
            assert!(4.0 * found < nearest, "{cols}: {found} {nearest}");
        }
    }

    #[test]
    fn inputs_apart_are_rounded_to_nearest() {
        let cols = 40;
        // One input at a time, one never.
        let x: Vec<f32> = (0..cols * cols)
            .map(|i| {
                if i % (cols + 1) == 0 && i > 0 {
                    0.5 + noise(i).abs()
                } else {
                    0.0
                }
            })
            .collect();
        let (matrix, grid) = matrix(cols);
        let found = Compensation::new(&x, cols).round(&matrix, &grid);
        assert_eq!(found, grid.nearest(&matrix));
    }

    #[test]
    fn threads_change_nothing() {
        let cols = 150;
        let x: Vec<f32> = (0..50 * cols).map(|i| noise(i) + noise(i / cols)).collect();
        let (matrix, grid) = matrix(cols);
        let round = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap()
                .install(|| Compensation::new(&x, cols).round(&matrix, &grid))
        };
        assert_eq!(round(1), round(5));
    }
}
