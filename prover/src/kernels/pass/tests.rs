use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use rand::{Rng, RngCore, SeedableRng};

use super::*;

const SHAPES: [(usize, usize); 9] = [
    (0, 5),
    (1, 1),
    (3, 7),
    (8, 64),
    (9, 65),
    (130, 257),
    (259, 1030),
    (2051, 33),
    (4100, 4),
];

fn rng() -> rand_chacha::ChaCha8Rng {
    rand_chacha::ChaCha8Rng::seed_from_u64(11)
}

/// Random elements with the smallest and the largest among them.
fn elements(n: usize, rng: &mut impl RngCore) -> Vec<Fr> {
    (0..n)
        .map(|i| match i % 5 {
            1 => -Fr::ONE,
            2 => words::scalar(&[
                0x43e1_f593_f000_0000,
                0x2833_e848_79b9_7091,
                0xb850_45b6_8181_585d,
                0x3064_4e72_e131_a029,
            ]),
            3 if i % 2 == 0 => Fr::ZERO,
            _ => Fr::random(&mut *rng),
        })
        .collect()
}

#[test]
fn signed_bytes_agree() {
    let mut rng = rng();
    for (rows, cols) in SHAPES {
        let mut values: Vec<i8> = (0..rows * cols).map(|_| rng.r#gen()).collect();
        for extreme in [None, Some(-128), Some(127)] {
            if let Some(value) = extreme {
                values.fill(value);
            }
            let selector = elements(rows, &mut rng);
            let expected = plain_combine(&values, cols, &selector);
            assert_eq!(combine_rows(&values, cols, &selector), expected);
            assert_eq!(portable::combine(&values, cols, &selector), expected);
            let vector = elements(cols, &mut rng);
            let expected = plain_dot(&values, &vector);
            assert_eq!(dot_rows(&values, &vector), expected);
            assert_eq!(portable::dot(&values, &vector), expected);
        }
    }
}

#[test]
fn unsigned_bytes_agree() {
    let mut rng = rng();
    for (rows, cols) in SHAPES {
        let mut values: Vec<u8> = (0..rows * cols).map(|_| rng.r#gen()).collect();
        for extreme in [None, Some(0), Some(255)] {
            if let Some(value) = extreme {
                values.fill(value);
            }
            let selector = elements(rows, &mut rng);
            let expected = plain_combine(&values, cols, &selector);
            assert_eq!(combine_rows_u8(&values, cols, &selector), expected);
            assert_eq!(portable::combine(&values, cols, &selector), expected);
            let vector = elements(cols, &mut rng);
            let expected = plain_dot(&values, &vector);
            assert_eq!(dot_rows_u8(&values, &vector), expected);
            let parts: Vec<&[u8]> = values.chunks(cols).collect();
            assert_eq!(dot_parts_u8(&parts, &vector), expected);
            assert_eq!(portable::dot_parts(&parts, &vector), expected);
        }
    }
}

#[test]
fn words_agree() {
    let mut rng = rng();
    for (rows, cols) in SHAPES {
        let mut values: Vec<u16> = (0..rows * cols).map(|_| rng.r#gen()).collect();
        for extreme in [None, Some(0), Some(u16::MAX)] {
            if let Some(value) = extreme {
                values.fill(value);
            }
            let selector = elements(rows, &mut rng);
            let expected = plain_combine(&values, cols, &selector);
            assert_eq!(combine_rows_u16(&values, cols, &selector), expected);
            assert_eq!(portable::combine(&values, cols, &selector), expected);
            let vector = elements(cols, &mut rng);
            let expected = plain_dot(&values, &vector);
            assert_eq!(dot_rows_u16(&values, &vector), expected);
            let parts: Vec<&[u16]> = values.chunks(cols).collect();
            assert_eq!(dot_parts_u16(&parts, &vector), expected);
            let flat = elements(values.len(), &mut rng);
            let expected: Fr = values
                .iter()
                .zip(&flat)
                .map(|(v, x)| fr_from_i64((*v).into()) * x)
                .sum();
            assert_eq!(dot_u16(&values, &flat), expected);
        }
    }
}

#[test]
fn ternary_weights_agree() {
    let mut rng = rng();
    for (rows, cols) in SHAPES {
        let stride = cols.div_ceil(4);
        let code = |rng: &mut rand_chacha::ChaCha8Rng| {
            (0..4).fold(0, |byte, i| byte | rng.gen_range(0..3u8) << (2 * i))
        };
        let packed: Vec<u8> = (0..rows * stride).map(|_| code(&mut rng)).collect();
        let selector = elements(rows, &mut rng);
        let expected = plain_combine(&portable::unpack(&packed, cols), cols, &selector);
        assert_eq!(combine_rows_ternary(&packed, cols, &selector), expected);
    }
}

#[test]
fn sums_longer_than_an_accumulator() {
    let mut rng = rng();
    let n = (1 << 16) + 5;
    let values = vec![-128i8; n];
    let vector = elements(n, &mut rng);
    let expected = vector.iter().sum::<Fr>() * fr_from_i64(-128);
    assert_eq!(combine_rows(&values, 1, &vector), [expected]);
    assert_eq!(portable::combine(&values, 1, &vector), [expected]);
    assert_eq!(dot_rows(&values, &vector), [expected]);
    let values = vec![255u8; n];
    let expected = vector.iter().sum::<Fr>() * fr_from_i64(255);
    assert_eq!(combine_rows_u8(&values, 1, &vector), [expected]);
    assert_eq!(dot_rows_u8(&values, &vector), [expected]);
}
