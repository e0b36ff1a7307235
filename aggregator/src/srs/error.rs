//! What can be wrong with a structured reference string, one variant a failure, with the numbers in it.

use std::{io, path::PathBuf};

use super::{MAX_K, MIN_K};

/// Which group, and which list of the string, a point belongs to (for messages).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointList {
    /// `[1, τ, τ², …]·G1`.
    Powers,
    /// `[L_0(τ), L_1(τ), …]·G1`.
    Lagrange,
    /// `[1, τ]·G2`.
    G2,
}

impl std::fmt::Display for PointList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Powers => "G1 powers",
            Self::Lagrange => "G1 Lagrange basis",
            Self::G2 => "G2 points",
        })
    }
}

/// A refusal of a structured reference string, or of the file that holds one.
#[derive(Debug, thiserror::Error)]
pub enum SrsError {
    /// Any of the others, with the file it concerns.
    #[error("structured reference string {}: {source}", path.display())]
    File {
        /// The file that was read or written.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<SrsError>,
    },
    /// The operating system refused a read or a write.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The bytes are of none of the known formats.
    #[error(
        "unknown format ({size} bytes, beginning with {head}): expected a Laminate reference string, a snarkjs .ptau, halo2 raw \
         parameters (4 + 128·2^k + 256 bytes) or an Ignition ark file (280 + 64·n bytes)"
    )]
    UnknownFormat {
        /// File size in bytes.
        size: u64,
        /// First bytes, in hexadecimal.
        head: String,
    },
    /// `k` is outside of what this program handles; found before anything is allocated.
    #[error("{place} says k = {found}: expected {MIN_K} to {MAX_K}")]
    KOutOfRange {
        /// Where the value stands.
        place: &'static str,
        /// The value.
        found: u64,
    },
    /// A string of 2^`found` powers was given where 2^`needed` are needed.
    #[error(
        "too small: 2^{needed} powers are needed, it has 2^{found}; import a larger one, or make it with `srs dev`"
    )]
    TooSmall {
        /// Needed logarithm.
        needed: u32,
        /// Logarithm at hand.
        found: u32,
    },
    /// The size of the file does not follow from its header: cut short, or with trailing bytes.
    #[error(
        "{format}: the header asks for {expected} bytes, the file has {found}; it is cut short or altered, fetch it again"
    )]
    FileSize {
        /// Format.
        format: &'static str,
        /// Size that follows from the header.
        expected: u64,
        /// Size on disk.
        found: u64,
    },
    /// A header field has a value that the format does not allow.
    #[error("{format}: {field} is {found}, expected {expected}")]
    Header {
        /// Format.
        format: &'static str,
        /// Field of the header.
        field: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A coordinate is not below the field modulus.
    #[error("{list}: coordinate of point {index} is not reduced")]
    NotCanonical {
        /// The list.
        list: PointList,
        /// Position in it.
        index: usize,
    },
    /// A point does not satisfy the curve equation.
    #[error("{list}: point {index} is not on the curve")]
    NotOnCurve {
        /// The list.
        list: PointList,
        /// Position in it.
        index: usize,
    },
    /// The point at infinity where none can be.
    #[error("{list}: point {index} is the point at infinity")]
    Infinity {
        /// The list.
        list: PointList,
        /// Position in it.
        index: usize,
    },
    /// The sign or infinity flag of an ark encoding contradicts the coordinates.
    #[error("{list}: the flags of point {index} contradict its coordinates")]
    Flags {
        /// The list.
        list: PointList,
        /// Position in it.
        index: usize,
    },
    /// A G2 point outside of the subgroup of prime order.
    #[error("{list}: point {index} is not in the subgroup of prime order")]
    NotInSubgroup {
        /// The list.
        list: PointList,
        /// Position in it.
        index: usize,
    },
    /// The first point is not the generator that every protocol here assumes.
    #[error("{list}: the first point is not the standard BN254 generator")]
    Generator {
        /// The list.
        list: PointList,
    },
    /// τ is 0, 1, or another root of unity of the domain.
    #[error("the secret is degenerate: {reason}")]
    Degenerate {
        /// Which kind.
        reason: &'static str,
    },
    /// The secret is public knowledge, and the string is not marked as one for development.
    #[error(
        "the secret of this string is public ({which}): anyone can forge proofs under it; use a ceremony's string"
    )]
    KnownSecret {
        /// Where the secret comes from.
        which: &'static str,
    },
    /// `e(τ^(i+1)·G1, G2) ≠ e(τ^i·G1, τ·G2)` for some i.
    #[error("the 2^{k} G1 points are not consecutive powers of the secret in τ·G2")]
    Powers {
        /// Logarithm of the number of points.
        k: u32,
    },
    /// The Lagrange basis does not belong to the powers.
    #[error("the 2^{k} Lagrange points do not belong to the powers")]
    Lagrange {
        /// Logarithm of the number of points.
        k: u32,
    },
    /// The file is not the one that was asked for.
    #[error("sha256 is {found}, expected {expected}")]
    Sha256 {
        /// Pinned digest, hexadecimal.
        expected: String,
        /// Digest of the file, hexadecimal.
        found: String,
    },
    /// Not a sound Laminate file.
    #[error(transparent)]
    Artifact(#[from] laminate_model::artifact::ArtifactError),
    /// A Laminate reference string whose points do not match its digest.
    #[error(
        "the digest of the string is {found}, the file says {expected}; make it again with `srs dev` or `srs import`"
    )]
    Digest {
        /// The digest written in the file, hexadecimal.
        expected: String,
        /// The digest of the content, hexadecimal.
        found: String,
    },
    /// The origin written in a Laminate reference string is not the one of its secret.
    #[error("the file says it comes from {claimed}, its secret is that of {actual}")]
    Origin {
        /// As written.
        claimed: String,
        /// As recognised.
        actual: String,
    },
}

impl SrsError {
    /// Names the file in the message.
    #[must_use]
    pub(super) fn at(self, path: &std::path::Path) -> Self {
        Self::File {
            path: path.to_owned(),
            source: Box::new(self),
        }
    }

    /// For `map_err` on I/O.
    pub(super) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

/// Refuses a `k` that this program does not handle; to be called before any allocation that depends on it.
///
/// # Errors
/// [`SrsError::KOutOfRange`].
pub(super) fn bounded_k(place: &'static str, k: u64) -> Result<u32, SrsError> {
    match u32::try_from(k) {
        Ok(k) if (MIN_K..=MAX_K).contains(&k) => Ok(k),
        _ => Err(SrsError::KOutOfRange { place, found: k }),
    }
}
