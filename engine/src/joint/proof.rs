//! The messages of a joint sumcheck.

use serde::{Deserialize, Serialize};

use crate::sumcheck::SumcheckProof;

/// What proves all relations of a group; of a single node (`--keep-layers`), the node's share of it: the values
/// that its relations read beside the rounds that all share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointProof<S> {
    /// Values at suffixes of the joint point.
    pub targets: Vec<S>,
    /// The stages' messages.
    pub stages: Vec<StageProof<S>>,
}

/// The messages of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProof<S> {
    /// Its rounds.
    pub sumcheck: SumcheckProof<S>,
    /// Values at suffixes of its point.
    pub evaluations: Vec<S>,
}

impl<S> JointProof<S> {
    /// Maps every scalar, in the order in which they are absorbed.
    ///
    /// # Errors
    /// The first error of `scalar`.
    pub fn try_map<T, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
    ) -> Result<JointProof<T>, E> {
        let targets = self
            .targets
            .iter()
            .map(&mut *scalar)
            .collect::<Result<_, E>>()?;
        let mut stages = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            stages.push(StageProof {
                sumcheck: stage.sumcheck.try_map(scalar)?,
                evaluations: stage
                    .evaluations
                    .iter()
                    .map(&mut *scalar)
                    .collect::<Result<_, E>>()?,
            });
        }
        Ok(JointProof { targets, stages })
    }
}
