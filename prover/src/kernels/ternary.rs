//! Sums of products of ternary weights, held with two bits each, and int16 activations.
//!
//! A row takes `cols.div_ceil(4)` bytes; byte `i` holds the codes of columns `4i..4i+4`, the first in the
//! lowest bits; codes 0, 1, 2 stand for -1, 0, 1, as in [`super::pass`] and in files. The vector kernel
//! multiplies codes with the low and the high byte of an activation (`vpdpbusd`), four columns a byte,
//! and takes the activations' sum off at the end: `Σ (w + 1)·x - Σ x`.

use std::ops::Range;

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::lanes::Avx512;

#[cfg(target_arch = "x86_64")]
mod vnni;

/// Most columns, the widest tensor: the vector kernel sums up to 2·255 a column in 32 bits.
const MAX_COLS: usize = 1 << 20;
/// Weight rows of a task.
const ROWS: usize = 32;
/// Terms that an i32 sums: 2^14 of at most 2^15.
const CHUNK: usize = 1 << 14;

/// A matrix of ternary weights, `(rows, cols)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    cols: usize,
    codes: Vec<u8>,
}

impl Packed {
    /// Packs rows of `cols` weights. What comes of other integers than -1, 0 and 1 is not specified.
    ///
    /// # Panics
    /// If `weights` is not whole rows of 1 to 2^20 columns.
    pub fn new(weights: &[i8], cols: usize) -> Self {
        assert!((1..=MAX_COLS).contains(&cols), "columns");
        assert!(weights.len().is_multiple_of(cols), "whole rows");
        let stride = cols.div_ceil(4);
        let mut codes = vec![0; weights.len() / cols * stride];
        codes
            .par_chunks_exact_mut(stride)
            .zip(weights.par_chunks_exact(cols))
            .with_min_len(ROWS)
            .for_each(|(codes, row)| {
                let (fours, rest) = row.as_chunks();
                for (byte, four) in codes.iter_mut().zip(fours) {
                    *byte = byte_of(*four);
                }
                if let Some(byte) = codes.last_mut().filter(|_| !rest.is_empty()) {
                    let mut four = [-1; 4];
                    four[..rest.len()].copy_from_slice(rest);
                    *byte = byte_of(four);
                }
            });
        Self { cols, codes }
    }

    /// Bytes a row takes.
    fn stride(&self) -> usize {
        self.cols.div_ceil(4)
    }

    /// `out[j][t] = Σ_k w[rows.start + j][k]·x[t][k]`: `x` is `(tokens, cols)`, the result
    /// `(rows, tokens)`.
    ///
    /// # Panics
    /// If there are no such rows, or `x` is not whole rows.
    pub fn products(&self, rows: Range<usize>, x: &[i16]) -> Vec<i64> {
        assert!(x.len().is_multiple_of(self.cols), "whole rows");
        let codes = &self.codes[rows.start * self.stride()..rows.end * self.stride()];
        #[cfg(target_arch = "x86_64")]
        if let Some(token) = Avx512::detect() {
            return vnni::products(token, codes, self.stride(), x, self.cols);
        }
        self.portable(codes, x)
    }

    /// The products on any processor.
    fn portable(&self, codes: &[u8], x: &[i16]) -> Vec<i64> {
        let tokens = x.len() / self.cols;
        let mut out = vec![0; codes.len() / self.stride() * tokens];
        out.par_chunks_mut((ROWS * tokens).max(1))
            .zip(codes.par_chunks(ROWS * self.stride()))
            .for_each(|(out, codes)| {
                let rows = codes.chunks_exact(self.stride());
                for (out, codes) in out.chunks_exact_mut(tokens).zip(rows) {
                    let row = unpack(codes, self.cols);
                    for (out, x) in out.iter_mut().zip(x.chunks_exact(self.cols)) {
                        *out = dot(&row, x);
                    }
                }
            });
        out
    }
}

/// The codes of four weights: -1, 0, 1 end in the bits 11, 00, 01.
fn byte_of(four: [i8; 4]) -> u8 {
    let bits = u32::from_le_bytes(four.map(|w| w as u8)) & 0x0303_0303;
    let codes = (bits + 0x0101_0101) & 0x0303_0303;
    (codes | codes >> 6 | codes >> 12 | codes >> 18) as u8
}

/// The weights of a row.
fn unpack(codes: &[u8], cols: usize) -> Vec<i16> {
    let weights = codes.iter().flat_map(|byte| {
        let byte = i16::from(*byte);
        (0..4).map(move |i| (byte >> (2 * i) & 3) - 1)
    });
    weights.take(cols).collect()
}

fn dot(w: &[i16], x: &[i16]) -> i64 {
    let sum = |(w, x): (&[i16], &[i16])| -> i32 {
        let products = w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x));
        products.sum()
    };
    let chunks = w.chunks(CHUNK).zip(x.chunks(CHUNK));
    chunks.map(|pair| i64::from(sum(pair))).sum()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    fn plain(w: &[i8], x: &[i16], cols: usize) -> Vec<i64> {
        let rows = w.chunks_exact(cols);
        rows.flat_map(|w| {
            x.chunks_exact(cols).map(|x| {
                let products = w.iter().zip(x).map(|(w, x)| i64::from(*w) * i64::from(*x));
                products.sum()
            })
        })
        .collect()
    }

    #[test]
    fn equals_the_plain_sums() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for (rows, cols, tokens) in [
            (1, 1, 1),
            (3, 4, 2),
            (5, 255, 1),
            (33, 256, 5),
            (70, 257, 4),
            (2, 1030, 9),
            (7, 11_008, 3),
            (4, 3, 0),
        ] {
            let w: Vec<i8> = (0..rows * cols).map(|_| rng.gen_range(-1..=1)).collect();
            let x: Vec<i16> = (0..tokens * cols).map(|_| rng.r#gen()).collect();
            let packed = Packed::new(&w, cols);
            let exact = plain(&w, &x, cols);
            assert_eq!(
                packed.products(0..rows, &x),
                exact,
                "{rows} {cols} {tokens}"
            );
            assert_eq!(packed.portable(&packed.codes, &x), exact);
            let (first, last) = (rows / 3, rows);
            let some = &exact[first * tokens..last * tokens];
            assert_eq!(packed.products(first..last, &x), some);
        }
    }

    #[test]
    fn worst_cases_do_not_overflow() {
        let cols = 100_001;
        for (w, x) in [
            (-1i8, i16::MIN),
            (1, i16::MIN),
            (-1, i16::MAX),
            (1, i16::MAX),
            (1, -1),
        ] {
            let packed = Packed::new(&vec![w; cols], cols);
            let x = vec![x; 5 * cols];
            let exact = i64::from(w) * i64::from(x[0]) * cols as i64;
            assert_eq!(packed.products(0..1, &x), [exact; 5]);
            assert_eq!(packed.portable(&packed.codes, &x), [exact; 5]);
        }
    }
}
