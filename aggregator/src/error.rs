//! Errors of the aggregation circuit, its keys and its proofs.

use std::path::{Path, PathBuf};

use laminate_engine::error::VerifyError;
use laminate_model::artifact::ArtifactError;
use thiserror::Error;

use crate::circuit::{CircuitParams, Demand};
use crate::evm::EvmError;
use crate::join::JoinError;
use crate::keys::PublicShape;
use crate::packed::PackedError;
use crate::snark::SnarkError;
use crate::srs::SrsError;

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
    /// The reference string has too few powers.
    #[error(
        "the circuit needs a reference string with k >= {needed}, this one has k = {found}; import a larger one"
    )]
    SrsTooSmall {
        /// k of the reference string.
        found: u32,
        /// k needed.
        needed: u32,
    },
    /// The reference string was not cut to the circuit.
    #[error("the prover needs the reference string cut to k = {needed}, this one has k = {found}")]
    SrsSize {
        /// k of the reference string.
        found: u32,
        /// k needed.
        needed: u32,
    },
    /// The reference string holds no Lagrange basis of the circuit's size.
    #[error(
        "the circuit has 2^{needed} rows, reference strings serve circuits of up to 2^{}; compile with longer commitment rows",
        crate::srs::MAX_LAGRANGE_K
    )]
    NoLagrange {
        /// k needed.
        needed: u32,
    },
    /// A reference string cannot be cut.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// A key or reference string of something else.
    #[error(
        "{what} is {found}, expected {expected}: this key belongs to something else; run setup again"
    )]
    Foreign {
        /// What differs.
        what: &'static str,
        /// Found.
        found: String,
        /// Expected.
        expected: String,
    },
    /// A damaged file.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The file system.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that goes on behind the largest one there can be.
    #[error("{} has more than {most} bytes, which no key has", path.display())]
    FileTooLarge {
        /// Which file.
        path: PathBuf,
        /// Most bytes.
        most: u64,
    },
    /// halo2 could not make keys.
    #[error("key generation failed: {0}")]
    Keygen(halo2_base::halo2_proofs::plonk::Error),
    /// Public values of another circuit.
    #[error("the proof makes public {found}, its key expects {expected}")]
    PublicValues {
        /// Found.
        found: PublicShape,
        /// Expected.
        expected: PublicShape,
    },
    /// The proof cannot be made or does not verify.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// A proof that is to be joined cannot be made or does not verify.
    #[error(transparent)]
    Snark(#[from] SnarkError),
    /// A packed proof cannot be made or does not verify.
    #[error(transparent)]
    Packed(#[from] PackedError),
    /// A join cannot be laid out.
    #[error(transparent)]
    Join(Box<JoinError>),
    /// The verifier refuses before a circuit can be made.
    #[error("this proof cannot be aggregated: {0}")]
    Verifier(#[from] VerifyError),
}

impl From<JoinError> for AggregationError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Aggregation(error) => *error,
            error => Self::Join(Box::new(error)),
        }
    }
}

impl AggregationError {
    pub(crate) fn keygen(error: halo2_base::halo2_proofs::plonk::Error) -> Self {
        Self::Keygen(error)
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source,
        }
    }
}
