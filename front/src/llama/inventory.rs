//! The tensors of a file by name, matched with the parts of a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{LlamaConfig, Part};
use super::encoding::Encoding;
use super::error::LlmError;
use super::mapped::FileBytes;
use super::weights::{FileWeights, Stored};

/// A tensor as its file announces it; nothing is checked yet.
pub(super) struct Entry {
    /// Which of the inventory's files.
    pub file: usize,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// The element type, or its name where it is not supported.
    pub encoding: Result<Encoding, String>,
    /// Offset of the first byte in the file.
    pub offset: u64,
}

/// All tensors of a model's files.
pub(super) struct Inventory {
    pub files: Vec<Arc<FileBytes>>,
    entries: BTreeMap<String, Entry>,
    /// Element types of this format, for messages.
    supported: String,
}

impl Inventory {
    pub fn new(files: Vec<Arc<FileBytes>>, supported: &[Encoding]) -> Self {
        let names: Vec<_> = supported.iter().map(|e| format!("{e:?}")).collect();
        Self {
            files,
            entries: BTreeMap::new(),
            supported: names.join(", "),
        }
    }

    pub fn add(&mut self, name: &str, entry: Entry) -> Result<(), LlmError> {
        let place = self.place(entry.file);
        if self.entries.insert(name.into(), entry).is_some() {
            return Err(LlmError::Format {
                place,
                problem: format!("tensor {name:?} is there twice; the file is damaged"),
            });
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Whether two tensors are stored with one shape, type and bytes.
    pub fn same(&self, a: &str, b: &str) -> bool {
        let bytes = |entry: &Entry| {
            let (cols, rows) = entry.shape.split_last()?;
            let rows = rows.iter().try_fold(1u64, |n, d| n.checked_mul(*d))?;
            let size = entry.encoding.as_ref().ok()?.row_bytes(*cols)?;
            let start = usize::try_from(entry.offset).ok()?;
            let size = usize::try_from(rows.checked_mul(size)?).ok()?;
            let file = self.files.get(entry.file)?.bytes();
            file.get(start..start.checked_add(size)?)
        };
        match (self.get(a), self.get(b)) {
            (Some(a), Some(b)) => {
                let (first, second) = (bytes(a), bytes(b));
                a.shape == b.shape && a.encoding == b.encoding && first.is_some() && first == second
            }
            _ => false,
        }
    }

    fn place(&self, file: usize) -> String {
        self.files
            .get(file)
            .map_or_else(|| "model".into(), |file| file.place().into())
    }

    /// Matches every part of the model with its tensor and refuses tensors that are left over.
    pub fn into_weights(
        mut self,
        config: &LlamaConfig,
        interleaved: bool,
        name: impl Fn(Part) -> String,
        ignored: impl Fn(&str) -> bool,
    ) -> Result<FileWeights, LlmError> {
        let mut parts = Vec::new();
        for part in config.parts() {
            let name = name(part);
            let Some(entry) = self.entries.remove(&name) else {
                return Err(LlmError::MissingTensor {
                    place: self.place(0),
                    tensor: name,
                });
            };
            parts.push((part, self.stored(config, part, name, entry)?));
        }
        if let Some((tensor, entry)) = self.entries.iter().find(|(name, _)| !ignored(name)) {
            return Err(LlmError::UnknownTensor {
                place: self.place(entry.file),
                tensor: tensor.clone(),
            });
        }
        FileWeights::new(config, self.files, parts, interleaved)
    }

    fn stored(
        &self,
        config: &LlamaConfig,
        part: Part,
        tensor: String,
        entry: Entry,
    ) -> Result<Stored, LlmError> {
        let (rows, cols) = config.shape(part);
        let norm = part.is_norm();
        let expected: Vec<u64> = [rows as u64, cols as u64]
            .into_iter()
            .skip(usize::from(norm))
            .collect();
        if entry.shape != expected {
            return Err(LlmError::Shape {
                place: self.place(entry.file),
                tensor,
                found: entry.shape,
                expected,
            });
        }
        match entry.encoding {
            Ok(encoding) => Ok(Stored {
                file: entry.file,
                tensor,
                offset: entry.offset,
                encoding,
            }),
            Err(found) => Err(LlmError::Encoding {
                place: self.place(entry.file),
                tensor,
                found,
                supported: self.supported.clone(),
            }),
        }
    }
}
