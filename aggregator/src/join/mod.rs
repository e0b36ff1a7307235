//! Recursion: aggregation proofs joined into one.
//!
//! A join circuit verifies the aggregation proofs of its *children* and gives a proof of the same form, in the
//! same constraint system: contracts verify it like any other, and it can be a child itself, so proofs join in
//! trees. A child is a proof of a model, of a shard, or of a join; its verifying key is a witness, and its digest
//! part of the join's program digest.
//!
//! | step | what | cost |
//! | --- | --- | --- |
//! | public values | a child's are a witness whose hash is the child's instance `D`; `ω`, `E` and the accumulator's limbs are free | hashing |
//! | halo2 | [`crate::snark`] runs the verifier on cells, points stay symbolic | 4,000 cells a child |
//! | pairings | two a child; a random combination is one pairing of two witness points `L`, `R` | |
//! | group operations | `Σ s_i·P_i = 0` over all points of all children, `L` and `R`, by [`laminate_engine::multiexp`] | 40,000 cells in all |
//! | statements | [`plan`] | |
//!
//! What is left is the pairing of `L` and `R` and that of the combination's own opening, which are joined by
//! one more challenge: a join has a few points whatever it joins.

pub mod error;
pub mod plan;
pub mod prove;
mod statement;
pub mod verify;
pub mod witness;

#[cfg(test)]
mod tests;

pub use error::JoinError;
pub use plan::{Child, Mode, Plan, Tokens, WeightRange, default_row_log};
pub use prove::{Part, prove};
pub use statement::weight_commitment;
pub use verify::Join;
