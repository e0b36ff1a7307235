//! The arithmetic that the verifier is written over: native values, or cells of a circuit.
//!
//! The verifier of models is generic over [`Backend`], so the aggregation circuit runs the
//! same code as the native reference (after snark-verifier's `Loader`).

use halo2curves_axiom::bn256::{Fq, Fr, G1Affine};
use halo2curves_axiom::ff::{Field, PrimeField};

use crate::error::{Check, VerifyError};
use crate::field::pow2;
use crate::transcript::poseidon::{self, WIDTH};

/// Parts of the verifier, for accounting of circuit cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Loading of proof scalars and points.
    Witness,
    /// Statement: commitments to weights and input, output packing.
    Statement,
    /// Relations of the layers: sumchecks and final evaluations.
    Sumcheck,
    /// LogUp-GKR.
    Lookup,
    /// Batching sumcheck and evaluation of its weights.
    Batching,
    /// The opening and the public values.
    Opening,
    /// Aggregation proofs that a join verifies.
    Snark,
    /// The combination of their points.
    Multiexp,
}

/// Scalars, points and assertions of a verifier run.
pub trait Backend {
    /// An element of `Fr`.
    type Scalar: Clone;
    /// A point of BN254 G1, on the curve and not the identity.
    type Point: Clone;

    /// A constant known to the verifier.
    fn constant(&mut self, value: Fr) -> Self::Scalar;
    /// `a + b`
    fn add(&mut self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;
    /// `a - b`
    fn sub(&mut self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;
    /// `a · b`
    fn mul(&mut self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;
    /// `a · b + c`
    fn mul_add(&mut self, a: &Self::Scalar, b: &Self::Scalar, c: &Self::Scalar) -> Self::Scalar;
    /// `constant + Σ coefficient · term`
    fn linear(&mut self, constant: Fr, terms: &[(Fr, Self::Scalar)]) -> Self::Scalar;
    /// `1 / a`, asserting that `a` is not zero.
    ///
    /// # Errors
    /// [`VerifyError::Degenerate`] (native only; a circuit becomes unsatisfiable).
    fn invert(&mut self, a: &Self::Scalar, what: &'static str)
    -> Result<Self::Scalar, VerifyError>;
    /// Asserts `a = b`.
    ///
    /// # Errors
    /// [`VerifyError::Check`] (native only; a circuit becomes unsatisfiable).
    fn assert_equal(
        &mut self,
        a: &Self::Scalar,
        b: &Self::Scalar,
        check: Check,
    ) -> Result<(), VerifyError>;
    /// Asserts that `a` is an integer in `[0, 2^16)`.
    ///
    /// # Errors
    /// [`VerifyError::Check`] (native only; a circuit becomes unsatisfiable).
    fn assert_u16(&mut self, a: &Self::Scalar, check: Check) -> Result<(), VerifyError>;
    /// Asserts that `a` is an integer in `[0, 2^32)`.
    ///
    /// # Errors
    /// [`VerifyError::Check`] (native only; a circuit becomes unsatisfiable).
    fn assert_u32(&mut self, a: &Self::Scalar, check: Check) -> Result<(), VerifyError>;
    /// The bits of an integer in `[0, 2^count)`, most significant first, asserted to be so;
    /// `count <= 32`.
    ///
    /// # Errors
    /// [`VerifyError::Check`] (native only; a circuit becomes unsatisfiable).
    fn bits(
        &mut self,
        a: &Self::Scalar,
        count: usize,
        check: Check,
    ) -> Result<Vec<Self::Scalar>, VerifyError>;
    /// The Poseidon permutation.
    fn permute(&mut self, state: [Self::Scalar; WIDTH]) -> [Self::Scalar; WIDTH];
    /// The canonical encoding of a point as three scalars; see [`point_scalars`].
    fn encode_point(&mut self, point: &Self::Point) -> [Self::Scalar; 3];
    /// Tells which part of the verifier follows.
    fn enter(&mut self, _part: Part) {}
}

/// Width of the limbs in which coordinates enter the transcript and the on-chain instances.
pub const LIMB_BITS: usize = 88;

/// The limbs of a base-field element, least significant first.
pub fn limbs(value: &Fq) -> [Fr; 3] {
    let bytes = value.to_repr();
    let step = LIMB_BITS / 8;
    std::array::from_fn(|i| {
        let mut repr = [0u8; 32];
        for (to, from) in repr.iter_mut().zip(bytes.iter().skip(i * step).take(step)) {
            *to = *from;
        }
        Option::from(Fr::from_repr(repr)).unwrap_or(Fr::ZERO)
    })
}

/// The canonical encoding of an affine point: with limbs `x0,x1,x2,y0,y1,y2` of 88 bits,
/// `[x0 + 2^88·x1, y0 + 2^88·y1, x2 + 2^88·y2]`: one rate block of the transcript, injective.
pub fn point_scalars(point: &G1Affine) -> [Fr; 3] {
    let [x0, x1, x2] = limbs(&point.x);
    let [y0, y1, y2] = limbs(&point.y);
    let shift = pow2(LIMB_BITS);
    [x0 + shift * x1, y0 + shift * y1, x2 + shift * y2]
}

/// The reference backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Backend for Native {
    type Scalar = Fr;
    type Point = G1Affine;

    fn constant(&mut self, value: Fr) -> Fr {
        value
    }
    fn add(&mut self, a: &Fr, b: &Fr) -> Fr {
        a + b
    }
    fn sub(&mut self, a: &Fr, b: &Fr) -> Fr {
        a - b
    }
    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        a * b
    }
    fn mul_add(&mut self, a: &Fr, b: &Fr, c: &Fr) -> Fr {
        a * b + c
    }
    fn linear(&mut self, constant: Fr, terms: &[(Fr, Fr)]) -> Fr {
        terms.iter().fold(constant, |acc, (coefficient, term)| {
            acc + coefficient * term
        })
    }
    fn invert(&mut self, a: &Fr, what: &'static str) -> Result<Fr, VerifyError> {
        Option::from(a.invert()).ok_or(VerifyError::Degenerate { what })
    }
    fn assert_equal(&mut self, a: &Fr, b: &Fr, check: Check) -> Result<(), VerifyError> {
        if a == b {
            Ok(())
        } else {
            Err(VerifyError::Check { check })
        }
    }
    fn assert_u16(&mut self, a: &Fr, check: Check) -> Result<(), VerifyError> {
        let high = a.to_repr().into_iter().skip(2).any(|byte| byte != 0);
        if high {
            Err(VerifyError::Check { check })
        } else {
            Ok(())
        }
    }
    fn assert_u32(&mut self, a: &Fr, check: Check) -> Result<(), VerifyError> {
        let high = a.to_repr().into_iter().skip(4).any(|byte| byte != 0);
        if high {
            Err(VerifyError::Check { check })
        } else {
            Ok(())
        }
    }
    fn bits(&mut self, a: &Fr, count: usize, check: Check) -> Result<Vec<Fr>, VerifyError> {
        let repr = a.to_repr();
        let [a, b, c, d, rest @ ..] = repr;
        let value = u64::from(u32::from_le_bytes([a, b, c, d]));
        if rest.iter().any(|byte| *byte != 0) || value >> count.min(32) > 0 {
            return Err(VerifyError::Check { check });
        }
        let bit = |i: usize| Fr::from((value >> i) & 1);
        Ok((0..count).rev().map(bit).collect())
    }
    fn permute(&mut self, mut state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        poseidon::permute(&mut state);
        state
    }
    fn encode_point(&mut self, point: &G1Affine) -> [Fr; 3] {
        point_scalars(point)
    }
}
