//! Who may ask: names with the hashes of their keys.

use std::path::Path;

use eyre::{ensure, eyre};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::files::read_text;

/// Longest file of keys that is read.
const MAX_FILE: u64 = 1 << 20;

/// Hashes of API keys. Without any, whoever reaches the server may ask.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, [u8; 32])>);

impl Keys {
    /// Reads a file of lines `NAME HASH`, the hash being the SHA-256 of a key as 64 hex digits. Empty lines and such that
    /// begin with `#` are passed over.
    ///
    /// # Errors
    /// A line of another form, a name or a key that stands there twice, or no key.
    pub fn read(path: &Path) -> eyre::Result<Self> {
        let text = read_text(path, MAX_FILE)?;
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let mut keys: Vec<(String, [u8; 32])> = vec![];
        for (at, line) in lines {
            // The line is not shown: it may be a key that somebody put there.
            let place = || {
                format!(
                    "{}, line {}: expected a name of 1 to 64 letters, digits, dots, hyphens and underscores, and the SHA-256 of its key as 64 hex digits",
                    path.display(),
                    at + 1
                )
            };
            let (name, digits) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| eyre!(place()))?;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            ensure!(name.len() <= 64 && name.chars().all(plain), place());
            let mut hash = [0; 32];
            hex::decode_to_slice(digits.trim(), &mut hash).map_err(|_| eyre!(place()))?;
            let twice = keys.iter().any(|(n, h)| n == name || *h == hash);
            ensure!(
                !twice,
                "{}, line {}: the name or its key stands there before",
                path.display(),
                at + 1
            );
            keys.push((name.into(), hash));
        }
        ensure!(
            !keys.is_empty(),
            "{} has no keys; leave --api-keys out to serve this machine alone",
            path.display()
        );
        Ok(Self(keys))
    }

    /// Whether keys are asked for.
    pub fn are_asked_for(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whose key it is. Every hash is compared, in a time that does not depend on what is found.
    pub fn owner(&self, key: &[u8]) -> Option<&str> {
        let hash: [u8; 32] = Sha256::digest(key).into();
        let (mut found, mut at) = (Choice::from(0), 0);
        for (index, (_, known)) in (0u32..).zip(&self.0) {
            let same = known.ct_eq(&hash);
            at = u32::conditional_select(&at, &index, same);
            found |= same;
        }
        let (name, _) = self.0.get(at as usize)?;
        bool::from(found).then_some(name)
    }
}
