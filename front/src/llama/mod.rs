//! Import of Llama models: weights as floats, a matrix at a time; tokenizer; a float reference run.
//!
//! | step | module |
//! | --- | --- |
//! | dimensions, rotary embedding, names of the parts | [`config`], [`rope`] |
//! | the file in memory, reading from it | [`mapped`], `cursor` |
//! | element types and packed blocks | [`encoding`], `blocks` |
//! | one file a format | [`llama2c`], [`hf`] and `hf_config`, `gguf` and [`gguf_llama`] |
//! | tensors by name matched with parts, weights from files or a seed | `inventory`, `weights` |
//! | the model | [`model`] |
//! | text to token ids | [`tokenizer`], `tokenizer_gguf` |
//! | the model as a [`Graph`](crate::graph::Graph) | `graph` |
//! | reference run, calibration | [`float`](mod@float), `matmul` |
//!
//! The bytes are untrusted: nothing here panics on them, nothing is allocated before its size is checked
//! against the data at hand, and a tensor or setting that is not understood is refused, since to ignore it
//! would compute another function. Formats that interleave the pairs of the rotary embedding are brought
//! into half-split order.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod blocks;
pub mod config;
mod cursor;
pub mod encoding;
mod error;
pub mod float;
mod gguf;
pub mod gguf_llama;
mod graph;
pub mod hf;
mod hf_config;
mod inventory;
pub mod llama2c;
pub mod mapped;
mod matmul;
pub mod model;
pub mod rope;
#[cfg(test)]
mod tests;
pub mod tokenizer;
mod tokenizer_gguf;
pub(crate) mod vector;
mod weights;

pub use config::{BlockPart, LlamaConfig, Part};
pub use error::LlmError;
pub use float::{FloatRun, Observer, Site, argmax};
pub use mapped::FileBytes;
pub(crate) use matmul::matmul;
pub use model::FloatLlama;
pub use rope::{Llama3Scaling, Rope};
pub use tokenizer::{Tokenizer, TokenizerSource};

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a model: a Hugging Face folder or safetensors file, a GGUF file or a llama2.c checkpoint.
///
/// # Errors
/// [`LlmError`] if the format is not known, the file is damaged or the model is not supported.
pub fn read(path: &Path) -> Result<FloatLlama, LlmError> {
    let extension = path.extension().and_then(|e| e.to_str());
    if path.is_dir() {
        return hf::read_folder(path);
    }
    if extension == Some("safetensors") {
        return hf::read_file(path);
    }
    if extension == Some("gguf") || starts_with(path, gguf::MAGIC)? {
        return gguf_llama::read(path);
    }
    if extension == Some("bin") {
        return llama2c::read(path);
    }
    Err(LlmError::UnknownFormat {
        path: path.to_path_buf(),
    })
}

/// Whether a file begins with these bytes.
fn starts_with(path: &Path, magic: [u8; 4]) -> Result<bool, LlmError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4).read_to_end(&mut head))
        .map_err(|source| LlmError::Read {
            path: path.to_path_buf(),
            source,
        })?;
    Ok(head == magic)
}

/// A file's name without extension, the name of a model whose file has none.
fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(
        || "model".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
