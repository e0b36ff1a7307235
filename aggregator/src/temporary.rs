//! Files that anybody may read, under a temporary name until they are whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A file in the folder of `path`, to be given that name when it is written. Reference strings and keys are public, so
/// that other users of a shared cache can read it as the umask allows; temporary files are their owner's alone otherwise.
pub(crate) fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    builder.tempfile_in(folder)
}
