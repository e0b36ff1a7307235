//! LogUp-GKR (Papini and Haböck, eprint 2023/1284): all lookups of a proof in one fractional-sum tree
//! (a program that is about weights alone has one for each piece of them).
//!
//! Leaves are fractions `numerator / denominator` in aligned [`Segment`]s. A looked-up value `v` is
//! `1 / (α - v)`, a table entry of multiplicity `μ` is `-μ / (α - t)`; a pair `(x, y)` of table `i` is
//! compressed to `(i+1) + β·x + β²·y`, a value in a [`Range`] to `tag + β·v`. The remaining leaves are `0 / 1`.
//! The sum of all leaves is zero iff (up to the soundness error) every value is in its table.

mod range;
pub mod segments;
mod table;
mod verify;

pub use range::Range;
pub use segments::{Kind, Segment, Segments};
pub use verify::{LAYER_DEGREE, verify};

use serde::{Deserialize, Serialize};

use crate::sumcheck::SumcheckProof;

/// One layer of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupLayer<S> {
    /// Sumcheck over the layer's variables; no rounds at the root.
    pub sumcheck: SumcheckProof<S>,
    /// Numerators and denominators of the two halves of the next layer at the final point:
    /// `[p(0,r), p(1,r), q(0,r), q(1,r)]`.
    pub halves: [S; 4],
}

/// Proof of all lookups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupProof<S> {
    /// From the root to the leaves.
    pub layers: Vec<LookupLayer<S>>,
    /// Evaluations of the columns of all segments at the leaf point, in segment order.
    pub columns: Vec<S>,
}
