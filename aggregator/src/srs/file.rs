//! The artifact: a string as this program keeps it.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `LAMSRS\0\1` |
//! | 4 | version, 1 |
//! | 4 | k |
//! | 1 | origin: 0 development, 1 ceremony |
//! | 1 + 64 | length of the ceremony's name, and the name padded with zeros |
//! | 32 | sha256 of the imported file (zeros for development) |
//! | 32 | [`Srs::digest`] |
//! | 64·2^k | powers, raw |
//! | 64·2^k | Lagrange basis, raw |
//! | 128 + 128 | `G2`, `τ·G2`, raw |
//! | 32 | sha256 of all bytes before |
//!
//! All integers little-endian. `load` checks magic, version, exact size, both digests, the generators, that the origin fits the secret and that the
//! secret is no public one; it does *not* repeat the pairing and Lagrange checks, nor that points are on the curve: they were made when the
//! file was written, and the digests say that it is the same. A file of unknown hands is to be imported ([`Srs::import`]), which checks all.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::Path,
};

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{G1Affine, G2Affine},
    serde::SerdeObject,
};
use sha2::{Digest, Sha256};

use super::{
    Origin, Parts, Srs,
    error::{PointList, SrsError, bounded_k},
    finish_digest,
    origin::{hex, is_development_secret, recognise, refuse_public_secret},
    points::{Encoding, G1_BYTES, G2_BYTES, read_g2},
};

/// First bytes of the artifact.
pub(super) const MAGIC: &[u8; 8] = b"LAMSRS\0\x01";
const VERSION: u32 = 1;
const FORMAT: &str = "Laminate SRS";
const NAME_BYTES: usize = 64;
const HEADER_BYTES: usize = 8 + 4 + 4 + 1 + 1 + NAME_BYTES + 32 + 32;
/// Points converted at once: 1 MiB.
const CHUNK_BYTES: usize = G1_BYTES << 14;

impl Srs {
    /// Writes the artifact: under a temporary name in the same folder, then renamed, so that no half of it is ever at `path`.
    ///
    /// # Errors
    /// [`SrsError::File`] (disk full, folder missing or read-only).
    pub fn save(&self, path: &Path) -> Result<(), SrsError> {
        save(self, path).map_err(|error| error.at(path))
    }

    /// Reads an artifact of [`Srs::save`]; see the module for what is and what is not checked. Memory: the string and 1 MiB.
    ///
    /// # Errors
    /// [`SrsError::File`] with the first refusal.
    pub fn load(path: &Path) -> Result<Self, SrsError> {
        load(path).map_err(|error| error.at(path))
    }
}

fn file_size(k: u32) -> u64 {
    HEADER_BYTES as u64 + ((2 * G1_BYTES as u64) << k) + 2 * G2_BYTES as u64 + 32
}

fn save(srs: &Srs, path: &Path) -> Result<(), SrsError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(SrsError::io("create a file in its folder"))?;
    let mut writer = Hashed { inner: BufWriter::with_capacity(1 << 20, temporary), hash: Sha256::new() };
    write_content(srs, &mut writer).map_err(SrsError::io("write it"))?;
    let Hashed { inner: mut writer, hash } = writer;
    writer.write_all(&hash.finalize()).map_err(SrsError::io("write it"))?;
    let temporary = writer.into_inner().map_err(|error| SrsError::io("write it")(error.into_error()))?;
    temporary.as_file().sync_all().map_err(SrsError::io("write it"))?;
    temporary.persist(path).map_err(|error| SrsError::io("rename the finished file to it")(error.error))?;
    Ok(())
}

fn write_content(srs: &Srs, writer: &mut impl Write) -> std::io::Result<()> {
    let (tag, name, sha256) = match srs.origin() {
        Origin::Development => (0u8, "", [0; 32]),
        Origin::Ceremony { name, sha256 } => (1, name.as_str(), *sha256),
    };
    let name: Vec<u8> = name.bytes().take(NAME_BYTES).collect();
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend(srs.k().to_le_bytes());
    header.extend([tag, name.len() as u8]);
    header.extend(&name);
    header.resize(header.len() + NAME_BYTES - name.len(), 0);
    header.extend(sha256);
    header.extend(srs.digest());
    writer.write_all(&header)?;
    for points in srs.powers().chunks(CHUNK_BYTES / G1_BYTES) {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        for point in points {
            bytes.extend(point.to_raw_bytes());
        }
        writer.write_all(&bytes)?;
    }
    writer.write_all(&srs.raw_lagrange())?;
    writer.write_all(&srs.g2().to_raw_bytes())?;
    writer.write_all(&srs.s_g2().to_raw_bytes())
}

fn load(path: &Path) -> Result<Srs, SrsError> {
    let source = File::open(path).map_err(SrsError::io("open it"))?;
    let size = source.metadata().map_err(SrsError::io("read its size"))?.len();
    read(&mut BufReader::with_capacity(1 << 20, source), size)
}

/// The header's fields.
struct Header {
    k: u32,
    origin: Origin,
    digest: [u8; 32],
}

