//! Scalars as two halves of signed digits.
//!
//! BN254 has the endomorphism `φ(x, y) = (βx, y) = λ·(x, y)`, so `s·P = k1·P + k2·φ(P)` for any
//! `k1 + λ·k2 ≡ s (mod r)`; a short lattice gives halves below 2^128 (Gallant–Lambert–Vanstone 2001).
//! Each half is odd and written as 32 digits `±1, ±3, …, ±15` of radix 16: no digit is zero, so every
//! window adds a point. Only the congruence is constrained; any digits that satisfy it give the same
//! point, because the group has order `r`.

use std::sync::LazyLock;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, WithSmallOrderMulGroup};
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::utils::{biguint_to_fe, fe_to_biguint, modulus};
use halo2_base::{AssignedValue, Context, QuantumCell};
use num_bigint::{BigInt, Sign};
use num_integer::Integer;

/// Digits of a half.
pub const WINDOWS: usize = 32;
/// Bits of a digit, sign included.
pub const WINDOW_BITS: usize = 4;
/// Bits that select the magnitude.
pub const INDEX_BITS: usize = WINDOW_BITS - 1;

/// One digit `sign·(2·index + 1)`.
#[derive(Clone, Debug)]
pub struct Digit {
    /// 1 or -1.
    pub sign: AssignedValue<Fr>,
    /// Products of the index bits over every non-empty subset, in order of the subset's mask.
    pub subsets: [AssignedValue<Fr>; (1 << INDEX_BITS) - 1],
    /// The index.
    pub index: usize,
}

/// Digits of one half, least significant first.
pub type Half = Vec<Digit>;

struct Endomorphism {
    lambda: Fr,
    beta: Fq,
    basis: [[BigInt; 2]; 2],
}

static ENDOMORPHISM: LazyLock<Endomorphism> = LazyLock::new(|| {
    let generator = G1Affine::generator();
    let lambda = Fr::ZETA;
    let image = (generator * lambda).to_affine();
    // β is the cube root of one that belongs to this λ.
    let beta = image.x * Option::<Fq>::from(generator.x.invert()).unwrap_or(Fq::ZERO);
    Endomorphism {
        lambda,
        beta,
        basis: short_basis(&lambda),
    }
});

/// `β`
pub fn beta() -> Fq {
    ENDOMORPHISM.beta
}

/// Two short vectors `(a, b)` with `a + λ·b ≡ 0 (mod r)`, by the extended Euclidean algorithm.
fn short_basis(lambda: &Fr) -> [[BigInt; 2]; 2] {
    let order = BigInt::from(modulus::<Fr>());
    let limit = order.sqrt();
    // Rows r_i = s_i·order + t_i·λ, so (r_i, -t_i) is in the lattice.
    let mut old = [order, BigInt::ZERO];
    let mut new = [BigInt::from(fe_to_biguint(lambda)), BigInt::from(1)];
    while new[0] >= limit {
        let quotient = &old[0] / &new[0];
        let next = [&old[0] - &quotient * &new[0], &old[1] - &quotient * &new[1]];
        old = std::mem::replace(&mut new, next);
    }
    let quotient = &old[0] / &new[0];
    let next = [&old[0] - &quotient * &new[0], &old[1] - &quotient * &new[1]];
    let vector = |row: &[BigInt; 2]| [row[0].clone(), -row[1].clone()];
    let norm = |v: &[BigInt; 2]| &v[0] * &v[0] + &v[1] * &v[1];
    let (first, candidates) = (vector(&new), [vector(&old), vector(&next)]);
    let [a, b] = candidates;
    let second = if norm(&a) < norm(&b) { a } else { b };
    [first, second]
}

/// Odd halves of `scalar`, each of magnitude below 2^128.
fn halves(scalar: &Fr) -> [BigInt; 2] {
    let [u, v] = &ENDOMORPHISM.basis;
    let s = BigInt::from(fe_to_biguint(scalar));
    let determinant = &u[0] * &v[1] - &u[1] * &v[0];
    // (s, 0) = c·u + d·v over the rationals.
    let round = |n: BigInt| {
        let (double, divisor): (BigInt, BigInt) = (n * 2 + &determinant, &determinant * 2);
        double.div_floor(&divisor)
    };
    let (c, d) = (round(&s * &v[1]), round(-&s * &u[1]));
    let nearest = [&s - &c * &u[0] - &d * &v[0], -(&c * &u[1]) - &d * &v[1]];
    let shifts = [-1, 0, 1]
        .into_iter()
        .flat_map(|i| [-1, 0, 1].map(|j| (i, j)));
    shifts
        .map(|(i, j): (i32, i32)| -> [BigInt; 2] {
            [0, 1].map(|n| &nearest[n] + &u[n] * i + &v[n] * j)
        })
        .filter(|k| k.iter().all(Integer::is_odd))
        .min_by_key(|k| k.iter().map(|n| n.magnitude().clone()).max())
        .unwrap_or(nearest)
}

/// The sign (true is +) and index of each digit of an odd integer.
fn digits(half: &BigInt) -> Vec<(bool, usize)> {
    // half = Σ ±2^i has the signs of the bits of (half + 2^128 - 1)/2.
    let shifted: BigInt = half + (BigInt::from(1) << (WINDOWS * WINDOW_BITS)) - 1;
    let halved: BigInt = shifted >> 1u32;
    let bits = halved.to_biguint().unwrap_or_default();
    (0..WINDOWS)
        .map(|window| {
            let at = |i: usize| usize::from(bits.bit((WINDOW_BITS * window + i) as u64));
            let index = at(0) + 2 * at(1) + 4 * at(2);
            if at(INDEX_BITS) == 1 {
                (true, index)
            } else {
                (false, 7 - index)
            }
        })
        .collect()
}

