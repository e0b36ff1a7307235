//! Why a verifier refuses. One variant per phase, with the numbers in it.

use thiserror::Error;

use crate::switch::on_of;

/// A refusal by the verifier of folded proofs.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    /// A vector of the proof has the wrong length for this program.
    #[error("proof shape: {what} has {found} elements, the program wants {expected}")]
    Shape {
        /// The vector.
        what: &'static str,
        /// Expected length.
        expected: usize,
        /// Found length.
        found: usize,
    },
    /// A relation has no place in a joint sumcheck.
    #[error("the relation {relation} {what}, which no joint sumcheck can show")]
    Unsupported {
        /// The relation.
        relation: &'static str,
        /// What about it.
        what: &'static str,
    },
    /// An equation of the protocol does not hold.
    #[error("{check} does not hold: this proof does not show the statement")]
    Check {
        /// Which equation.
        check: Check,
    },
    /// A value that must be invertible is zero, or a commitment is the point at infinity.
    #[error("{what} is degenerate (zero or the point at infinity)")]
    Degenerate {
        /// The value.
        what: &'static str,
    },
    /// The circuit backend could not assign the verifier.
    #[error("circuit: {0}")]
    Backend(String),
}

/// The equations that a verifier checks, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// The weight commitment opens to the given rows and salt.
    WeightCommitment,
    /// The commitment of public weights has no salt.
    WeightSalt,
    /// The input commitment opens to the given input and salt.
    InputCommitment,
    /// Every input and output value is an int16 or int32 as its packing wants it, so that that is unique.
    ValueRange,
    /// Every token is below the vocabulary's size.
    TokenRange,
    /// Every generated token is the output at the position before it.
    Generated,
    /// The boundary commitment of a shard opens to its trace rows.
    Boundary,
    /// The packed public output equals the claimed output tensor.
    OutputWords,
    /// The commitment to a hidden output opens to the claimed output tensor and salt.
    OutputCommitment,
    /// The packed public input equals the claimed input tensor.
    InputWords,
    /// The credential of the input's values is in the tree of the stated root.
    CredentialRoot,
    /// A step of a credential's path is to the left or to the right.
    CredentialPath,
    /// The nullifier is that of the credential's secret in the stated scope.
    Nullifier,
    /// The last claim of a sumcheck equals the relation at the evaluations.
    Sumcheck(&'static str),
    /// A linear identity of a relation at a random point.
    Linear(&'static str),
    /// The numerator at the root of the lookup tree is zero.
    LookupRoot,
    /// The leaves of the lookup tree match the committed columns.
    LookupLeaves,
    /// The batching sumcheck ends in the claimed openings.
    Batching,
    /// The final pairing.
    Pairing,
    /// The public values of a proof have the digest that it states.
    PublicValues,
    /// A word of a verifying key fits its domain.
    KeyDomain(&'static str),
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WeightCommitment => write!(f, "weight commitment"),
            Self::WeightSalt => write!(f, "commitment of public weights without a salt"),
            Self::InputCommitment => write!(f, "input commitment"),
            Self::ValueRange => write!(f, "range of an input or output value"),
            Self::TokenRange => write!(f, "vocabulary range of a token"),
            Self::Generated => write!(f, "generated token"),
            Self::Boundary => write!(f, "boundary commitment"),
            Self::OutputWords => write!(f, "output encoding"),
            Self::OutputCommitment => write!(f, "output commitment"),
            Self::InputWords => write!(f, "encoding of the public input"),
            Self::CredentialRoot => write!(f, "root of the tree of credentials"),
            Self::CredentialPath => write!(f, "path of a credential"),
            Self::Nullifier => write!(f, "nullifier"),
            Self::Sumcheck(name) => write!(f, "final evaluation of the {name} sumcheck"),
            Self::Linear(name) => write!(f, "linear identity of {name}"),
            Self::LookupRoot => write!(f, "zero numerator at the lookup root"),
            Self::LookupLeaves => write!(f, "lookup leaf evaluation"),
            Self::Batching => write!(f, "final evaluation of the batching sumcheck"),
            Self::Pairing => write!(f, "opening pairing"),
            Self::PublicValues => write!(f, "digest of public values"),
            Self::KeyDomain(name) => write!(f, "{name} of a verifying key"),
        }
    }
}

/// Checks a length of untrusted data.
///
/// # Errors
/// [`VerifyError::Shape`].
pub fn expect_len(what: &'static str, found: usize, expected: usize) -> Result<(), VerifyError> {
    if found == expected || !on_of("length", what) {
        Ok(())
    } else {
        Err(VerifyError::Shape {
            what,
            expected,
            found,
        })
    }
}
