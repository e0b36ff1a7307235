//! Bytes of files, and where the cache is.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use eyre::{Context, eyre};

/// Largest artifact that is read into memory (proving keys have a reader of their own).
const MAX_BYTES: u64 = 4 << 30;

/// Reads a file of bounded size.
///
/// # Errors
/// If it is missing, unreadable or too large.
pub fn read_bytes(path: &Path) -> eyre::Result<Vec<u8>> {
    let length = fs::metadata(path)
        .wrap_err_with(|| format!("cannot read {}", path.display()))?
        .len();
    if length > MAX_BYTES {
        return Err(eyre!(
            "{} is {length} bytes, expected at most {MAX_BYTES}",
            path.display()
        ));
    }
    fs::read(path).wrap_err_with(|| format!("cannot read {}", path.display()))
}

/// Writes to a temporary name in the same folder, then renames.
///
/// # Errors
/// If the file cannot be written.
pub fn write_bytes(path: &Path, bytes: &[u8], private: bool) -> eyre::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).wrap_err_with(context)?;
    file.write_all(bytes).wrap_err_with(context)?;
    file.as_file().sync_all().wrap_err_with(context)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if private { 0o600 } else { 0o644 };
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))
            .wrap_err_with(context)?;
    }
    file.persist(path)
        .map_err(|e| e.error)
        .wrap_err_with(context)?;
    Ok(())
}

/// The cache folder: `LAMINATE_CACHE`, else `~/.cache/laminate`, else `.laminate` here.
pub fn cache_dir() -> PathBuf {
    std::env::var_os("LAMINATE_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
                .map_or_else(
                    || PathBuf::from(".laminate"),
                    |cache| cache.join("laminate"),
                )
        })
}

/// Reads at most the first `count` bytes of a file.
///
/// # Errors
/// If it is missing or unreadable.
pub fn read_head(path: &Path, count: usize) -> eyre::Result<Vec<u8>> {
    use std::io::Read;
    let file = fs::File::open(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let mut head = vec![];
    file.take(count as u64)
        .read_to_end(&mut head)
        .wrap_err_with(|| format!("cannot read {}", path.display()))?;
    Ok(head)
}
