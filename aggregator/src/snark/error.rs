//! Why an aggregation proof that a circuit is to verify is refused.

use laminate_engine::error::VerifyError;
use thiserror::Error;

use crate::evm::EvmError;

/// A refusal.
#[derive(Debug, Error)]
pub enum SnarkError {
    /// A check on values fails, or a vector has another length than the constraint system gives it.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Key and reference string do not fit, or proving fails.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// A proof of the wrong size.
    #[error(
        "the proof has {found} bytes, expected {expected}: it is of another constraint system or cut off"
    )]
    Length {
        /// As the constraint system determines.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// Bytes that are no scalar.
    #[error(
        "scalar {index} of the proof, at byte {offset}, is not below the order of the scalar field"
    )]
    Scalar {
        /// Among the scalars, from 0.
        index: usize,
        /// Where it begins.
        offset: usize,
    },
    /// Bytes that are no point.
    #[error("point {index} of the proof, at byte {offset}: {reason}")]
    Point {
        /// Among the points, from 0.
        index: usize,
        /// Where it begins.
        offset: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The point at infinity, which the transcript cannot encode.
    #[error(
        "{what} {index} is the point at infinity, expected a point of the curve: a column that is zero everywhere cannot be verified in a circuit"
    )]
    Identity {
        /// Commitment of a key, or point of a proof.
        what: &'static str,
        /// Its place.
        index: usize,
    },
    /// snark-verifier and this module disagree about the protocol.
    #[error("the verifier of the constraint system cannot be run: {reason}")]
    Protocol {
        /// What it asks for.
        reason: String,
    },
}

impl From<snark_verifier::Error> for SnarkError {
    fn from(error: snark_verifier::Error) -> Self {
        Self::Protocol {
            reason: format!("{error:?}"),
        }
    }
}
