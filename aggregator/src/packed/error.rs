//! Why a packed proof cannot be made, or is refused.

use laminate_engine::error::VerifyError;
use thiserror::Error;

use crate::evm::EvmError;
use crate::snark::SnarkError;

/// A failure of the packed opening.
#[derive(Debug, Error)]
pub enum PackedError {
    /// Key, reference string or accumulator do not fit, proving fails, or the proof is refused.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// The terms give no accumulator.
    #[error(transparent)]
    Deferred(#[from] VerifyError),
    /// The proof's bytes are no proof: another length, a word that is not canonical, a point off the curve.
    #[error(transparent)]
    Bytes(#[from] SnarkError),
    /// The reference string has too few powers.
    #[error(
        "the packed opening needs a reference string of {needed} powers, this one has {found}; import one with k >= {}, or set up with SHPLONK",
        needed.next_power_of_two().trailing_zeros()
    )]
    Powers {
        /// For the longest pack.
        needed: usize,
        /// Of the string.
        found: usize,
    },
    /// Blinding rows do not hide what a packed proof shows.
    #[error(
        "a packed proof needs {needed} blinding rows, this constraint system has {found}; set up with SHPLONK"
    )]
    Blinds {
        /// Openings of a column and its commitment.
        needed: usize,
        /// Of the constraint system.
        found: usize,
    },
    /// A proof system that the opening does not know.
    #[error("the protocol cannot be packed: {reason}")]
    Protocol {
        /// What is different.
        reason: &'static str,
    },
    /// The key's pack was made from another key.
    #[error(
        "the key's pack has {found} polynomials, the verifying key gives {expected}; make the keys again"
    )]
    ForeignKey {
        /// As the verifying key determines.
        expected: usize,
        /// Of the pack.
        found: usize,
    },
    /// The key has another number of packs than its constraint system.
    #[error("the key has {found} packs, its constraint system {expected}; make the keys again")]
    KeyPacks {
        /// As the constraint system determines.
        expected: usize,
        /// Of the key.
        found: usize,
    },
    /// The last word of the proof is not the inverse of what a contract inverts.
    #[error(
        "the last word of the proof is not the inverse that the contract checks; it is {expected}"
    )]
    Inverse {
        /// What it must be, in hex.
        expected: String,
    },
    /// halo2's prover did something else than this module expects of it.
    #[error("the packed proof cannot be made: {reason}")]
    Prover {
        /// What.
        reason: String,
    },
}
