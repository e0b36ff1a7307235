//! The container of every file Laminate writes: magic, kind, version, digest, length, payload.
//!
//! `docs/specs/artifacts.md` lists the kinds. Layout (little-endian):
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `LAMINATE` |
//! | 4 | kind |
//! | 2 | format version |
//! | 1 | 1 if it depends on a development reference string, else 0 |
//! | 1 | zero |
//! | 8 | payload length |
//! | 32 | SHA-256 of everything above and the payload |
//! | … | payload |

mod stream;

use laminate_engine::switch::on;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use stream::{read, write};

/// First bytes of every file.
pub const MAGIC: [u8; 8] = *b"LAMINATE";
/// Length of the header.
pub const HEADER: usize = 56;
const PREFIX: usize = 24;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program.
    Program,
    /// Quantised weights. Private.
    Weights,
    /// Weight rows and salt. Private.
    WeightSecret,
    /// The published weight commitment.
    WeightCommitment,
    /// What opens a weight commitment to whoever has the model's files. Private.
    Opening,
    /// An input that is committed to before it is proven. Private.
    Input,
    /// A hidden output with what opens its commitment. Private.
    Output,
    /// One node's part of a folded proof. Private.
    LayerProof,
    /// A folded proof with its statement. Private.
    FoldedProof,
    /// Folded proofs of all shards of a model with their statements. Private.
    ShardProofs,
    /// An aggregation proof with its statement. Public.
    Proof,
    /// Aggregation proofs of all shards of a model with their statements. Public.
    ShardedProof,
    /// What a join joins.
    Join,
    /// A verifying key.
    VerifyingKey,
    /// A proving key.
    ProvingKey,
    /// A structured reference string.
    Srs,
    /// The secret of a holder of credentials. Private.
    Identity,
    /// A credential as its issuer gives it out. Private.
    Credential,
    /// The leaves of a tree of credentials. Public.
    CredentialTree,
    /// What shows that a credential is in a tree. Private.
    Membership,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 20] = [
        Self::Program,
        Self::Weights,
        Self::WeightSecret,
        Self::WeightCommitment,
        Self::Opening,
        Self::Input,
        Self::Output,
        Self::LayerProof,
        Self::FoldedProof,
        Self::ShardProofs,
        Self::Proof,
        Self::ShardedProof,
        Self::Join,
        Self::VerifyingKey,
        Self::ProvingKey,
        Self::Srs,
        Self::Identity,
        Self::Credential,
        Self::CredentialTree,
        Self::Membership,
    ];

    /// The four bytes that stand in the header.
    pub fn tag(self) -> [u8; 4] {
        *match self {
            Self::Program => b"PROG",
            Self::Weights => b"WGHT",
            Self::WeightSecret => b"WSEC",
            Self::WeightCommitment => b"WCOM",
            Self::Opening => b"OPEN",
            Self::Input => b"INPT",
            Self::Output => b"OUTP",
            Self::LayerProof => b"LAYR",
            Self::FoldedProof => b"FOLD",
            Self::ShardProofs => b"SHRD",
            Self::Proof => b"PROF",
            Self::ShardedProof => b"SPRF",
            Self::Join => b"JOIN",
            Self::VerifyingKey => b"VKEY",
            Self::ProvingKey => b"PKEY",
            Self::Srs => b"SRS0",
            Self::Identity => b"IDEN",
            Self::Credential => b"CRED",
            Self::CredentialTree => b"CTRE",
            Self::Membership => b"CMEM",
        }
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Weights => "weights",
            Self::WeightSecret => "weight secret",
            Self::WeightCommitment => "weight commitment",
            Self::Opening => "weight opening",
            Self::Input => "committed input",
            Self::Output => "committed output",
            Self::LayerProof => "layer proof",
            Self::FoldedProof => "folded proof",
            Self::ShardProofs => "shard proofs",
            Self::Proof => "proof",
            Self::ShardedProof => "sharded proof",
            Self::Join => "join",
            Self::VerifyingKey => "verifying key",
            Self::ProvingKey => "proving key",
            Self::Srs => "reference string",
            Self::Identity => "identity",
            Self::Credential => "credential",
            Self::CredentialTree => "tree of credentials",
            Self::Membership => "membership",
        }
    }

    /// Version of the payload this build reads and writes.
    pub fn version(self) -> u16 {
        match self {
            Self::FoldedProof => 6,
            Self::ShardProofs => 5,
            Self::Proof | Self::VerifyingKey | Self::ProvingKey => 4,
            Self::LayerProof | Self::Program => 3,
            Self::Weights | Self::WeightSecret | Self::Srs => 2,
            Self::WeightCommitment
            | Self::Opening
            | Self::Input
            | Self::Output
            | Self::ShardedProof
            | Self::Join => 1,
            Self::Identity | Self::Credential | Self::CredentialTree | Self::Membership => 1,
        }
    }
}

