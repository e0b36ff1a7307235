//! A Llama model in a GGUF file: configuration from the metadata, parts from the tensors.
//!
//! llama.cpp stores Llama's queries and keys interleaved. Long-context scaling of type `llama3` is stored
//! as a tensor of divisors, `rope_freqs.weight`, without its four constants: the constants all Llama 3
//! models share are tried against it.

use std::path::Path;
use std::sync::Arc;

use super::config::{BlockPart, LlamaConfig, Part, wrong};
use super::encoding::Encoding;
use super::error::LlmError;
use super::gguf::Gguf;
use super::inventory::{Entry, Inventory};
use super::mapped::FileBytes;
use super::model::FloatLlama;
use super::rope::{Llama3Scaling, Rope};
use super::tokenizer::TokenizerSource;

/// Divisors of the rotary frequencies.
const ROPE_DIVISORS: &str = "rope_freqs.weight";

/// Reads a GGUF file.
///
/// # Errors
/// [`LlmError`] if it is damaged or not a Llama model.
pub fn read(path: &Path) -> Result<FloatLlama, LlmError> {
    decode(FileBytes::open(path)?, super::stem(path))
}

/// Reads a GGUF file from its bytes; `name` is used where the file has none.
///
/// # Errors
/// [`LlmError`] if it is damaged or not a Llama model.
pub fn decode(file: FileBytes, name: String) -> Result<FloatLlama, LlmError> {
    let file = Arc::new(file);
    let gguf = Gguf::read(&file)?;
    whole(&gguf, file.place())?;
    let all: Vec<Encoding> = Encoding::GGUF.iter().map(|e| e.1).collect();
    let mut inventory = Inventory::new(vec![Arc::clone(&file)], &all);
    for tensor in &gguf.tensors {
        let known = Encoding::GGUF.iter().find(|(id, _)| *id == tensor.kind);
        let entry = Entry {
            file: 0,
            shape: tensor.dims.iter().rev().copied().collect(),
            encoding: known
                .map(|e| e.1)
                .ok_or_else(|| format!("number {}", tensor.kind)),
            offset: tensor.offset,
        };
        inventory.add(tensor.name, entry)?;
    }
    let mut config = config(&gguf, &inventory)?;
    config.check()?;
    config.rope.scaling = scaling(&config, &inventory, file.bytes())?;
    config.check()?;
    let name = gguf.string("general.name")?.map_or(name, Into::into);
    let tokenizer = gguf
        .metadata
        .contains_key("tokenizer.ggml.tokens")
        .then(|| TokenizerSource::Gguf(Arc::clone(&file)));
    let weights =
        inventory.into_weights(&config, true, tensor_name, |name| name == ROPE_DIVISORS)?;
    Ok(FloatLlama::stored(config, name, tokenizer, weights))
}

/// Refuses one part of a model in several files.
fn whole(gguf: &Gguf<'_>, place: &str) -> Result<(), LlmError> {
    match gguf.unsigned("split.count")? {
        None | Some(0 | 1) => Ok(()),
        Some(count) => Err(LlmError::Format {
            place: place.into(),
            problem: format!(
                "is part {} of {count} of a model, expected a whole one; join the parts with `llama-gguf-split --merge FIRST OUT` of llama.cpp",
                gguf.unsigned("split.no")?.unwrap_or(0).saturating_add(1)
            ),
        }),
    }
}

pub(super) fn tensor_name(part: Part) -> String {
    let (layer, part) = match part {
        Part::Embedding => return "token_embd.weight".into(),
        Part::Head => return "output.weight".into(),
        Part::FinalNorm => return "output_norm.weight".into(),
        Part::Block(layer, part) => (layer, part),
    };
    let part = match part {
        BlockPart::AttentionNorm => "attn_norm",
        BlockPart::Q => "attn_q",
        BlockPart::K => "attn_k",
        BlockPart::V => "attn_v",
        BlockPart::O => "attn_output",
        BlockPart::MlpNorm => "ffn_norm",
        BlockPart::Gate => "ffn_gate",
        BlockPart::Up => "ffn_up",
        BlockPart::Down => "ffn_down",
    };
    format!("blk.{layer}.{part}.weight")
}

