//! BN254 G1 in a circuit over its scalar field, with own non-native arithmetic.
//!
//! | file | what |
//! | --- | --- |
//! | [`element`] | integers in three 88-bit limbs |
//! | [`field`], `identity` | witnesses and identities modulo the base field |
//! | [`point`] | points, chord and tangent, sums without ordinates |
//! | [`scalar`] | endomorphism split and signed digits |
//! | [`msm`] | linear combinations |
//!
//! halo2-ecc's gadget spends about 180,000 cells a term of such a sum (897,000 for four terms and the
//! generator), mostly in range checks of complete additions; it is kept as the reference in tests.

pub mod element;
pub mod field;
mod identity;
pub mod msm;
pub mod point;
pub mod scalar;

#[cfg(test)]
mod library;
#[cfg(test)]
mod tests;

pub use field::FieldChip;
pub use msm::msm;
pub use point::Point;