/// Why a file is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ArtifactError {
    /// Not one of our files.
    #[error("not a Laminate file: it starts with {found:02x?}, expected {MAGIC:02x?}")]
    Magic {
        /// First bytes.
        found: Vec<u8>,
    },
    /// Another kind of file.
    #[error("this is a {found} file, expected a {expected} file")]
    Kind {
        /// Found kind.
        found: String,
        /// Expected kind.
        expected: &'static str,
    },
    /// A version this build does not read.
    #[error("{kind} file of version {found}, this build reads version {expected}; make it again")]
    Version {
        /// Kind.
        kind: &'static str,
        /// Found version.
        found: u16,
        /// Expected version.
        expected: u16,
    },
    /// Too short or too long.
    #[error(
        "{kind} file is {found} bytes, its header says {expected}: truncated or altered; make it again"
    )]
    Length {
        /// Kind.
        kind: &'static str,
        /// Found length.
        found: u64,
        /// Expected length.
        expected: u64,
    },
    /// The digest does not match.
    #[error("{kind} file is altered: its SHA-256 digest does not match; make it again")]
    Digest {
        /// Kind.
        kind: &'static str,
    },
    /// The payload does not decode.
    #[error("{kind} file cannot be decoded: {problem}; make it again")]
    Decode {
        /// Kind.
        kind: &'static str,
        /// What failed.
        problem: String,
    },
    /// The payload cannot be encoded.
    #[error("{kind} cannot be encoded: {problem}")]
    Encode {
        /// Kind.
        kind: &'static str,
        /// What failed.
        problem: String,
    },
}

/// A decoded header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Kind.
    pub kind: Kind,
    /// Whether it depends on a development reference string.
    pub development: bool,
    /// Payload length.
    pub length: u64,
    /// Digest of header and payload.
    pub digest: [u8; 32],
}

/// The header bytes of a payload.
pub fn header(kind: Kind, development: bool, payload: &[u8]) -> [u8; HEADER] {
    header_of(kind, development, payload.len() as u64, |hasher| {
        hasher.update(payload);
    })
}

/// [`header`] of a payload of `length` bytes that `feed` gives piece by piece.
pub fn header_of(
    kind: Kind,
    development: bool,
    length: u64,
    feed: impl FnOnce(&mut Sha256),
) -> [u8; HEADER] {
    let mut out = [0u8; HEADER];
    let fields: [&[u8]; 6] = [
        &MAGIC,
        &kind.tag(),
        &kind.version().to_le_bytes(),
        &[u8::from(development)],
        &[0],
        &length.to_le_bytes(),
    ];
    let bytes: Vec<u8> = fields.concat();
    for (to, from) in out.iter_mut().zip(&bytes) {
        *to = *from;
    }
    let mut hasher = Sha256::new();
    hasher.update(&bytes);
    feed(&mut hasher);
    let digest: [u8; 32] = hasher.finalize().into();
    for (to, from) in out.iter_mut().skip(PREFIX).zip(&digest) {
        *to = *from;
    }
    out
}

