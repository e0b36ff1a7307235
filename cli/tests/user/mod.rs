//! A user of the command line, for the tests that walk whole paths.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

use crate::anvil::{self, KEY};

/// The repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of a user, with a cache of its own.
pub struct User {
    /// It.
    pub dir: tempfile::TempDir,
}

impl User {
    /// An empty folder; none if tests without the Solidity compiler are to be skipped.
    pub fn new() -> Option<Self> {
        if !workspace().join("node_modules/solc").exists() {
            anvil::missing("node_modules/solc");
            return None;
        }
        Some(Self {
            dir: tempfile::tempdir().expect("folder"),
        })
    }

    /// Runs the binary with JSON output.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::cargo_bin("laminate").expect("binary");
        command
            .current_dir(self.dir.path())
            .env("LAMINATE_CACHE", self.dir.path().join("cache"))
            .env_remove("LAMINATE_ROOT")
            .env("LAMINATE_PRIVATE_KEY", KEY)
            .args(["--json", "-q"])
            .args(args);
        command.output().expect("the binary runs")
    }

    /// Runs what must succeed; its JSON.
    pub fn accepted(&self, args: &[&str]) -> Value {
        self.ended(args, 0)
    }

    /// Runs what must have a result and end with this exit code; its JSON.
    pub fn ended(&self, args: &[&str], code: i32) -> Value {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{args:?}: {e} in {text}"))
    }

    /// Runs what must be refused with one line that holds `expected`.
    pub fn refused(&self, args: &[&str], expected: &str) {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        assert!(
            text.contains(expected),
            "{args:?}: expected {expected:?} in {text}"
        );
        assert!(!text.contains("panicked"), "{args:?}: {text}");
        assert_eq!(
            text.trim().lines().count(),
            1,
            "{args:?}: more than one line: {text}"
        );
    }
}
