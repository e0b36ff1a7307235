//! The Solidity compiler, for contracts that are generated for one program. Nothing else needs more than the binary.
//!
//! It is `LAMINATE_SOLC`; else `scripts/solc` of the repository, which is `LAMINATE_ROOT` or where the binary was built; else
//! `solc` on the PATH. Never a program of the working folder or of one above it: those come with what is checked.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use eyre::{Context, ensure, eyre};
use laminate_aggregator::evm::SolcCompiler;

use crate::output::Output;

/// Names the compiler.
const SOLC: &str = "LAMINATE_SOLC";
/// Names the repository.
const ROOT: &str = "LAMINATE_ROOT";

/// The compiler, installed by `npm ci` if the repository is there without it.
///
/// # Errors
/// No compiler of the right version, a `LAMINATE_ROOT` that is not the repository, or an npm that fails.
pub fn compiler(out: Output) -> eyre::Result<SolcCompiler> {
    let installed = || {
        let root = root()?;
        let is_missing = |root: &&PathBuf| !root.join("node_modules/solc/package.json").is_file();
        if std::env::var_os(SOLC).is_none()
            && let Some(root) = root.as_ref().filter(is_missing)
        {
            install(root, out)?;
        }
        find(root.as_deref())
    };
    installed().wrap_err(
        "a contract of the program's own (--mode direct) needs the Solidity compiler; --mode universal needs none",
    )
}

/// The compiler, if it is there.
///
/// # Errors
/// As [`compiler`]; what is missing is in the message.
pub fn compiler_at_hand() -> eyre::Result<SolcCompiler> {
    find(root()?.as_deref())
}

fn find(root: Option<&Path>) -> eyre::Result<SolcCompiler> {
    Ok(SolcCompiler::at(&program(std::env::var_os(SOLC), root))?)
}

/// The compiler's path, or its bare name to be found on the PATH; never relative to the working folder.
fn program(named: Option<OsString>, root: Option<&Path>) -> PathBuf {
    match (named, root) {
        (Some(named), _) => named.into(),
        (None, Some(root)) => root.join("scripts/solc"),
        (None, None) => "solc".into(),
    }
}

/// The repository: `LAMINATE_ROOT`, else where the binary was built, if it is still there.
fn root() -> eyre::Result<Option<PathBuf>> {
    let is_root = |path: &Path| path.join("scripts/solc").is_file();
    if let Some(given) = std::env::var_os(ROOT).map(PathBuf::from) {
        ensure!(
            given.is_absolute() && is_root(&given),
            "{ROOT} is {}, expected the absolute path of Laminate's repository, with scripts/solc",
            given.display()
        );
        return Ok(Some(given));
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(built.filter(|path| is_root(path)).map(Path::to_owned))
}

fn install(root: &Path, out: Output) -> eyre::Result<()> {
    let _stage = out.stage("Installing the Solidity compiler (npm ci)");
    let result = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(root)
        .output()
        .wrap_err("cannot run npm, which installs the Solidity compiler; install Node.js 20 or set LAMINATE_SOLC")?;
    if result.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&result.stderr);
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    Err(eyre!(
        "npm ci failed in {}: {}",
        root.display(),
        last.into_iter().rev().collect::<Vec<_>>().join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_named_or_on_the_path() {
        let root = Path::new("/repository");
        assert_eq!(program(None, Some(root)), root.join("scripts/solc"));
        // One component: a name for the PATH, not a file of the working folder.
        assert_eq!(program(None, None).components().count(), 1);
        assert_eq!(program(None, None), Path::new("solc"));
        let named = program(Some("/opt/solc".into()), Some(root));
        assert_eq!(named, Path::new("/opt/solc"));
    }
}
