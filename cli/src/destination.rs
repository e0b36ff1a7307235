//! What a command is about to write, checked before it works for minutes.

use std::fs;
use std::path::Path;

use eyre::{Context, ensure, eyre};
use laminate_model::artifact::Kind;
use tempfile::NamedTempFile;

use crate::files::own;

/// Refuses a file that could not be written: its folder is missing or not writable, or a folder stands in its place.
///
/// # Errors
/// What stands in the way.
pub fn file(path: &Path) -> eyre::Result<()> {
    ensure!(
        !path.is_dir(),
        "{} is a folder, expected the name of a file to write",
        path.display()
    );
    ensure!(
        path.file_name().is_some(),
        "{} is not the name of a file to write",
        path.display()
    );
    let folder = folder_of(path);
    ensure!(
        folder.is_dir(),
        "cannot write {}: there is no folder {}; make it first",
        path.display(),
        folder.display()
    );
    writable(folder, path)
}

/// [`file`], and refuses to replace what cannot be made again: a committed input or output, the secret of a commitment or
/// of an identity, a credential, which only its issuer can.
///
/// # Errors
/// As [`file`]; such a file.
pub fn result(path: &Path) -> eyre::Result<()> {
    file(path)?;
    let kept = [
        Kind::Input,
        Kind::Output,
        Kind::WeightSecret,
        Kind::Identity,
        Kind::Credential,
    ];
    ensure!(
        !kept.into_iter().any(|kind| own::is_artifact(path, kind)),
        "{} holds a secret, without which nothing can be proven or shown about what was published of it; give another name",
        path.display()
    );
    Ok(())
}

/// Refuses a folder that could not be made, or not be written into.
///
/// # Errors
/// What stands in the way.
pub fn folder(path: &Path) -> eyre::Result<()> {
    ensure!(
        path.is_dir() || fs::symlink_metadata(path).is_err(),
        "{} is a file, expected a folder to write into",
        path.display()
    );
    let existing = path
        .ancestors()
        .map(|p| match p.as_os_str().is_empty() {
            true => Path::new("."),
            false => p,
        })
        .find(|p| fs::symlink_metadata(p).is_ok())
        .ok_or_else(|| eyre!("cannot write into {}", path.display()))?;
    ensure!(
        existing.is_dir(),
        "cannot make {}: {} is a file",
        path.display(),
        existing.display()
    );
    writable(existing, path)
}

/// Refuses a folder of ours that could not be written into; that it is one, its reader tells better.
///
/// # Errors
/// If it cannot be written into.
pub fn inside(path: &Path) -> eyre::Result<()> {
    match path.is_dir() {
        true => writable(path, path),
        false => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Tries it: permissions, read-only file systems and full ones look alike only to who writes.
fn writable(folder: &Path, path: &Path) -> eyre::Result<()> {
    NamedTempFile::new_in(folder)
        .map(drop)
        .wrap_err_with(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use laminate_model::artifact;

    use super::*;

    #[test]
    fn what_cannot_be_written_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("f"), b"x").unwrap();
        let refused = |result: eyre::Result<()>, expected: &str| {
            let error = format!("{:#}", result.unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        file(&at("new")).unwrap();
        file(&at("f")).unwrap();
        file(Path::new("new")).unwrap();
        refused(file(&at("no/such/new")), "there is no folder");
        refused(file(&at("f/new")), "there is no folder");
        refused(file(dir.path()), "is a folder");
        refused(file(&at("..")), "is a folder");
        folder(dir.path()).unwrap();
        folder(&at("no/such")).unwrap();
        folder(Path::new("no-such-folder/at-all")).unwrap();
        refused(folder(&at("f")), "is a file");
        refused(folder(&at("f/new")), "is a file");
        assert_eq!(fs::read(at("f")).unwrap(), b"x");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing is left"
        );
    }

    #[test]
    fn salts_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        result(&path).unwrap();
        for kind in Kind::ALL {
            fs::write(&path, artifact::header(kind, false, &[])).unwrap();
            let kept = matches!(
                kind,
                Kind::Input | Kind::Output | Kind::WeightSecret | Kind::Identity | Kind::Credential
            );
            assert_eq!(result(&path).is_err(), kept, "{}", kind.name());
            file(&path).unwrap();
        }
        fs::write(&path, "text").unwrap();
        result(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn folders_without_permission_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let set = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        set(0o500);
        if fs::write(dir.path().join("probe"), b"").is_ok() {
            eprintln!("skipped: this user may write everywhere");
            return;
        }
        let [one, other] = [file(&dir.path().join("x")), folder(&dir.path().join("x"))];
        set(0o700);
        for result in [one, other] {
            assert!(format!("{:#}", result.unwrap_err()).contains("cannot write"));
        }
    }
}
