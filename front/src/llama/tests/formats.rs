//! Round trips: a random model written in each format comes back the same.

use std::path::Path;

use half::f16;
use safetensors::tensor::Dtype;

use super::super::*;
use super::build::*;

fn decode_llama2c(bytes: Vec<u8>) -> Result<FloatLlama, LlmError> {
    llama2c::decode(FileBytes::memory("model.bin", bytes), "model".into())
}

fn decode_gguf(bytes: Vec<u8>) -> Result<FloatLlama, LlmError> {
    gguf_llama::decode(FileBytes::memory("model.gguf", bytes), "model".into())
}

#[test]
fn llama2c_round_trip() {
    for tied in [false, true] {
        let config = LlamaConfig {
            tied,
            ..tiny_config()
        };
        let model = FloatLlama::random(config, 1).unwrap();
        let read = decode_llama2c(llama2c(&model)).unwrap();
        same(&model, &read, 0.0);
        assert!(read.tokenizer.is_none());
    }
}

#[test]
fn gguf_round_trip() {
    let model = FloatLlama::random(tiny_config(), 2).unwrap();
    let read = decode_gguf(GgufBuilder::model(&model).finish()).unwrap();
    same(&model, &read, 0.0);
    assert_eq!(read.name, "tiny");
}

#[test]
fn gguf_with_packed_rows() {
    let config = LlamaConfig {
        dim: 32,
        heads: 8,
        tied: true,
        ..tiny_config()
    };
    let model = FloatLlama::random(config, 3).unwrap();
    let mut gguf = GgufBuilder::model(&model);
    // Q8_0 over the embedding, 11 rows of one block: values q / 128.
    let mut packed = Vec::new();
    for row in 0..11i8 {
        packed.extend(f16::from_f32(1.0 / 128.0).to_le_bytes());
        packed.extend((0..32i8).map(|i| (4 * i - 64 + row).cast_unsigned()));
    }
    gguf.tensors.retain(|t| t.0 != "token_embd.weight");
    gguf.tensor("token_embd.weight", &[32, 11], 8, &packed);
    let read = decode_gguf(gguf.finish()).unwrap();
    let embedding = read.part(Part::Embedding).unwrap();
    for (i, v) in embedding.iter().enumerate() {
        assert_eq!(*v, (4.0 * (i % 32) as f32 - 64.0 + (i / 32) as f32) / 128.0);
    }
    assert_eq!(read.part(Part::Head).unwrap(), embedding);
}

#[test]
fn gguf_recovers_the_llama3_scaling() {
    let mut config = tiny_config();
    config.head_dim = 64;
    config.rope = Rope {
        theta: 500_000.0,
        scaling: Some(Llama3Scaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_tokens: 8192.0,
        }),
    };
    let model = FloatLlama::random(config.clone(), 4).unwrap();
    let plain = Rope {
        scaling: None,
        ..config.rope
    };
    let divisors: Vec<f32> = plain
        .frequencies(64)
        .iter()
        .zip(config.rope.frequencies(64))
        .map(|(a, b)| (a / b) as f32)
        .collect();
    let mut gguf = GgufBuilder::model(&model);
    gguf.u32("llama.attention.key_length", 64);
    let mut other = gguf.clone();
    gguf.tensor("rope_freqs.weight", &[32], 0, &bytes_of(&divisors));
    same(&model, &decode_gguf(gguf.finish()).unwrap(), 0.0);
    let halved: Vec<f32> = divisors.iter().map(|d| d.sqrt()).collect();
    other.tensor("rope_freqs.weight", &[32], 0, &bytes_of(&halved));
    let error = decode_gguf(other.finish()).err().unwrap();
    assert!(error.to_string().contains("rope_freqs.weight"), "{error}");
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[test]
fn safetensors_in_each_type() {
    for (dtype, error) in [(Dtype::F32, 0.0), (Dtype::F16, 1e-3), (Dtype::BF16, 1e-2)] {
        let model = FloatLlama::random(tiny_config(), 5).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = hf_config_json(&model.config).to_string();
        write(folder.path(), "config.json", config);
        write(
            folder.path(),
            "model.safetensors",
            safetensors(&hf_tensors(&model), dtype),
        );
        same(&model, &read(folder.path()).unwrap(), error);
        let file = folder.path().join("model.safetensors");
        same(&model, &read(&file).unwrap(), error);
    }
}