/// Reads the header of any Laminate file, without checking the payload.
///
/// # Errors
/// [`ArtifactError::Magic`], [`ArtifactError::Kind`], [`ArtifactError::Version`] or a short file.
pub fn read_header(bytes: &[u8]) -> Result<Header, ArtifactError> {
    let magic = bytes.get(..8).unwrap_or(bytes);
    if magic != MAGIC && on("magic of a file") {
        return Err(ArtifactError::Magic {
            found: magic.to_vec(),
        });
    }
    let short = ArtifactError::Length {
        kind: "Laminate",
        found: bytes.len() as u64,
        expected: HEADER as u64,
    };
    let head = bytes.get(..HEADER).ok_or(short)?;
    let field = |from: usize, len: usize| head.get(from..from + len).unwrap_or(&[]);
    let tag = field(8, 4);
    let Some(kind) = Kind::ALL.into_iter().find(|k| k.tag() == tag) else {
        return Err(ArtifactError::Kind {
            found: format!("unknown ({tag:02x?})"),
            expected: "known",
        });
    };
    let version = u16::from_le_bytes(field(12, 2).try_into().unwrap_or_default());
    if version != kind.version() && on("version of a file") {
        return Err(ArtifactError::Version {
            kind: kind.name(),
            found: version,
            expected: kind.version(),
        });
    }
    let flags = field(14, 2);
    let flag = flags.first() <= Some(&1) || !on("flag of development");
    let rest = flags.get(1) == Some(&0) || !on("other flags of a file");
    if !flag || !rest {
        let problem = format!("header flags {flags:02x?}, expected 00 or 01, then 00");
        return Err(ArtifactError::Decode {
            kind: kind.name(),
            problem,
        });
    }
    Ok(Header {
        kind,
        development: flags.first() == Some(&1),
        length: u64::from_le_bytes(field(16, 8).try_into().unwrap_or_default()),
        digest: field(PREFIX, 32).try_into().unwrap_or_default(),
    })
}

/// Reads the header of a file of `kind` that is read piece by piece, with the hasher that takes the
/// payload and must end in [`Header::digest`].
///
/// # Errors
/// As [`read_header`], and [`ArtifactError::Kind`] for a file of another kind.
pub fn begin(kind: Kind, bytes: &[u8]) -> Result<(Header, Sha256), ArtifactError> {
    let header = read_header(bytes)?;
    if header.kind != kind && on("kind of a file") {
        return Err(ArtifactError::Kind {
            found: header.kind.name().into(),
            expected: kind.name(),
        });
    }
    let mut hasher = Sha256::new();
    hasher.update(bytes.get(..PREFIX).unwrap_or(&[]));
    Ok((header, hasher))
}

/// Checks a whole file of `kind` and returns its header and payload.
///
/// # Errors
/// Any [`ArtifactError`] of the header, the length or the digest.
pub fn open(kind: Kind, bytes: &[u8]) -> Result<(Header, &[u8]), ArtifactError> {
    let (header, mut hasher) = begin(kind, bytes)?;
    let payload = bytes.get(HEADER..).unwrap_or(&[]);
    if payload.len() as u64 != header.length && on("length of a file") {
        return Err(ArtifactError::Length {
            kind: kind.name(),
            found: bytes.len() as u64,
            expected: header.length.saturating_add(HEADER as u64),
        });
    }
    hasher.update(payload);
    if <[u8; 32]>::from(hasher.finalize()) != header.digest && on("digest of a file") {
        return Err(ArtifactError::Digest { kind: kind.name() });
    }
    Ok((header, payload))
}

/// Encodes a value as a whole file.
///
/// # Errors
/// [`ArtifactError::Encode`].
pub fn encode<T: Serialize>(
    kind: Kind,
    development: bool,
    value: &T,
) -> Result<Vec<u8>, ArtifactError> {
    let payload = postcard::to_stdvec(value).map_err(|e| ArtifactError::Encode {
        kind: kind.name(),
        problem: e.to_string(),
    })?;
    let mut out = header(kind, development, &payload).to_vec();
    out.extend_from_slice(&payload);
    Ok(out)
}

