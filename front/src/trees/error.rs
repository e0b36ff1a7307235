//! Why a tree model cannot be read or lowered.

use std::path::PathBuf;

use thiserror::Error;

use super::Format;

/// Why a tree model cannot be read or lowered. Every message names the place, what was found and what is accepted.
#[derive(Debug, Error)]
pub enum TreeError {
    /// The file cannot be read.
    #[error("model {path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The bytes are no tree model that is known.
    #[error("model: {found}; expected {}", super::ACCEPTED)]
    Unknown {
        /// What the bytes look like and how to save the model instead.
        found: String,
    },
    /// The file says it is of this format but breaks its rules.
    #[error(
        "{format} model: {place}: {problem}; the file is truncated or altered, save the model again"
    )]
    Malformed {
        /// The format.
        format: Format,
        /// Where.
        place: String,
        /// Expected and found.
        problem: String,
    },
    /// The model uses a feature of its library that has no counterpart here.
    #[error("{format} model: {what} is not supported; {remedy}")]
    Unsupported {
        /// The format.
        format: Format,
        /// The feature, by the library's name.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The model or one of its parts is larger than accepted.
    #[error("model: {what} is {found}, at most {limit} is accepted")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// Sums are too large for any scale.
    #[error("model: a sum of leaves can be {largest:e}, at most 2^{limit} is accepted")]
    Range {
        /// Largest possible magnitude of a sum.
        largest: f64,
        /// Binary logarithm of the cap.
        limit: u32,
    },
    /// A threshold that every row is on one side of.
    #[error(
        "threshold {threshold}: the model gives {lowest} to {highest}, so every row would be decided alike; expected a threshold above {lowest}, and not above {highest}"
    )]
    Threshold {
        /// The threshold.
        threshold: f64,
        /// The least that it is compared with.
        lowest: f64,
        /// The greatest.
        highest: f64,
    },
    /// A row has another number of features than the model.
    #[error("row: {found} features, the model has {expected}")]
    Row {
        /// Features of the row.
        found: usize,
        /// Features of the model.
        expected: usize,
    },
    /// No program holds the forest.
    #[error(transparent)]
    Program(#[from] laminate_model::program::ProgramError),
    /// The ONNX protobuf message cannot be decoded.
    #[error(transparent)]
    Onnx(#[from] crate::onnx::ImportError),
}

impl TreeError {
    pub(super) fn malformed(
        format: Format,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            format,
            place: place.into(),
            problem: problem.into(),
        }
    }

    pub(super) fn unsupported(
        format: Format,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Unsupported {
            format,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// An error when `found` is above `limit`.
    pub(super) fn bound(what: &str, found: usize, limit: usize) -> Result<(), Self> {
        if found <= limit {
            return Ok(());
        }
        Err(Self::TooLarge {
            what: what.into(),
            found: found as u64,
            limit: limit as u64,
        })
    }
}
