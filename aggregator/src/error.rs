//! Errors of the aggregation circuit, its keys and its proofs.

use thiserror::Error;

use crate::circuit::CircuitParams;

/// A failure in this crate outside reference strings and contract generation.
#[derive(Debug, Error)]
pub enum AggregationError {
    /// A circuit shape that this build cannot have made.
    #[error("circuit shape {params:?} is not possible; make the keys again")]
    Params {
        /// The shape.
        params: CircuitParams,
    },
}
