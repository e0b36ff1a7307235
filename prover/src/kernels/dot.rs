//! Sums of products of int8 weights and int16 activations, exact.

use rayon::prelude::*;

/// Terms that an i32 sums: 256 products of at most 2^22 are at most 2^30.
const CHUNK: usize = 256;
/// Weight rows of a task.
const ROWS: usize = 32;
/// Activation rows that share a pass over a weight row.
const TOGETHER: usize = 4;

/// `out[j][t] = Σ_k w[j][k]·x[t][k]`: `w` is `(rows, cols)`, `x` is `(tokens, cols)`, the result
/// `(rows, tokens)`.
///
/// A weight row is widened to int16 once and used for all tokens; the compiler turns products of pairs
/// of int16 into one instruction.
pub fn products(w: &[i8], x: &[i16], cols: usize) -> Vec<i64> {
    let tokens = x.len() / cols;
    let mut out = vec![0; w.len() / cols * tokens];
    out.par_chunks_mut(ROWS * tokens.max(1))
        .zip(w.par_chunks(ROWS * cols))
        .for_each(|(out, w)| {
            let mut wide = vec![0i16; cols];
            for (out, w) in out.chunks_exact_mut(tokens).zip(w.chunks_exact(cols)) {
                for (wide, w) in wide.iter_mut().zip(w) {
                    *wide = i16::from(*w);
                }
                row(&wide, x, out);
            }
        });
    out
}

/// One weight row with every token.
fn row(w: &[i16], x: &[i16], out: &mut [i64]) {
    let groups = x.chunks(TOGETHER * w.len()).zip(out.chunks_mut(TOGETHER));
    for (x, out) in groups {
        let mut rows = x.chunks_exact(w.len());
        match (rows.next(), rows.next(), rows.next(), rows.next()) {
            (Some(a), Some(b), Some(c), Some(d)) => out.copy_from_slice(&four(w, [a, b, c, d])),
            (first, second, third, _) => {
                for (out, x) in out
                    .iter_mut()
                    .zip([first, second, third].into_iter().flatten())
                {
                    *out = one(w, x);
                }
            }
        }
    }
}

fn one(w: &[i16], x: &[i16]) -> i64 {
    let chunks = w.chunks(CHUNK).zip(x.chunks(CHUNK));
    let sum = |(w, x): (&[i16], &[i16])| -> i32 {
        w.iter()
            .zip(x)
            .map(|(w, x)| i32::from(*w) * i32::from(*x))
            .sum()
    };
    chunks.map(|pair| i64::from(sum(pair))).sum()
}

fn four(w: &[i16], x: [&[i16]; TOGETHER]) -> [i64; TOGETHER] {
    let mut out = [0i64; TOGETHER];
    for (at, w) in w.chunks(CHUNK).enumerate() {
        let [a, b, c, d] = x.map(|x| &x[at * CHUNK..][..w.len()]);
        let mut sums = [0i32; TOGETHER];
        for ((((w, a), b), c), d) in w.iter().zip(a).zip(b).zip(c).zip(d) {
            let w = i32::from(*w);
            sums[0] += w * i32::from(*a);
            sums[1] += w * i32::from(*b);
            sums[2] += w * i32::from(*c);
            sums[3] += w * i32::from(*d);
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out += i64::from(sum);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_plain_sums() {
        for (rows, cols, tokens) in [(1, 1, 1), (3, 300, 5), (70, 17, 4), (33, 513, 7), (2, 8, 3)] {
            let w: Vec<i8> = (0..rows * cols).map(|i| (i * 97 + 13) as i8).collect();
            let x: Vec<i16> = (0..tokens * cols)
                .map(|i| (i * 40_503 + 7) as i16)
                .collect();
            let got = products(&w, &x, cols);
            for j in 0..rows {
                for t in 0..tokens {
                    let exact: i64 = (0..cols)
                        .map(|k| i64::from(w[j * cols + k]) * i64::from(x[t * cols + k]))
                        .sum();
                    assert_eq!(got[j * tokens + t], exact);
                }
            }
        }
    }

    #[test]
    fn worst_case_does_not_overflow() {
        let cols = 1000;
        for (w, x) in [(-128i8, -32_768i16), (-128, 32_767), (127, -32_768)] {
            let got = products(&vec![w; cols], &vec![x; 5 * cols], cols);
            assert_eq!(got, vec![i64::from(w) * i64::from(x) * cols as i64; 5]);
        }
    }
}
