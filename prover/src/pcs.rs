//! Prover of the multilinear KZG opening; the protocol is in `laminate_protocol::pcs`.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use laminate_protocol::backend::Native;
use laminate_protocol::pcs::PcsProof;
use laminate_protocol::poly::eq;
use laminate_protocol::transcript::Transcript;

use crate::kernels::{fft, msm};

/// Opens `values` (length `2^point.len()`) at `point`. `powers` has at least as many points.
pub fn prove(
    transcript: &mut Transcript<Native>,
    powers: &[G1Affine],
    values: &[Fr],
    point: &[Fr],
) -> PcsProof<Fr, G1Affine> {
    let commit = |coefficients: &[Fr]| msm::full(coefficients, powers).to_affine();
    let inner_poly = inner_polynomial(values, point);
    let inner = commit(&inner_poly);
    transcript.absorb_point(&mut Native, "opening inner commitment", &inner);
    let z = transcript.challenge(&mut Native, "opening z");
    let z_inverse = z.invert().unwrap_or(Fr::ZERO);
    let value_z = evaluate(values, z);
    let value_inverse = evaluate(values, z_inverse);
    let inner_z = evaluate(&inner_poly, z);
    transcript.absorb("opening values", &[value_z, value_inverse, inner_z]);
    let gamma = transcript.challenge(&mut Native, "opening gamma");

    let mut combined = values.to_vec();
    for (c, s) in combined.iter_mut().zip(&inner_poly) {
        *c += gamma * s;
    }
    let (once, at_z) = divide(&combined, z);
    let (quotient_poly, at_inverse) = divide(&once, z_inverse);
    let quotient = commit(&quotient_poly);
    transcript.absorb_point(&mut Native, "opening quotient", &quotient);
    let y = transcript.challenge(&mut Native, "opening y");
    // F(X) - R(X) = (X-z)(X-1/z)Q(X) with R(X) = at_z + at_inverse·(X-z); at X = y the difference
    // F(X) - R(y) - Z(y)·Q(X) vanishes.
    let remainder = at_z + at_inverse * (y - z);
    let vanishing = (y - z) * (y - z_inverse);
    for (c, q) in combined.iter_mut().zip(&quotient_poly) {
        *c -= vanishing * q;
    }
    combined[0] -= remainder;
    let (opening_poly, rest) = divide(&combined, y);
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

/// `S` of `f(X)P(1/X) + f(1/X)P(X) = 2v + X·S(X) + X^{-1}·S(1/X)`: coefficient `j-1` is
/// `Σ_i f_{i+j}P_i + f_i P_{i+j}`, read off one product of `f` with `P` reversed.
fn inner_polynomial(values: &[Fr], point: &[Fr]) -> Vec<Fr> {
    let n = values.len();
    let mut reversed = eq::table(point);
    reversed.reverse();
    let product = fft::multiply(values, &reversed);
    (1..n)
        .map(|j| product[n - 1 + j] + product[n - 1 - j])
        .collect()
}

/// Value of a polynomial.
fn evaluate(coefficients: &[Fr], x: Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::ZERO, |acc, c| acc * x + c)
}

/// Quotient and remainder by `X - x`.
fn divide(coefficients: &[Fr], x: Fr) -> (Vec<Fr>, Fr) {
    let mut quotient = vec![Fr::ZERO; coefficients.len().saturating_sub(1)];
    let mut carry = Fr::ZERO;
    for (i, c) in coefficients.iter().enumerate().rev() {
        let value = *c + carry * x;
        match i.checked_sub(1) {
            Some(at) => quotient[at] = value,
            None => return (quotient, value),
        }
        carry = value;
    }
    (quotient, carry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use laminate_protocol::pcs::eq_polynomial;
    use rand::SeedableRng;

    #[test]
    fn inner_polynomial_satisfies_its_identity() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let point: Vec<Fr> = (0..4).map(|_| Fr::random(&mut rng)).collect();
        let values: Vec<Fr> = (0..16).map(|_| Fr::random(&mut rng)).collect();
        let inner = inner_polynomial(&values, &point);
        let z = Fr::random(&mut rng);
        let w = z.invert().unwrap();
        let p = |x: Fr| eq_polynomial(&mut Native, &point, &x);
        let v = laminate_protocol::poly::evaluate(&values, &point);
        let left = evaluate(&values, z) * p(w) + evaluate(&values, w) * p(z);
        assert_eq!(
            left,
            v.double() + z * evaluate(&inner, z) + w * evaluate(&inner, w)
        );
    }
}