#[test]
fn safetensors_in_shards() {
    let mut config = tiny_config();
    config.rope.scaling = Some(Llama3Scaling {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_tokens: 8192.0,
    });
    config.tied = true;
    let model = FloatLlama::random(config, 6).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut json = hf_config_json(&model.config);
    json["rope_scaling"] = serde_json::json!({
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192
    });
    write(folder.path(), "config.json", json.to_string());
    let mut map = serde_json::Map::new();
    let (first, mut second): (Tensors, Tensors) = hf_tensors(&model)
        .into_iter()
        .partition(|(name, _)| name.contains("layers.0"));
    // What a tied model stores twice is read once.
    let embedding = second.get("model.embed_tokens.weight").unwrap().clone();
    second.insert("lm_head.weight".into(), embedding);
    for (shard, tensors) in [("a.safetensors", &first), ("b.safetensors", &second)] {
        map.extend(tensors.keys().map(|name| (name.clone(), shard.into())));
        write(folder.path(), shard, safetensors(tensors, Dtype::F32));
    }
    let index = |map: &serde_json::Map<_, _>| serde_json::json!({ "weight_map": map }).to_string();
    write(folder.path(), "model.safetensors.index.json", index(&map));
    same(&model, &read(folder.path()).unwrap(), 0.0);

    map.insert("lm_head.weight".into(), "../b.safetensors".into());
    write(folder.path(), "model.safetensors.index.json", index(&map));
    let error = read(folder.path()).err().unwrap();
    assert!(error.to_string().contains("in the same folder"), "{error}");
}

#[test]
fn a_stored_head_is_the_head_whatever_the_flag_says() {
    let model = FloatLlama::random(tiny_config(), 11).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut json = hf_config_json(&model.config);
    json["tie_word_embeddings"] = true.into();
    write(folder.path(), "config.json", json.to_string());
    let mut tensors = hf_tensors(&model);
    let put = |tensors: &Tensors| {
        write(
            folder.path(),
            "model.safetensors",
            safetensors(tensors, Dtype::F32),
        );
        read(folder.path())
    };
    let read = put(&tensors).unwrap();
    same(&model, &read, 0.0);
    assert!(read.notes[0].contains("lm_head.weight"), "{:?}", read.notes);
    // One bit of one weight makes it another head.
    let mut near = tensors["model.embed_tokens.weight"].clone();
    tensors.insert("lm_head.weight".into(), near.clone());
    let tied = put(&tensors).unwrap();
    assert!(tied.config.tied && tied.notes.is_empty());
    near.1[5] = f32::from_bits(near.1[5].to_bits() ^ 1);
    tensors.insert("lm_head.weight".into(), near.clone());
    let other = put(&tensors).unwrap();
    assert!(!other.config.tied);
    assert_eq!(other.part(Part::Head).unwrap(), near.1);
    tensors.insert("lm_head.weight".into(), (vec![1], vec![0.0]));
    assert!(matches!(put(&tensors).err(), Some(LlmError::Shape { .. })));
}

