//! The artifact: a string as this program keeps it, in the container of [`laminate_model::artifact`].
//!
//! | payload bytes | what |
//! | --- | --- |
//! | 4 | k |
//! | 1 | origin: 0 development, 1 ceremony |
//! | 1 + 64 | length of the ceremony's name, and the name padded with zeros |
//! | 32 | sha256 of the imported file (zeros for development) |
//! | 32 | [`Srs::digest`] |
//! | 64·2^k | powers, raw |
//! | 64·2^k | Lagrange basis, raw; not there in a string for commitments only (always above k = 22), as the length tells |
//! | 128 + 128 | `G2`, `τ·G2`, raw |
//!
//! All integers little-endian. `load` checks the container (magic, kind, version, length, digest of everything), the exact size, the string's own
//! digest, the generators, that the origin fits the secret and that the secret is no public one. It does *not* repeat the pairing and Lagrange checks,
//! nor that points are on the curve. The digests show that a file is undamaged, not who wrote it: whoever takes a string from a file must know its
//! [`Srs::digest`] as that of a checked string, or call [`Srs::check`]. (Under a false Lagrange basis fixed columns commit to anything, and the keys of
//! a circuit can be those of one without gates.)

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
};

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{G1Affine, G2Affine},
    serde::SerdeObject,
};
use laminate_model::artifact::{self, ArtifactError, HEADER, Header, Kind};
use sha2::{Digest, Sha256};

use super::{
    MAX_LAGRANGE_K, Origin, Parts, Srs,
    error::{PointList, SrsError, bounded_k},
    finish_digest,
    origin::{hex, is_development_secret, recognise, refuse_public_secret},
    points::{CHUNK, Encoding, G1_BYTES, G2_BYTES, raw_bytes, read_g2},
};

const FORMAT: &str = "Laminate reference string";
const NAME_BYTES: usize = 64;
/// Payload before the points.
const PREAMBLE: usize = 4 + 1 + 1 + NAME_BYTES + 32 + 32;

impl Srs {
    /// Writes the artifact: under a temporary name in the same folder, then renamed, so that no half of it is ever at `path`.
    /// Memory: the Lagrange basis, which halo2 does not lend (16 MiB at k = 18); nothing for a string without.
    ///
    /// # Errors
    /// [`SrsError::File`] (disk full, folder missing or read-only).
    pub fn save(&self, path: &Path) -> Result<(), SrsError> {
        save(self, path).map_err(|error| error.at(path))
    }

    /// Reads an artifact of [`Srs::save`]; see the module for what is and what is not checked. Memory: the size of the file.
    ///
    /// # Errors
    /// [`SrsError::File`] with the first refusal.
    pub fn load(path: &Path) -> Result<Self, SrsError> {
        load(path).map_err(|error| error.at(path))
    }
}

/// Payload bytes with or without a Lagrange basis.
fn payload_size(k: u32, lagrange: bool) -> usize {
    PREAMBLE + ((G1_BYTES << k) << u32::from(lagrange)) + 2 * G2_BYTES
}

