//! `config.json` of a Hugging Face Llama model. Defaults are those of `LlamaConfig` in transformers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::config::{LlamaConfig, wrong};
use super::error::LlmError;
use super::hf::json;
use super::rope::{Llama3Scaling, Rope};

/// What names the architecture; read first, as other architectures call their dimensions otherwise.
#[derive(Deserialize)]
struct Kind {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
}

#[derive(Deserialize)]
struct Config {
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

#[derive(Clone, PartialEq, Deserialize)]
struct RopeScaling {
    rope_type: Option<String>,
    /// The old name of `rope_type`; transformers has written both since 4.43.
    r#type: Option<String>,
    rope_theta: Option<f32>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<f32>,
    /// Settings of other ways of scaling.
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// Parses `config.json`; bounds are left to [`LlamaConfig::check`].
pub(super) fn parse(place: &str, bytes: &[u8]) -> Result<LlamaConfig, LlmError> {
    architecture(&json(place, bytes)?)?;
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
    let rope = rope(&config)?;
    Ok(LlamaConfig {
        dim,
        hidden: config.intermediate_size,
        layers: config.num_hidden_layers,
        heads,
        kv_heads: config.num_key_value_heads.unwrap_or(heads),
        head_dim,
        vocab: config.vocab_size,
        max_tokens: config.max_position_embeddings.unwrap_or(2048),
        rope,
        norm_eps: config.rms_norm_eps.unwrap_or(1e-6),
        tied: config.tie_word_embeddings.unwrap_or(false),
    })
}

/// Refuses other architectures.
fn architecture(kind: &Kind) -> Result<(), LlmError> {
    let architectures = kind.architectures.as_deref().unwrap_or_default();
    if let Some(found) = architectures.iter().find(|a| *a != "LlamaForCausalLM") {
        return Err(wrong(
            "architectures",
            format!("{found:?}"),
            "\"LlamaForCausalLM\"",
        ));
    }
    let model_type = kind.model_type.as_deref();
    if model_type.unwrap_or("llama") != "llama"
        || (model_type.is_none() && architectures.is_empty())
    {
        return Err(wrong(
            "model_type",
            format!("{:?}", model_type.unwrap_or("missing")),
            "\"llama\"",
        ));
    }
    Ok(())
}

/// Refuses settings that make another function of the model.
fn refuse(config: &Config) -> Result<(), LlmError> {
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

/// The rotary embedding, which both names of its settings and the old place of theta must agree on.
fn rope(config: &Config) -> Result<Rope, LlmError> {
    let rope = match (&config.rope_parameters, &config.rope_scaling) {
        (Some(new), Some(old)) if new.of_scaling() != old.of_scaling() => {
            return Err(wrong(
                "rope_parameters and rope_scaling",
                "two different settings",
                "one of them",
            ));
        }
        (new, old) => new.as_ref().or(old.as_ref()),
    };
    let theta = [
        config.rope_parameters.as_ref(),
        config.rope_scaling.as_ref(),
    ]
    .into_iter()
    .flatten()
    .filter_map(|r| r.rope_theta)
    .chain(config.rope_theta)
    .collect::<Vec<_>>();
    if let [first, rest @ ..] = theta.as_slice()
        && let Some(other) = rest.iter().find(|t| *t != first)
    {
        return Err(wrong(
            "rope_theta",
            format!("{first} and {other}"),
            "one number",
        ));
    }
    Ok(Rope {
        theta: theta.first().copied().unwrap_or(10_000.0),
        scaling: rope.map_or(Ok(None), RopeScaling::scaling)?,
    })
}

impl RopeScaling {
    /// All but theta, which the new settings have and the old ones need not.
    fn of_scaling(&self) -> Self {
        Self {
            rope_theta: None,
            ..self.clone()
        }
    }

    /// The scaling they mean; what is not understood is refused.
    fn scaling(&self) -> Result<Option<Llama3Scaling>, LlmError> {
        let kind = match (self.rope_type.as_deref(), self.r#type.as_deref()) {
            (Some(new), Some(old)) if new != old => {
                return Err(wrong(
                    "rope_scaling rope_type and type",
                    format!("{new:?} and {old:?}"),
                    "one type",
                ));
            }
            (new, old) => new.or(old),
        };
        for (field, value) in &self.other {
            let whole = field == "partial_rotary_factor" && value.as_f64() == Some(1.0);
            if !value.is_null() && !whole {
                return Err(wrong(
                    format!("rope_scaling {}", field.escape_debug()),
                    value.to_string().escape_debug(),
                    "none: scaling of type \"llama3\" or \"default\"",
                ));
            }
        }
        match kind.unwrap_or("default") {
            "default" => self.unscaled(kind).map(|()| None),
            "llama3" => self.llama3().map(Some),
            other => Err(wrong(
                "rope_scaling type",
                format!("{other:?}"),
                "\"llama3\", \"default\" or null",
            )),
        }
    }

    /// Refuses settings of a scaling without its type.
    fn unscaled(&self, kind: Option<&str>) -> Result<(), LlmError> {
        let numbers = [
            ("factor", self.factor.filter(|f| *f != 1.0)),
            ("low_freq_factor", self.low_freq_factor),
            ("high_freq_factor", self.high_freq_factor),
        ];
        match numbers.into_iter().find(|(_, number)| number.is_some()) {
            None => Ok(()),
            Some((field, number)) => Err(wrong(
                format!("rope_scaling {field}"),
                format!(
                    "{} with type {}",
                    number.unwrap_or_default(),
                    kind.unwrap_or("missing")
                ),
                "type \"llama3\", or no factor",
            )),
        }
    }

    fn llama3(&self) -> Result<Llama3Scaling, LlmError> {
        let required = |field: &str, value: Option<f32>| {
            value.ok_or_else(|| wrong(format!("rope_scaling {field}"), "missing", "a number"))
        };
        Ok(Llama3Scaling {
            factor: required("factor", self.factor)?,
            low_freq_factor: required("low_freq_factor", self.low_freq_factor)?,
            high_freq_factor: required("high_freq_factor", self.high_freq_factor)?,
            original_tokens: required(
                "original_max_position_embeddings",
                self.original_max_position_embeddings,
            )?,
        })
    }
}
