//! From a file of any known format to a checked [`Srs`].

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use laminate_model::artifact;
use sha2::{Digest, Sha256};

use super::{
    Parts, Srs, check,
    error::{SrsError, bounded_k},
    file, halo2_raw, ignition,
    origin::{check_known_file, hex, recognise},
    ptau,
};

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// [`Srs::save`].
    Laminate,
    /// snarkjs `.ptau`.
    Ptau,
    /// halo2 `ParamsKZG::write`.
    Halo2Raw,
    /// Aztec Ignition, ark-serialize uncompressed.
    Ignition,
}

/// How to import.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Take only 2^k powers; all the file has (up to [`super::MAX_K`]) where absent.
    pub k: Option<u32>,
    /// Refuse a file with another sha256.
    pub sha256: Option<[u8; 32]>,
}

impl Srs {
    /// Imports a file of any known format with every check: sizes before allocation, points on the curve, generators, secret,
    /// consecutive powers, Lagrange basis, digest where the file's name is known.
    ///
    /// # Errors
    /// [`SrsError::File`] with the first refusal.
    pub fn import(path: &Path) -> Result<Self, SrsError> {
        Self::import_with(path, &ImportOptions::default())
    }

    /// [`Srs::import`] with a size or a pinned digest.
    ///
    /// # Errors
    /// As [`Srs::import`], and [`SrsError::TooSmall`], [`SrsError::Sha256`].
    pub fn import_with(path: &Path, options: &ImportOptions) -> Result<Self, SrsError> {
        import(path, options).map_err(|error| error.at(path))
    }
}

fn import(path: &Path, options: &ImportOptions) -> Result<Srs, SrsError> {
    if let Some(k) = options.k {
        bounded_k("the requested size", k.into())?;
    }
    let mut source = File::open(path).map_err(SrsError::io("open it"))?;
    let size = source
        .metadata()
        .map_err(SrsError::io("read its size"))?
        .len();
    let format = detect(&mut source, size)?;
    let sha256 = sha256_of(&mut source)?;
    if let Some(expected) = options.sha256.filter(|expected| *expected != sha256) {
        return Err(SrsError::Sha256 {
            expected: hex(&expected),
            found: hex(&sha256),
        });
    }
    if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        check_known_file(name, &sha256)?;
    }
    rewind(&mut source)?;
    let mut reader = BufReader::with_capacity(1 << 20, source);
    let srs = match format {
        Format::Laminate => file::read(&mut reader, size)?,
        Format::Ptau => checked(ptau::read(&mut reader, size, options.k)?, sha256)?,
        Format::Halo2Raw => checked(halo2_raw::read(&mut reader, size)?, sha256)?,
        Format::Ignition => checked(ignition::read(&mut reader, size, options.k)?, sha256)?,
    };
    if format == Format::Laminate {
        srs.check()?;
    }
    match options.k {
        Some(k) => srs.truncated(k),
        None => Ok(srs),
    }
}

fn checked(parts: Parts, sha256: [u8; 32]) -> Result<Srs, SrsError> {
    let origin = recognise(&parts.s_g2, sha256);
    let view = check::View {
        k: parts.k,
        g: &parts.g,
        g_lagrange: &parts.g_lagrange,
        g2: &parts.g2,
        s_g2: &parts.s_g2,
    };
    check::check(&view, &origin)?;
    Ok(Srs::from_parts(parts, origin))
}

/// By the magic where there is one, else by the relation between header and size.
fn detect(source: &mut File, size: u64) -> Result<Format, SrsError> {
    let mut head = Vec::new();
    rewind(source)?;
    Read::by_ref(source)
        .take(8)
        .read_to_end(&mut head)
        .map_err(SrsError::io("read the first bytes"))?;
    if head.starts_with(ptau::MAGIC) {
        return Ok(Format::Ptau);
    }
    if head == artifact::MAGIC {
        return Ok(Format::Laminate);
    }
    let unknown = || SrsError::UnknownFormat {
        size,
        head: hex(&head),
    };
    let first: [u8; 8] = head.as_slice().try_into().map_err(|_| unknown())?;
    if ignition::file_size(u64::from_le_bytes(first)) == Some(size) {
        return Ok(Format::Ignition);
    }
    // A file cut short or with a wrong header: name the format its size or header is nearest to.
    let k = u32::from_le_bytes([first[0], first[1], first[2], first[3]]);
    if size % 128 == 4 || (super::MIN_K..=super::MAX_K).contains(&k) && first[4..] != [0; 4] {
        return Ok(Format::Halo2Raw);
    }
    if first[4..] == [0; 4] {
        return Ok(Format::Ignition);
    }
    Err(unknown())
}

fn sha256_of(source: &mut File) -> Result<[u8; 32], SrsError> {
    rewind(source)?;
    let mut hash = Sha256::new();
    std::io::copy(&mut BufReader::with_capacity(1 << 20, source), &mut hash)
        .map_err(SrsError::io("read it"))?;
    Ok(hash.finalize().into())
}

fn rewind(source: &mut File) -> Result<(), SrsError> {
    source
        .seek(SeekFrom::Start(0))
        .map(drop)
        .map_err(SrsError::io("seek"))
}
