//! Products of a matrix of small integers with a vector of field elements (the weight pass).
//!
//! Both products are linear, so they are taken on the words of the Montgomery form: an element is cut
//! into 32 digits of base 256, each digit column is an integer matrix product (`vpdpbusd`: four
//! products of bytes added into 32 bits), and the 32 sums of an output are put together and reduced
//! once. Unsigned digits go with signed values and signed digits with unsigned values. Without
//! AVX-512 VNNI the digits are 32-bit and the sums 64-bit.
//!
//! Matrices are row-major, `(rows, cols)`. Sixteen-bit values are pairs of bytes: the matrix of twice
//! as many byte columns is multiplied.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::fr_from_i64;
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::lanes::Avx512;
use super::words;

mod digits;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vnni;

/// `out[k] = Σ_j selector[j] · values[j][k]`; `(rows, cols), (rows) -> (cols)`.
///
/// # Panics
/// If `values` is not `selector.len() · cols` long.
pub fn combine_rows(values: &[i8], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    assert_eq!(values.len(), selector.len() * cols, "matrix shape");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vnni::combine_signed(token, values, cols, selector);
    }
    portable::combine(values, cols, selector)
}

/// [`combine_rows`] of unsigned bytes.
///
/// # Panics
/// If `values` is not `selector.len() · cols` long.
pub fn combine_rows_u8(values: &[u8], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    assert_eq!(values.len(), selector.len() * cols, "matrix shape");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vnni::combine_unsigned(token, values, cols, selector);
    }
    portable::combine(values, cols, selector)
}

/// [`combine_rows`] of 16-bit values.
///
/// # Panics
/// If `values` is not `selector.len() · cols` long.
pub fn combine_rows_u16(values: &[u16], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    assert_eq!(values.len(), selector.len() * cols, "matrix shape");
    #[cfg(all(target_arch = "x86_64", target_endian = "little"))]
    if let Some(token) = Avx512::detect() {
        let bytes = vnni::combine_unsigned(token, words::bytes(values), 2 * cols, selector);
        let (pairs, _) = bytes.as_chunks::<2>();
        return pairs
            .iter()
            .map(|[low, high]| low + high * Fr::from(256))
            .collect();
    }
    portable::combine(values, cols, selector)
}

/// [`combine_rows`] of ternary weights.
///
/// A row takes `cols.div_ceil(4)` bytes; byte `i` holds the codes of columns `4i..4i+4`, two bits
/// each, lowest bits first. Codes 0, 1, 2 stand for the weights -1, 0, 1 (3 for 2).
///
/// # Panics
/// If `packed` is not `selector.len() · cols.div_ceil(4)` long.
pub fn combine_rows_ternary(packed: &[u8], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    let stride = cols.div_ceil(4);
    assert_eq!(packed.len(), selector.len() * stride, "matrix shape");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        let mut codes = vnni::combine_codes(token, packed, stride, selector);
        codes.truncate(cols);
        let offset: Fr = selector.iter().sum();
        codes.iter_mut().for_each(|c| *c -= offset);
        return codes;
    }
    portable::combine(&portable::unpack(packed, cols), cols, selector)
}

/// `out[j] = Σ_k values[j][k] · vector[k]`; `(rows, cols), (cols) -> (rows)`.
///
/// # Panics
/// If `values` is not a whole number of rows.
pub fn dot_rows(values: &[i8], vector: &[Fr]) -> Vec<Fr> {
    assert!(whole_rows(values.len(), vector.len()), "matrix shape");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vnni::dot_signed(token, values, vector);
    }
    portable::dot(values, vector)
}

/// [`dot_rows`] of unsigned bytes.
///
/// # Panics
/// If `values` is not a whole number of rows.
pub fn dot_rows_u8(values: &[u8], vector: &[Fr]) -> Vec<Fr> {
    assert!(whole_rows(values.len(), vector.len()), "matrix shape");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vnni::dot_unsigned(token, values, vector);
    }
    portable::dot(values, vector)
}

/// [`dot_rows`] of 16-bit values.
///
/// # Panics
/// If `values` is not a whole number of rows.
pub fn dot_rows_u16(values: &[u16], vector: &[Fr]) -> Vec<Fr> {
    assert!(whole_rows(values.len(), vector.len()), "matrix shape");
    #[cfg(all(target_arch = "x86_64", target_endian = "little"))]
    if let Some(token) = Avx512::detect() {
        return vnni::dot_unsigned(token, words::bytes(values), &pairs(vector));
    }
    portable::dot(values, vector)
}

/// [`dot_rows_u8`] of rows that stand anywhere.
///
/// # Panics
/// If a row is not as long as the vector.
pub fn dot_parts_u8(rows: &[&[u8]], vector: &[Fr]) -> Vec<Fr> {
    assert!(rows.iter().all(|r| r.len() == vector.len()), "row lengths");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vnni::dot_parts(token, rows, vector);
    }
    portable::dot_parts(rows, vector)
}

/// [`dot_rows_u16`] of rows that stand anywhere.
///
/// # Panics
/// If a row is not as long as the vector.
pub fn dot_parts_u16(rows: &[&[u16]], vector: &[Fr]) -> Vec<Fr> {
    assert!(rows.iter().all(|r| r.len() == vector.len()), "row lengths");
    #[cfg(all(target_arch = "x86_64", target_endian = "little"))]
    if let Some(token) = Avx512::detect() {
        let rows: Vec<&[u8]> = rows.iter().map(|row| words::bytes(row)).collect();
        return vnni::dot_parts(token, &rows, &pairs(vector));
    }
    portable::dot_parts(rows, vector)
}

/// Factors of the bytes of 16-bit values.
#[cfg(target_arch = "x86_64")]
fn pairs(vector: &[Fr]) -> Vec<Fr> {
    let pairs = vector.iter().map(|v| [*v, v * Fr::from(256)]);
    pairs.flatten().collect()
}

/// `Σ_k values[k] · vector[k]`.
///
/// # Panics
/// If the lengths differ.
pub fn dot_u16(values: &[u16], vector: &[Fr]) -> Fr {
    assert_eq!(values.len(), vector.len(), "vector length");
    values
        .par_chunks(DOT_CHUNK)
        .zip(vector.par_chunks(DOT_CHUNK))
        .map(|(values, vector)| {
            #[cfg(target_arch = "x86_64")]
            if let Some(token) = Avx512::detect() {
                return vnni::dot_words(token, values, vector);
            }
            portable::dot_one(values, vector)
        })
        .reduce(|| Fr::ZERO, |a, b| a + b)
}

/// Terms of one 64-bit sum of 48-bit products.
const DOT_CHUNK: usize = 1 << 14;

/// Reference of [`combine_rows`]: one field product a weight.
pub fn plain_combine<T: Copy + Into<i64>>(values: &[T], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; cols];
    for (row, s) in values.chunks(cols).zip(selector) {
        for (out, value) in out.iter_mut().zip(row) {
            *out += s * fr_from_i64((*value).into());
        }
    }
    out
}

/// Reference of [`dot_rows`].
pub fn plain_dot<T: Copy + Into<i64>>(values: &[T], vector: &[Fr]) -> Vec<Fr> {
    values
        .chunks(vector.len().max(1))
        .map(|row| {
            row.iter()
                .zip(vector)
                .map(|(v, x)| fr_from_i64((*v).into()) * x)
                .sum()
        })
        .collect()
}

fn whole_rows(len: usize, cols: usize) -> bool {
    (cols == 0 && len == 0) || (cols > 0 && len.is_multiple_of(cols))
}

#[cfg(test)]
mod tests;
