//! Prover of the multilinear KZG opening; the protocol is in `laminate_engine::pcs`.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use laminate_engine::backend::Native;
use laminate_engine::pcs::PcsProof;
use laminate_engine::poly::eq;
use laminate_engine::transcript::Transcript;
use rayon::prelude::*;

use crate::kernels::{blend, msm};

/// Opens `values` (length `N = 2^point.len()`), committed with the coefficient `blind` of `X^N`, at
/// `point`. `powers` has more than `N` points.
pub fn prove(
    transcript: &mut Transcript<Native>,
    powers: &[G1Affine],
    mut values: Vec<Fr>,
    blind: Fr,
    point: &[Fr],
) -> PcsProof<Fr, G1Affine> {
    let commit = |coefficients: &[Fr]| msm::full(coefficients, powers).to_affine();
    let mut inner_poly = inner_polynomial(&values, point);
    blind_inner(&mut inner_poly, blind, point);
    values.push(blind);
    let inner = commit(&inner_poly);
    transcript.absorb_point(&mut Native, "opening inner commitment", &inner);
    let z = transcript.challenge(&mut Native, "opening z");
    let z_inverse = z.invert().unwrap_or(Fr::ZERO);
    let (parts, inner_parts) = (Parts::new(&values, z), Parts::new(&inner_poly, z));
    let (value_z, inner_z) = (parts.value(), inner_parts.value());
    let value_inverse = Parts::new(&values, z_inverse).value();
    transcript.absorb("opening values", &[value_z, value_inverse, inner_z]);
    let gamma = transcript.challenge(&mut Native, "opening gamma");

    let mut combined = values;
    add_scaled(&mut combined, gamma, &inner_poly);
    drop(inner_poly);
    let parts = parts.plus(gamma, &inner_parts);
    let (once, at_z) = divide(&combined, &parts);
    let (quotient_poly, at_inverse) = divide(&once, &Parts::new(&once, z_inverse));
    drop(once);
    let quotient = commit(&quotient_poly);
    transcript.absorb_point(&mut Native, "opening quotient", &quotient);
    let y = transcript.challenge(&mut Native, "opening y");
    // F(X) - R(X) = (X-z)(X-1/z)Q(X) with R(X) = at_z + at_inverse·(X-z); at X = y the difference
    // F(X) - R(y) - Z(y)·Q(X) vanishes.
    let remainder = at_z + at_inverse * (y - z);
    let vanishing = (y - z) * (y - z_inverse);
    add_scaled(&mut combined, -vanishing, &quotient_poly);
    drop(quotient_poly);
    combined[0] -= remainder;
    let (opening_poly, rest) = divide(&combined, &Parts::new(&combined, y));
    debug_assert_eq!(rest, Fr::ZERO);
    PcsProof {
        inner,
        value_z,
        value_inverse,
        inner_z,
        quotient,
        opening: commit(&opening_poly),
    }
}

/// log2 of the least significant variables that are taken block by block, and of a block, which with
/// its overlap stays in the second cache.
const LOW: usize = 12;
const BLOCK: usize = 1 << 15;

/// `S` of `f(X)P(1/X) + f(1/X)P(X) = 2v + X·S(X) + X^{-1}·S(1/X)`: coefficient `j-1` is `C_j + C_{-j}`
/// for `C(X) = f(X)·P(1/X)`.
fn inner_polynomial(values: &[Fr], point: &[Fr]) -> Vec<Fr> {
    let n = values.len();
    let correlation = correlation(values, point);
    (1..n)
        .into_par_iter()
        .with_min_len(CHUNK)
        .map(|j| correlation[n + j] + correlation[n - j])
        .collect()
}

/// Adds what `blind·X^N` makes of `S`: `blind·X^{N-1}·P(1/X)`, one coefficient more than before.
fn blind_inner(inner: &mut Vec<Fr>, blind: Fr, point: &[Fr]) {
    let mut reversed = eq::scaled_table(point, blind);
    reversed.reverse();
    add_scaled(&mut reversed, Fr::ONE, inner);
    *inner = reversed;
}

/// Coefficient `j` of `f(X)·P(1/X)` at `n + j`, for `-n <= j < n`. `P` is a product of a factor for each
/// variable, `P(1/X) = Π (1-r + r·X^{-s})` with `s` the variable's stride, so one multiplication for
/// each coefficient and variable will do.
fn correlation(values: &[Fr], point: &[Fr]) -> Vec<Fr> {
    let n = values.len();
    let mut out = vec![Fr::ZERO; 2 * n];
    let low = point.len().min(LOW);
    let margin = 1usize << low;
    out[n - margin..]
        .par_chunks_mut(BLOCK)
        .enumerate()
        .for_each(|(block, out)| {
            // Coefficients from `block·BLOCK - margin` on, and as many more as reach into them.
            let start = block * BLOCK;
            let skipped = margin.saturating_sub(start).min(out.len() + margin);
            let mut part = vec![Fr::ZERO; out.len() + margin];
            let from = (start + skipped - margin).min(n);
            let to = (start + out.len()).min(n);
            part[skipped..skipped + (to - from)].copy_from_slice(&values[from..to]);
            for (i, r) in point.iter().rev().take(low).enumerate() {
                blend::shift(&mut part, 1 << i, r);
            }
            out.copy_from_slice(&part[..out.len()]);
        });
    for (i, r) in point.iter().rev().enumerate().skip(low) {
        let stride = 1usize << i;
        let mut rest = &mut out[n - 2 * stride..];
        while rest.len() > stride {
            let (now, after) = rest.split_at_mut(stride);
            blend::bind(now, &after[..stride], r);
            rest = after;
        }
        rest.par_iter_mut()
            .with_min_len(CHUNK)
            .for_each(|v| *v -= *v * r);
    }
    out
}

