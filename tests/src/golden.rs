//! Golden files under `tests/golden`: compared byte for byte, written anew with `LAMINATE_BLESS=1`. Tests of other
//! packages have this file as a module of theirs.

use std::path::PathBuf;

/// Path of a golden file.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden")
        .join(name)
}

/// Whether golden files are to be written instead of compared.
pub fn blessing() -> bool {
    std::env::var_os("LAMINATE_BLESS").is_some_and(|v| v == "1")
}

/// Compares `found` with the golden file `name`.
///
/// # Panics
/// If they differ; the text says how to accept the change.
pub fn check(name: &str, found: &[u8]) {
    let path = path(name);
    if blessing() {
        std::fs::write(&path, found).expect("write the golden file");
        return;
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    if expected == found {
        return;
    }
    let at = expected
        .iter()
        .zip(found)
        .position(|(a, b)| a != b)
        .unwrap_or(expected.len().min(found.len()));
    let line = expected[..at].iter().filter(|b| **b == b'\n').count() + 1;
    panic!(
        "{} differs at byte {at} (line {line}): {} bytes expected, {} found. If the change is meant, review it and run\n\
         LAMINATE_BLESS=1 cargo test --release -p {}",
        path.display(),
        expected.len(),
        found.len(),
        env!("CARGO_PKG_NAME")
    );
}
