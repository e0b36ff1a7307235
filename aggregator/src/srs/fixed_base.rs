//! Many multiples of one G1 point, by precomputed windows and affine additions that share their inversions.
//!
//! An affine addition costs 6 multiplications when the inversion is shared by a batch (a projective one costs 12 or
//! more), and a scalar needs one addition a window. Not constant-time: for public scalars only.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fq, Fr, G1Affine},
    ff::Field,
};
use rayon::prelude::*;

/// Bits of a window. Signed digits, so a window holds 2^13 points: 19 windows of 512 KiB. At k = 18, 14 bits took
/// 0.71 s and 13 bits 0.72 s on 2 cores; beyond 15 bits the digits would not fit `i16`.
const WINDOW_BITS: usize = 14;
/// Windows that hold any scalar below 2^254 and the carry of its signed digits.
const WINDOWS: usize = 255usize.div_ceil(WINDOW_BITS);
/// Points of a window: the multiples 1 to 2^(bits − 1).
const WINDOW_POINTS: usize = 1 << (WINDOW_BITS - 1);
/// Scalars of a batch: enough to share one inversion, few enough for the cache.
const BATCH: usize = 1024;

/// Window tables of a point.
pub(super) struct FixedBase {
    /// `windows[w][d − 1] = d·2^(w·WINDOW_BITS)·base`.
    windows: Vec<Vec<G1Affine>>,
}

impl FixedBase {
    /// Precomputes the tables of `base`.
    pub(super) fn new(base: G1Affine) -> Self {
        let mut bases = Vec::with_capacity(WINDOWS);
        let mut window_base = base;
        let mut inversions = Vec::new();
        for _ in 0..WINDOWS {
            bases.push(window_base);
            for _ in 0..WINDOW_BITS {
                let mut twice = [window_base];
                batch_add(&mut twice, &[window_base], &mut inversions);
                [window_base] = twice;
            }
        }
        Self {
            windows: bases.into_par_iter().map(multiples).collect(),
        }
    }

    /// `scalars[i]·base`, in parallel.
    pub(super) fn multiply(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        let mut results = vec![G1Affine::default(); scalars.len()];
        results
            .par_chunks_mut(BATCH)
            .zip(scalars.par_chunks(BATCH))
            .for_each_init(Scratch::default, |scratch, (results, scalars)| {
                self.multiply_batch(results, scalars, scratch);
            });
        results
    }

    /// `results` are the point at infinity on entry.
    fn multiply_batch(&self, results: &mut [G1Affine], scalars: &[Fr], scratch: &mut Scratch) {
        scratch.digits.clear();
        scratch.digits.extend(scalars.iter().map(signed_digits));
        for (index, window) in self.windows.iter().enumerate() {
            scratch.addends.clear();
            scratch.addends.extend(
                scratch
                    .digits
                    .iter()
                    .map(|digits| select(window, digits[index])),
            );
            batch_add(results, &scratch.addends, &mut scratch.inversions);
        }
    }
}

#[derive(Default)]
struct Scratch {
    digits: Vec<[i16; WINDOWS]>,
    addends: Vec<G1Affine>,
    inversions: Vec<Fq>,
}

/// `digit·window_base` from the table.
fn select(window: &[G1Affine], digit: i16) -> G1Affine {
    match usize::from(digit.unsigned_abs()) {
        0 => G1Affine::default(),
        magnitude if digit < 0 => -window[magnitude - 1],
        magnitude => window[magnitude - 1],
    }
}

/// `[1, 2, …, 2^(WINDOW_BITS − 1)]·base`, by doubling the known range.
fn multiples(base: G1Affine) -> Vec<G1Affine> {
    let mut points = Vec::with_capacity(WINDOW_POINTS);
    points.push(base);
    let mut inversions = Vec::new();
    while points.len() < WINDOW_POINTS {
        let addends = vec![points[points.len() - 1]; points.len()];
        let mut upper = points.clone();
        for (upper, addends) in upper.chunks_mut(BATCH).zip(addends.chunks(BATCH)) {
            batch_add(upper, addends, &mut inversions);
        }
        points.extend(upper);
    }
    points
}