fn save(srs: &Srs, path: &Path) -> Result<(), SrsError> {
    let ends = [preamble(srs), epilogue(srs)];
    let length = payload_size(srs.k(), srs.has_lagrange()) as u64;
    let header = artifact::header_of(Kind::Srs, srs.origin().is_development(), length, |hasher| {
        // Hashing does not fail.
        let _ = pieces(srs, &ends, &mut |bytes| {
            hasher.update(bytes);
            Ok(())
        });
    });
    let temporary =
        crate::temporary::beside(path).map_err(SrsError::io("create a file in its folder"))?;
    let mut writer = BufWriter::new(temporary);
    writer
        .write_all(&header)
        .and_then(|()| pieces(srs, &ends, &mut |bytes| writer.write_all(bytes)))
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

/// The payload piece by piece.
fn pieces(
    srs: &Srs,
    [first, last]: &[Vec<u8>; 2],
    take: &mut impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    take(first)?;
    for points in srs.powers().chunks(CHUNK) {
        take(&raw_bytes(points))?;
    }
    take(&srs.raw_lagrange())?;
    take(last)
}

/// The payload before the points.
fn preamble(srs: &Srs) -> Vec<u8> {
    let (tag, name, sha256) = match srs.origin() {
        Origin::Development => (0u8, "", [0; 32]),
        Origin::Ceremony { name, sha256 } => (1, name.as_str(), *sha256),
    };
    let name: Vec<u8> = name.bytes().take(NAME_BYTES).collect();
    let mut payload = Vec::with_capacity(PREAMBLE);
    payload.extend(srs.k().to_le_bytes());
    payload.extend([tag, name.len() as u8]);
    payload.extend(&name);
    payload.resize(payload.len() + NAME_BYTES - name.len(), 0);
    payload.extend(sha256);
    payload.extend(srs.digest());
    payload
}

/// The payload after the points.
fn epilogue(srs: &Srs) -> Vec<u8> {
    [srs.g2().to_raw_bytes(), srs.s_g2().to_raw_bytes()].concat()
}

fn load(path: &Path) -> Result<Srs, SrsError> {
    let mut source = File::open(path).map_err(SrsError::io("open it"))?;
    let size = source
        .metadata()
        .map_err(SrsError::io("read its size"))?
        .len();
    read(&mut source, size)
}

/// Reads a whole file of `size` bytes, piece by piece.
pub(super) fn read(reader: &mut impl Read, size: u64) -> Result<Srs, SrsError> {
    let mut head = Vec::new();
    reader
        .by_ref()
        .take((HEADER + 4) as u64)
        .read_to_end(&mut head)
        .map_err(SrsError::io("read the header"))?;
    let (header, mut hasher) = artifact::begin(Kind::Srs, &head)?;
    // k before anything is allocated by it, and the size that follows from it before the rest is read.
    let k = head.get(HEADER..).unwrap_or_default();
    hasher.update(k);
    let k: [u8; 4] = k.try_into().unwrap_or_default();
    let k = bounded_k(
        "the header of the Laminate reference string",
        u32::from_le_bytes(k).into(),
    )?;
    let sizes = [true, false].map(|lagrange| payload_size(k, lagrange) as u64);
    let payload = size.saturating_sub(HEADER as u64);
    if payload != header.length || !sizes.contains(&payload) {
        return Err(SrsError::FileSize {
            format: FORMAT,
            expected: HEADER as u64
                + sizes
                    .into_iter()
                    .find(|size| *size == header.length)
                    .unwrap_or(sizes[usize::from(k > MAX_LAGRANGE_K)]),
            found: size,
        });
    }
    let srs = decode(reader, k, payload == sizes[0], &header, hasher)?;
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

/// The payload after `k`; `hasher` has taken everything before.
fn decode(
    reader: &mut impl Read,
    k: u32,
    lagrange: bool,
    header: &Header,
    mut hasher: Sha256,
) -> Result<Srs, SrsError> {
    let mut head = [0u8; PREAMBLE - 4];
    let mut tail = [0u8; 2 * G2_BYTES];
    let read = |reader: &mut dyn Read, bytes: &mut [u8]| {
        reader.read_exact(bytes).map_err(SrsError::io("read it"))
    };
    read(reader, &mut head)?;
    hasher.update(head);
    let mut lists = [Sha256::new(), Sha256::new()];
    let g = points(reader, k, &mut hasher, &mut lists[0])?;
    let g_lagrange = if lagrange {
        points(reader, k, &mut hasher, &mut lists[1])?
    } else {
        vec![]
    };
    read(reader, &mut tail)?;
    hasher.update(tail);
    if <[u8; 32]>::from(hasher.finalize()) != header.digest {
        let kind = Kind::Srs.name();
        return Err(ArtifactError::Digest { kind }.into());
    }

    let mut rest = &head[..];
    let [tag, length] = take(&mut rest)?;
    let name: [u8; NAME_BYTES] = take(&mut rest)?;
    let origin = origin(tag, name.get(..length.into()), take(&mut rest)?)?;
    let digest: [u8; 32] = take(&mut rest)?;
    let mut tail = &tail[..];
    let g2 = read_g2(&mut tail, Encoding::Raw, 0)?;
    let s_g2 = read_g2(&mut tail, Encoding::Raw, 1)?;
    let found = finish_digest(k, &g2, &s_g2, lists.map(|list| list.finalize().into()));
    if found != digest {
        return Err(SrsError::Digest {
            expected: hex(&digest),
            found: hex(&found),
        });
    }
    let parts = Parts {
        k,
        g,
        g_lagrange,
        g2,
        s_g2,
    };
    check_identity(&parts, &origin)?;
    Ok(Srs::from_parts_with_digest(parts, origin, digest))
}

/// 2^`k` raw points, unchecked, hashed as they are read; memory grows with what is read.
fn points(
    reader: &mut impl Read,
    k: u32,
    whole: &mut Sha256,
    list: &mut Sha256,
) -> Result<Vec<G1Affine>, SrsError> {
    let mut points = Vec::new();
    let mut buffer = vec![0u8; CHUNK.min(1 << k) * G1_BYTES];
    while points.len() < 1 << k {
        let length = CHUNK.min((1 << k) - points.len()) * G1_BYTES;
        let bytes = buffer.get_mut(..length).unwrap_or_default();
        reader
            .read_exact(bytes)
            .map_err(SrsError::io("read its points"))?;
        let bytes = &*bytes;
        rayon::join(|| whole.update(bytes), || list.update(bytes));
        if points.is_empty() {
            points.reserve_exact(1 << k);
        }
        points.extend(
            bytes
                .chunks_exact(G1_BYTES)
                .map(G1Affine::from_raw_bytes_unchecked),
        );
    }
    Ok(points)
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
