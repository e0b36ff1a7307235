//! Why proofs are not joined.

use laminate_engine::error::VerifyError;
use laminate_prover::multiexp::MultiexpError;
use thiserror::Error;

use crate::error::AggregationError;
use crate::snark::SnarkError;

/// A refusal.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The plan cannot be.
    #[error("this join cannot be: {problem}")]
    Plan {
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// A child's proof is not what the plan expects there.
    #[error("proof {index}: {problem}")]
    Child {
        /// Its place, from 0.
        index: usize,
        /// What is wrong.
        problem: String,
    },
    /// A child's proof does not verify.
    #[error("proof {index}: {source}")]
    Snark {
        /// Its place, from 0.
        index: usize,
        /// Why.
        source: SnarkError,
    },
    /// The statements do not fit each other.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The combination of all points was not proven.
    #[error(transparent)]
    Multiexp(#[from] MultiexpError),
    /// Keys, reference string or the join's own proof.
    #[error(transparent)]
    Aggregation(#[from] Box<AggregationError>),
}

impl From<AggregationError> for JoinError {
    fn from(error: AggregationError) -> Self {
        Self::Aggregation(Box::new(error))
    }
}
