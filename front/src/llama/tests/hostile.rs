//! Damaged and hostile files: a typed error, never a panic, never a large allocation.

use safetensors::tensor::Dtype;

use super::super::*;
use super::build::*;
use crate::graph::{GraphError, ParamError};

/// Small enough that a file can be cut at every byte.
fn small() -> FloatLlama {
    let config = LlamaConfig {
        dim: 4,
        hidden: 4,
        layers: 1,
        heads: 2,
        kv_heads: 1,
        head_dim: 2,
        vocab: 3,
        max_tokens: 2,
        ..tiny_config()
    };
    FloatLlama::random(config, 1).unwrap()
}

fn bin(bytes: &[u8]) -> Result<FloatLlama, LlmError> {
    llama2c::decode(
        FileBytes::memory("model.bin", bytes.to_vec()),
        "model".into(),
    )
}

fn gguf(bytes: &[u8]) -> Result<FloatLlama, LlmError> {
    gguf_llama::decode(
        FileBytes::memory("model.gguf", bytes.to_vec()),
        "model".into(),
    )
}

/// Reads everything a damaged file still offers.
fn drain(model: Result<FloatLlama, LlmError>) {
    let Ok(model) = model else { return };
    for part in model.config.parts() {
        drop(model.part(part));
    }
    if let Some(tokenizer) = model.tokenizer
        && let Ok(tokenizer) = tokenizer.load()
    {
        drop(tokenizer.encode("a text, 12 words"));
        drop(tokenizer.decode(&[0, 1, 2, 1 << 30]));
    }
}

/// Every byte set to values that make counts and sizes huge, zero or off by one.
fn change_each_byte(bytes: &[u8], headers: usize, read: impl Fn(&[u8])) {
    for at in 0..headers.min(bytes.len()) {
        for value in [
            0,
            1,
            0x7F,
            0x80,
            0xFF,
            bytes[at] ^ 1,
            bytes[at].wrapping_add(1),
        ] {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            read(&changed);
        }
    }
}

