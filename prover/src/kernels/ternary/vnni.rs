//! The products with `vpdpbusd`: one row by four activations, or four rows by one.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi32_si128, _mm512_and_si512, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srl_epi16,
};

use rayon::prelude::*;

use super::ROWS;
use crate::kernels::lanes::Avx512;

/// Rows, or activations, that are multiplied together.
const TILE: usize = 4;

/// Bytes of the activations of one token, as the codes of 64 bytes meet them: those of columns `4i`, then
/// of `4i + 1`, `4i + 2` and `4i + 3`. Zero beyond the last column.
struct Digits {
    /// `x mod 256`
    low: Vec<[u8; 64]>,
    /// `floor(x / 256)`, signed.
    high: Vec<[u8; 64]>,
    /// Sum of the activations.
    total: i64,
}

impl Digits {
    fn new(x: &[i16]) -> Self {
        let planes = 4 * x.len().div_ceil(256);
        let (mut low, mut high) = (vec![[0; 64]; planes], vec![[0; 64]; planes]);
        for (k, value) in x.iter().enumerate() {
            let (plane, at) = (4 * (k / 256) + k % 4, k % 256 / 4);
            [low[plane][at], high[plane][at]] = value.to_le_bytes();
        }
        let total = x.iter().map(|x| i64::from(*x)).sum();
        Self { low, high, total }
    }
}

/// `(rows, cols)` codes of `stride` bytes a row, `(tokens, cols)` activations `-> (rows, tokens)`.
pub fn products(_token: Avx512, codes: &[u8], stride: usize, x: &[i16], cols: usize) -> Vec<i64> {
    let digits: Vec<Digits> = x.par_chunks_exact(cols).map(Digits::new).collect();
    let tokens = digits.len();
    let mut out = vec![0; codes.len() / stride * tokens];
    out.par_chunks_mut((ROWS * tokens).max(1))
        .zip(codes.par_chunks(ROWS * stride))
        .for_each(|(out, codes)| {
            #[expect(unsafe_code, reason = "calls code for the detected features")]
            // SAFETY: the token says that the features were detected.
            unsafe {
                some_rows(codes, stride, &digits, out);
            }
        });
    out
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn some_rows(codes: &[u8], stride: usize, digits: &[Digits], out: &mut [i64]) {
    let tokens = digits.len();
    let (fours, rest) = digits.as_chunks::<TILE>();
    for (out, row) in out.chunks_exact_mut(tokens).zip(codes.chunks_exact(stride)) {
        for (out, four) in out.chunks_exact_mut(TILE).zip(fours) {
            let [sums] = tile([row], four.each_ref());
            out.copy_from_slice(&sums);
        }
    }
    let done = TILE * fours.len();
    for (t, digits) in rest.iter().enumerate() {
        let rows = codes.chunks(TILE * stride);
        for (out, rows) in out.chunks_mut(TILE * tokens).zip(rows) {
            let last = &rows[rows.len() - stride..];
            let four = std::array::from_fn(|i| rows.chunks_exact(stride).nth(i).unwrap_or(last));
            let sums: [[i64; 1]; TILE] = tile(four, [digits]);
            for (out, [sum]) in out.chunks_exact_mut(tokens).zip(sums) {
                out[done + t] = sum;
            }
        }
    }
}

/// Each row with each token's activations.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn tile<const R: usize, const T: usize>(rows: [&[u8]; R], digits: [&Digits; T]) -> [[i64; T]; R] {
    let zero = _mm512_setzero_si512();
    let (mut low, mut high) = ([[zero; T]; R], [[zero; T]; R]);
    let three = _mm512_set1_epi8(3);
    for chunk in 0..rows[0].len().div_ceil(64) {
        let bytes = rows.map(|row| load(row, chunk));
        for plane in 0..4 {
            let count = _mm_cvtsi32_si128(2 * plane as i32);
            let at = 4 * chunk + plane;
            let x = digits.map(|d| (vector(&d.low[at]), vector(&d.high[at])));
            for r in 0..R {
                let codes = _mm512_and_si512(_mm512_srl_epi16(bytes[r], count), three);
                for t in 0..T {
                    low[r][t] = _mm512_dpbusd_epi32(low[r][t], x[t].0, codes);
                    high[r][t] = _mm512_dpbusd_epi32(high[r][t], codes, x[t].1);
                }
            }
        }
    }
    std::array::from_fn(|r| {
        std::array::from_fn(|t| {
            let sum = |v| i64::from(_mm512_reduce_add_epi32(v));
            256 * sum(high[r][t]) + sum(low[r][t]) - digits[t].total
        })
    })
}

/// Sixty-four bytes of a row, zero beyond its end.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn load(row: &[u8], chunk: usize) -> __m512i {
    let rest = &row[64 * chunk..];
    if let Some(bytes) = rest.first_chunk() {
        return vector(bytes);
    }
    let mut bytes = [0; 64];
    bytes[..rest.len()].copy_from_slice(rest);
    vector(&bytes)
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
