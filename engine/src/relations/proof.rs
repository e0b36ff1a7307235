//! Proofs of relations.

use serde::{Deserialize, Serialize};

use crate::sumcheck::{SumcheckProof, map_all};

/// The proof of one relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationProof<S> {
    /// Sumchecks in the order of the relation.
    pub sumchecks: Vec<SumcheckProof<S>>,
    /// Evaluations of the relation's columns, in its order.
    pub evaluations: Vec<S>,
}

/// The proof of one layer; its file is what `--keep-layers` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerProof<S> {
    /// One proof for each of the layer's relations.
    pub relations: Vec<RelationProof<S>>,
}

impl<S> LayerProof<S> {
    /// Maps every scalar.
    ///
    /// # Errors
    /// The first error of `scalar`.
    pub fn try_map<T, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
    ) -> Result<LayerProof<T>, E> {
        Ok(LayerProof {
            relations: map_all(&self.relations, &mut |relation: &RelationProof<S>| {
                Ok(RelationProof {
                    sumchecks: map_all(&relation.sumchecks, &mut |s| s.try_map(scalar))?,
                    evaluations: map_all(&relation.evaluations, scalar)?,
                })
            })?,
        })
    }
}
