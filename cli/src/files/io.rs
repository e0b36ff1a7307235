//! Files read whole and written atomically, large ones piece by piece.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use eyre::{Context, ensure};
use laminate_model::artifact::{self, Header, Kind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// Largest artifact that is read into memory (proving keys have a reader of their own).
const MAX_BYTES: u64 = 4 << 30;

/// Whether a kind holds secrets and is readable by its owner only.
fn is_private(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Weights
            | Kind::WeightSecret
            | Kind::Opening
            | Kind::Input
            | Kind::Output
            | Kind::LayerProof
            | Kind::FoldedProof
            | Kind::ShardProofs
            | Kind::Identity
            | Kind::Credential
            | Kind::Membership
    )
}

/// Reads and checks an artifact.
///
/// # Errors
/// One message with the file's name and what is wrong.
pub fn read<T: DeserializeOwned>(kind: Kind, path: &Path) -> eyre::Result<(Header, T)> {
    let bytes = read_bytes(path)?;
    artifact::decode(kind, &bytes).wrap_err_with(|| path.display().to_string())
}

/// Reads a file of bounded size.
///
/// # Errors
/// If it is missing, unreadable or too large.
pub fn read_bytes(path: &Path) -> eyre::Result<Vec<u8>> {
    read_at_most(path, MAX_BYTES)
}

/// Reads a file of at most `most` bytes. The bound counts while reading: what a file system says of a size need not hold.
///
/// # Errors
/// If it is missing, unreadable or too large.
pub fn read_at_most(path: &Path, most: u64) -> eyre::Result<Vec<u8>> {
    let bytes = head(path, most.saturating_add(1))?;
    ensure!(
        bytes.len() as u64 <= most,
        "{} has more than {most} bytes, which no such file has",
        path.display()
    );
    Ok(bytes)
}

/// Reads a text of at most `most` bytes.
///
/// # Errors
/// As [`read_at_most`]; bytes that are no UTF-8.
pub fn read_text(path: &Path, most: u64) -> eyre::Result<String> {
    String::from_utf8(read_at_most(path, most)?)
        .wrap_err_with(|| format!("{} is no text in UTF-8", path.display()))
}

/// Writes an artifact piece by piece under a temporary name in the folder of `path`.
pub(super) fn stage<T: Serialize>(
    kind: Kind,
    development: bool,
    value: &T,
    path: &Path,
) -> eyre::Result<NamedTempFile> {
    let mut file = temporary(path)?;
    let written = artifact::write(kind, development, value, file.as_file_mut());
    written.wrap_err_with(|| format!("cannot write {}", path.display()))?;
    finish(file, path, is_private(kind))
}

/// A file under a temporary name in the folder of `path`.
fn temporary(path: &Path) -> eyre::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// Syncs a temporary file and sets who may read it.
fn finish(file: NamedTempFile, path: &Path, private: bool) -> eyre::Result<NamedTempFile> {
    let context = || format!("cannot write {}", path.display());
    file.as_file().sync_all().wrap_err_with(context)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if private { 0o600 } else { 0o644 };
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))
            .wrap_err_with(context)?;
    }
    Ok(file)
}

/// Gives a temporary file its name.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> eyre::Result<()> {
    file.persist(path)
        .map_err(|e| e.error)
        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// A public file that is written piece by piece: under a temporary name, until it is whole.
///
/// # Errors
/// If it cannot be written.
pub fn begin(path: &Path) -> eyre::Result<NamedTempFile> {
    temporary(path)
}

/// Gives a file of [`begin`] its name.
///
/// # Errors
/// If it cannot be written.
pub fn end(file: NamedTempFile, path: &Path) -> eyre::Result<()> {
    persist(finish(file, path, false)?, path)
}

/// Writes an artifact.
///
/// # Errors
/// If it cannot be encoded or written; nothing half-written stays.
pub fn write<T: Serialize>(
    kind: Kind,
    development: bool,
    value: &T,
    path: &Path,
) -> eyre::Result<()> {
    write_bytes(
        path,
        &artifact::encode(kind, development, value)?,
        is_private(kind),
    )
}

/// Writes an artifact where there is no file yet.
///
/// # Errors
/// As [`write`], and if there is one, even one that another process wrote meanwhile.
pub fn write_new<T: Serialize>(
    kind: Kind,
    development: bool,
    value: &T,
    path: &Path,
) -> eyre::Result<()> {
    stage(kind, development, value, path)?
        .persist_noclobber(path)
        .map_err(|e| e.error)
        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Writes to a temporary name in the same folder, then renames.
///
/// # Errors
/// If the file cannot be written.
pub fn write_bytes(path: &Path, bytes: &[u8], private: bool) -> eyre::Result<()> {
    let mut file = temporary(path)?;
    file.write_all(bytes)
        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    persist(finish(file, path, private)?, path)
}

/// Reads at most the first `count` bytes of a file.
///
/// # Errors
/// If it is missing or unreadable.
pub fn read_head(path: &Path, count: usize) -> eyre::Result<Vec<u8>> {
    head(path, count as u64)
}

fn head(path: &Path, count: u64) -> eyre::Result<Vec<u8>> {
    let context = || format!("cannot read {}", path.display());
    let file = fs::File::open(path).wrap_err_with(context)?;
    let mut head = vec![];
    file.take(count)
        .read_to_end(&mut head)
        .wrap_err_with(context)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_counts_while_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_at_most(&path, 5).unwrap(), b"12345");
        let error = read_at_most(&path, 4).unwrap_err().to_string();
        assert!(error.contains("more than 4 bytes"), "{error}");
    }

    /// Files of devices say that they are empty, and have no end.
    #[cfg(target_os = "linux")]
    #[test]
    fn files_without_end_are_refused() {
        let endless = Path::new("/dev/zero");
        assert_eq!(fs::metadata(endless).unwrap().len(), 0);
        assert!(read_at_most(endless, 1 << 20).is_err());
    }
}
