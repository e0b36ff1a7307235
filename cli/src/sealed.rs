//! Records in JSON with a magic, a version and a digest, as every artifact has them.

use std::path::Path;

use eyre::{Context, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::canonical;
use crate::files::{read_at_most, write_bytes};

/// Most bytes of a record: a compilation of thousands of nodes has a line or two of each.
pub const MAX_BYTES: u64 = 16 << 20;

/// What is written in such a form.
pub trait Record: Serialize + DeserializeOwned {
    /// First member of the file.
    const MAGIC: &'static str;
    /// Version that this build reads and writes.
    const VERSION: u32;
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    magic: String,
    version: u32,
    /// SHA-256 of the canonical form of the three other members.
    digest: String,
    content: Value,
}

impl File {
    fn digest(&self) -> eyre::Result<String> {
        let hashed =
            json!({ "magic": self.magic, "version": self.version, "content": self.content });
        Ok(hex::encode(Sha256::digest(canonical::bytes(&hashed)?)))
    }
}

/// A record as text.
///
/// # Errors
/// If it cannot be encoded.
pub fn encode<T: Record>(record: &T) -> eyre::Result<String> {
    let mut file = File {
        magic: T::MAGIC.into(),
        version: T::VERSION,
        digest: String::new(),
        content: serde_json::to_value(record)?,
    };
    file.digest = file.digest()?;
    let mut text = serde_json::to_string_pretty(&file)?;
    text.push('\n');
    Ok(text)
}

/// Reads a record from text.
///
/// # Errors
/// Another magic or version, a digest that does not match, or a malformed content.
pub fn decode<T: Record>(text: &[u8]) -> eyre::Result<T> {
    let head: Value = serde_json::from_slice(text).map_err(|error| match error.is_eof() {
        true => eyre::Report::new(error).wrap_err("the file is truncated"),
        false => error.into(),
    })?;
    let found = |name: &str| head.get(name).cloned().unwrap_or(Value::Null);
    ensure!(
        found("magic") == T::MAGIC,
        "not a {}: its magic is {}",
        T::MAGIC,
        found("magic")
    );
    ensure!(
        found("version").as_u64() == Some(T::VERSION.into()),
        "{} of version {}, this build reads version {}; make it again",
        T::MAGIC,
        found("version"),
        T::VERSION
    );
    let file: File = serde_json::from_slice(text)?;
    ensure!(
        file.digest()? == file.digest,
        "{} is altered: its SHA-256 digest does not match; make it again",
        T::MAGIC
    );
    Ok(serde_json::from_value(file.content)?)
}

/// Writes a record.
///
/// # Errors
/// If it cannot be written.
pub fn write<T: Record>(record: &T, path: &Path) -> eyre::Result<()> {
    write_bytes(path, encode(record)?.as_bytes(), false)
}

/// Reads a record.
///
/// # Errors
/// As [`decode`]; a missing file, or one too large.
pub fn read<T: Record>(path: &Path) -> eyre::Result<T> {
    decode(&read_at_most(path, MAX_BYTES)?).wrap_err_with(|| path.display().to_string())
}

/// Whether bytes are a record of this kind, of any version.
pub fn is_of<T: Record>(bytes: &[u8]) -> bool {
    serde_json::from_slice::<File>(bytes).is_ok_and(|file| file.magic == T::MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        number: f64,
        text: String,
    }

    impl Record for Example {
        const MAGIC: &'static str = "laminate example";
        const VERSION: u32 = 3;
    }

    #[test]
    fn records_survive_and_altered_ones_are_refused() {
        let example = Example {
            number: 0.1,
            text: "two".into(),
        };
        let text = encode(&example).unwrap();
        assert_eq!(decode::<Example>(text.as_bytes()).unwrap(), example);
        assert!(is_of::<Example>(text.as_bytes()) && !is_of::<Example>(b"{\"mine\":1}"));
        for (from, to, expected) in [
            ("laminate example", "laminate other", "its magic is"),
            ("\"version\": 3", "\"version\": 4", "of version 4"),
            ("two", "ten", "does not match"),
            ("0.1", "0.2", "does not match"),
            ("\"number\"", "\"numbers\"", "does not match"),
            ("\"magic\"", "\"more\": 1, \"magic\"", "unknown field"),
        ] {
            assert!(text.contains(from), "{text}");
            let error = decode::<Example>(text.replace(from, to).as_bytes()).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(expected), "{error}");
        }
        assert!(decode::<Example>(&text.as_bytes()[..text.len() / 2]).is_err());
    }
}
