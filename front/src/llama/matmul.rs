//! Float matrix product for the reference run.

use rayon::prelude::*;

use super::vector::{Kernel, LANES, Lanes, run};

/// Rows of a task.
const ROWS: usize = 32;
/// Rows of `w` and tokens of a step.
const STEP: [usize; 2] = [4, 4];

/// `y[t][j] = Σ_k w[j][k] x[t][k]`: `w` is `(rows, cols)`, `x` is `(tokens, cols)`, the result
/// `(tokens, rows)`. Each sum is taken in the same order whatever the number of tokens or threads, so
/// that a prefix of a sequence gives the same floats as the whole.
///
/// # Panics
/// If the lengths are not multiples of `cols`.
pub(crate) fn matmul(w: &[f32], x: &[f32], cols: usize) -> Vec<f32> {
    assert!(w.len().is_multiple_of(cols) && x.len().is_multiple_of(cols));
    let (rows, tokens) = (w.len() / cols, x.len() / cols);
    let x: Vec<&[f32]> = x.chunks_exact(cols).collect();
    // By row of w first, so that tasks write apart from each other.
    let mut by_row = vec![0.0; rows * tokens];
    by_row
        .par_chunks_mut(ROWS * tokens.max(1))
        .zip(w.par_chunks(ROWS * cols))
        .for_each(|(out, w)| {
            run(Rows {
                w,
                x: &x,
                cols,
                out,
            });
        });
    transpose(&by_row, rows, tokens)
}

/// Some rows of the product, a few rows and tokens at a time.
struct Rows<'a> {
    w: &'a [f32],
    x: &'a [&'a [f32]],
    cols: usize,
    out: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let tokens = self.x.len();
        let steps = self.w.chunks(STEP[0] * self.cols);
        for (w, out) in steps.zip(self.out.chunks_mut(STEP[0] * tokens)) {
            let w: Vec<&[f32]> = w.chunks_exact(self.cols).collect();
            for (first, x) in (0..).step_by(STEP[1]).zip(self.x.chunks(STEP[1])) {
                let mut put = |row: usize, sums: &[f32]| {
                    let places = out.iter_mut().skip(row * tokens + first);
                    places.zip(sums).for_each(|(out, sum)| *out = *sum);
                };
                match (&w[..], x) {
                    ([a, b, c, d], [p, q, r, s]) => {
                        let sums = dots::<L, 4, 4>([a, b, c, d], [p, q, r, s]);
                        for (row, sums) in sums.iter().enumerate() {
                            put(row, sums);
                        }
                    }
                    (w, x) => {
                        for (row, w) in w.iter().enumerate() {
                            let dot = |x: &&[f32]| dots::<L, 1, 1>([w], [x])[0][0];
                            put(row, &x.iter().map(dot).collect::<Vec<f32>>());
                        }
                    }
                }
            }
        }
    }
}

/// Dot products of every row with every token, all of the same length.
#[cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "slices are cut to one length, the rest are arrays"
    )
)]
#[inline(always)]
fn dots<L: Lanes, const R: usize, const T: usize>(w: [&[f32]; R], x: [&[f32]; T]) -> [[f32; T]; R] {
    let length = w.iter().chain(&x).map(|v| v.len()).min().unwrap_or(0) / LANES;
    let (w_main, w_rest) = split(w, length);
    let (x_main, x_rest) = split(x, length);
    let mut sums = [[L::splat(0.0); T]; R];
    for k in 0..length {
        let mut lanes = [L::splat(0.0); T];
        for t in 0..T {
            lanes[t] = L::load(&x_main[t][k]);
        }
        for r in 0..R {
            let w = L::load(&w_main[r][k]);
            for t in 0..T {
                sums[r][t] = sums[r][t].add_product(w, lanes[t]);
            }
        }
    }
    // No closures: they would be compiled for narrow registers.
    let mut out = [[0.0; T]; R];
    for r in 0..R {
        for t in 0..T {
            let rest = w_rest[r].iter().zip(x_rest[t]).map(|(a, b)| a * b);
            out[r][t] = sums[r][t].values().iter().sum::<f32>() + rest.sum::<f32>();
        }
    }
    out
}

/// Each vector as `length` chunks and what follows them.
#[cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "no vector is shorter; the compiler learns that lengths are equal"
    )
)]
#[inline(always)]
fn split<const N: usize>(
    vectors: [&[f32]; N],
    length: usize,
) -> ([&[[f32; LANES]]; N], [&[f32]; N]) {
    (
        vectors.map(|v| &v.as_chunks().0[..length]),
        vectors.map(|v| &v[length * LANES..]),
    )
}

/// `(rows, cols)` to `(cols, rows)`.
fn transpose(values: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(rows.max(1))
        .enumerate()
        .for_each(|(col, out)| {
            for (out, row) in out.iter_mut().zip(values.chunks_exact(cols.max(1))) {
                *out = row.get(col).copied().unwrap_or_default();
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_plain_product() {
        for (rows, cols, tokens) in [(1, 1, 1), (5, 7, 3), (67, 33, 9), (2, 8, 4), (3, 16, 1)] {
            let value = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
            let w: Vec<f32> = (0..rows * cols).map(value).collect();
            let x: Vec<f32> = (0..tokens * cols).map(|i| value(i + 77)).collect();
            let y = matmul(&w, &x, cols);
            for t in 0..tokens {
                for j in 0..rows {
                    let expected: f64 = (0..cols)
                        .map(|k| f64::from(w[j * cols + k]) * f64::from(x[t * cols + k]))
                        .sum();
                    assert!((f64::from(y[t * rows + j]) - expected).abs() < 1e-4);
                }
            }
        }
    }
}
