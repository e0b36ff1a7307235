//! The products with `vpdpbusd`.
//!
//! [`combine_signed`] and its kin: a panel of `PANEL` rows by `COLUMNS` columns is interleaved so that
//! the four bytes of a lane are four rows of a column, then multiplied with broadcast digits, four
//! digits by sixty-four columns at a time. [`dot_signed`]: the lanes are the digits, four columns of a
//! row are broadcast, eight rows at a time.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_prefetch, _mm512_add_epi64,
    _mm512_and_si512, _mm512_cvtepu16_epi64, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_mul_epu32, _mm512_permutexvar_epi64, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_setr_epi64, _mm512_setzero_si512, _mm512_srl_epi16, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16, _mm512_unpacklo_epi8,
    _mm512_unpacklo_epi16,
};

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use rayon::prelude::*;

use super::digits::{self, Quad};
use super::words;
use crate::kernels::lanes::Avx512;

/// Bytes of a row a panel covers.
const BYTES: usize = 256;
/// Rows of a panel: with [`BYTES`] it fills half of the nearest cache.
const PANEL: usize = 128;
/// Terms of a 32-bit sum, each below 2^15 in absolute value.
const TERMS: usize = 1 << 15;
/// Rows below which a block of columns is not divided further.
const LEAST_ROWS: usize = 1 << 11;

/// What the bytes of a matrix are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Signed values, unsigned digits.
    Signed,
    /// Unsigned values, signed digits.
    Unsigned,
    /// Four codes of two bits, signed digits.
    Codes,
}

impl Form {
    fn digits(self, values: &[Fr]) -> Vec<Quad> {
        match self {
            Self::Signed => digits::unsigned(values),
            Self::Unsigned | Self::Codes => digits::signed(values),
        }
    }

    /// Columns a byte holds.
    const fn columns(self) -> usize {
        match self {
            Self::Signed | Self::Unsigned => 1,
            Self::Codes => 4,
        }
    }
}

pub fn combine_signed(token: Avx512, values: &[i8], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    combine::<0>(token, words::unsigned(values), cols, selector)
}

pub fn combine_unsigned(token: Avx512, values: &[u8], cols: usize, selector: &[Fr]) -> Vec<Fr> {
    combine::<1>(token, values, cols, selector)
}

/// Sums of the codes of `stride · 4` columns.
pub fn combine_codes(token: Avx512, packed: &[u8], stride: usize, selector: &[Fr]) -> Vec<Fr> {
    combine::<2>(token, packed, stride, selector)
}

const FORMS: [Form; 3] = [Form::Signed, Form::Unsigned, Form::Codes];

fn combine<const FORM: usize>(
    _token: Avx512,
    values: &[u8],
    stride: usize,
    selector: &[Fr],
) -> Vec<Fr> {
    let form = FORMS[FORM];
    let mut out = vec![Fr::ZERO; stride * form.columns()];
    if out.is_empty() || selector.is_empty() {
        return out;
    }
    let blocks = stride.div_ceil(BYTES);
    let pieces = (4 * rayon::current_num_threads()).div_ceil(blocks);
    let rows = selector
        .len()
        .div_ceil(pieces)
        .clamp(LEAST_ROWS, TERMS)
        .next_multiple_of(4);
    let digits = form.digits(selector);
    let tasks: Vec<(usize, usize)> = (0..blocks)
        .flat_map(|block| (0..selector.len()).step_by(rows).map(move |r| (block, r)))
        .collect();
    let sums: Vec<(usize, Vec<Fr>)> = tasks
        .into_par_iter()
        .map(|(block, first)| {
            let view = Block {
                values,
                stride,
                first_byte: block * BYTES,
                rows: first..selector.len().min(first + rows),
            };
            #[expect(unsafe_code, reason = "calls code for the detected features")]
            // SAFETY: the token says that the features were detected.
            let sums = unsafe { view.combine::<FORM>(&digits[first / 4..]) };
            (block * BYTES * form.columns(), sums)
        })
        .collect();
    for (first, sums) in sums {
        for (out, sum) in out[first..].iter_mut().zip(&sums) {
            *out += sum;
        }
    }
    out
}

/// Some rows and at most [`BYTES`] bytes of each.
struct Block<'a> {
    values: &'a [u8],
    stride: usize,
    first_byte: usize,
    rows: std::ops::Range<usize>,
}

