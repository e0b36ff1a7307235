//! The reader of llama2.c's first checkpoint format (`.bin`, "version 0").
//!
//! Seven little-endian i32 (dim, hidden, layers, heads, kv_heads, vocab, seq_len; a negative vocab means
//! that the head is stored on its own), then f32 tensors: embedding; for all layers at once the attention
//! norms, Q, K, V, O, the MLP norms, gate, down, up; the final norm; two tables of `seq_len * head_dim / 2`
//! that are no longer used; the head. Queries and keys are interleaved. Source: `export.py`
//! (`legacy_export`) and `run.c` (`memory_map_weights`) of karpathy/llama2.c.

use std::path::Path;
use std::sync::Arc;

use super::config::{BlockPart, LlamaConfig, Part, wrong};
use super::cursor::Cursor;
use super::encoding::Encoding;
use super::error::LlmError;
use super::mapped::FileBytes;
use super::model::FloatLlama;
use super::rope::Rope;
use super::weights::{FileWeights, Stored};

/// Tensors of all blocks, in the order of the file.
const BLOCK_ORDER: [BlockPart; 9] = [
    BlockPart::AttentionNorm,
    BlockPart::Q,
    BlockPart::K,
    BlockPart::V,
    BlockPart::O,
    BlockPart::MlpNorm,
    BlockPart::Gate,
    BlockPart::Down,
    BlockPart::Up,
];
/// First word of the later formats, "ak42".
const LATER_MAGIC: i32 = 0x616B_3432;

/// Reads a llama2.c checkpoint.
///
/// # Errors
/// [`LlmError`] if the file is not a whole version 0 checkpoint.
pub fn read(path: &Path) -> Result<FloatLlama, LlmError> {
    decode(FileBytes::open(path)?, super::stem(path))
}

/// Reads a llama2.c checkpoint from its bytes.
///
/// # Errors
/// [`LlmError`] if they are not a whole version 0 checkpoint.
pub fn decode(file: FileBytes, name: String) -> Result<FloatLlama, LlmError> {
    let mut cursor = Cursor::new(&file);
    let config = header(&mut cursor)?;
    config.check()?;
    let mut at = cursor.position() as u64;
    let mut parts = Vec::new();
    let mut place = |part, at: &mut u64| {
        let (rows, cols) = config.shape(part);
        let stored = Stored {
            file: 0,
            tensor: part.to_string(),
            offset: *at,
            encoding: Encoding::F32,
        };
        parts.push((part, stored));
        // Dimensions are bounded by `check`: a part is below 2^40 bytes, all parts below 2^54.
        *at += 4 * rows as u64 * cols as u64;
    };
    place(Part::Embedding, &mut at);
    for part in BLOCK_ORDER {
        for layer in 0..config.layers {
            place(Part::Block(layer, part), &mut at);
        }
    }
    place(Part::FinalNorm, &mut at);
    at += 4 * config.max_tokens as u64 * config.head_dim as u64;
    if !config.tied {
        place(Part::Head, &mut at);
    }
    let length = file.bytes().len() as u64;
    if at > length {
        return Err(LlmError::Truncated {
            place: file.place().into(),
            what: "a model of these dimensions".into(),
            offset: 0,
            needed: at,
            length,
        });
    }
    if at < length {
        return Err(LlmError::Format {
            place: file.place().into(),
            problem: format!(
                "has {length} bytes, a model of these dimensions has {at}; it is not a version 0 checkpoint"
            ),
        });
    }
    let weights = FileWeights::new(&config, vec![Arc::new(file)], parts, true)?;
    Ok(FloatLlama::stored(config, name, None, weights))
}

fn header(cursor: &mut Cursor<'_>) -> Result<LlamaConfig, LlmError> {
    let mut words = [0i32; 7];
    for word in &mut words {
        *word = cursor.i32("the header")?;
    }
    let [dim, hidden, layers, heads, kv_heads, vocab, max_tokens] = words;
    if dim == LATER_MAGIC {
        return Err(LlmError::Format {
            place: cursor.place().into(),
            problem: "is a llama2.c checkpoint of version 1 or later, expected version 0; export it with --version 0".into(),
        });
    }
    let positive = |field: &str, value: i32| match usize::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(wrong(
            field,
            value,
            "a positive number; the file is not a llama2.c checkpoint",
        )),
    };
    let (dim, heads) = (positive("dim", dim)?, positive("heads", heads)?);
    if !dim.is_multiple_of(heads) {
        return Err(wrong(
            "heads",
            heads,
            format!("a divisor of the width {dim}"),
        ));
    }
    Ok(LlamaConfig {
        dim,
        hidden: positive("hidden", hidden)?,
        layers: positive("layers", layers)?,
        heads,
        kv_heads: positive("kv_heads", kv_heads)?,
        head_dim: dim / heads,
        vocab: vocab.unsigned_abs() as usize,
        max_tokens: positive("max_tokens", max_tokens)?,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied: vocab > 0,
    })
}