/// Reads a whole file of `size` bytes.
pub(super) fn read(reader: &mut impl Read, size: u64) -> Result<Srs, SrsError> {
    let mut reader = Hashed { inner: reader, hash: Sha256::new() };
    let Header { k, origin, digest } = read_header(&mut reader)?;
    if size != file_size(k) {
        return Err(SrsError::FileSize { format: FORMAT, expected: file_size(k), found: size });
    }
    let mut list = Sha256::new();
    let g = read_unchecked(&mut reader, 1 << k, Some(&mut list))?;
    let g_lagrange = read_unchecked(&mut reader, 1 << k, None)?;
    let g2 = read_g2(&mut reader, Encoding::Raw, 0)?;
    let s_g2 = read_g2(&mut reader, Encoding::Raw, 1)?;
    let content: [u8; 32] = reader.hash.clone().finalize().into();
    let expected: [u8; 32] = take(&mut reader)?;
    if content != expected {
        let what = "sha256 of the content";
        return Err(SrsError::Digest { what, expected: hex(&expected), found: hex(&content) });
    }
    let found = finish_digest(k, &g2, &s_g2, list.finalize().into());
    if found != digest {
        return Err(SrsError::Digest { what: "digest of the string", expected: hex(&digest), found: hex(&found) });
    }
    check_identity(&g, &g2, &s_g2, &origin)?;
    Ok(Srs::from_parts_with_digest(Parts { k, g, g_lagrange, g2, s_g2 }, origin, digest))
}

fn read_header(reader: &mut impl Read) -> Result<Header, SrsError> {
    let mismatch = |field, expected: String, found: String| SrsError::Header { format: FORMAT, field, expected, found };
    let magic: [u8; 8] = take(reader)?;
    if magic != *MAGIC {
        return Err(mismatch("magic", hex(MAGIC), format!("{} (another file? use `srs import`)", hex(&magic))));
    }
    let version = u32::from_le_bytes(take(reader)?);
    if version != VERSION {
        return Err(mismatch("version", VERSION.to_string(), version.to_string()));
    }
    let k = bounded_k("the header of the Laminate SRS", u32::from_le_bytes(take(reader)?).into())?;
    let [tag, length] = take(reader)?;
    let name: [u8; NAME_BYTES] = take(reader)?;
    let sha256: [u8; 32] = take(reader)?;
    let digest = take(reader)?;
    let origin = match tag {
        0 => Origin::Development,
        1 => {
            let name = name.get(..length.into()).and_then(|name| std::str::from_utf8(name).ok());
            let name = name.ok_or_else(|| mismatch("name", "at most 64 bytes of UTF-8".into(), hex(&[length])))?;
            Origin::Ceremony { name: name.to_owned(), sha256 }
        }
        other => return Err(mismatch("origin", "0 or 1".into(), other.to_string())),
    };
    Ok(Header { k, origin, digest })
}

/// The checks that cost nothing, so that the artifact cannot pass a public secret off as a ceremony's.
fn check_identity(g: &[G1Affine], g2: &G2Affine, s_g2: &G2Affine, origin: &Origin) -> Result<(), SrsError> {
    if g.first() != Some(&G1Affine::generator()) {
        return Err(SrsError::Generator { list: PointList::Powers });
    }
    if *g2 != G2Affine::generator() {
        return Err(SrsError::Generator { list: PointList::G2 });
    }
    let actual = match origin {
        Origin::Development if is_development_secret(s_g2) => return Ok(()),
        Origin::Development => "another secret than the development one".to_owned(),
        Origin::Ceremony { sha256, .. } => {
            let actual = recognise(s_g2, *sha256);
            if actual == *origin {
                return refuse_public_secret(s_g2);
            }
            actual.to_string()
        }
    };
    Err(SrsError::Origin { claimed: origin.to_string(), actual })
}

/// Raw points without any check on them (the digests stand for those); memory grows with the points read.
fn read_unchecked(
    reader: &mut impl Read,
    count: usize,
    mut list: Option<&mut Sha256>,
) -> Result<Vec<G1Affine>, SrsError> {
    let mut points = Vec::with_capacity(count);
    let mut buffer = vec![0u8; CHUNK_BYTES.min(count * G1_BYTES)];
    while points.len() < count {
        let length = (count - points.len()).saturating_mul(G1_BYTES).min(buffer.len());
        let bytes = buffer.get_mut(..length).unwrap_or_default();
        reader.read_exact(bytes).map_err(SrsError::io("read G1 points"))?;
        if let Some(list) = list.as_deref_mut() {
            list.update(&bytes);
        }
        points.extend(bytes.chunks_exact(G1_BYTES).map(G1Affine::from_raw_bytes_unchecked));
    }
    Ok(points)
}

fn take<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], SrsError> {
    let mut bytes = [0u8; N];
    reader.read_exact(&mut bytes).map_err(SrsError::io("read the header"))?;
    Ok(bytes)
}

/// Hashes what passes through.
struct Hashed<I> {
    inner: I,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.hash.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