impl Block<'_> {
    /// Sixty-four bytes of a row, zero outside the matrix.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn load(&self, row: usize, chunk: usize) -> __m512i {
        let offset = self.first_byte + 64 * chunk;
        let start = row * self.stride + offset;
        if row < self.rows.end && offset + 64 <= self.stride {
            let bytes: Option<&[u8; 64]> = self.values.get(start..).and_then(<[u8]>::first_chunk);
            if let Some(bytes) = bytes {
                return vector(bytes);
            }
        }
        let mut bytes = [0; 64];
        if row < self.rows.end && offset < self.stride {
            let end = (row + 1) * self.stride;
            bytes[..end - start].copy_from_slice(&self.values[start..end]);
        }
        vector(&bytes)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn prefetch(&self, row: usize, chunk: usize) {
        let start = row * self.stride + self.first_byte + 64 * chunk;
        if let Some(byte) = self.values.get(start) {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast());
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn combine<const FORM: usize>(&self, digits: &[Quad]) -> Vec<Fr> {
        let form = FORMS[FORM];
        let bytes = BYTES.min(self.stride - self.first_byte);
        let planes = form.columns();
        let chunks = bytes.div_ceil(64);
        let zero = _mm512_setzero_si512();
        // Four vectors a group of four rows, per chunk and plane.
        let mut panel = vec![zero; PANEL * chunks];
        let mut sums = vec![[[zero; 4]; 32]; chunks * planes];
        let ahead = PANEL;
        for first in self.rows.clone().step_by(PANEL) {
            let groups = PANEL.min(self.rows.end - first).div_ceil(4);
            let quads = &digits[(first - self.rows.start) / 4..][..groups];
            for plane in 0..planes {
                for group in 0..groups {
                    let row = first + 4 * group;
                    for chunk in 0..chunks {
                        if plane == 0 {
                            (0..4).for_each(|i| self.prefetch(row + i + ahead, chunk));
                        }
                        let four = std::array::from_fn(|i| {
                            let bytes = self.load(row + i, chunk);
                            if planes == 1 {
                                bytes
                            } else {
                                code(bytes, plane)
                            }
                        });
                        let at = (chunk * PANEL / 4 + group) * 4;
                        panel[at..at + 4].copy_from_slice(&interleave(four));
                    }
                }
                for chunk in 0..chunks {
                    let (panel, _) = panel[chunk * PANEL..][..4 * groups].as_chunks::<4>();
                    multiply::<FORM>(panel, quads, &mut sums[chunk * planes + plane]);
                }
            }
        }
        let mut out = vec![Fr::ZERO; bytes * planes];
        for (at, sums) in sums.iter().enumerate() {
            let (chunk, plane) = (at / planes, at % planes);
            for (byte, value) in elements(sums).into_iter().enumerate() {
                let column = (64 * chunk + byte) * planes + plane;
                if let Some(out) = out.get_mut(column) {
                    *out = value;
                }
            }
        }
        out
    }
}

/// The two-bit codes number `plane` of every byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn code(bytes: __m512i, plane: usize) -> __m512i {
    let shifted = _mm512_srl_epi16(bytes, _mm_cvtsi32_si128(2 * plane as i32));
    _mm512_and_si512(shifted, _mm512_set1_epi8(3))
}

