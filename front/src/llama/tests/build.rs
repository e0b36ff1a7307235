//! Small models written in every format.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView, serialize};

use super::super::*;

/// Two layers, grouped heads, its own head.
pub fn tiny_config() -> LlamaConfig {
    LlamaConfig {
        dim: 16,
        hidden: 24,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 4,
        vocab: 11,
        max_tokens: 32,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied: false,
    }
}

/// Undoes the importer's order of rows: half-split to interleaved.
pub fn interleave(values: &[f32], cols: usize, head_dim: usize) -> Vec<f32> {
    let mut out = Vec::new();
    for head in values.chunks(cols * head_dim) {
        for i in 0..head_dim / 2 {
            for row in [i, i + head_dim / 2] {
                out.extend(&head[row * cols..][..cols]);
            }
        }
    }
    out
}

/// A part as a format that interleaves stores it.
pub fn interleaved(model: &FloatLlama, part: Part) -> Vec<f32> {
    let values = model.part(part).unwrap();
    match part {
        Part::Block(_, BlockPart::Q | BlockPart::K) => {
            interleave(&values, model.config.dim, model.config.head_dim)
        }
        _ => values,
    }
}

pub fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The llama2.c format.
pub fn llama2c(model: &FloatLlama) -> Vec<u8> {
    use BlockPart::{AttentionNorm, Down, Gate, K, MlpNorm, O, Q, Up, V};
    let c = &model.config;
    let vocab = if c.tied {
        c.vocab as i32
    } else {
        -(c.vocab as i32)
    };
    let numbers = [c.dim, c.hidden, c.layers, c.heads, c.kv_heads].map(|n| n as i32);
    let mut out: Vec<u8> = numbers
        .into_iter()
        .chain([vocab, c.max_tokens as i32])
        .flat_map(i32::to_le_bytes)
        .collect();
    out.extend(bytes_of(&model.part(Part::Embedding).unwrap()));
    for part in [AttentionNorm, Q, K, V, O, MlpNorm, Gate, Down, Up] {
        for layer in 0..c.layers {
            out.extend(bytes_of(&interleaved(model, Part::Block(layer, part))));
        }
    }
    out.extend(bytes_of(&model.part(Part::FinalNorm).unwrap()));
    out.extend(vec![0; 4 * c.max_tokens * c.head_dim]);
    if !c.tied {
        out.extend(bytes_of(&model.part(Part::Head).unwrap()));
    }
    out
}

/// Shapes and values by name.
pub type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Tensors of a Hugging Face model.
pub fn hf_tensors(model: &FloatLlama) -> Tensors {
    let tensor = |part: Part| {
        let (rows, cols) = model.config.shape(part);
        let shape = if part.is_norm() {
            vec![cols]
        } else {
            vec![rows, cols]
        };
        (hf::tensor_name(part), (shape, model.part(part).unwrap()))
    };
    model.config.parts().map(tensor).collect()
}

pub fn safetensors(tensors: &Tensors, dtype: Dtype) -> Vec<u8> {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let one = |v: &f32| match dtype {
                Dtype::F16 => half::f16::from_f32(*v).to_le_bytes().to_vec(),
                Dtype::BF16 => half::bf16::from_f32(*v).to_le_bytes().to_vec(),
                Dtype::F64 => f64::from(*v).to_le_bytes().to_vec(),
                _ => v.to_le_bytes().to_vec(),
            };
            (name, shape, values.iter().flat_map(one).collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (
            name,
            TensorView::new(dtype, (*shape).clone(), bytes).unwrap(),
        )
    });
    serialize(views, None).unwrap()
}

pub fn hf_config_json(config: &LlamaConfig) -> serde_json::Value {
    serde_json::json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": config.dim,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "vocab_size": config.vocab,
        "max_position_embeddings": config.max_tokens,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope.theta,
        "rope_scaling": null,
        "tie_word_embeddings": config.tied,
    })
}