#[test]
fn rotary_settings_of_hugging_face() {
    let model = FloatLlama::random(tiny_config(), 12).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let weights = safetensors(&hf_tensors(&model), Dtype::F32);
    write(folder.path(), "model.safetensors", weights);
    let read_with = |changes: serde_json::Value| {
        let mut json = hf_config_json(&model.config);
        json.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        write(folder.path(), "config.json", json.to_string());
        read(folder.path()).map(|m| m.config.rope)
    };
    let llama3 = |more: serde_json::Value| {
        let mut scaling = serde_json::json!({
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192
        });
        scaling
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        scaling
    };
    let expected = Some(Llama3Scaling {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_tokens: 8192.0,
    });
    let both = llama3(serde_json::json!({"type": "llama3", "rope_type": "llama3"}));
    for good in [
        serde_json::json!({"rope_scaling": both}),
        serde_json::json!({"rope_scaling": llama3(serde_json::json!({"type": "llama3"}))}),
        serde_json::json!({"rope_parameters": llama3(serde_json::json!({"rope_type": "llama3", "rope_theta": 10_000.0}))}),
        serde_json::json!({"rope_scaling": both, "rope_parameters": both}),
    ] {
        assert_eq!(read_with(good).unwrap().scaling, expected);
    }
    for good in [
        serde_json::json!({"rope_scaling": {}}),
        serde_json::json!({"rope_scaling": {"type": "default", "factor": 1.0}}),
        serde_json::json!({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}, "rope_theta": null}),
    ] {
        assert_eq!(read_with(good).unwrap().scaling, None);
    }
    for (bad, expected) in [
        (
            serde_json::json!({"rope_scaling": {"factor": 4.0}}),
            "factor is 4 with type missing",
        ),
        (
            serde_json::json!({"rope_scaling": {"rope_type": "default", "factor": 4.0}}),
            "factor is 4 with type default",
        ),
        (
            serde_json::json!({"rope_scaling": {"type": "linear", "factor": 4.0}}),
            "\"linear\"",
        ),
        (
            serde_json::json!({"rope_scaling": {"type": "default", "rope_type": "llama3"}}),
            "rope_type and type",
        ),
        (
            serde_json::json!({"rope_scaling": llama3(serde_json::json!({}))}),
            "with type missing",
        ),
        (
            serde_json::json!({"rope_scaling": llama3(serde_json::json!({"type": "llama3", "attention_factor": 2.0}))}),
            "attention_factor is 2.0",
        ),
        (
            serde_json::json!({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}),
            "partial_rotary_factor is 0.5",
        ),
        (
            serde_json::json!({"rope_scaling": both, "rope_parameters": {"rope_type": "default"}}),
            "two different settings",
        ),
        (
            serde_json::json!({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}),
            "rope_theta is 500000 and 10000",
        ),
    ] {
        let error = read_with(bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Something written into a file.
type Change<'a> = &'a dyn Fn(&mut GgufBuilder);

#[test]
fn rotary_settings_of_gguf() {
    let model = FloatLlama::random(tiny_config(), 13).unwrap();
    let with = |change: &dyn Fn(&mut GgufBuilder)| {
        let mut gguf = GgufBuilder::model(&model);
        change(&mut gguf);
        decode_gguf(gguf.finish()).map(|m| m.config.rope)
    };
    let good: [Change; 4] = [
        &|g| g.f32("llama.rope.scaling.factor", 1.0),
        &|g| g.f32("llama.rope.scale_linear", 0.0),
        &|g| g.string("llama.rope.scaling.type", "none"),
        &|g| {
            g.string("llama.rope.scaling.type", "linear");
            g.f32("llama.rope.scaling.factor", 1.0);
            g.u32("llama.rope.scaling.original_context_length", 16);
            g.flag("llama.rope.scaling.finetuned", true);
            g.u32("llama.vocab_size", 11);
        },
    ];
    for change in good {
        assert_eq!(with(change).unwrap(), model.config.rope);
    }
    // llama.cpp divides positions by the factor where the type is missing.
    let bad: [(Change, &str); 8] = [
        (
            &|g| g.f32("llama.rope.scaling.factor", 4.0),
            "scaling.factor is 4",
        ),
        (
            &|g| g.f32("llama.rope.scale_linear", 0.25),
            "scale_linear is 0.25",
        ),
        (
            &|g| g.f32("llama.rope.scaling.factor", f32::NAN),
            "scaling.factor is NaN",
        ),
        (
            &|g| g.f32("llama.rope.scaling.attn_factor", 2.0),
            "attn_factor is 2",
        ),
        (&|g| g.string("llama.rope.scaling.type", "yarn"), "\"yarn\""),
        (
            &|g| g.f32("llama.rope.scaling.yarn_log_multiplier", 0.1),
            "yarn_log_multiplier is present",
        ),
        (
            &|g| g.f32("llama.rope.freq_base_swa", 1e4),
            "freq_base_swa is present",
        ),
        (
            &|g| g.f32("llama.logit_scale", 0.5),
            "llama.logit_scale is present",
        ),
    ];
    for (change, expected) in bad {
        let error = with(change).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn other_architectures_are_named_before_their_dimensions() {
    let folder = tempfile::tempdir().unwrap();
    let model = FloatLlama::random(tiny_config(), 14).unwrap();
    let weights = safetensors(&hf_tensors(&model), Dtype::F32);
    write(folder.path(), "model.safetensors", weights);
    let config = r#"{"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","n_embd":32}"#;
    write(folder.path(), "config.json", config);
    let error = read(folder.path()).err().unwrap().to_string();
    let expected = "architectures is \"GPT2LMHeadModel\", expected \"LlamaForCausalLM\"";
    assert!(error.contains(expected), "{error}");
    write(
        folder.path(),
        "config.json",
        r#"{"model_type":"t5","d_model":32}"#,
    );
    let error = read(folder.path()).err().unwrap().to_string();
    assert!(error.contains("model_type is \"t5\""), "{error}");
}

#[test]
fn a_part_of_a_split_model_says_so() {
    let model = FloatLlama::random(tiny_config(), 15).unwrap();
    let mut gguf = GgufBuilder::model(&model);
    gguf.keys
        .push(("split.no".into(), 2, 0u16.to_le_bytes().into()));
    let mut whole = gguf.clone();
    gguf.keys
        .push(("split.count".into(), 2, 2u16.to_le_bytes().into()));
    gguf.tensors.truncate(2);
    let error = decode_gguf(gguf.finish()).err().unwrap().to_string();
    assert!(error.contains("is part 1 of 2"), "{error}");
    whole
        .keys
        .push(("split.count".into(), 2, 1u16.to_le_bytes().into()));
    same(&model, &decode_gguf(whole.finish()).unwrap(), 0.0);
}

#[test]
fn settings_that_change_the_function_are_refused() {
    let model = FloatLlama::random(tiny_config(), 7).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "model.safetensors",
        safetensors(&hf_tensors(&model), Dtype::F32),
    );
    let cases = [
        ("architectures", serde_json::json!(["MistralForCausalLM"])),
        ("model_type", serde_json::json!("qwen2")),
        ("hidden_act", serde_json::json!("gelu")),
        ("attention_bias", serde_json::json!(true)),
        ("mlp_bias", serde_json::json!(true)),
        ("rope_interleaved", serde_json::json!(true)),
        ("partial_rotary_factor", serde_json::json!(0.5)),
        ("quantization_config", serde_json::json!({"bits": 4})),
        (
            "rope_scaling",
            serde_json::json!({"type": "yarn", "factor": 4.0}),
        ),
        (
            "rope_scaling",
            serde_json::json!({"type": "llama3", "factor": 4.0}),
        ),
        ("num_attention_heads", serde_json::json!(3)),
    ];
    for (key, value) in cases {
        let mut json = hf_config_json(&model.config);
        json[key] = value;
        write(folder.path(), "config.json", json.to_string());
        match read(folder.path()) {
            Err(LlmError::Config { field, .. }) => assert!(field.contains(key), "{key}: {field}"),
            Err(other) => panic!("{key}: {other}"),
            Ok(_) => panic!("{key}: accepted"),
        }
    }
}

#[test]
fn the_format_is_found_by_content_and_extension() {
    let model = FloatLlama::random(tiny_config(), 8).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.bin", llama2c(&model));
    write(folder.path(), "b", GgufBuilder::model(&model).finish());
    write(folder.path(), "c.onnx", "no");
    assert_eq!(read(&folder.path().join("a.bin")).unwrap().name, "a");
    assert_eq!(read(&folder.path().join("b")).unwrap().name, "tiny");
    let unknown = read(&folder.path().join("c.onnx")).err();
    assert!(matches!(unknown, Some(LlmError::UnknownFormat { .. })));
    let missing = read(&folder.path().join("d.gguf")).err();
    assert!(matches!(missing, Some(LlmError::Read { .. })));
    assert!(matches!(
        read(folder.path()).err(),
        Some(LlmError::Read { .. })
    ));
}

#[test]
fn random_parts_do_not_depend_on_order() {
    let model = FloatLlama::random(tiny_config(), 9).unwrap();
    let again = FloatLlama::random(tiny_config(), 9).unwrap();
    let other = FloatLlama::random(tiny_config(), 10).unwrap();
    let q = Part::Block(1, BlockPart::Q);
    let first = model.part(q).unwrap();
    model.part(Part::Head).unwrap();
    assert_eq!(first, model.part(q).unwrap());
    assert_eq!(first, again.part(q).unwrap());
    assert_ne!(first, other.part(q).unwrap());
    assert_ne!(first, model.part(Part::Block(0, BlockPart::Q)).unwrap());
    assert!(matches!(
        model.part(Part::Block(2, BlockPart::Q)),
        Err(LlmError::NoSuchPart { .. })
    ));
}
