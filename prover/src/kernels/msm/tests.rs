use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use halo2curves_axiom::group::{Curve, Group};
use rand::{Rng, SeedableRng};

use super::*;

fn rng() -> rand_chacha::ChaCha8Rng {
    rand_chacha::ChaCha8Rng::seed_from_u64(7)
}

pub fn points(n: usize) -> Vec<G1Affine> {
    let mut rng = rng();
    let mut points: Vec<G1> = vec![G1::random(&mut rng)];
    let step = G1::random(&mut rng).to_affine();
    while points.len() < n {
        points.push(points[points.len() - 1] + step);
    }
    let mut out = vec![G1Affine::identity(); points.len()];
    G1::batch_normalize(&points, &mut out);
    out.truncate(n);
    out
}

/// Without vectors.
fn plain(values: &[u16], points: &[G1Affine], digit: impl Fn(u16) -> (u16, bool)) -> G1 {
    let adder = &mut affine::PlainAdder::default();
    weighted_sum(adder, values, words::of_points(points), 16, &digit)
}

fn signed_reference(values: &[i8], points: &[G1Affine]) -> G1 {
    let scalars: Vec<Fr> = values
        .iter()
        .map(|v| laminate_engine::field::fr_from_i64((*v).into()))
        .collect();
    full_reference(&scalars, points)
}

#[test]
fn agrees_with_the_reference() {
    let mut rng = rng();
    let points = points(600);
    for n in [0, 1, 2, 3, 255, 600] {
        let values: Vec<u8> = (0..n).map(|_| rng.r#gen()).collect();
        let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
        assert_eq!(bytes(&values, &points), small_reference(&wide, &points));
        let sum: G1 = points[..n].iter().fold(G1::identity(), |s, p| s + p);
        assert_eq!(
            offset_bytes(&values, &points, &sum),
            small_reference(&wide, &points)
        );
        let values: Vec<i8> = values.iter().map(|v| *v as i8).collect();
        assert_eq!(
            signed_bytes(&values, &points),
            signed_reference(&values, &points)
        );
        let values: Vec<u16> = (0..n).map(|_| rng.r#gen()).collect();
        let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
        assert_eq!(words(&values, &points), small_reference(&wide, &points));
        let values: Vec<u32> = (0..n).map(|i| rng.r#gen::<u32>() >> (i % 31)).collect();
        assert_eq!(small(&values, &points), small_reference(&values, &points));
    }
}

#[test]
fn long_inputs_and_extreme_scalars() {
    let mut rng = rng();
    let points = points(20_000);
    let n = points.len();
    let scalars: Vec<Fr> = (0..n)
        .map(|i| {
            if i % 7 == 0 {
                -Fr::ONE
            } else {
                Fr::random(&mut rng)
            }
        })
        .collect();
    assert_eq!(full(&scalars, &points), full_reference(&scalars, &points));
    for value in [i8::MIN, -1, 0, 1, i8::MAX] {
        let mut values = vec![value; n];
        values[n / 2] = 17;
        assert_eq!(
            signed_bytes(&values, &points),
            signed_reference(&values, &points)
        );
    }
    for value in [0, 1, 255, 256, u16::MAX] {
        let mut values = vec![value; n];
        values[n / 3] = 300;
        let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
        assert_eq!(words(&values, &points), small_reference(&wide, &points));
    }
    let values: Vec<u16> = (0..n).map(|_| rng.r#gen()).collect();
    let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
    assert_eq!(words(&values, &points), small_reference(&wide, &points));
    let digit = |v: u16| (v, v.is_multiple_of(3));
    assert_eq!(
        plain(&values, &points, digit),
        sum(&values, &points, 16, digit)
    );
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
        let expected = small_reference(&wide, &points);
        assert_eq!(bytes(&values, &points), expected);
        let short: Vec<u16> = wide.iter().map(|v| *v as u16).collect();
        assert_eq!(plain(&short, &points, |v| (v, false)), expected);
        let values = values.map(|v| v as i8);
        assert_eq!(
            signed_bytes(&values, &points),
            signed_reference(&values, &points)
        );
    }
    // Many special pairs in long lists.
    let many: Vec<G1Affine> = (0..4000).map(|i| points[i * i % 8]).collect();
    let values: Vec<i8> = (0..4000).map(|i| (i % 7) as i8 - 3).collect();
    assert_eq!(
        signed_bytes(&values, &many),
        signed_reference(&values, &many)
    );
}

/// One pair of equal keys on both sides of the place where a block of 2^13 entries would be cut, and no
/// other pair that would move it.
#[test]
fn equal_keys_across_a_block_boundary() {
    let points = points(20_000);
    for cut in [8192usize, 16_384] {
        let values: Vec<u16> = (0..20_000)
            .map(|i| if i < cut { i + 1 } else { i } as u16)
            .collect();
        assert_eq!(values[cut - 1], values[cut]);
        let wide: Vec<u32> = values.iter().map(|v| u32::from(*v)).collect();
        let expected = small_reference(&wide, &points);
        assert_eq!(words(&values, &points), expected);
        assert_eq!(plain(&values, &points, |v| (v, false)), expected);
    }
}

/// More points than are sorted at a time, so that chunks are merged.
#[test]
fn chunks_are_merged() {
    let mut rng = rng();
    let points = points(3 * CHUNK + 77);
    let n = points.len();
    let bytes_: Vec<u8> = (0..n)
        .map(|i| if i < CHUNK { 3 } else { rng.r#gen() })
        .collect();
    let wide: Vec<u32> = bytes_.iter().map(|v| u32::from(*v)).collect();
    assert_eq!(bytes(&bytes_, &points), small_reference(&wide, &points));
    let ones = vec![1; n];
    assert_eq!(total(&points), small_reference(&ones, &points));
    let scalars: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
    assert_eq!(full(&scalars, &points), full_reference(&scalars, &points));
}

#[test]
fn signed_digits_keep_the_value() {
    let mut rng = rng();
    let mut scalars: Vec<Fr> = (0..50).map(|_| Fr::random(&mut rng)).collect();
    scalars.extend([Fr::ZERO, Fr::ONE, -Fr::ONE, -Fr::from(2), Fr::from(1 << 15)]);
    for bits in 8..=16 {
        let windows = Windows { bits };
        for scalar in &scalars {
            let digits = windows.digits(scalar);
            let sum = digits[..windows.count()]
                .iter()
                .rev()
                .fold(Fr::ZERO, |sum, d| {
                    sum * Fr::from(1 << bits) + laminate_engine::field::fr_from_i64((*d).into())
                });
            assert_eq!(sum, *scalar, "{bits}");
        }
    }
}
