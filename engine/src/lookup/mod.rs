//! LogUp-GKR (Papini and Haböck, eprint 2023/1284): all lookups of a proof in one fractional-sum tree
//! (a program that is about weights alone has one for each piece of them).
//!
//! Leaves are fractions `numerator / denominator` in aligned [`Segment`]s. A looked-up value `v` is
//! `1 / (α - v)`, a table entry of multiplicity `μ` is `-μ / (α - t)`; a tuple `x` of table `i` is
//! compressed to `(i+1) + Σ_k β^(k+1)·x_k`, a value in a [`Range`] to `tag + β·v`, a tuple of neighbours in a range to
//! `tag + Σ_k β^(k+1)·v_k`. The remaining leaves are `0 / 1`.
//! The sum of all leaves is zero iff (up to the soundness error) every value is in its table.

mod range;
pub mod segments;
mod table;
mod verify;

pub use range::{BYTE_OFFSET, MAX_PACK, MAX_TABLES, Range, place_factors};
pub use segments::{Kind, Segment, Segments, TableColumn};
pub use verify::{LAYER_DEGREE, neighbours, verify};

use serde::{Deserialize, Serialize};

use crate::sumcheck::{SumcheckProof, map_all};

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

impl<S> LookupProof<S> {
    /// Maps every scalar.
    ///
    /// # Errors
    /// The first error of `scalar`.
    pub fn try_map<T, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
    ) -> Result<LookupProof<T>, E> {
        let layers = map_all(&self.layers, &mut |layer: &LookupLayer<S>| {
            let [a, b, c, d] = &layer.halves;
            Ok(LookupLayer {
                sumcheck: layer.sumcheck.try_map(scalar)?,
                halves: [scalar(a)?, scalar(b)?, scalar(c)?, scalar(d)?],
            })
        })?;
        Ok(LookupProof {
            layers,
            columns: map_all(&self.columns, scalar)?,
        })
    }
}
