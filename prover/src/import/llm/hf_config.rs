//! `config.json` of a Hugging Face Llama model. Defaults are those of `LlamaConfig` in transformers.

use serde::Deserialize;
use serde_json::Value;

use super::config::{LlamaConfig, wrong};
use super::error::LlmError;
use super::hf::json;
use super::rope::{Llama3Scaling, Rope};

#[derive(Deserialize)]
struct Config {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f32>,
    tie_word_embeddings: Option<bool>,
    rope_theta: Option<f32>,
    rope_scaling: Option<RopeScaling>,
    /// The name of `rope_scaling` since transformers 5, which holds theta too.
    rope_parameters: Option<RopeScaling>,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    rope_interleaved: Option<bool>,
    partial_rotary_factor: Option<f64>,
    quantization_config: Option<Value>,
}

#[derive(Deserialize)]
struct RopeScaling {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f32>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<f32>,
}

/// Parses `config.json`; bounds are left to [`LlamaConfig::check`].
pub(super) fn parse(place: &str, bytes: &[u8]) -> Result<LlamaConfig, LlmError> {
    let config: Config = json(place, bytes)?;
    refuse(&config)?;
    let (dim, heads) = (config.hidden_size, config.num_attention_heads);
    let head_dim = match config.head_dim {
        Some(head_dim) => head_dim,
        None if heads > 0 && dim.is_multiple_of(heads) => dim / heads,
        None => {
            return Err(wrong(
                "num_attention_heads",
                heads,
                format!("a divisor of hidden_size, {dim}"),
            ));
        }
    };
    let rope = config.rope_parameters.or(config.rope_scaling);
    let theta = rope.as_ref().and_then(|r| r.rope_theta);
    Ok(LlamaConfig {
        dim,
        hidden: config.intermediate_size,
        layers: config.num_hidden_layers,
        heads,
        kv_heads: config.num_key_value_heads.unwrap_or(heads),
        head_dim,
        vocab: config.vocab_size,
        max_tokens: config.max_position_embeddings.unwrap_or(2048),
        rope: Rope {
            theta: theta.or(config.rope_theta).unwrap_or(10_000.0),
            scaling: rope.map_or(Ok(None), |r| scaling(&r))?,
        },
        norm_eps: config.rms_norm_eps.unwrap_or(1e-6),
        tied: config.tie_word_embeddings.unwrap_or(false),
    })
}

/// Refuses settings that make another function of the model.
fn refuse(config: &Config) -> Result<(), LlmError> {
    let architectures = config.architectures.as_deref().unwrap_or_default();
    let other = |a: &String| a != "LlamaForCausalLM";
    if let Some(found) = architectures.iter().find(|a| other(a)) {
        return Err(wrong(
            "architectures",
            format!("{found:?}"),
            "\"LlamaForCausalLM\"",
        ));
    }
    let model_type = config.model_type.as_deref();
    if model_type.unwrap_or("llama") != "llama"
        || (model_type.is_none() && architectures.is_empty())
    {
        return Err(wrong(
            "model_type",
            format!("{:?}", model_type.unwrap_or("missing")),
            "\"llama\"",
        ));
    }
    if let Some(act) = &config.hidden_act
        && act != "silu"
    {
        return Err(wrong("hidden_act", format!("{act:?}"), "\"silu\""));
    }
    let flags = [
        ("attention_bias", config.attention_bias),
        ("mlp_bias", config.mlp_bias),
        ("rope_interleaved", config.rope_interleaved),
    ];
    for (field, value) in flags {
        if value == Some(true) {
            return Err(wrong(field, "true", "false"));
        }
    }
    if let Some(part) = config.partial_rotary_factor
        && part != 1.0
    {
        return Err(wrong("partial_rotary_factor", part, "1"));
    }
    if config.quantization_config.is_some() {
        return Err(wrong(
            "quantization_config",
            "present",
            "no quantisation: F32, F16 or BF16 weights, or a GGUF file",
        ));
    }
    Ok(())
}

fn scaling(rope: &RopeScaling) -> Result<Option<Llama3Scaling>, LlmError> {
    let kind = rope.rope_type.as_deref().unwrap_or("default");
    if kind == "default" {
        return Ok(None);
    }
    if kind != "llama3" {
        return Err(wrong(
            "rope_scaling type",
            format!("{kind:?}"),
            "\"llama3\", \"default\" or null",
        ));
    }
    let required = |field: &str, value: Option<f32>| {
        value.ok_or_else(|| wrong(format!("rope_scaling {field}"), "missing", "a number"))
    };
    Ok(Some(Llama3Scaling {
        factor: required("factor", rope.factor)?,
        low_freq_factor: required("low_freq_factor", rope.low_freq_factor)?,
        high_freq_factor: required("high_freq_factor", rope.high_freq_factor)?,
        original_tokens: required(
            "original_max_position_embeddings",
            rope.original_max_position_embeddings,
        )?,
    }))
}