#[test]
fn llama2c_cut_at_every_length() {
    let bytes = llama2c(&small());
    bin(&bytes).unwrap();
    for length in 0..bytes.len() {
        let error = bin(&bytes[..length]).err().unwrap();
        assert!(
            matches!(error, LlmError::Truncated { .. }),
            "{length}: {error}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(bin(&longer).err(), Some(LlmError::Format { .. })));
    change_each_byte(&bytes, 28, |bytes| drain(bin(bytes)));
}

#[test]
fn llama2c_headers() {
    let bytes = llama2c(&small());
    let with = |at: usize, value: i32| {
        let mut bytes = bytes.clone();
        bytes[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
        bin(&bytes).err().unwrap().to_string()
    };
    assert!(with(0, 0x616B_3432).contains("version 1 or later"));
    assert!(with(0, -4).contains("dim is -4"));
    assert!(with(2, i32::MAX).contains("layers is 2147483647"));
    assert!(with(3, 3).contains("a divisor of the width 4"));
    assert!(with(5, i32::MIN).contains("vocab is 2147483648"));
    // In bounds, but the file has not the bytes.
    assert!(with(5, 1 << 20).contains("truncated"));
}

#[test]
fn gguf_cut_at_every_length() {
    let model = small();
    let mut builder = GgufBuilder::model(&model);
    builder.string("tokenizer.ggml.model", "gpt2");
    builder.string("tokenizer.ggml.pre", "smollm");
    builder.strings("tokenizer.ggml.tokens", &["a", "b", "ab"]);
    builder.strings("tokenizer.ggml.merges", &["a b"]);
    let bytes = builder.finish();
    let whole = gguf(&bytes).unwrap();
    whole.tokenizer.as_ref().unwrap().load().unwrap();
    same(&model, &whole, 0.0);
    // The last tensor ends at the last byte.
    for length in 0..bytes.len() {
        assert!(gguf(&bytes[..length]).is_err(), "{length}");
    }
    let headers = bytes.len() - builder.data.len();
    change_each_byte(&bytes, headers, |bytes| drain(gguf(bytes)));
}

#[test]
fn gguf_counts_and_offsets() {
    let model = small();
    let good = GgufBuilder::model(&model);
    let error = |change: &dyn Fn(&mut GgufBuilder)| {
        let mut builder = good.clone();
        change(&mut builder);
        match gguf(&builder.finish()) {
            Err(error) => error.to_string(),
            Ok(_) => "accepted".into(),
        }
    };
    let overlap = error(&|b| b.tensors[1].3 = b.tensors[2].3);
    assert!(overlap.contains("overlap"), "{overlap}");
    let unaligned = error(&|b| b.tensors[1].3 += 4);
    assert!(unaligned.contains("multiple of 32"), "{unaligned}");
    let outside = error(&|b| b.tensors[1].3 = 1 << 60);
    assert!(outside.contains("truncated"), "{outside}");
    let overflow = error(&|b| b.tensors[1].3 = u64::MAX - 31);
    assert!(overflow.contains("inside the file"), "{overflow}");
    let huge = error(&|b| b.tensors[0].1 = vec![4, 1 << 62]);
    assert!(huge.contains("vocab is 4611686018427387904"), "{huge}");
    let kind = error(&|b| b.tensors[0].2 = 17);
    assert!(
        kind.contains("element type number 17") && kind.contains("TQ2_0"),
        "{kind}"
    );
    let block = error(&|b| b.tensors[0].2 = 8);
    assert!(block.contains("multiple of the 32"), "{block}");
    let twice = error(&|b| b.tensors[1].0 = b.tensors[0].0.clone());
    assert!(twice.contains("there twice"), "{twice}");
    let missing = error(&|b| b.tensors[1].0 = "blk.9.attn_norm.weight".into());
    assert!(missing.contains("is missing"), "{missing}");
    let extra = error(&|b| b.tensor("blk.0.attn_q.bias", &[4], 0, &[0; 16]));
    assert!(extra.contains("not part of a Llama model"), "{extra}");
    let shape = error(&|b| b.tensors[2].1 = vec![2, 8]);
    assert!(
        shape.contains("has shape [8, 2], expected [4, 4]"),
        "{shape}"
    );
    let dims = error(&|b| b.tensors[2].1 = vec![1; 5]);
    assert!(dims.contains("5 dimensions"), "{dims}");
    let nested = error(&|b| b.array("x", 9, &[]));
    assert!(nested.contains("array of type 9"), "{nested}");
    let experts = error(&|b| b.u32("llama.expert_count", 8));
    assert!(experts.contains("expert_count is 8"), "{experts}");
    let alignment = error(&|b| b.u32("general.alignment", 3));
    assert!(alignment.contains("power of two"), "{alignment}");
    let long = error(&|b| {
        b.keys.push(("x".into(), 8, u64::MAX.to_le_bytes().into()));
    });
    assert!(long.contains("truncated"), "{long}");
    let many = error(&|b| {
        let header = [
            8u32.to_le_bytes().to_vec(),
            (1u64 << 61).to_le_bytes().to_vec(),
        ];
        b.keys.push(("x".into(), 9, header.concat()));
    });
    assert!(many.contains("truncated"), "{many}");
}

#[test]
fn gguf_head_counts() {
    let bytes = GgufBuilder::model(&small()).finish();
    for (at, what) in [(8, "tensors"), (16, "metadata entries")] {
        for count in [1u64 << 40, u64::MAX] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            let error = gguf(&bytes).err().unwrap().to_string();
            assert!(
                error.contains(what) && error.contains("truncated"),
                "{error}"
            );
        }
    }
    let mut old = bytes.clone();
    old[4] = 1;
    let error = gguf(&old).err().unwrap().to_string();
    assert!(error.contains("GGUF version 1, expected 2 or 3"), "{error}");
}

#[test]
fn safetensors_damage() {
    let model = small();
    let folder = tempfile::tempdir().unwrap();
    let config = hf_config_json(&model.config).to_string();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let path = folder.path().join("model.safetensors");
    let mut tensors = hf_tensors(&model);
    let bytes = safetensors(&tensors, Dtype::F32);
    let try_read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    };
    same(&model, &try_read(&bytes).unwrap(), 0.0);
    for length in (0..bytes.len()).step_by(7) {
        assert!(try_read(&bytes[..length]).is_err(), "{length}");
    }
    for length in [u64::MAX, 1 << 60, 1 << 20] {
        let mut bytes = bytes.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        assert!(matches!(
            try_read(&bytes).err(),
            Some(LlmError::Format { .. })
        ));
    }
    let double = safetensors(&tensors, Dtype::F64);
    let error = try_read(&double).err().unwrap().to_string();
    assert!(
        error.contains("F64") && error.contains("F32, F16, BF16"),
        "{error}"
    );
    tensors.insert("adapter.weight".into(), (vec![1], vec![0.0]));
    let error = try_read(&safetensors(&tensors, Dtype::F32)).err();
    assert!(matches!(error, Some(LlmError::UnknownTensor { .. })));
    tensors.remove("adapter.weight");
    tensors.remove("model.norm.weight");
    let error = try_read(&safetensors(&tensors, Dtype::F32)).err();
    assert!(matches!(error, Some(LlmError::MissingTensor { .. })));
}

#[test]
fn weights_must_be_finite() {
    let model = small();
    let mut bytes = llama2c(&model);
    bytes[28 + 8..28 + 12].copy_from_slice(&f32::NAN.to_le_bytes());
    let read = bin(&bytes).unwrap();
    assert!(matches!(
        read.part(Part::Embedding),
        Err(LlmError::NonFinite { index: 2, .. })
    ));
    read.part(Part::Head).unwrap();
    let run = FloatRun::new(&read).unwrap();
    assert!(matches!(
        run.logits(&[1, 0]),
        Err(LlmError::Graph(GraphError::Param(ParamError::NonFinite {
            index: 2,
            ..
        })))
    ));
}
