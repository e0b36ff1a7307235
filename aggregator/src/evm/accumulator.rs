//! The KZG accumulator that the circuit exposes: two points whose pairing the contract checks beside the proof's own.
//!
//! # Convention
//! That of snark-verifier (`KzgAs::decide`): `e(lhs, G2) · e(rhs, −τ·G2) = 1`, so `lhs = τ·rhs`. An opening proof `π` of `C` at `z` with value
//! `y`, `e(π, τ·G2 − z·G2) = e(C − y·G1, G2)`, is therefore the accumulator `lhs = C − y·G1 + z·π`, `rhs = π`.
//!
//! # Layout
//! The 12 leading instances: `lhs.x, lhs.y, rhs.x, rhs.y`, each 3 limbs of 88 bits, least significant first.

use halo2_base::{
    halo2_proofs::halo2curves::{
        CurveAffine,
        bn256::{Fq, Fr, G1Affine},
        ff::PrimeField,
        group::prime::PrimeCurveAffine,
    },
    utils::decompose_biguint,
};
use num_bigint::BigUint;
use snark_verifier_sdk::{BITS, LIMBS};

use super::error::EvmError;
use crate::srs::{Srs, pairings_equal};

/// Instances that hold the accumulator.
pub const ACCUMULATOR_LIMBS: usize = 4 * LIMBS;

/// Two points with `lhs = τ·rhs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accumulator {
    /// Paired with `G2`.
    pub lhs: G1Affine,
    /// Paired with `τ·G2`.
    pub rhs: G1Affine,
}
