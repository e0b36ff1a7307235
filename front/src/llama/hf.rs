//! Hugging Face models: `config.json`, safetensors in one file or in shards, `tokenizer.json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::config::{BlockPart, Part};
use super::encoding::Encoding;
use super::error::LlmError;
use super::hf_config;
use super::inventory::{Entry, Inventory};
use super::mapped::FileBytes;
use super::model::FloatLlama;
use super::tokenizer::TokenizerSource;

/// Largest JSON file beside the weights.
pub(super) const MAX_JSON: u64 = 1 << 26;
/// Most shards.
const MAX_SHARDS: u64 = 1 << 10;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Reads a folder with `config.json` and `model.safetensors` or `model.safetensors.index.json`.
///
/// # Errors
/// [`LlmError`] if a file is missing or damaged or the model is not a supported Llama model.
pub fn read_folder(folder: &Path) -> Result<FloatLlama, LlmError> {
    let single = folder.join("model.safetensors");
    let index = folder.join("model.safetensors.index.json");
    if single.exists() || !index.exists() {
        return read_file(&single);
    }
    let place = index.display().to_string();
    let Index { weight_map } = json(&place, &read_capped(&index)?)?;
    let mut shards: Vec<&str> = weight_map.values().map(String::as_str).collect();
    shards.sort_unstable();
    shards.dedup();
    if shards.len() as u64 > MAX_SHARDS {
        return Err(LlmError::TooLarge {
            place,
            what: "number of shards".into(),
            found: shards.len() as u64,
            limit: MAX_SHARDS,
        });
    }
    if let Some(bad) = shards.iter().find(|name| !plain_name(name)) {
        return Err(LlmError::Format {
            place,
            problem: format!("names the shard {bad:?}, expected a file name in the same folder"),
        });
    }
    let mut files = Vec::new();
    for shard in &shards {
        files.push(FileBytes::open(&folder.join(shard))?);
    }
    let of = |name: &str| {
        let shard = weight_map.get(name)?;
        shards.binary_search(&shard.as_str()).ok()
    };
    assemble(folder, files, &of)
}

/// Reads one `.safetensors` file with `config.json` beside it.
///
/// # Errors
/// [`LlmError`] if a file is missing or damaged or the model is not a supported Llama model.
pub fn read_file(path: &Path) -> Result<FloatLlama, LlmError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    assemble(folder, vec![FileBytes::open(path)?], &|_| Some(0))
}

/// A name that stays in its folder.
fn plain_name(name: &str) -> bool {
    !name.is_empty() && name != ".." && name != "." && !name.contains(['/', '\\', '\0'])
}

/// Builds the model from its shards; `shard_of` says which shard has a tensor.
fn assemble(
    folder: &Path,
    files: Vec<FileBytes>,
    shard_of: &dyn Fn(&str) -> Option<usize>,
) -> Result<FloatLlama, LlmError> {
    let path = folder.join("config.json");
    let mut config = hf_config::parse(&path.display().to_string(), &read_capped(&path)?)?;
    config.check()?;
    let files = files.into_iter().map(Arc::new).collect();
    let supported = [Encoding::F32, Encoding::F16, Encoding::BF16];
    let mut inventory = Inventory::new(files, &supported);
    for (index, file) in inventory.files.clone().into_iter().enumerate() {
        let (start, metadata) = header(&file)?;
        for (name, info) in metadata.tensors() {
            if shard_of(&name) != Some(index) {
                continue;
            }
            let entry = Entry {
                file: index,
                shape: info.shape.iter().map(|&d| d as u64).collect(),
                encoding: match info.dtype {
                    Dtype::F32 => Ok(Encoding::F32),
                    Dtype::F16 => Ok(Encoding::F16),
                    Dtype::BF16 => Ok(Encoding::BF16),
                    other => Err(format!("{other:?}")),
                },
                offset: start + info.data_offsets.0 as u64,
            };
            inventory.add(&name, entry)?;
        }
    }
    let head = tensor_name(Part::Head);
    let mut notes = vec![];
    if config.tied && inventory.get(&head).is_some() {
        // As transformers does since version 5: older ones take the embedding, so it is told.
        config.tied = inventory.same(&tensor_name(Part::Embedding), &head);
        if !config.tied {
            notes.push(format!(
                "config.json says tie_word_embeddings, but {head} is stored and differs from the embedding: the stored head is used; remove one of the two"
            ));
        }
    }
    let tied = config.tied;
    let ignored = |name: &str| {
        // Old checkpoints store the frequencies, which follow from the configuration; a tied model may
        // store its head again.
        name.ends_with(".rotary_emb.inv_freq") || (tied && name == head)
    };
    let weights = inventory.into_weights(&config, false, tensor_name, ignored)?;
    let tokenizer = folder.join("tokenizer.json");
    let tokenizer = tokenizer
        .is_file()
        .then_some(TokenizerSource::Json(tokenizer));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
    let name = folder.file_name().map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    let mut model = FloatLlama::stored(config, name, tokenizer, weights);
    model.notes = notes;
    Ok(model)
}

/// The header of a safetensors file and the offset of its data. Dtype, shape and offsets agree, the tensors
/// cover the data without gap or overlap: the library checks it.
fn header(file: &FileBytes) -> Result<(u64, Metadata), LlmError> {
    let (length, metadata) =
        SafeTensors::read_metadata(file.bytes()).map_err(|e| LlmError::Format {
            place: file.place().into(),
            problem: format!("not a whole safetensors file: {e}; fetch it again"),
        })?;
    Ok((8 + length as u64, metadata))
}

pub(super) fn tensor_name(part: Part) -> String {
    let (layer, part) = match part {
        Part::Embedding => return "model.embed_tokens.weight".into(),
        Part::Head => return "lm_head.weight".into(),
        Part::FinalNorm => return "model.norm.weight".into(),
        Part::Block(layer, part) => (layer, part),
    };
    let part = match part {
        BlockPart::AttentionNorm => "input_layernorm",
        BlockPart::Q => "self_attn.q_proj",
        BlockPart::K => "self_attn.k_proj",
        BlockPart::V => "self_attn.v_proj",
        BlockPart::O => "self_attn.o_proj",
        BlockPart::MlpNorm => "post_attention_layernorm",
        BlockPart::Gate => "mlp.gate_proj",
        BlockPart::Up => "mlp.up_proj",
        BlockPart::Down => "mlp.down_proj",
    };
    format!("model.layers.{layer}.{part}.weight")
}

/// Reads a JSON file of at most [`MAX_JSON`] bytes.
pub(super) fn read_capped(path: &Path) -> Result<Vec<u8>, LlmError> {
    let fail = |source| LlmError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fail)?;
    // One byte over the cap tells a file that is too large from one that just fits.
    file.take(MAX_JSON + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_JSON {
        return Err(LlmError::TooLarge {
            place: path.display().to_string(),
            what: "file size".into(),
            found: bytes.len() as u64,
            limit: MAX_JSON,
        });
    }
    Ok(bytes)
}

/// Parses JSON.
pub(super) fn json<'a, T: Deserialize<'a>>(place: &str, bytes: &'a [u8]) -> Result<T, LlmError> {
    serde_json::from_slice(bytes).map_err(|e| LlmError::Format {
        place: place.into(),
        problem: format!("not the JSON expected here: {e}"),
    })
}
