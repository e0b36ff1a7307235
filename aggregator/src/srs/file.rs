//! The artifact: a string as this program keeps it, in the container of [`laminate_protocol::artifact`].
//!
//! | payload bytes | what |
//! | --- | --- |
//! | 4 | k |
//! | 1 | origin: 0 development, 1 ceremony |
//! | 1 + 64 | length of the ceremony's name, and the name padded with zeros |
//! | 32 | sha256 of the imported file (zeros for development) |
//! | 32 | [`Srs::digest`] |
//! | 64·2^k | powers, raw |
//! | 64·2^k | Lagrange basis, raw |
//! | 128 + 128 | `G2`, `τ·G2`, raw |
//!
//! All integers little-endian. `load` checks the container (magic, kind, version, length, digest of everything), the exact size, the string's own
//! digest, the generators, that the origin fits the secret and that the secret is no public one. It does *not* repeat the pairing and Lagrange checks,
//! nor that points are on the curve: they were made when the file was written, and the digests say that it is the same. A file of unknown hands is to be
//! imported ([`Srs::import`]), which checks all.

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
};

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{G1Affine, G2Affine},
    serde::SerdeObject,
};
use laminate_protocol::artifact::{self, HEADER, Kind};
use sha2::{Digest, Sha256};

use super::{
    Origin, Parts, Srs,
    error::{PointList, SrsError, bounded_k},
    finish_digest,
    origin::{hex, is_development_secret, recognise, refuse_public_secret},
    points::{Encoding, G1_BYTES, G2_BYTES, read_g2},
};

const FORMAT: &str = "Laminate reference string";
const NAME_BYTES: usize = 64;
/// Payload before the points.
const PREAMBLE: usize = 4 + 1 + 1 + NAME_BYTES + 32 + 32;

impl Srs {
    /// Writes the artifact: under a temporary name in the same folder, then renamed, so that no half of it is ever at `path`.
    /// Memory: the size of the file (32 MiB at k = 18).
    ///
    /// # Errors
    /// [`SrsError::File`] (disk full, folder missing or read-only).
    pub fn save(&self, path: &Path) -> Result<(), SrsError> {
        save(self, path).map_err(|error| error.at(path))
    }

    /// Reads an artifact of [`Srs::save`]; see the module for what is and what is not checked. Memory: twice the size of the file.
    ///
    /// # Errors
    /// [`SrsError::File`] with the first refusal.
    pub fn load(path: &Path) -> Result<Self, SrsError> {
        load(path).map_err(|error| error.at(path))
    }
}

fn payload_size(k: u32) -> usize {
    PREAMBLE + ((2 * G1_BYTES) << k) + 2 * G2_BYTES
}

fn save(srs: &Srs, path: &Path) -> Result<(), SrsError> {
    let payload = payload(srs);
    let header = artifact::header(Kind::Srs, srs.origin().is_development(), &payload);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder)
        .map_err(SrsError::io("create a file in its folder"))?;
    let mut writer = BufWriter::new(temporary);
    writer
        .write_all(&header)
        .and_then(|()| writer.write_all(&payload))
        .map_err(SrsError::io("write it"))?;
    let temporary = writer
        .into_inner()
        .map_err(|error| SrsError::io("write it")(error.into_error()))?;
    temporary
        .as_file()
        .sync_all()
        .map_err(SrsError::io("write it"))?;
    temporary
        .persist(path)
        .map_err(|error| SrsError::io("rename the finished file to it")(error.error))?;
    Ok(())
}

fn payload(srs: &Srs) -> Vec<u8> {
    let (tag, name, sha256) = match srs.origin() {
        Origin::Development => (0u8, "", [0; 32]),
        Origin::Ceremony { name, sha256 } => (1, name.as_str(), *sha256),
    };
    let name: Vec<u8> = name.bytes().take(NAME_BYTES).collect();
    let mut payload = Vec::with_capacity(payload_size(srs.k()));
    payload.extend(srs.k().to_le_bytes());
    payload.extend([tag, name.len() as u8]);
    payload.extend(&name);
    payload.resize(payload.len() + NAME_BYTES - name.len(), 0);
    payload.extend(sha256);
    payload.extend(srs.digest());
    for point in srs.powers() {
        payload.extend(point.to_raw_bytes());
    }
    payload.extend(srs.raw_lagrange());
    payload.extend(srs.g2().to_raw_bytes());
    payload.extend(srs.s_g2().to_raw_bytes());
    payload
}

fn load(path: &Path) -> Result<Srs, SrsError> {
    let mut source = File::open(path).map_err(SrsError::io("open it"))?;
    let size = source
        .metadata()
        .map_err(SrsError::io("read its size"))?
        .len();
    read(&mut source, size)
}

