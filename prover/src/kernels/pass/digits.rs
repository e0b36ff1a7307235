//! Field elements as digits, and sums of digits back to elements.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};

use super::words;
use crate::kernels::words::Words;

/// The element of Montgomery form `Σ_i digits[i] · 2^(bits·i)`, where `digits.len() · bits` is 256.
///
/// # Assumptions
/// Digits are below 2^62 in absolute value.
pub fn element(digits: &[i64], bits: u32) -> Fr {
    let per_word = digits.len() / 4;
    let mut carry = 0i128;
    let mut out: Words = [0; 4];
    for (word, digits) in out.iter_mut().zip(digits.chunks(per_word)) {
        let mut shift = 0;
        for digit in digits {
            carry += i128::from(*digit) << shift;
            shift += bits;
        }
        *word = carry as u64;
        carry >>= 64;
    }
    // The words are below 2^256 < 6p; what is above them is a multiple of 2^256, the form of one.
    let low = words::scalar(&reduce(out));
    let high = Fr::from(carry.unsigned_abs() as u64);
    if carry < 0 { low - high } else { low + high }
}

fn reduce(mut value: Words) -> Words {
    let modulus = modulus();
    loop {
        let mut borrow = false;
        let less: Words = std::array::from_fn(|i| {
            let (a, first) = value[i].overflowing_sub(modulus[i]);
            let (b, second) = a.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            b
        });
        if borrow {
            return value;
        }
        value = less;
    }
}

fn modulus() -> Words {
    static MODULUS: std::sync::LazyLock<Words> = std::sync::LazyLock::new(|| {
        let bytes: [u8; 32] = (-Fr::ONE).to_repr();
        // The modulus is odd, so adding one to p - 1 does not carry.
        std::array::from_fn(|i| {
            u64::from_le_bytes(std::array::from_fn(|j| bytes[8 * i + j])) + u64::from(i == 0)
        })
    });
    *MODULUS
}

/// Byte `b` of four elements in word `b`, least significant byte the first element.
pub type Quad = [u32; 32];

/// Digits 0 to 255 of a vector in quads; missing elements are zero.
pub fn unsigned(values: &[Fr]) -> Vec<Quad> {
    quads(values, |words| {
        let mut out = [0; 32];
        for (bytes, word) in out.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        out
    })
}

/// Digits -128 to 127: the bytes of `x + 128·(256^32 - 1)/255`, less 128 each.
pub fn signed(values: &[Fr]) -> Vec<Quad> {
    const OFFSET: u64 = 0x8080_8080_8080_8080;
    quads(values, |words| {
        let mut out = [0; 32];
        let mut carry = false;
        for (bytes, word) in out.chunks_exact_mut(8).zip(words) {
            let (sum, first) = word.overflowing_add(OFFSET);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            bytes.copy_from_slice(&(sum ^ OFFSET).to_le_bytes());
        }
        out
    })
}

fn quads(values: &[Fr], digits: impl Fn(&Words) -> [u8; 32]) -> Vec<Quad> {
    words::of(values)
        .chunks(4)
        .map(|four| {
            let mut quad = [0u32; 32];
            for (i, words) in four.iter().enumerate() {
                for (q, digit) in quad.iter_mut().zip(digits(words)) {
                    *q |= u32::from(digit) << (8 * i);
                }
            }
            quad
        })
        .collect()
}
