//! Multi-scalar multiplication by small scalars.
//!
//! Points are sorted by scalar, those of equal scalars are added in pairs in affine coordinates, all
//! inversions of a batch shared (Montgomery's trick), until one point a scalar is left
//! (`buckets::reduce`). The weighted sum of those is taken by halving the scalars' bits:
//! `Σ k·P_k = Σ_low low·Σ P + 2^h · Σ_high high·Σ P`, where the inner sums are again batched. So `n`
//! points of `b` distinct scalars cost about `n + b` affine additions of six field multiplications
//! each, whatever the width. Long sums are taken in chunks of [`CHUNK`] points. Many lists of weights
//! -1, 0 and 1 over the same points share sums ([`ternary()`]).
//!
//! Scalars of the whole field are cut into signed digits of up to 16 bits, [`Windows`].

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::PrimeField;
use halo2curves_axiom::group::Group;
use rayon::prelude::*;

use self::buckets::{Adder, Sum};
use super::words::{self, PointWords};

/// Runs an expression with the fastest adder.
macro_rules! with_adder {
    ($adder:ident => $body:expr) => {{
        #[cfg(target_arch = "x86_64")]
        if let Some(token) = $crate::kernels::lanes::Avx512::detect() {
            let mut $adder = $crate::kernels::msm::vector::VectorAdder::new(token);
            return $body;
        }
        let mut $adder = $crate::kernels::msm::affine::PlainAdder::default();
        $body
    }};
}

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
/// Length from which [`full`] takes windows itself.
const WINDOWED: usize = 1 << 14;
/// Points sorted by scalar at a time: 4 MiB.
const CHUNK: usize = 1 << 16;
/// Points of a task in [`full`] above which there are more tasks than threads.
const TASK: usize = 1 << 19;
/// Bits of a scalar and of the carry of its signed digits.
const BITS: u32 = 255;

/// `Σ scalars_i · points_i`.
///
/// # Panics
/// If there are fewer points than scalars.
pub fn full(scalars: &[Fr], points: &[G1Affine]) -> G1 {
    let points = &points[..scalars.len()];
    if scalars.len() < WINDOWED {
        return full_reference(scalars, points);
    }
    let threads = rayon::current_num_threads();
    let least = scalars.len().div_ceil(threads).min(TASK);
    let chunk = scalars.len().div_ceil(4 * threads).max(least);
    let windows = Windows::of(chunk);
    let sums: Vec<Vec<G1>> = scalars
        .par_chunks(chunk)
        .zip(words::of_points(points).par_chunks(chunk))
        .map(|(scalars, points)| with_adder!(adder => windows.sums(&mut adder, scalars, points)))
        .collect();
    (0..windows.count()).rev().fold(G1::identity(), |sum, w| {
        let sum = (0..windows.bits).fold(sum, |sum, _| sum.double());
        sums.iter().fold(sum, |sum, task| sum + task[w])
    })
}

/// Signed digits of scalars.
#[derive(Clone, Copy)]
struct Windows {
    bits: u32,
}

impl Windows {
    /// The width that costs least for `n` points: an addition for each point and about one for each of
    /// the `2^(bits-1)` sizes of a digit.
    fn of(n: usize) -> Self {
        let cost = |bits: &u32| Self { bits: *bits }.count() * (n + (1 << bits));
        let bits = (8..=16).min_by_key(cost).unwrap_or(16);
        Self { bits }
    }

    fn count(self) -> usize {
        BITS.div_ceil(self.bits) as usize
    }

    /// Digits from `-2^(bits-1)` to `2^(bits-1) - 1`, least significant first.
    fn digits(self, scalar: &Fr) -> [i16; BITS.div_ceil(8) as usize] {
        let bytes = scalar.to_repr();
        let mut digits = [0; BITS.div_ceil(8) as usize];
        let mut carry = 0;
        for (w, digit) in digits.iter_mut().take(self.count()).enumerate() {
            let from = w * self.bits as usize;
            let three = (from / 8..from / 8 + 3).enumerate();
            let word = three.fold(0u32, |word, (i, at)| {
                word | u32::from(bytes.get(at).copied().unwrap_or(0)) << (8 * i)
            });
            let value = (word >> (from % 8) & ((1 << self.bits) - 1)) as i32 + carry;
            carry = i32::from(value >= 1 << (self.bits - 1));
            *digit = (value - (carry << self.bits)) as i16;
        }
        digits
    }

    /// `Σ digit_i · points_i` for each window.
    fn sums<A: Adder>(self, adder: &mut A, scalars: &[Fr], points: &[PointWords]) -> Vec<G1> {
        let mut sums: Vec<Sum> = (0..self.count()).map(|_| Sum::default()).collect();
        let mut columns = vec![vec![]; self.count()];
        for (scalars, points) in scalars.chunks(CHUNK).zip(points.chunks(CHUNK)) {
            columns.iter_mut().for_each(Vec::clear);
            for scalar in scalars {
                let digits = self.digits(scalar);
                for (column, digit) in columns.iter_mut().zip(digits) {
                    column.push(digit);
                }
            }
            for (sum, column) in sums.iter_mut().zip(&columns) {
                let digits = column.iter().map(|d| (d.unsigned_abs(), *d < 0));
                sum.add(adder, digits, points, self.bits);
            }
        }
        sums.iter().map(|s| s.finish(adder, self.bits)).collect()
    }
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

/// `Σ points_i`.
pub fn total(points: &[G1Affine]) -> G1 {
    sum(&vec![1; points.len()], points, 1, |one| (one, false))
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
            with_adder!(adder => weighted_sum(&mut adder, values, points, bits, &digit))
        })
        .reduce(G1::identity, |a, b| a + b)
}

/// `Σ digit(values_i) · points_i`
fn weighted_sum<T: Copy, A: Adder>(
    adder: &mut A,
    values: &[T],
    points: &[PointWords],
    bits: u32,
    digit: &impl Fn(T) -> (u16, bool),
) -> G1 {
    let mut sum = Sum::default();
    for (values, points) in values.chunks(CHUNK).zip(points.chunks(CHUNK)) {
        sum.add(adder, values.iter().map(|v| digit(*v)), points, bits);
    }
    sum.finish(adder, bits)
}

#[cfg(test)]
mod tests;
