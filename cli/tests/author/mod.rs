//! A user with a tiny language model, for the tests that compile and prove it.

use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::tiny::checkpoint;

/// A folder of a user, with a cache of its own and a model in it.
pub struct User {
    dir: tempfile::TempDir,
}

impl User {
    /// A folder with the model, its tokenizer and texts.
    pub fn new() -> Self {
        let user = Self {
            dir: tempfile::tempdir().expect("folder"),
        };
        user.write("tiny.bin", &checkpoint());
        user.write("tokenizer.json", tokenizer().to_string().as_bytes());
        user.write(
            "texts.json",
            b"[[1,2,3,4,5,6,7,8],[9,10,11,12,13,14,15,16]]",
        );
        user
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("write");
    }

    /// Path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the binary with JSON output.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::cargo_bin("laminate").expect("binary");
        command
            .current_dir(self.dir.path())
            .env("LAMINATE_CACHE", self.path("cache"))
            .args(["--json", "-q"])
            .args(args);
        command.output().expect("the binary runs")
    }

    /// Runs what must succeed; its text.
    #[allow(dead_code, reason = "most tests read JSON")]
    pub fn human(&self, args: &[&str]) -> String {
        let mut command = Command::cargo_bin("laminate").expect("binary");
        command
            .current_dir(self.dir.path())
            .env("LAMINATE_CACHE", self.path("cache"))
            .args(args);
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{args:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs what must succeed; its JSON.
    pub fn accepted(&self, args: &[&str]) -> Value {
        self.ended(args, 0)
    }

    /// Runs what must have a result and end with this exit code; its JSON.
    pub fn ended(&self, args: &[&str], code: i32) -> Value {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}{error}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{args:?}: {e} in {text}"))
    }

    /// Runs what must be refused with one line that holds all of `expected`.
    pub fn refused(&self, args: &[&str], expected: &[&str]) {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        for expected in expected {
            assert!(
                text.contains(expected),
                "{args:?}: expected {expected:?} in {text}"
            );
        }
        assert!(!text.contains("panicked"), "{args:?}: {text}");
        assert_eq!(text.trim().lines().count(), 1, "{args:?}: {text}");
    }
}

/// One token a letter, from `a`.
fn tokenizer() -> Value {
    let letters = ('a'..='z').chain("!?.,-_".chars());
    let vocab: serde_json::Map<String, Value> = letters
        .zip(0..)
        .map(|(letter, id)| (letter.to_string(), Value::from(id)))
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": { "type": "Fuse" },
        "model": { "type": "BPE", "vocab": vocab, "merges": [] },
    })
}

/// A list of token ids.
pub fn ids(value: &Value) -> Vec<u64> {
    let all = value.as_array().expect("a list");
    all.iter().map(|v| v.as_u64().expect("an id")).collect()
}
