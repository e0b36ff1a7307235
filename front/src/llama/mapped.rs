//! The bytes of a model file, mapped into memory: a part is paged in when it is converted.

use std::fs::File;
use std::path::Path;

use super::error::LlmError;

enum Bytes {
    Mapped(memmap2::Mmap),
    Memory(Vec<u8>),
}

/// The bytes of a file and its name for messages.
pub struct FileBytes {
    place: String,
    bytes: Bytes,
}

impl FileBytes {
    /// Maps a file. It must not be changed or cut while it is in use: a file that shrinks under the map
    /// ends the process (SIGBUS), one that changes changes the weights.
    ///
    /// # Errors
    /// [`LlmError::Read`] if it is not a regular file that can be read.
    pub fn open(path: &Path) -> Result<Self, LlmError> {
        let fail = |source| LlmError::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(fail(std::io::Error::other("not a regular file")));
        }
        Ok(Self {
            place: path.display().to_string(),
            bytes: Bytes::Mapped(map(&file).map_err(fail)?),
        })
    }

    /// Bytes in memory, under a name for messages.
    pub fn memory(place: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            place: place.into(),
            bytes: Bytes::Memory(bytes),
        }
    }

    /// The file's name.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Memory(bytes) => bytes,
        }
    }
}

#[expect(
    unsafe_code,
    reason = "mapping a file is unsafe because another process may change it; the map is read-only and its bytes are treated as untrusted"
)]
fn map(file: &File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: the map is private to `FileBytes` and only ever read as plain bytes, for which every value is
    // valid; `FileBytes::open` tells the caller to leave the file alone meanwhile.
    unsafe { memmap2::Mmap::map(file) }
}
