//! Models that are proven in parts: shards, each a program of its own, joined by boundary commitments.
//!
//! Shard 0 reads the tokens, embeds them and computes the first blocks; the last one ends in the argmax.
//! Between two of them lies the residual stream, which both hold in trace rows of its own
//! ([`crate::layout::Boundary`]). A proof's statement has the hash of those rows' commitments
//! ([`crate::statement::boundary_commitment`]), so equal scalars mean equal points, and equal points
//! equal values. What was fed to shard 0 beyond the prompt is in its output words, what the model chose in
//! those of the last one.

mod set;
mod weights;

pub use set::{ShardError, ShardSet};
pub use weights::{Unchecked, WeightSet};
