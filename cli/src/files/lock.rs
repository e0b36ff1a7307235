//! One command at a time writes a model, its commitment or keys, contracts or the record of a deployment into a folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use eyre::{Context, bail};

/// The right to write into a folder, until dropped. Commands of other processes that want it fail at once.
///
/// Without it two runs of `commit` would each draw a salt and write two files, and what stays may be the secret of one
/// and the commitment of the other; and of two runs of `deploy` or `register` the record would forget one.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the folder that a file is, or will be, in.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn beside(file: &Path) -> eyre::Result<Self> {
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
        Self::take(folder.unwrap_or(Path::new(".")))
    }

    /// Takes the lock of an existing folder. It is the operating system's on the folder itself, so that no file is left
    /// behind and a command that is killed frees it.
    ///
    /// # Errors
    /// If another command has it, or the folder cannot be opened.
    pub fn take(folder: &Path) -> eyre::Result<Self> {
        let context = || format!("cannot lock {}", folder.display());
        let file = open(folder).wrap_err_with(context)?;
        match tried(&file) {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another laminate command is writing into {}; run this one again when it has ended",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).wrap_err_with(context),
        }
    }
}

/// Tries a few times: a child that this process starts holds a copy of a lock that was just given back, until it runs its own program.
fn tried(file: &File) -> Result<(), TryLockError> {
    for _ in 0..4 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            other => return other,
        }
    }
    file.try_lock()
}

#[cfg(unix)]
fn open(folder: &Path) -> std::io::Result<File> {
    File::open(folder)
}

/// Where folders cannot be opened, a file in them.
#[cfg(not(unix))]
fn open(folder: &Path) -> std::io::Result<File> {
    let path = folder.join(".laminate-lock");
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("another laminate command"), "{refused}");
        drop(first);
        let second = Lock::beside(&folder.path().join("deployment.json")).unwrap();
        assert!(Lock::take(folder.path()).is_err());
        drop(second);
        Lock::take(folder.path()).unwrap();
    }
}