fn signed(integer: &BigInt) -> Fr {
    let magnitude: Fr = biguint_to_fe(&(integer.magnitude() % modulus::<Fr>()));
    if integer.sign() == Sign::Minus {
        -magnitude
    } else {
        magnitude
    }
}

/// `start + Σ a·b` for cells and constants.
fn chain(
    ctx: &mut Context<Fr>,
    start: QuantumCell<Fr>,
    terms: &[(QuantumCell<Fr>, QuantumCell<Fr>)],
) -> AssignedValue<Fr> {
    let mut sum = *start.value();
    let mut cells = vec![start];
    for (a, b) in terms {
        sum += *a.value() * b.value();
        cells.extend([*a, *b, QuantumCell::Witness(sum)]);
    }
    ctx.assign_region(cells, (0..terms.len()).map(|i| 3 * i as isize));
    ctx.get(-1)
}

/// Splits a cell; `k1 + λ·k2 = scalar` is constrained, and that all digits are digits.
pub fn split(ctx: &mut Context<Fr>, scalar: &AssignedValue<Fr>) -> [Half; 2] {
    let values = halves(scalar.value());
    let [(first, k1), (second, k2)] = values.map(|value| {
        let half: Half = digits(&value).into_iter().map(|d| digit(ctx, d)).collect();
        let sum = recompose(ctx, &half);
        debug_assert_eq!(*sum.value(), signed(&value));
        (half, sum)
    });
    let lambda = QuantumCell::Constant(ENDOMORPHISM.lambda);
    let sum = chain(ctx, k1.into(), &[(k2.into(), lambda)]);
    ctx.constrain_equal(&sum, scalar);
    [first, second]
}

fn boolean(ctx: &mut Context<Fr>, value: bool) -> AssignedValue<Fr> {
    let value = Fr::from(u64::from(value));
    ctx.assign_region(
        [QuantumCell::Constant(Fr::ZERO), QuantumCell::Witness(value)],
        [0],
    );
    let bit = ctx.get(-1);
    ctx.assign_region([bit, bit], []);
    bit
}

fn digit(ctx: &mut Context<Fr>, (positive, index): (bool, usize)) -> Digit {
    let bit = boolean(ctx, positive);
    let two = QuantumCell::Constant(Fr::from(2));
    let sign = chain(ctx, QuantumCell::Constant(-Fr::ONE), &[(bit.into(), two)]);
    let b: [AssignedValue<Fr>; INDEX_BITS] =
        std::array::from_fn(|i| boolean(ctx, index >> i & 1 == 1));
    let mut product = |x: AssignedValue<Fr>, y: AssignedValue<Fr>| {
        chain(
            ctx,
            QuantumCell::Constant(Fr::ZERO),
            &[(x.into(), y.into())],
        )
    };
    let b01 = product(b[0], b[1]);
    let b02 = product(b[0], b[2]);
    let b12 = product(b[1], b[2]);
    let b012 = product(b01, b[2]);
    Digit {
        sign,
        subsets: [b[0], b[1], b01, b[2], b02, b12, b012],
        index,
    }
}

/// `Σ 16^i·sign·(1 + 2·index)`
fn recompose(ctx: &mut Context<Fr>, half: &Half) -> AssignedValue<Fr> {
    let constant = |n: u64| QuantumCell::Constant(Fr::from(n));
    let mut power = Fr::ONE;
    let mut terms = vec![];
    for digit in half {
        let bits = [(0, 2), (1, 4), (3, 8)];
        let bits = bits.map(|(at, weight)| (digit.subsets[at].into(), constant(weight)));
        let magnitude = chain(ctx, constant(1), &bits);
        let sign = QuantumCell::from(digit.sign);
        let value = chain(ctx, constant(0), &[(sign, magnitude.into())]);
        terms.push((value.into(), QuantumCell::Constant(power)));
        power *= Fr::from(1 << WINDOW_BITS);
    }
    chain(ctx, constant(0), &terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::utils::ScalarField;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn halves_are_short_odd_and_right() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let edge = [0u64, 1, 2, 3]
            .map(Fr::from)
            .into_iter()
            .chain([0u64, 1, 2].map(|n| -Fr::from(n)));
        let lambda = ENDOMORPHISM.lambda;
        let more = [lambda, -lambda, lambda + Fr::ONE];
        let random: Vec<Fr> = (0..2000).map(|_| Fr::random(&mut rng)).collect();
        for scalar in edge.chain(more).chain(random) {
            let [a, b] = halves(&scalar);
            assert!(a.is_odd() && b.is_odd());
            assert!(
                a.bits() <= 128 && b.bits() <= 128,
                "{} {}",
                a.bits(),
                b.bits()
            );
            assert_eq!(signed(&a) + lambda * signed(&b), scalar);
            for half in [a, b] {
                let sum =
                    digits(&half)
                        .into_iter()
                        .rev()
                        .fold(BigInt::ZERO, |acc, (plus, index)| {
                            let magnitude = BigInt::from(2 * index + 1);
                            acc * 16 + if plus { magnitude } else { -magnitude }
                        });
                assert_eq!(sum, half);
            }
        }
        assert_eq!(lambda.square() + lambda + Fr::ONE, Fr::zero());
        assert_eq!(lambda.to_u64_limbs(1, 1).len(), 1);
    }
}
