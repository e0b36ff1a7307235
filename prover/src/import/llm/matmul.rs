//! Float matrix product for the reference run.

use rayon::prelude::*;

/// Floats summed side by side.
const LANES: usize = 4;
/// Rows of a task.
const ROWS: usize = 32;

/// `y[t][j] = Σ_k w[j][k] x[t][k]`: `w` is `(rows, cols)`, `x` is `(tokens, cols)`, the result
/// `(tokens, rows)`. Each sum is taken in the same order whatever the number of tokens or threads, so
/// that a prefix of a sequence gives the same floats as the whole.
///
/// # Panics
/// If the lengths are not multiples of `cols`.
pub(super) fn matmul(w: &[f32], x: &[f32], cols: usize) -> Vec<f32> {
    assert!(w.len().is_multiple_of(cols) && x.len().is_multiple_of(cols));
    let (rows, tokens) = (w.len() / cols, x.len() / cols);
    let x: Vec<&[f32]> = x.chunks_exact(cols).collect();
    // By row of w first, so that tasks write apart from each other.
    let mut by_row = vec![0.0; rows * tokens];
    by_row
        .par_chunks_mut(ROWS * tokens.max(1))
        .zip(w.par_chunks(ROWS * cols))
        .for_each(|(out, w)| rows_times(w, &x, cols, out));
    transpose(&by_row, rows, tokens)
}

/// Some rows of the product, two rows and four tokens at a time.
fn rows_times(w: &[f32], x: &[&[f32]], cols: usize, out: &mut [f32]) {
    let tokens = x.len();
    for (w, out) in w.chunks(2 * cols).zip(out.chunks_mut(2 * tokens)) {
        let w: Vec<&[f32]> = w.chunks_exact(cols).collect();
        let mut outs: Vec<&mut [f32]> = out.chunks_exact_mut(tokens).collect();
        for (block, x) in x.chunks(4).enumerate() {
            let mut set = |sums: &[&[f32]]| {
                for (out, sums) in outs.iter_mut().zip(sums) {
                    for (out, sum) in out.iter_mut().skip(4 * block).zip(*sums) {
                        *out = *sum;
                    }
                }
            };
            match (&w[..], x) {
                ([a, b], [p, q, r, s]) => {
                    let [first, second] = dots([a, b], [p, q, r, s]);
                    set(&[&first, &second]);
                }
                ([a], [p, q, r, s]) => set(&[&dots([a], [p, q, r, s])[0]]),
                (w, x) => {
                    let sums: Vec<Vec<f32>> = w
                        .iter()
                        .map(|w| x.iter().map(|x| dots([w], [x])[0][0]).collect())
                        .collect();
                    let sums: Vec<&[f32]> = sums.iter().map(Vec::as_slice).collect();
                    set(&sums);
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
fn dots<const R: usize, const T: usize>(w: [&[f32]; R], x: [&[f32]; T]) -> [[f32; T]; R] {
    let length = w.iter().chain(&x).map(|v| v.len()).min().unwrap_or(0) / LANES;
    let (w_main, w_rest) = split(w, length);
    let (x_main, x_rest) = split(x, length);
    let mut lanes = [[[0.0f32; LANES]; T]; R];
    for k in 0..length {
        for r in 0..R {
            for t in 0..T {
                for l in 0..LANES {
                    lanes[r][t][l] += w_main[r][k][l] * x_main[t][k][l];
                }
            }
        }
    }
    std::array::from_fn(|r| {
        std::array::from_fn(|t| {
            let rest = w_rest[r].iter().zip(x_rest[t]).map(|(a, b)| a * b);
            lanes[r][t].iter().sum::<f32>() + rest.sum::<f32>()
        })
    })
}

/// Each vector as `length` chunks and what follows them.
fn split<const N: usize>(
    vectors: [&[f32]; N],
    length: usize,
) -> ([&[[f32; LANES]]; N], [&[f32]; N]) {
    let chunks = |v: &'_ [f32]| -> usize { length.min(v.len() / LANES) * LANES };
    (
        vectors.map(|v| v.split_at(chunks(v)).0.as_chunks().0),
        vectors.map(|v| v.split_at(chunks(v)).1),
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