/// Reads a whole file of `size` bytes.
pub(super) fn read(reader: &mut impl Read, size: u64) -> Result<Srs, SrsError> {
    let mut bytes = Vec::new();
    reader
        .by_ref()
        .take((HEADER + 4) as u64)
        .read_to_end(&mut bytes)
        .map_err(SrsError::io("read the header"))?;
    artifact::read_header(&bytes)?;
    // k before anything is allocated by it, and the size that follows from it before the rest is read.
    let k: [u8; 4] = bytes
        .get(HEADER..)
        .and_then(|k| k.try_into().ok())
        .unwrap_or_default();
    let k = bounded_k(
        "the header of the Laminate reference string",
        u32::from_le_bytes(k).into(),
    )?;
    let expected = (HEADER + payload_size(k)) as u64;
    if size != expected {
        return Err(SrsError::FileSize {
            format: FORMAT,
            expected,
            found: size,
        });
    }
    bytes.reserve_exact(payload_size(k));
    reader
        .take(expected)
        .read_to_end(&mut bytes)
        .map_err(SrsError::io("read it"))?;
    let (header, payload) = artifact::open(Kind::Srs, &bytes)?;
    let srs = decode(k, payload)?;
    if header.development != srs.origin.is_development() {
        let claimed = format!(
            "a {} setup",
            if header.development {
                "development"
            } else {
                "real"
            }
        );
        return Err(SrsError::Origin {
            claimed,
            actual: srs.origin.to_string(),
        });
    }
    Ok(srs)
}

/// `payload` has the size that follows from `k`.
fn decode(k: u32, payload: &[u8]) -> Result<Srs, SrsError> {
    let mut rest = payload.get(4..).unwrap_or_default();
    let [tag, length] = take(&mut rest)?;
    let name: [u8; NAME_BYTES] = take(&mut rest)?;
    let origin = origin(tag, name.get(..length.into()), take(&mut rest)?)?;
    let digest: [u8; 32] = take(&mut rest)?;
    let (powers, after) = rest.split_at_checked(G1_BYTES << k).unwrap_or_default();
    let (basis, mut after) = after.split_at_checked(G1_BYTES << k).unwrap_or_default();
    let g2 = read_g2(&mut after, Encoding::Raw, 0)?;
    let s_g2 = read_g2(&mut after, Encoding::Raw, 1)?;
    let found = finish_digest(k, &g2, &s_g2, Sha256::digest(powers).into());
    if found != digest {
        return Err(SrsError::Digest {
            expected: hex(&digest),
            found: hex(&found),
        });
    }
    let points = |bytes: &[u8]| {
        bytes
            .chunks_exact(G1_BYTES)
            .map(G1Affine::from_raw_bytes_unchecked)
            .collect()
    };
    let parts = Parts {
        k,
        g: points(powers),
        g_lagrange: points(basis),
        g2,
        s_g2,
    };
    check_identity(&parts, &origin)?;
    Ok(Srs::from_parts_with_digest(parts, origin, digest))
}

fn origin(tag: u8, name: Option<&[u8]>, sha256: [u8; 32]) -> Result<Origin, SrsError> {
    let mismatch = |field, expected: &str, found| SrsError::Header {
        format: FORMAT,
        field,
        expected: expected.to_owned(),
        found,
    };
    match tag {
        0 => Ok(Origin::Development),
        1 => match name.map(std::str::from_utf8) {
            Some(Ok(name)) => Ok(Origin::Ceremony {
                name: name.to_owned(),
                sha256,
            }),
            _ => Err(mismatch(
                "name",
                "at most 64 bytes of UTF-8",
                "something else".to_owned(),
            )),
        },
        other => Err(mismatch("origin", "0 or 1", other.to_string())),
    }
}

/// The checks that cost nothing, so that the artifact cannot pass a public secret off as a ceremony's.
fn check_identity(parts: &Parts, origin: &Origin) -> Result<(), SrsError> {
    if parts.g.first() != Some(&G1Affine::generator()) {
        return Err(SrsError::Generator {
            list: PointList::Powers,
        });
    }
    if parts.g2 != G2Affine::generator() {
        return Err(SrsError::Generator {
            list: PointList::G2,
        });
    }
    let actual = match origin {
        Origin::Development if is_development_secret(&parts.s_g2) => return Ok(()),
        Origin::Development => "another secret than the development one".to_owned(),
        Origin::Ceremony { sha256, .. } => {
            let actual = recognise(&parts.s_g2, *sha256);
            if actual == *origin {
                return refuse_public_secret(&parts.s_g2);
            }
            actual.to_string()
        }
    };
    Err(SrsError::Origin {
        claimed: origin.to_string(),
        actual,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SrsError> {
    let mut bytes = [0u8; N];
    rest.read_exact(&mut bytes)
        .map_err(SrsError::io("read the header"))?;
    Ok(bytes)
}