/// A GGUF file written piece by piece, right or wrong.
#[derive(Clone, Default)]
pub struct GgufBuilder {
    pub keys: Vec<(String, u32, Vec<u8>)>,
    /// Name, dimensions (innermost first), type, offset in the data.
    pub tensors: Vec<(String, Vec<u64>, u32, u64)>,
    pub data: Vec<u8>,
}

pub fn gguf_string(text: &str) -> Vec<u8> {
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

impl GgufBuilder {
    pub fn string(&mut self, key: &str, value: &str) {
        self.keys.push((key.into(), 8, gguf_string(value)));
    }

    pub fn u32(&mut self, key: &str, value: u32) {
        self.keys.push((key.into(), 4, value.to_le_bytes().into()));
    }

    pub fn f32(&mut self, key: &str, value: f32) {
        self.keys.push((key.into(), 6, value.to_le_bytes().into()));
    }

    pub fn flag(&mut self, key: &str, value: bool) {
        self.keys.push((key.into(), 7, vec![value.into()]));
    }

    pub fn array(&mut self, key: &str, kind: u32, elements: &[Vec<u8>]) {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((elements.len() as u64).to_le_bytes());
        bytes.extend(elements.concat());
        self.keys.push((key.into(), 9, bytes));
    }

    pub fn strings(&mut self, key: &str, values: &[&str]) {
        let elements: Vec<_> = values.iter().map(|v| gguf_string(v)).collect();
        self.array(key, 8, &elements);
    }

    pub fn tensor(&mut self, name: &str, dims: &[u64], kind: u32, bytes: &[u8]) {
        self.data.resize(self.data.len().next_multiple_of(32), 0);
        let offset = self.data.len() as u64;
        self.tensors.push((name.into(), dims.into(), kind, offset));
        self.data.extend(bytes);
    }

    pub fn finish(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.keys {
            out.extend(gguf_string(key));
            out.extend(kind.to_le_bytes());
            out.extend(value);
        }
        for (name, dims, kind, offset) in &self.tensors {
            out.extend(gguf_string(name));
            out.extend((dims.len() as u32).to_le_bytes());
            out.extend(dims.iter().flat_map(|d| d.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(&self.data);
        out
    }

    /// A whole model in F32.
    pub fn model(model: &FloatLlama) -> Self {
        let c = &model.config;
        let mut gguf = Self::default();
        gguf.string("general.architecture", "llama");
        gguf.string("general.name", "tiny");
        for (key, value) in [
            ("block_count", c.layers),
            ("context_length", c.max_tokens),
            ("embedding_length", c.dim),
            ("feed_forward_length", c.hidden),
            ("attention.head_count", c.heads),
            ("attention.head_count_kv", c.kv_heads),
            ("rope.dimension_count", c.head_dim),
        ] {
            gguf.u32(&format!("llama.{key}"), value as u32);
        }
        gguf.f32("llama.rope.freq_base", c.rope.theta);
        gguf.f32("llama.attention.layer_norm_rms_epsilon", c.norm_eps);
        for part in c.parts() {
            let (rows, cols) = c.shape(part);
            let dims = [cols as u64, rows as u64];
            let dims = if part.is_norm() { &dims[..1] } else { &dims };
            let bytes = bytes_of(&interleaved(model, part));
            gguf.tensor(&gguf_llama::tensor_name(part), dims, 0, &bytes);
        }
        gguf
    }
}

/// Asserts that two models have the same configuration and weights, up to `error` relative to the value.
pub fn same(a: &FloatLlama, b: &FloatLlama, error: f32) {
    assert_eq!(a.config, b.config);
    for part in a.config.parts().chain([Part::Head]) {
        let (a, b) = (a.part(part).unwrap(), b.part(part).unwrap());
        assert_eq!(a.len(), b.len(), "{part}");
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= error * a.abs(), "{part}: {a} {b}");
        }
    }
}
