//! Multi-scalar multiplication by small scalars.
//!
//! One window of 8 bits: points are sorted into 255 buckets and summed pairwise in affine
//! coordinates, all inversions of a pass shared (Montgomery's trick), so an addition costs about six
//! field multiplications instead of eleven.

use halo2curves_axiom::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::{Curve, Group, prime::PrimeCurveAffine};
use rayon::prelude::*;

/// Points a worker takes at a time: enough to amortise the 510 bucket additions.
const CHUNK: usize = 1 << 14;

/// `Σ scalars_i · points_i` by the library's Pippenger.
///
/// # Panics
/// If there are fewer points than scalars.
pub fn full(scalars: &[Fr], points: &[G1Affine]) -> G1 {
    let points = &points[..scalars.len()];
    halo2curves_axiom::msm::msm_best(scalars, points)
}

/// Reference: `Σ values_i · points_i` through [`full`].
///
/// # Panics
/// If there are fewer points than values.
pub fn small_reference(values: &[u32], points: &[G1Affine]) -> G1 {
    let scalars: Vec<Fr> = values.iter().map(|v| Fr::from(u64::from(*v))).collect();
    full(&scalars, points)
}

/// `Σ bytes_i · points_i` with batched affine additions.
///
/// # Panics
/// If there are fewer points than bytes.
pub fn bytes(bytes: &[u8], points: &[G1Affine]) -> G1 {
    let points = &points[..bytes.len()];
    bytes
        .par_chunks(CHUNK)
        .zip(points.par_chunks(CHUNK))
        .map(|(bytes, points)| weigh_buckets(&bucket_sums(bytes, points)))
        .reduce(G1::identity, |a, b| a + b)
}

/// `Σ values_i · points_i`, one pass per byte of the largest value.
///
/// # Panics
/// If there are fewer points than values.
pub fn small(values: &[u32], points: &[G1Affine]) -> G1 {
    let largest = values.iter().copied().max().unwrap_or(0);
    let digits = (u32::BITS - largest.leading_zeros()).div_ceil(8);
    let mut sum = G1::identity();
    for digit in (0..digits).rev() {
        for _ in 0..8 {
            sum = sum.double();
        }
        let (low, kept): (Vec<u8>, Vec<G1Affine>) = values
            .iter()
            .zip(points)
            .map(|(v, p)| ((v >> (8 * digit)) as u8, *p))
            .filter(|(v, _)| *v != 0)
            .unzip();
        sum += bytes(&low, &kept);
    }
    sum
}

/// Sums of the points of each non-zero byte value.
fn bucket_sums(bytes: &[u8], points: &[G1Affine]) -> Vec<G1Affine> {
    let mut buckets: Vec<Vec<G1Affine>> = vec![vec![]; 256];
    for (byte, point) in bytes.iter().zip(points) {
        if *byte != 0 {
            buckets[usize::from(*byte)].push(*point);
        }
    }
    let mut inverses = vec![];
    while buckets.iter().any(|b| b.len() > 1) {
        halve(&mut buckets, &mut inverses);
    }
    buckets
        .into_iter()
        .map(|b| b.first().copied().unwrap_or_else(G1Affine::identity))
        .collect()
}

/// Adds neighbours in every bucket, sharing one inversion.
fn halve(buckets: &mut [Vec<G1Affine>], inverses: &mut Vec<Fq>) {
    inverses.clear();
    let mut product = Fq::ONE;
    let mut prefixes = vec![];
    for bucket in buckets.iter() {
        for pair in bucket.chunks_exact(2) {
            let difference = pair[1].x - pair[0].x;
            prefixes.push(product);
            // Equal x (same or opposite points) is added on its own below.
            inverses.push(difference);
            if !bool::from(difference.is_zero()) {
                product *= difference;
            }
        }
    }
    let mut inverse = product.invert().unwrap_or(Fq::ONE);
    for (difference, prefix) in inverses.iter_mut().zip(&prefixes).rev() {
        if !bool::from(difference.is_zero()) {
            let next = inverse * *difference;
            *difference = inverse * prefix;
            inverse = next;
        }
    }
    let mut at = 0;
    for bucket in buckets.iter_mut() {
        let pairs = bucket.len() / 2;
        for i in 0..pairs {
            bucket[i] = add(&bucket[2 * i], &bucket[2 * i + 1], &inverses[at]);
            at += 1;
        }
        if bucket.len() % 2 == 1 {
            bucket[pairs] = bucket[bucket.len() - 1];
            bucket.truncate(pairs + 1);
        } else {
            bucket.truncate(pairs);
        }
    }
}

/// `a + b` given `1 / (b.x - a.x)`; zero stands for equal `x` coordinates or an identity operand.
fn add(a: &G1Affine, b: &G1Affine, inverse: &Fq) -> G1Affine {
    let special = bool::from(a.is_identity()) || bool::from(b.is_identity());
    if special || bool::from(inverse.is_zero()) {
        return (G1::from(*a) + b).to_affine();
    }
    let slope = (b.y - a.y) * inverse;
    let x = slope.square() - a.x - b.x;
    let y = slope * (a.x - x) - a.y;
    G1Affine { x, y }
}

/// `Σ i · buckets_i` by running sums.
fn weigh_buckets(buckets: &[G1Affine]) -> G1 {
    let mut running = G1::identity();
    let mut sum = G1::identity();
    for bucket in buckets.iter().skip(1).rev() {
        running += bucket;
        sum += running;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn points(n: usize) -> Vec<G1Affine> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        (0..n).map(|_| G1::random(&mut rng).to_affine()).collect()
    }

    #[test]
    fn agrees_with_the_reference() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
        let points = points(600);
        for n in [0, 1, 2, 3, 255, 600] {
            let values: Vec<u8> = (0..n).map(|_| rng.r#gen()).collect();
            let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
            assert_eq!(
                bytes(&values, &points),
                small_reference(&wide, &points[..n])
            );
            let values: Vec<u32> = (0..n).map(|i| rng.r#gen::<u32>() >> (i % 31)).collect();
            assert_eq!(
                small(&values, &points),
                small_reference(&values, &points[..n])
            );
        }
    }

    #[test]
    fn equal_opposite_and_identity_points() {
        let p = points(2);
        let points = vec![
            p[0],
            p[0],
            p[0],
            -p[0],
            G1Affine::identity(),
            p[1],
            p[1],
            G1Affine::identity(),
        ];
        for values in [
            [3u8; 8],
            [1, 1, 2, 2, 1, 2, 1, 0],
            [255, 255, 255, 255, 1, 1, 1, 1],
        ] {
            let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
            assert_eq!(bytes(&values, &points), small_reference(&wide, &points));
        }
    }
}
