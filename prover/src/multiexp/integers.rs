//! Witnesses of identities modulo the base field: quotients and carries as integers.

use halo2curves_axiom::bn256::Fq;
use halo2curves_axiom::ff::PrimeField;
use laminate_engine::geometry::Block;
use laminate_engine::multiexp::chunks::{BASE_BITS, CARRY_LIMBS, CHUNKS, QUOTIENT_OFFSET};
use laminate_engine::multiexp::sheet::Identity;
use num_bigint::BigInt;
use std::sync::LazyLock;

/// A polynomial in the base `2^96` with integer coefficients; degree at most 4.
#[derive(Clone, Debug, Default)]
pub struct Digits([BigInt; 2 * CHUNKS - 1]);

static MODULUS: LazyLock<BigInt> = LazyLock::new(|| integer(&-Fq::one()) + 1);
static MODULUS_DIGITS: LazyLock<Digits> = LazyLock::new(|| Digits::of(&MODULUS));

fn integer(value: &Fq) -> BigInt {
    BigInt::from_bytes_le(num_bigint::Sign::Plus, &value.to_repr())
}

impl Digits {
    /// An element of the base field.
    pub fn element(value: &Fq) -> Self {
        Self::of(&integer(value))
    }

    /// A constant.
    pub fn constant(value: i64) -> Self {
        let mut out = Self::default();
        out.0[0] = BigInt::from(value);
        out
    }

    /// The digits of an integer; all have its sign.
    fn of(value: &BigInt) -> Self {
        let mut out = Self::default();
        let mask: BigInt = (BigInt::from(1) << BASE_BITS) - 1;
        let (sign, mut rest) = (value.sign(), value.magnitude().clone());
        let mask = mask.magnitude().clone();
        for (i, digit) in out.0.iter_mut().take(CHUNKS).enumerate() {
            let part = if i + 1 == CHUNKS {
                std::mem::take(&mut rest)
            } else {
                let part = &rest & &mask;
                rest >>= BASE_BITS;
                part
            };
            *digit = BigInt::from_biguint(sign, part);
        }
        out
    }

    /// The product of two integers' digits.
    pub fn times(&self, other: &Self) -> Self {
        let mut out = Self::default();
        for (i, a) in self.0.iter().take(CHUNKS).enumerate() {
            for (j, b) in other.0.iter().take(CHUNKS).enumerate() {
                out.0[i + j] += a * b;
            }
        }
        out
    }

    /// `self + factor·other`
    #[must_use]
    pub fn plus(mut self, factor: i64, other: &Self) -> Self {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a += b * factor;
        }
        self
    }

    fn value(&self) -> BigInt {
        let digits = self.0.iter().rev();
        digits.fold(BigInt::from(0), |acc, digit| (acc << BASE_BITS) + digit)
    }
}

/// Where limbs of one row go.
pub struct Row<'a> {
    /// The trace.
    pub values: &'a mut [u16],
    /// The row.
    pub index: usize,
}

impl Row<'_> {
    /// Writes an element of the base field.
    pub fn element(&mut self, limbs: &[Block], value: &Fq) {
        self.bytes(limbs, &value.to_repr());
    }

    /// Writes one limb.
    pub fn limb(&mut self, block: &Block, value: u16) {
        self.values[block.offset + self.index] = value;
    }

    fn bytes(&mut self, limbs: &[Block], bytes: &[u8]) {
        let (pairs, _) = bytes.as_chunks::<2>();
        for (i, block) in limbs.iter().enumerate() {
            let pair = pairs.get(i).copied().unwrap_or_default();
            self.limb(block, u16::from_le_bytes(pair));
        }
    }

    fn integer(&mut self, limbs: &[Block], value: &BigInt) {
        let (sign, mut bytes) = value.to_bytes_le();
        debug_assert_ne!(sign, num_bigint::Sign::Minus);
        debug_assert!(bytes.len() <= 2 * limbs.len());
        bytes.resize(2 * limbs.len(), 0);
        self.bytes(limbs, &bytes);
    }

    /// Writes quotient and carries of `expression = k·q`, which must hold.
    pub fn identity(&mut self, identity: &Identity, expression: &Digits) {
        let quotient: BigInt = expression.value() / &*MODULUS;
        let (factor, log) = QUOTIENT_OFFSET;
        let stored = &quotient + (BigInt::from(factor) << log);
        self.integer(&identity.quotient, &stored);
        // The quotient's digits as the protocol reads them: those of what is stored, less the offset.
        let mut digits = Digits::of(&stored);
        digits.0[CHUNKS - 1] -= BigInt::from(factor) << (log - (CHUNKS - 1) * BASE_BITS);
        let rest = expression.clone().plus(-1, &digits.times(&MODULUS_DIGITS));
        let mut carry = BigInt::from(0);
        for ((digit, blocks), limbs) in rest.0.iter().zip(&identity.carries).zip(CARRY_LIMBS) {
            carry = (carry + digit) >> BASE_BITS;
            let offset = BigInt::from(1) << (16 * limbs - 1);
            self.integer(blocks, &(&carry + offset));
        }
        debug_assert_eq!(carry + &rest.0[2 * CHUNKS - 2], BigInt::from(0));
    }
}