/// Bytes of four rows to lanes of four rows: lane `i` of part `l` of vector `t` is column
/// `16l + 4t + i`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn interleave(rows: [__m512i; 4]) -> [__m512i; 4] {
    let low = [
        _mm512_unpacklo_epi8(rows[0], rows[1]),
        _mm512_unpacklo_epi8(rows[2], rows[3]),
    ];
    let high = [
        _mm512_unpackhi_epi8(rows[0], rows[1]),
        _mm512_unpackhi_epi8(rows[2], rows[3]),
    ];
    [
        _mm512_unpacklo_epi16(low[0], low[1]),
        _mm512_unpackhi_epi16(low[0], low[1]),
        _mm512_unpacklo_epi16(high[0], high[1]),
        _mm512_unpackhi_epi16(high[0], high[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply_add<const FORM: usize>(sum: __m512i, values: __m512i, digits: __m512i) -> __m512i {
    match FORMS[FORM] {
        Form::Signed => _mm512_dpbusd_epi32(sum, digits, values),
        Form::Unsigned | Form::Codes => _mm512_dpbusd_epi32(sum, values, digits),
    }
}

/// Adds the products of a panel of sixty-four columns to its sums, digit by digit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply<const FORM: usize>(
    panel: &[[__m512i; 4]],
    quads: &[Quad],
    sums: &mut [[__m512i; 4]; 32],
) {
    let (blocks, _) = sums.as_chunks_mut::<4>();
    for (block, sums) in blocks.iter_mut().enumerate() {
        let mut tile = *sums;
        for (values, quad) in panel.iter().zip(quads) {
            for d in 0..4 {
                let digit = _mm512_set1_epi32(quad[4 * block + d] as i32);
                for t in 0..4 {
                    tile[d][t] = multiply_add::<FORM>(tile[d][t], values[t], digit);
                }
            }
        }
        *sums = tile;
    }
}

/// The elements of sixty-four columns.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn elements(sums: &[[__m512i; 4]; 32]) -> [Fr; 64] {
    let mut digits = [[0i64; 32]; 64];
    for (digit, vectors) in sums.iter().enumerate() {
        for (t, vector) in vectors.iter().enumerate() {
            for (lane, value) in lanes(*vector).into_iter().enumerate() {
                digits[16 * (lane / 4) + 4 * t + lane % 4][digit] = i64::from(value);
            }
        }
    }
    digits.map(|d| digits::element(&d, 8))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn vector(bytes: &[u8; 64]) -> __m512i {
    #[expect(unsafe_code, reason = "unaligned vector load")]
    // SAFETY: the reference covers the 64 bytes read.
    unsafe {
        _mm512_loadu_si512(bytes.as_ptr().cast())
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn lanes(vector: __m512i) -> [i32; 16] {
    let mut out = [0; 16];
    #[expect(unsafe_code, reason = "unaligned vector store")]
    // SAFETY: the reference covers the 64 bytes written.
    unsafe {
        _mm512_storeu_si512(out.as_mut_ptr().cast(), vector);
    }
    out
}

pub fn dot_signed(token: Avx512, values: &[i8], vector: &[Fr]) -> Vec<Fr> {
    dot::<0>(token, words::unsigned(values), vector)
}

pub fn dot_unsigned(token: Avx512, values: &[u8], vector: &[Fr]) -> Vec<Fr> {
    dot::<1>(token, values, vector)
}

/// Rows multiplied together.
const TILE: usize = 8;

/// [`dot_unsigned`] of rows that stand anywhere.
pub fn dot_parts(token: Avx512, rows: &[&[u8]], vector: &[Fr]) -> Vec<Fr> {
    dot_slices::<1>(token, rows, vector)
}

fn dot<const FORM: usize>(token: Avx512, values: &[u8], vector: &[Fr]) -> Vec<Fr> {
    let rows: Vec<&[u8]> = values.chunks_exact(vector.len().max(1)).collect();
    dot_slices::<FORM>(token, &rows, vector)
}

fn dot_slices<const FORM: usize>(_token: Avx512, rows: &[&[u8]], vector: &[Fr]) -> Vec<Fr> {
    let cols = vector.len();
    let digits = FORMS[FORM].digits(vector);
    let mut out = vec![Fr::ZERO; rows.len()];
    out.par_chunks_mut(TILE)
        .zip(rows.par_chunks(TILE))
        .with_min_len(4)
        .for_each(|(out, rows)| {
            let last = rows[rows.len() - 1];
            let rows: [&[u8]; TILE] = std::array::from_fn(|i| *rows.get(i).unwrap_or(&last));
            for start in (0..cols).step_by(TERMS) {
                let end = cols.min(start + TERMS);
                let part: [&[u8]; TILE] = rows.map(|row: &[u8]| &row[start..end]);
                #[expect(unsafe_code, reason = "calls code for the detected features")]
                // SAFETY: the token says that the features were detected.
                let sums = unsafe { dot_tile::<FORM>(part, &digits[start / 4..]) };
                for (out, sums) in out.iter_mut().zip(&sums) {
                    *out += digits::element(sums, 8);
                }
            }
        });
    out
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_tile<const FORM: usize>(rows: [&[u8]; TILE], digits: &[Quad]) -> [[i64; 32]; TILE] {
    let mut sums = [[_mm512_setzero_si512(); 2]; TILE];
    let whole = rows[0].len() / 4;
    let (quads, rest) = (&digits[..whole], digits.get(whole));
    let groups: [&[[u8; 4]]; TILE] = rows.map(|row| &row.as_chunks().0[..whole]);
    for (g, quad) in quads.iter().enumerate() {
        let digits = quad_vectors(quad);
        for (sums, row) in sums.iter_mut().zip(&groups) {
            add_group::<FORM>(sums, row[g], &digits);
        }
    }
    if let Some(quad) = rest.filter(|_| !rows[0].len().is_multiple_of(4)) {
        let digits = quad_vectors(quad);
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let mut last = [0; 4];
            last[..row.len() % 4].copy_from_slice(&row[4 * whole..]);
            add_group::<FORM>(sums, last, &digits);
        }
    }
    sums.map(|[low, high]| {
        let (low, high) = (lanes(low), lanes(high));
        std::array::from_fn(|i| i64::from(if i < 16 { low[i] } else { high[i - 16] }))
    })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn add_group<const FORM: usize>(sums: &mut [__m512i; 2], four: [u8; 4], digits: &[__m512i; 2]) {
    let values = _mm512_set1_epi32(i32::from_le_bytes(four));
    sums[0] = multiply_add::<FORM>(sums[0], values, digits[0]);
    sums[1] = multiply_add::<FORM>(sums[1], values, digits[1]);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn quad_vectors(quad: &Quad) -> [__m512i; 2] {
    #[expect(unsafe_code, reason = "unaligned vector loads")]
    // SAFETY: the reference covers the 128 bytes read.
    unsafe {
        let at = quad.as_ptr().cast::<__m512i>();
        [_mm512_loadu_si512(at), _mm512_loadu_si512(at.add(1))]
    }
}

/// `Σ values · vector` for at most 2^16 terms: 32-bit halves of the words, sums of 48-bit products.
pub fn dot_words(_token: Avx512, values: &[u16], vector: &[Fr]) -> Fr {
    let (groups, rest) = values.as_chunks::<8>();
    let (elements, last) = vector.as_chunks::<8>();
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    let sum = unsafe { dot_groups(groups, elements) };
    sum + super::portable::dot_one(rest, last)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_groups(values: &[[u16; 8]], vector: &[[Fr; 8]]) -> Fr {
    let zero = _mm512_setzero_si512();
    let mut sums = [[zero; 2]; 4];
    let spread: [__m512i; 4] = std::array::from_fn(|i| {
        let (a, b) = (2 * i as i64, 2 * i as i64 + 1);
        _mm512_setr_epi64(a, a, a, a, b, b, b, b)
    });
    for (values, elements) in values.iter().zip(vector) {
        #[expect(unsafe_code, reason = "unaligned vector load")]
        // SAFETY: the reference covers the 16 bytes read.
        let eight = unsafe { _mm_loadu_si128(values.as_ptr().cast()) };
        let eight = _mm512_cvtepu16_epi64(eight);
        let (pairs, _) = elements.as_chunks::<2>();
        for ((sums, pair), spread) in sums.iter_mut().zip(pairs).zip(&spread) {
            #[expect(unsafe_code, reason = "unaligned vector load")]
            // SAFETY: two elements of 32 bytes each.
            let words = unsafe { _mm512_loadu_si512(words::of(pair).as_ptr().cast()) };
            let value = _mm512_permutexvar_epi64(*spread, eight);
            sums[0] = _mm512_add_epi64(sums[0], _mm512_mul_epu32(words, value));
            let high = _mm512_srli_epi64::<32>(words);
            sums[1] = _mm512_add_epi64(sums[1], _mm512_mul_epu32(high, value));
        }
    }
    let mut digits = [0i64; 8];
    for [low, high] in &sums {
        for (half, vector) in [low, high].into_iter().enumerate() {
            let mut lanes = [0i64; 8];
            #[expect(unsafe_code, reason = "unaligned vector store")]
            // SAFETY: the reference covers the 64 bytes written.
            unsafe {
                _mm512_storeu_si512(lanes.as_mut_ptr().cast(), *vector);
            }
            for (i, lane) in lanes.iter().enumerate() {
                digits[2 * (i % 4) + half] += lane;
            }
        }
    }
    digits::element(&digits, 32)
}
