//! The products with 32-bit digits and 64-bit sums, on any processor.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use rayon::prelude::*;

use super::digits;
use super::words;
use crate::kernels::words::Words;

/// Columns a worker takes at a time: their sums (64 bytes a column) stay in the nearest cache.
const COLUMNS: usize = 256;
/// Terms of a sum: products are below 2^48, sums below 2^62.
const TERMS: usize = 1 << 14;

/// Eight 32-bit digits.
fn halves(words: &Words) -> [i64; 8] {
    std::array::from_fn(|i| i64::from((words[i / 2] >> (32 * (i % 2))) as u32))
}

/// `out[k] = Σ_j selector[j] · values[j][k]`
pub fn combine<T: Copy + Sync + Into<i64>>(values: &[T], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; cols];
    out.par_chunks_mut(COLUMNS)
        .enumerate()
        .for_each(|(block, out)| {
            let first = block * COLUMNS;
            for (i, selector) in selector.chunks(TERMS).enumerate() {
                let mut sums = vec![[0i64; 8]; out.len()];
                for (j, words) in words::of(selector).iter().enumerate() {
                    let digits = halves(words);
                    let start = (i * TERMS + j) * cols + first;
                    for (sums, value) in sums.iter_mut().zip(&values[start..]) {
                        let value: i64 = (*value).into();
                        for (sum, digit) in sums.iter_mut().zip(&digits) {
                            *sum += digit * value;
                        }
                    }
                }
                for (out, sums) in out.iter_mut().zip(&sums) {
                    *out += digits::element(sums, 32);
                }
            }
        });
    out
}

/// `out[j] = Σ_k values[j][k] · vector[k]`
pub fn dot<T: Copy + Sync + Into<i64>>(values: &[T], vector: &[Fr]) -> Vec<Fr> {
    let rows = values.par_chunks(vector.len().max(1));
    rows.map(|row| dot_row(row, vector)).collect()
}

/// [`dot`] of rows that stand anywhere.
pub fn dot_parts<T: Copy + Sync + Into<i64>>(rows: &[&[T]], vector: &[Fr]) -> Vec<Fr> {
    rows.par_iter().map(|row| dot_row(row, vector)).collect()
}

fn dot_row<T: Copy + Into<i64>>(row: &[T], vector: &[Fr]) -> Fr {
    row.chunks(TERMS)
        .zip(vector.chunks(TERMS))
        .map(|(row, vector)| dot_one(row, vector))
        .sum()
}

/// One product of at most [`TERMS`] terms.
pub fn dot_one<T: Copy + Into<i64>>(values: &[T], vector: &[Fr]) -> Fr {
    let mut sums = [0i64; 8];
    for (value, words) in values.iter().zip(words::of(vector)) {
        let value: i64 = (*value).into();
        for (sum, digit) in sums.iter_mut().zip(&halves(words)) {
            *sum += digit * value;
        }
    }
    digits::element(&sums, 32)
}

/// Ternary weights as bytes.
pub fn unpack(packed: &[u8], cols: usize) -> Vec<i8> {
    packed
        .chunks(cols.div_ceil(4).max(1))
        .flat_map(|row| (0..cols).map(|k| (row[k / 4] >> (2 * (k % 4)) & 3) as i8 - 1))
        .collect()
}
