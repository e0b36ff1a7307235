//! Polynomials by their coefficients, lowest first.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;

/// `Σ Y^k·f_k(Y^t)` of `t` polynomials, to as many coefficients as the longest needs.
pub(super) fn interleave(members: &[Vec<Fr>]) -> Vec<Fr> {
    let length = members.iter().map(Vec::len).max().unwrap_or(0);
    let mut packed = Vec::with_capacity(length * members.len());
    for place in 0..length {
        let at_place = members.iter().map(|member| member.get(place));
        packed.extend(at_place.map(|value| value.copied().unwrap_or(Fr::ZERO)));
    }
    packed
}

/// The quotient by `X − point`; the remainder is left out.
pub(super) fn divide(poly: &[Fr], point: Fr) -> Vec<Fr> {
    let mut quotient = vec![Fr::ZERO; poly.len().saturating_sub(1)];
    let mut carry = Fr::ZERO;
    for (to, from) in quotient.iter_mut().rev().zip(poly.iter().rev()) {
        carry = carry * point + from;
        *to = carry;
    }
    quotient
}

/// The value at a point.
pub(super) fn evaluate(poly: &[Fr], point: Fr) -> Fr {
    poly.iter()
        .rev()
        .fold(Fr::ZERO, |value, coefficient| value * point + coefficient)
}

/// `sum += factor·poly`
pub(super) fn add_scaled(sum: &mut Vec<Fr>, factor: Fr, poly: &[Fr]) {
    if sum.len() < poly.len() {
        sum.resize(poly.len(), Fr::ZERO);
    }
    for (to, from) in sum.iter_mut().zip(poly) {
        *to += factor * from;
    }
}