/// Coefficients that a task takes in [`Parts`] and [`divide`].
const CHUNK: usize = 1 << 12;

/// A polynomial's chunks of coefficients, each evaluated at `x`.
struct Parts {
    x: Fr,
    /// `Σ_i c_{k·CHUNK + i}·x^i` for chunk `k`.
    values: Vec<Fr>,
}

impl Parts {
    fn new(coefficients: &[Fr], x: Fr) -> Self {
        let chunks = coefficients.par_chunks(CHUNK);
        Self {
            x,
            values: chunks.map(|chunk| horner(chunk, x)).collect(),
        }
    }

    /// Of `self + factor·other`, at the same place.
    fn plus(mut self, factor: Fr, other: &Self) -> Self {
        add_scaled(&mut self.values, factor, &other.values);
        self
    }

    /// Value of the polynomial.
    fn value(&self) -> Fr {
        horner(&self.values, self.x.pow_vartime([CHUNK as u64]))
    }
}

fn horner(coefficients: &[Fr], x: Fr) -> Fr {
    let from_the_top = coefficients.iter().rev();
    from_the_top.fold(Fr::ZERO, |acc, c| acc * x + c)
}

/// `target += factor·values`; the target may be longer.
fn add_scaled(target: &mut [Fr], factor: Fr, values: &[Fr]) {
    target
        .par_iter_mut()
        .with_min_len(CHUNK)
        .zip(values)
        .for_each(|(t, v)| *t += factor * v);
}

/// Quotient and remainder by `X - x`, given the chunks' values there.
fn divide(coefficients: &[Fr], parts: &Parts) -> (Vec<Fr>, Fr) {
    let step = parts.x.pow_vartime([CHUNK as u64]);
    // What the division carries into each chunk from those above.
    let mut carries = vec![Fr::ZERO; parts.values.len()];
    let mut carry = Fr::ZERO;
    for (into, value) in carries.iter_mut().zip(&parts.values).rev() {
        *into = carry;
        carry = carry * step + value;
    }
    let mut quotient = vec![Fr::ZERO; coefficients.len()];
    quotient
        .par_chunks_mut(CHUNK)
        .zip(coefficients.par_chunks(CHUNK))
        .zip(&carries)
        .for_each(|((quotient, coefficients), carry)| {
            let mut carry = *carry;
            for (q, c) in quotient.iter_mut().zip(coefficients).rev() {
                *q = carry;
                carry = *c + carry * parts.x;
            }
        });
    quotient.pop();
    (quotient, carry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use laminate_engine::pcs::eq_polynomial;
    use rand::SeedableRng;

    fn random(n: usize, seed: u64) -> Vec<Fr> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| Fr::random(&mut rng)).collect()
    }

    #[test]
    fn inner_polynomial_satisfies_its_identity() {
        for log in [0, 1, 4, LOW, LOW + 2, 17] {
            let point = random(log, 2);
            let values = random(1 << log, 3);
            let inner = inner_polynomial(&values, &point);
            assert_eq!(inner.len(), values.len() - 1);
            let z = random(1, 4)[0];
            let w = z.invert().unwrap();
            let p = |x: Fr| eq_polynomial(&mut Native, &point, &x);
            let v = laminate_engine::poly::evaluate(&values, &point);
            let left = horner(&values, z) * p(w) + horner(&values, w) * p(z);
            assert_eq!(
                left,
                v.double() + z * horner(&inner, z) + w * horner(&inner, w)
            );
            let blind = random(1, 5)[0];
            let (mut blinded, mut inner) = (values, inner);
            blind_inner(&mut inner, blind, &point);
            blinded.push(blind);
            assert_eq!(
                horner(&blinded, z) * p(w) + horner(&blinded, w) * p(z),
                v.double() + z * horner(&inner, z) + w * horner(&inner, w)
            );
        }
    }

    /// Against the double sum, also at points with zeros and ones.
    #[test]
    fn correlation_is_the_double_sum() {
        for log in [0usize, 1, 3, 6] {
            let values = random(1 << log, 5);
            let mut point = random(log, 6);
            for special in [None, Some(Fr::ZERO), Some(Fr::ONE)] {
                if let (Some(first), Some(value)) = (point.first_mut(), special) {
                    *first = value;
                }
                let n = values.len();
                let mut expected = vec![Fr::ZERO; 2 * n];
                for (i, f) in values.iter().enumerate() {
                    for (j, e) in eq::table(&point).iter().enumerate() {
                        expected[n + i - j] += f * e;
                    }
                }
                assert_eq!(correlation(&values, &point), expected);
            }
        }
    }

    #[test]
    fn division_and_evaluation_agree_with_horner() {
        for n in [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let (coefficients, other) = (random(n, 7), random(n, 8));
            let x = random(1, 9)[0];
            let parts = Parts::new(&coefficients, x);
            assert_eq!(parts.value(), horner(&coefficients, x));
            let (quotient, rest) = divide(&coefficients, &parts);
            assert_eq!(rest, horner(&coefficients, x));
            let mut carry = Fr::ZERO;
            for (i, c) in coefficients.iter().enumerate().rev() {
                let value = c + carry * x;
                if i > 0 {
                    assert_eq!(quotient[i - 1], value);
                }
                carry = value;
            }
            assert_eq!(quotient.len(), n - 1);
            let joined = parts.plus(x, &Parts::new(&other, x));
            assert_eq!(
                joined.value(),
                horner(&coefficients, x) + x * horner(&other, x)
            );
        }
    }
}