fn config(gguf: &Gguf<'_>, inventory: &Inventory) -> Result<LlamaConfig, LlmError> {
    let architecture = gguf.string("general.architecture")?;
    if architecture != Some("llama") {
        return Err(wrong(
            "general.architecture",
            format!("{:?}", architecture.unwrap_or("missing")),
            "\"llama\"",
        ));
    }
    let optional = |key: &str| -> Result<Option<usize>, LlmError> {
        let value = gguf.unsigned(&format!("llama.{key}"))?;
        Ok(value.map(|v| usize::try_from(v).unwrap_or(usize::MAX)))
    };
    let required = |key: &str| {
        optional(key)?.ok_or_else(|| wrong(format!("llama.{key}"), "missing", "a number"))
    };
    let dim = required("embedding_length")?;
    let heads = required("attention.head_count")?;
    let head_dim = match optional("attention.key_length")? {
        Some(head_dim) => head_dim,
        None if heads > 0 && dim.is_multiple_of(heads) => dim / heads,
        None => {
            return Err(wrong(
                "llama.attention.head_count",
                heads,
                format!("a divisor of the width {dim}"),
            ));
        }
    };
    only_known(gguf)?;
    // Keys that would change the function: they must be absent or say what is computed here.
    let fixed = [
        ("rope.dimension_count", head_dim),
        ("attention.value_length", head_dim),
        ("expert_count", 0),
        ("expert_used_count", 0),
    ];
    for (key, expected) in fixed {
        if let Some(found) = optional(key)?
            && found != expected
        {
            return Err(wrong(format!("llama.{key}"), found, expected.to_string()));
        }
    }
    not_scaled(gguf)?;
    let embedding = inventory.get(&tensor_name(Part::Embedding));
    let vocab = embedding
        .and_then(|e| e.shape.first().copied())
        .unwrap_or(0);
    let theta = gguf.float("llama.rope.freq_base")?.unwrap_or(10_000.0);
    let norm_eps = "llama.attention.layer_norm_rms_epsilon";
    Ok(LlamaConfig {
        dim,
        hidden: required("feed_forward_length")?,
        layers: required("block_count")?,
        heads,
        kv_heads: optional("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        vocab: usize::try_from(vocab).unwrap_or(usize::MAX),
        max_tokens: required("context_length")?,
        rope: Rope {
            theta: theta as f32,
            scaling: None,
        },
        norm_eps: gguf
            .float(norm_eps)?
            .ok_or_else(|| wrong(norm_eps, "missing", "a number"))? as f32,
        tied: inventory.get(&tensor_name(Part::Head)).is_none(),
    })
}

/// Refuses settings of the architecture that are not read: ignoring one may compute another function.
fn only_known(gguf: &Gguf<'_>) -> Result<(), LlmError> {
    const READ: [&str; 21] = [
        "block_count",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "attention.layer_norm_rms_epsilon",
        "expert_count",
        "expert_used_count",
        "rope.dimension_count",
        "rope.freq_base",
        "rope.scale_linear",
        "rope.scaling.type",
        "rope.scaling.factor",
        "rope.scaling.attn_factor",
        // For other ways of scaling only, which are refused.
        "rope.scaling.original_context_length",
        "rope.scaling.finetuned",
        // The embedding says it, too.
        "vocab_size",
        // Of old files; whatever it is called, llama.cpp knows one.
        "tensor_data_layout",
    ];
    let keys = gguf.metadata.keys();
    let mut settings = keys.filter_map(|key| key.strip_prefix("llama."));
    match settings.find(|key| !READ.contains(key)) {
        None => Ok(()),
        Some(key) => Err(wrong(
            format!("llama.{}", key.escape_debug()),
            "present",
            "no such setting: Llama models as llama.cpp runs them without it",
        )),
    }
}

/// Refuses scaled positions. llama.cpp scales linearly where there is a factor and no type; 0 and 1 are no factor.
fn not_scaled(gguf: &Gguf<'_>) -> Result<(), LlmError> {
    let kind = "llama.rope.scaling.type";
    if let Some(found) = gguf.string(kind)?
        && found != "none"
        && found != "linear"
    {
        return Err(wrong(
            kind,
            format!("{found:?}"),
            "\"none\" or the tensor rope_freqs.weight",
        ));
    }
    for key in [
        "llama.rope.scaling.factor",
        "llama.rope.scale_linear",
        "llama.rope.scaling.attn_factor",
    ] {
        if let Some(found) = gguf.float(key)?
            && found != 0.0
            && found != 1.0
        {
            return Err(wrong(
                key,
                found,
                "1: no scaled positions, or the tensor rope_freqs.weight",
            ));
        }
    }
    Ok(())
}

/// The scaling whose divisors the file stores, if it stores any.
fn scaling(
    config: &LlamaConfig,
    inventory: &Inventory,
    bytes: &[u8],
) -> Result<Option<Llama3Scaling>, LlmError> {
    let Some(entry) = inventory.get(ROPE_DIVISORS) else {
        return Ok(None);
    };
    let pairs = config.head_dim / 2;
    let stored = usize::try_from(entry.offset)
        .ok()
        .and_then(|start| bytes.get(start..)?.get(..4 * pairs))
        .filter(|_| entry.shape == [pairs as u64] && entry.encoding == Ok(Encoding::F32))
        .map(|bytes| Encoding::F32.decode(bytes))
        .unwrap_or_default();
    let factor = stored.iter().copied().fold(0.0f32, f32::max);
    let scaling = Llama3Scaling {
        factor,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_tokens: 8192.0,
    };
    let scaled = Rope {
        scaling: Some(scaling),
        ..config.rope
    };
    let ratios = std::iter::zip(
        config.rope.frequencies(config.head_dim),
        scaled.frequencies(config.head_dim),
    )
    .map(|(plain, scaled)| plain / scaled);
    let same = factor > 0.0
        && std::iter::zip(ratios, &stored)
            .all(|(ratio, &stored)| (f64::from(stored) / ratio - 1.0).abs() < 1e-3);
    if same {
        return Ok(Some(scaling));
    }
    Err(wrong(
        ROPE_DIVISORS,
        format!("{} divisors up to {factor}", stored.len()),
        format!(
            "{pairs} floats of a llama3 scaling with low_freq_factor 1, high_freq_factor 4 and 8192 original tokens; import the safetensors model"
        ),
    ))
}
