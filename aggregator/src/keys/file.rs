//! Key files.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use halo2_base::halo2_proofs::SerdeFormat;
use halo2_base::halo2_proofs::plonk;
use laminate_model::artifact::{self, ArtifactError, Kind};

use super::layout::expect_layout;
use super::{Identity, Meta, ProvingKey, VerifyingKey};
use crate::circuit::AggregationCircuit;
use crate::error::AggregationError;

/// Longest accepted encoding of [`Meta`].
const MAX_META: usize = 1 << 16;

/// Longest accepted file: the proving key of the largest circuit has some 4 GB.
const MAX_FILE: u64 = 8 << 30;

impl ProvingKey {
    /// Writes the key to `path`, through a temporary file in the same folder.
    ///
    /// # Errors
    /// [`AggregationError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), AggregationError> {
        let bytes = self.pk.to_bytes(SerdeFormat::RawBytes);
        save(path, Kind::ProvingKey, &self.meta, &bytes)
    }

    /// Reads the key of `expected` from `path`.
    ///
    /// # Errors
    /// [`AggregationError::Io`]; [`AggregationError::Artifact`] for a damaged file;
    /// [`AggregationError::Foreign`] for a key of something else.
    pub fn load(path: &Path, expected: &Identity) -> Result<Self, AggregationError> {
        let file = read(path)?;
        let (meta, body) = open(Kind::ProvingKey, &file)?;
        meta.identity.check(expected)?;
        expect_layout(Kind::ProvingKey, meta.pinning.params, body)?;
        let params = meta.pinning.params;
        let mut body = body;
        let pk = plonk::ProvingKey::read::<_, AggregationCircuit>(
            &mut body,
            SerdeFormat::RawBytes,
            params,
        )
        .map_err(|e| decode(Kind::ProvingKey, e.to_string()))?;
        Ok(Self { meta, pk })
    }
}

impl VerifyingKey {
    /// Writes the key to `path`, through a temporary file in the same folder.
    ///
    /// # Errors
    /// [`AggregationError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), AggregationError> {
        let bytes = self.vk.to_bytes(SerdeFormat::RawBytes);
        save(path, Kind::VerifyingKey, &self.meta, &bytes)
    }

    /// Reads a key from `path`; with `expected`, refuses that of something else.
    ///
    /// # Errors
    /// As [`ProvingKey::load`].
    pub fn load(path: &Path, expected: Option<&Identity>) -> Result<Self, AggregationError> {
        let file = read(path)?;
        let (meta, body) = open(Kind::VerifyingKey, &file)?;
        if let Some(expected) = expected {
            meta.identity.check(expected)?;
        }
        expect_layout(Kind::VerifyingKey, meta.pinning.params, body)?;
        let params = meta.pinning.params;
        let mut body = body;
        let vk = plonk::VerifyingKey::read::<_, AggregationCircuit>(
            &mut body,
            SerdeFormat::RawBytes,
            params,
        )
        .map_err(|e| decode(Kind::VerifyingKey, e.to_string()))?;
        Ok(Self { meta, vk })
    }
}

fn decode(kind: Kind, problem: String) -> AggregationError {
    ArtifactError::Decode {
        kind: kind.name(),
        problem,
    }
    .into()
}

fn read(path: &Path) -> Result<Vec<u8>, AggregationError> {
    let io = |e| AggregationError::io("read", path, e);
    let file = fs::File::open(path).map_err(io)?;
    let mut bytes = vec![];
    // The bound counts while reading: what a file system says of a size need not hold.
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(AggregationError::FileTooLarge {
            path: path.into(),
            most: MAX_FILE,
        });
    }
    Ok(bytes)
}

fn save(path: &Path, kind: Kind, meta: &Meta, body: &[u8]) -> Result<(), AggregationError> {
    let encoded = serde_json::to_vec(meta).map_err(|e| ArtifactError::Encode {
        kind: kind.name(),
        problem: e.to_string(),
    })?;
    let mut payload = Vec::with_capacity(4 + encoded.len() + body.len());
    payload.extend((encoded.len() as u32).to_le_bytes());
    payload.extend(&encoded);
    payload.extend(body);
    let header = artifact::header(kind, meta.development, &payload);
    let io = |e| AggregationError::io("write", path, e);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let mut file = crate::temporary::beside(path).map_err(io)?;
    file.write_all(&header).map_err(io)?;
    file.write_all(&payload).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Checks header, digest and meta; returns the meta and halo2's bytes.
fn open(kind: Kind, file: &[u8]) -> Result<(Meta, &[u8]), AggregationError> {
    let (header, payload) = artifact::open(kind, file)?;
    let problem = |problem: String| decode(kind, problem);
    let (length, rest) = payload
        .split_first_chunk::<4>()
        .ok_or_else(|| problem("no room for the length of its description".into()))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_META || length > rest.len() {
        return Err(problem(format!(
            "its description is said to have {length} bytes"
        )));
    }
    let (encoded, body) = rest.split_at(length);
    let meta: Meta = serde_json::from_slice(encoded).map_err(|e| problem(e.to_string()))?;
    meta.pinning.check()?;
    if meta.development != header.development {
        return Err(problem(
            "its header and its description differ on the reference string".into(),
        ));
    }
    Ok((meta, body))
}
