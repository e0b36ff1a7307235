//! Little-endian reading from untrusted bytes.

use super::error::LlmError;
use super::mapped::FileBytes;

/// A position in a file. Every read is checked against the file's length.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    place: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(file: &'a FileBytes) -> Self {
        Self::over(file.place(), file.bytes())
    }

    pub fn over(place: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            place,
            bytes,
            at: 0,
        }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn place(&self) -> &'a str {
        self.place
    }

    pub fn remaining(&self) -> u64 {
        self.bytes.len().saturating_sub(self.at) as u64
    }

    /// The next `count` bytes.
    pub fn take(&mut self, what: &str, count: u64) -> Result<&'a [u8], LlmError> {
        let taken = usize::try_from(count)
            .ok()
            .and_then(|count| self.at.checked_add(count))
            .and_then(|end| self.bytes.get(self.at..end).map(|bytes| (end, bytes)));
        let Some((end, bytes)) = taken else {
            return Err(self.truncated(what, count));
        };
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], LlmError> {
        let bytes = self.take(what, N as u64)?;
        bytes.try_into().map_err(|_| self.truncated(what, N as u64))
    }

    pub fn u8(&mut self, what: &str) -> Result<u8, LlmError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub fn u16(&mut self, what: &str) -> Result<u16, LlmError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub fn u32(&mut self, what: &str) -> Result<u32, LlmError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn i32(&mut self, what: &str) -> Result<i32, LlmError> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &str) -> Result<u64, LlmError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A count of things that take at least `least` bytes each, checked against what is left of the file.
    pub fn count(&mut self, what: &str, least: u64) -> Result<u64, LlmError> {
        let count = self.u64(what)?;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.remaining() => Ok(count),
            bytes => Err(self.truncated(&format!("{what} of {count}"), bytes.unwrap_or(u64::MAX))),
        }
    }

    pub fn truncated(&self, what: &str, needed: u64) -> LlmError {
        LlmError::Truncated {
            place: self.place.into(),
            what: what.into(),
            offset: self.at as u64,
            needed,
            length: self.bytes.len() as u64,
        }
    }
}