/// Decodes a whole file; trailing bytes are refused.
///
/// # Errors
/// Any [`ArtifactError`].
pub fn decode<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<(Header, T), ArtifactError> {
    let (header, payload) = open(kind, bytes)?;
    let problem = |problem: String| ArtifactError::Decode {
        kind: kind.name(),
        problem,
    };
    let (value, rest) = postcard::take_from_bytes(payload).map_err(|e| problem(e.to_string()))?;
    if !rest.is_empty() && on("bytes left over in a file") {
        return Err(problem(format!("{} bytes left over", rest.len())));
    }
    Ok((header, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_another_version_are_named() {
        let bytes = encode(Kind::Weights, false, &vec![1u32, 2, 3]).unwrap();
        assert_eq!(bytes.get(12..14), Some(&[2, 0][..]));
        for version in [1u16, 3] {
            let mut old = bytes.clone();
            old.splice(12..14, version.to_le_bytes());
            let error = decode::<Vec<u32>>(Kind::Weights, &old).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "weights file of version {version}, this build reads version 2; make it again"
                )
            );
        }
    }

    /// The digest is no secret: whoever alters the header can compute it anew.
    #[test]
    fn headers_that_are_sealed_anew_are_refused() {
        let bytes = encode(Kind::Weights, false, &vec![1u32, 2, 3]).unwrap();
        let altered = |place: usize, mask: u8| {
            let mut bytes = bytes.clone();
            bytes[place] ^= mask;
            let mut hasher = Sha256::new();
            hasher.update(&bytes[..PREFIX]);
            hasher.update(&bytes[HEADER..]);
            bytes.splice(PREFIX..HEADER, hasher.finalize());
            let pieces: Result<(Header, Vec<u32>), _> =
                read(Kind::Weights, &mut std::io::Cursor::new(&bytes));
            (decode::<Vec<u32>>(Kind::Weights, &bytes), pieces)
        };
        for place in 0..8 {
            let (whole, pieces) = altered(place, 0x20);
            assert!(matches!(whole, Err(ArtifactError::Magic { .. })), "{place}");
            assert_eq!(whole, pieces);
        }
        for place in 12..14 {
            let (whole, pieces) = altered(place, 0x80);
            assert!(
                matches!(whole, Err(ArtifactError::Version { .. })),
                "{place}"
            );
            assert_eq!(whole, pieces);
        }
        for (place, mask) in [(14, 2), (14, 0x80), (15, 1), (15, 0x80)] {
            let (whole, pieces) = altered(place, mask);
            assert!(
                matches!(whole, Err(ArtifactError::Decode { .. })),
                "{place}"
            );
            assert_eq!(whole, pieces);
        }
        // The only one of these that says something else than the file did.
        let (whole, pieces) = altered(14, 1);
        assert!(whole.as_ref().is_ok_and(|(header, _)| header.development));
        assert_eq!(whole, pieces);
        for place in 16..24 {
            let (whole, pieces) = altered(place, 1);
            assert!(
                matches!(whole, Err(ArtifactError::Length { .. })),
                "{place}"
            );
            assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let bytes = encode(Kind::Program, false, &vec![1u32, 2, 3]).unwrap();
        assert_eq!(
            decode::<Vec<u32>>(Kind::Program, &bytes).unwrap().1,
            vec![1, 2, 3]
        );
        for i in 0..bytes.len() {
            for mask in [1u8, 0x80, 0xff] {
                let mut altered = bytes.clone();
                altered[i] ^= mask;
                assert!(
                    decode::<Vec<u32>>(Kind::Program, &altered).is_err(),
                    "byte {i} mask {mask}"
                );
            }
            assert!(
                decode::<Vec<u32>>(Kind::Program, &bytes[..i]).is_err(),
                "cut at {i}"
            );
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(
            decode::<Vec<u32>>(Kind::Program, &longer),
            Err(ArtifactError::Length { .. })
        ));
        assert!(matches!(
            decode::<Vec<u32>>(Kind::Proof, &bytes),
            Err(ArtifactError::Kind { .. })
        ));
    }
}
