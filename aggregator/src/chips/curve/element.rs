//! Integers in limbs.

use halo2_base::AssignedValue;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr};
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use halo2_base::utils::{biguint_to_fe, modulus};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;

/// Limbs of an element.
pub const LIMBS: usize = 3;
/// Bits of a limb, as in the transcript and the instances.
pub const LIMB_BITS: usize = laminate_protocol::backend::LIMB_BITS;
/// Bits of the limbs of a reduced witness: the integer is below 2^254, so below `2p`.
pub const WIDTHS: [usize; LIMBS] = [LIMB_BITS, LIMB_BITS, 254 - 2 * LIMB_BITS];

/// A cell of the native field.
pub type Cell = AssignedValue<Fr>;

/// An integer that stands for its class modulo `p`.
#[derive(Clone, Debug)]
pub struct Element {
    /// Limbs, least significant first.
    pub limbs: [Cell; LIMBS],
    /// `Σ limb·2^(88 i)` modulo `r`.
    pub native: Cell,
    pub(super) values: [i128; LIMBS],
    /// Largest magnitude of each limb.
    pub(super) bound: [u128; LIMBS],
}

impl Element {
    pub(super) fn integer(&self) -> BigInt {
        join(&self.values)
    }

    /// Largest magnitude of each limb.
    pub fn limb_bounds(&self) -> [u128; LIMBS] {
        self.bound
    }

    /// [`Element::limb_bounds`] of a reduced witness.
    pub fn reduced_bounds() -> [u128; LIMBS] {
        WIDTHS.map(|width| (1u128 << width) - 1)
    }

    pub(super) fn bound(&self) -> BigUint {
        self.bound
            .iter()
            .rev()
            .fold(BigUint::ZERO, |acc, limb| (acc << LIMB_BITS) + limb)
    }

    /// The class modulo `p`.
    pub fn value(&self) -> Fq {
        let modulus = BigInt::from(modulus::<Fq>());
        biguint_to_fe(
            &self
                .integer()
                .mod_floor(&modulus)
                .to_biguint()
                .unwrap_or_default(),
        )
    }
}

fn join(values: &[i128; LIMBS]) -> BigInt {
    values
        .iter()
        .rev()
        .fold(BigInt::ZERO, |acc, limb| (acc << LIMB_BITS) + limb)
}

/// The limbs of a non-negative integer; bits above 2^264 stay in the last one.
pub(super) fn split(integer: &BigUint) -> [u128; LIMBS] {
    let mask = (BigUint::from(1u8) << LIMB_BITS) - 1u8;
    std::array::from_fn(|i| {
        let shifted = integer >> (LIMB_BITS * i);
        let limb = if i + 1 < LIMBS {
            shifted & &mask
        } else {
            shifted
        };
        u128::try_from(limb).unwrap_or(u128::MAX)
    })
}

pub(super) fn native(integer: &BigInt) -> Fr {
    let magnitude = integer.magnitude() % modulus::<Fr>();
    let value: Fr = biguint_to_fe(&magnitude);
    if integer.sign() == Sign::Minus {
        -value
    } else {
        value
    }
}

pub(super) fn small(value: i128) -> Fr {
    let magnitude = Fr::from_u128(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}