/// Digits in `[−2^(WINDOW_BITS − 1), 2^(WINDOW_BITS − 1)]`, least significant first.
fn signed_digits(scalar: &Fr) -> [i16; WINDOWS] {
    let bytes = scalar.to_bytes();
    let mut digits = [0i16; WINDOWS];
    let mut carry = 0i32;
    for (index, digit) in digits.iter_mut().enumerate() {
        let value = window_bits(&bytes, index * WINDOW_BITS) + carry;
        carry = i32::from(value > WINDOW_POINTS as i32);
        *digit = (value - (carry << WINDOW_BITS)) as i16;
    }
    digits
}

/// `WINDOW_BITS` bits from bit `from` on.
fn window_bits(bytes: &[u8; 32], from: usize) -> i32 {
    let mut window = 0u32;
    for (position, byte) in bytes.iter().skip(from / 8).take(4).enumerate() {
        window |= u32::from(*byte) << (8 * position);
    }
    ((window >> (from % 8)) & ((1 << WINDOW_BITS) - 1)) as i32
}

/// What the sum of two affine points takes.
enum Sum {
    /// The slope has this denominator.
    Slope(Fq),
    /// One is infinity, or they are opposite: no inversion.
    Trivial(G1Affine),
}

fn classify(left: &G1Affine, right: &G1Affine) -> Sum {
    let infinity = G1Affine::default();
    if *right == infinity {
        return Sum::Trivial(*left);
    }
    if *left == infinity {
        return Sum::Trivial(*right);
    }
    if left.x != right.x {
        return Sum::Slope(right.x - left.x);
    }
    if left.y == right.y {
        Sum::Slope(left.y.double())
    } else {
        Sum::Trivial(infinity)
    }
}

/// `left[i] += right[i]` for every `i`, complete (doubling, opposite points and infinity included), with one inversion.
///
/// `inversions` is scratch space.
pub(super) fn batch_add(left: &mut [G1Affine], right: &[G1Affine], inversions: &mut Vec<Fq>) {
    // Prefix products of the denominators, then the inverses from the back.
    inversions.clear();
    let mut product = Fq::ONE;
    for (left, right) in left.iter().zip(right) {
        inversions.push(product);
        if let Sum::Slope(denominator) = classify(left, right) {
            product *= denominator;
        }
    }
    // A product of non-zero factors: the curve has no point with y = 0.
    let mut inverse = Option::<Fq>::from(product.invert()).unwrap_or(Fq::ZERO);
    for ((left, right), prefix) in left.iter_mut().zip(right).zip(inversions.iter()).rev() {
        match classify(left, right) {
            Sum::Trivial(sum) => *left = sum,
            Sum::Slope(denominator) => {
                let numerator = if left.x == right.x {
                    let square = left.x.square();
                    square.double() + square
                } else {
                    right.y - left.y
                };
                let slope = numerator * (inverse * prefix);
                inverse *= denominator;
                let x = slope.square() - left.x - right.x;
                let y = slope * (left.x - x) - left.y;
                *left = G1Affine { x, y };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::halo2curves::{
        bn256::G1,
        group::{Curve, Group, prime::PrimeCurveAffine},
    };
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn multiples_match_the_library() {
        let mut rng = StdRng::seed_from_u64(1);
        let base = G1::random(&mut rng).to_affine();
        let mut scalars: Vec<_> = (0..200).map(|_| Fr::random(&mut rng)).collect();
        scalars.extend([
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(1 << 13),
            Fr::from((1 << 13) + 1),
            -Fr::from(1 << 14),
        ]);
        let expected: Vec<_> = scalars
            .iter()
            .map(|scalar| (base * scalar).to_affine())
            .collect();
        assert_eq!(FixedBase::new(base).multiply(&scalars), expected);
    }

    #[test]
    fn batch_add_is_complete() {
        let mut rng = StdRng::seed_from_u64(2);
        let points: Vec<_> = (0..6)
            .map(|_| G1::random(&mut rng).to_affine())
            .chain([G1Affine::default()])
            .collect();
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for a in &points {
            for b in &points {
                left.extend([*a, *a]);
                right.extend([*b, -*b]);
            }
        }
        let shuffle: Vec<_> = (0..left.len())
            .map(|_| rng.gen_range(0..left.len()))
            .collect();
        left = shuffle.iter().map(|&i| left[i]).collect();
        right = shuffle.iter().map(|&i| right[i]).collect();
        let expected: Vec<_> = left
            .iter()
            .zip(&right)
            .map(|(a, b)| (a.to_curve() + b).to_affine())
            .collect();
        batch_add(&mut left, &right, &mut Vec::new());
        assert_eq!(left, expected);
    }
}
