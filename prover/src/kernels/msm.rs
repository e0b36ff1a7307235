//! Multi-scalar multiplication by small scalars.
//!
//! Points are sorted by scalar, those of equal scalars are added in pairs in affine coordinates, all
//! inversions of a batch shared (Montgomery's trick), until one point a scalar is left
//! (`buckets::reduce`). The weighted sum of those is taken by halving the scalars' bits:
//! `Σ k·P_k = Σ_low low·Σ P + 2^h · Σ_high high·Σ P`, where the inner sums are again batched. So `n`
//! points of `b` distinct scalars cost about `n + b` affine additions of six field multiplications
//! each, whatever the width. Many lists of weights -1, 0 and 1 over the same points share sums
//! ([`ternary()`]).

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::PrimeField;
use halo2curves_axiom::group::Group;
use rayon::prelude::*;

use super::words;

pub use rows::{rows, rows_reference};
pub use ternary::{ternary, ternary_reference};

mod affine;
mod buckets;
mod rows;
mod ternary;
#[cfg(target_arch = "x86_64")]
mod vector;

/// Least points a worker takes: below, the shared inversions are too few.
const LEAST: usize = 1 << 12;
/// Length from which [`full`] takes windows of 16 bits itself.
const WINDOWED: usize = 1 << 14;

/// `Σ scalars_i · points_i`.
///
/// # Panics
/// If there are fewer points than scalars.
pub fn full(scalars: &[Fr], points: &[G1Affine]) -> G1 {
    let points = &points[..scalars.len()];
    if scalars.len() < WINDOWED {
        return full_reference(scalars, points);
    }
    let digits: Vec<[u8; 32]> = scalars.par_iter().map(|s| s.to_repr()).collect();
    let mut sum = G1::identity();
    for window in (0..16).rev() {
        for _ in 0..16 {
            sum = sum.double();
        }
        let values: Vec<u16> = digits
            .par_iter()
            .map(|d| u16::from_le_bytes([d[2 * window], d[2 * window + 1]]))
            .collect();
        sum += words(&values, points);
    }
    sum
}

/// Reference: `Σ scalars_i · points_i` by the library's Pippenger.
///
/// # Panics
/// If there are fewer points than scalars.
pub fn full_reference(scalars: &[Fr], points: &[G1Affine]) -> G1 {
    halo2curves_axiom::msm::msm_best(scalars, &points[..scalars.len()])
}

/// Reference: `Σ values_i · points_i` through [`full_reference`].
///
/// # Panics
/// If there are fewer points than values.
pub fn small_reference(values: &[u32], points: &[G1Affine]) -> G1 {
    let scalars: Vec<Fr> = values.iter().map(|v| Fr::from(u64::from(*v))).collect();
    full_reference(&scalars, points)
}

/// `Σ bytes_i · points_i`.
///
/// # Panics
/// If there are fewer points than bytes.
pub fn bytes(bytes: &[u8], points: &[G1Affine]) -> G1 {
    sum(bytes, points, 8, |byte| (u16::from(byte), false))
}

/// `Σ bytes_i · points_i` for signed bytes.
///
/// # Panics
/// If there are fewer points than bytes.
pub fn signed_bytes(bytes: &[i8], points: &[G1Affine]) -> G1 {
    sum(bytes, points, 8, |byte| {
        (u16::from(byte.unsigned_abs()), byte < 0)
    })
}

/// `Σ bytes_i · points_i` where `sum` is `Σ points_i`: cheap if most bytes are 128.
///
/// # Panics
/// If there are fewer points than bytes.
pub fn offset_bytes(bytes: &[u8], points: &[G1Affine], sum: &G1) -> G1 {
    let centred: Vec<i8> = bytes.par_iter().map(|b| (b ^ 128) as i8).collect();
    let offset = (0..7).fold(*sum, |p, _| p.double());
    signed_bytes(&centred, points) + offset
}

/// `Σ values_i · points_i` for 16-bit values.
///
/// # Panics
/// If there are fewer points than values.
pub fn words(values: &[u16], points: &[G1Affine]) -> G1 {
    sum(values, points, 16, |value| (value, false))
}

/// `Σ values_i · points_i`, 16 bits at a time.
///
/// # Panics
/// If there are fewer points than values.
pub fn small(values: &[u32], points: &[G1Affine]) -> G1 {
    let low: Vec<u16> = values.iter().map(|v| *v as u16).collect();
    let mut sum = words(&low, points);
    if values.iter().any(|v| v >> 16 != 0) {
        let high: Vec<u16> = values.iter().map(|v| (v >> 16) as u16).collect();
        let high = words(&high, points);
        sum += (0..16).fold(high, |p, _| p.double());
    }
    sum
}

/// Sum of points weighted by `digit(value)`: size below `2^bits` (or equal to `2^(bits-1)`) and sign.
fn sum<T: Copy + Sync>(
    values: &[T],
    points: &[G1Affine],
    bits: u32,
    digit: impl Fn(T) -> (u16, bool) + Sync,
) -> G1 {
    let points = &words::of_points(points)[..values.len()];
    let threads = rayon::current_num_threads();
    let chunk = values.len().div_ceil(threads).max(LEAST);
    values
        .par_chunks(chunk)
        .zip(points.par_chunks(chunk))
        .map(|(values, points)| {
            let signed = values.iter().map(|v| digit(*v));
            buckets::weighted_sum(signed, points, bits)
        })
        .reduce(G1::identity, |a, b| a + b)
}

#[cfg(test)]
mod tests;
