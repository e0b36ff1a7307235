//! Integers modulo the base field as limbs of 16 bits, and the chunks in which identities read them.
//!
//! An integer below 2^256 has [`LIMBS`] limbs. [`CHUNKS`] chunks of at most [`CHUNK_LIMBS`] limbs are its
//! digits to the base `B = 2^96`: three digits, whose products are far below the scalar field.
//!
//! `expression - k·q = 0` over the integers is shown digit by digit: with the coefficients `F_0 … F_4` of
//! the expression as a polynomial in `B` and carries `c_0 … c_3`,
//!
//! `F_d + c_{d-1} = B·c_d`, and `F_4 + c_3 = 0`.
//!
//! With a challenge `χ` these five are the coefficients of `F(χ) + (χ - B)·c(χ) = 0`.

use halo2curves_axiom::bn256::{Fq, Fr};
use halo2curves_axiom::ff::{Field, PrimeField};

use crate::backend::Backend;
use crate::claim::View;
use crate::field::pow2;
use crate::geometry::Block;

/// Bits of a limb.
pub const LIMB_BITS: usize = 16;
/// Limbs of an integer.
pub const LIMBS: usize = 16;
/// Limbs of a chunk; the last one has fewer.
pub const CHUNK_LIMBS: usize = 6;
/// Chunks of an integer.
pub const CHUNKS: usize = 3;
/// log2 of the base.
pub const BASE_BITS: usize = LIMB_BITS * CHUNK_LIMBS;
/// Limbs of each carry.
pub const CARRY_LIMBS: [usize; 4] = [7, 7, 7, 5];
/// A quotient `k` is stored as `k + 19·2^251`: identities here have `-3q < k < 2q`, and the store's range
/// is `-3.14 q … 2.14 q`.
pub const QUOTIENT_OFFSET: (u64, usize) = (19, 251);

/// What is added to a carry to store it: half the range of its limbs.
pub fn carry_offset(limbs: usize) -> Fr {
    pow2(LIMB_BITS * limbs - 1)
}

/// The chunks of an element of the base field.
pub fn chunks(value: &Fq) -> [Fr; CHUNKS] {
    chunks_of(&value.to_repr())
}

/// The chunks of the base field's modulus.
pub fn modulus_chunks() -> [Fr; CHUNKS] {
    // q = (q - 1) + 1, and q is odd.
    let [low, rest @ ..] = chunks(&-Fq::ONE);
    let [middle, high] = rest;
    [low + Fr::ONE, middle, high]
}

/// The base field's modulus in the scalar field.
pub fn modulus() -> Fr {
    let powers = [Fr::ONE, pow2(BASE_BITS), pow2(2 * BASE_BITS)];
    let pairs = modulus_chunks().into_iter().zip(powers);
    pairs.map(|(chunk, power)| chunk * power).sum()
}

fn chunks_of(bytes: &[u8; 32]) -> [Fr; CHUNKS] {
    let size = BASE_BITS / 8;
    std::array::from_fn(|i| {
        let mut repr = [0u8; 32];
        for (to, from) in repr.iter_mut().zip(bytes.iter().skip(i * size).take(size)) {
            *to = *from;
        }
        Option::from(Fr::from_repr(repr)).unwrap_or(Fr::ZERO)
    })
}

/// The chunks of a column of integers as views of its limbs.
pub fn chunk_views(limbs: &[Block]) -> Vec<View> {
    let chunks = limbs.chunks(CHUNK_LIMBS);
    chunks
        .map(|limbs| View::limbs(Fr::ZERO, limbs, LIMB_BITS))
        .collect()
}

/// The native value, `Σ chunk_i·B^i` modulo the scalar field.
pub fn native<B: Backend>(backend: &mut B, chunks: &[B::Scalar]) -> B::Scalar {
    let powers = (0..).map(|i| pow2(BASE_BITS * i));
    let terms: Vec<(Fr, B::Scalar)> = powers.zip(chunks.iter().cloned()).collect();
    backend.linear(Fr::ZERO, &terms)
}

/// `Σ values_i·χ^i`.
pub fn contract<B: Backend>(backend: &mut B, values: &[B::Scalar], chi: &B::Scalar) -> B::Scalar {
    let mut values = values.iter().rev();
    let Some(first) = values.next() else {
        return backend.constant(Fr::ZERO);
    };
    let mut sum = first.clone();
    for value in values {
        sum = backend.mul_add(&sum, chi, value);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;

    #[test]
    fn chunks_are_digits() {
        let value = Fq::from_raw([1, 2, 3, 4]);
        let words: Vec<Fr> = [1u64, 2, 3, 4].map(Fr::from).to_vec();
        let radix = pow2(64);
        let expected = words
            .iter()
            .rev()
            .fold(Fr::ZERO, |acc, word| acc * radix + word);
        assert_eq!(native(&mut Native, &chunks(&value)), expected);
        // q = r + (q - r), both below 2^254.
        let difference = modulus();
        let minus_one = chunks(&-Fq::ONE);
        assert_eq!(native(&mut Native, &minus_one) + Fr::ONE, difference);
        assert_ne!(difference, Fr::ZERO);
    }
}
