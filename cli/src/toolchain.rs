//! The repository around the binary: contracts, models, and the npm packages.

use std::path::PathBuf;
use std::process::Command;

use eyre::{Context, eyre};

use crate::output::Output;

/// The repository: `LAMINATE_ROOT`, else the nearest folder upwards with `scripts/solc`, else where the
/// binary was built.
///
/// # Errors
/// If none of them is the repository.
pub fn root() -> eyre::Result<PathBuf> {
    let is_root = |path: &PathBuf| path.join("scripts/solc").is_file();
    let here = std::env::current_dir().unwrap_or_default();
    std::env::var_os("LAMINATE_ROOT")
        .map(PathBuf::from)
        .into_iter()
        .chain(here.ancestors().map(PathBuf::from))
        .chain(
            PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .parent()
                .map(PathBuf::from),
        )
        .find(is_root)
        .ok_or_else(|| {
            eyre!("cannot find Laminate's repository (contracts, scripts); set LAMINATE_ROOT to it")
        })
}

/// The repository with its Solidity compiler installed, by `npm ci` if it is missing.
///
/// # Errors
/// If npm is missing or fails.
pub fn ready(out: Output) -> eyre::Result<PathBuf> {
    let root = root()?;
    if std::env::var_os("LAMINATE_SOLC").is_some()
        || root.join("node_modules/solc/package.json").is_file()
    {
        return Ok(root);
    }
    let _stage = out.stage("Installing the Solidity compiler (npm ci)");
    let result = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&root)
        .output()
        .wrap_err("cannot run npm, which installs the Solidity compiler; install Node.js 20 or set LAMINATE_SOLC")?;
    if result.status.success() {
        return Ok(root);
    }
    let text = String::from_utf8_lossy(&result.stderr);
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    Err(eyre!(
        "npm ci failed in {}: {}",
        root.display(),
        last.into_iter().rev().collect::<Vec<_>>().join("; ")
    ))
}
