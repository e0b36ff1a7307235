//! Errors of the aggregation circuit, its keys and its proofs.

use laminate_protocol::error::VerifyError;
use thiserror::Error;

use crate::circuit::{CircuitParams, Demand};

/// A failure in this crate outside reference strings and contract generation.
#[derive(Debug, Error)]
pub enum AggregationError {
    /// A circuit shape that this build cannot have made.
    #[error("circuit shape {params:?} is not possible; make the keys again")]
    Params {
        /// The shape.
        params: CircuitParams,
    },
    /// The program's verifier does not fit.
    #[error(
        "the verifier of this program needs {demand:?}, more than {columns} columns of 2^{k} rows hold; \
         split the model or lower the batch"
    )]
    TooLarge {
        /// What it needs.
        demand: Demand,
        /// Most columns.
        columns: usize,
        /// Most rows, as log2.
        k: usize,
    },
    /// The verifier refuses before a circuit can be made.
    #[error("this proof cannot be aggregated: {0}")]
    Verifier(#[from] VerifyError),
}
