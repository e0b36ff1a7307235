//! Tokenizers: byte-level BPE and SentencePiece from GGUF, `tokenizer.json`.

use super::super::*;
use super::build::*;

fn load(gguf: &GgufBuilder) -> Result<Tokenizer, LlmError> {
    let file = FileBytes::memory("tokenizer.gguf", gguf.finish());
    TokenizerSource::Gguf(file.into()).load()
}

fn byte_level() -> GgufBuilder {
    let mut gguf = GgufBuilder::default();
    gguf.string("tokenizer.ggml.model", "gpt2");
    gguf.string("tokenizer.ggml.pre", "smollm");
    // "Ġ" stands for a space.
    let tokens = ["<|end|>", "h", "i", "Ġ", "1", "hi", "Ġhi", "11", "<tool>"];
    gguf.strings("tokenizer.ggml.tokens", &tokens);
    let types = [3u32, 1, 1, 1, 1, 1, 1, 1, 4].map(|t| t.to_le_bytes().to_vec());
    gguf.array("tokenizer.ggml.token_type", 5, &types);
    gguf.strings("tokenizer.ggml.merges", &["h i", "Ġ hi", "1 1"]);
    gguf.u32("tokenizer.ggml.bos_token_id", 0);
    gguf.flag("tokenizer.ggml.add_bos_token", false);
    gguf
}

#[test]
fn byte_level_bpe() {
    let tokenizer = load(&byte_level()).unwrap();
    // SmolLM splits digits, so that 11 is never one token.
    let text = "hi hi 11<|end|>hi<tool>";
    let ids = tokenizer.encode(text).unwrap();
    assert_eq!(ids, [5, 6, 3, 4, 4, 0, 5, 8]);
    assert_eq!(tokenizer.decode(&ids).unwrap(), text);
    assert_eq!(tokenizer.id("Ġhi"), Some(6));
    let unknown = tokenizer.decode(&[99]);
    assert!(matches!(unknown, Err(LlmError::Tokens { .. })));

    let mut gpt2 = byte_level();
    gpt2.keys.retain(|k| k.0 != "tokenizer.ggml.pre");
    gpt2.string("tokenizer.ggml.pre", "gpt-2");
    assert_eq!(load(&gpt2).unwrap().encode("hi11").unwrap(), [5, 7]);

    let mut bos = byte_level();
    bos.keys.retain(|k| k.0 != "tokenizer.ggml.add_bos_token");
    bos.flag("tokenizer.ggml.add_bos_token", true);
    assert_eq!(load(&bos).unwrap().encode("hi").unwrap(), [0, 5]);
}

/// [`byte_level`] with another family and without `add_bos_token`.
fn family(pre: &str) -> GgufBuilder {
    let mut gguf = byte_level();
    let dropped = ["tokenizer.ggml.pre", "tokenizer.ggml.add_bos_token"];
    gguf.keys.retain(|k| !dropped.contains(&k.0.as_str()));
    gguf.string("tokenizer.ggml.pre", pre);
    gguf
}

#[test]
fn the_first_token_follows_from_the_family_where_the_file_does_not_say() {
    // By the families of llama.cpp's src/llama-vocab.cpp: these begin every text with the first token.
    let with = [
        "llama-bpe",
        "llama3",
        "llama-v3",
        "falcon3",
        "falcon-h1",
        "pixtral",
        "midm-2.0",
        "lfm2",
        "jina-v5-nano",
        "tekken",
    ];
    for pre in with {
        let ids = load(&family(pre)).unwrap().encode("hi hi").unwrap();
        assert_eq!(ids, [0, 5, 6], "{pre}");
        let mut told = family(pre);
        told.flag("tokenizer.ggml.add_bos_token", false);
        let ids = load(&told).unwrap().encode("hi hi").unwrap();
        assert_eq!(ids, [5, 6], "{pre}");
    }
    for pre in ["gpt-2", "smollm", "mellum", "gigachat"] {
        let ids = load(&family(pre)).unwrap().encode("hi hi").unwrap();
        assert_eq!(ids, [5, 6], "{pre}");
    }
    // The same from the tokenizer.json that is written beside a program.
    let json = load(&family("llama-bpe")).unwrap().to_json().unwrap();
    let again = Tokenizer::from_json(&json).unwrap();
    assert_eq!(again.encode("hi hi").unwrap(), [0, 5, 6]);
}

#[test]
fn what_stands_around_a_text_is_refused_where_it_is_not_known() {
    let error = |gguf: &GgufBuilder| match load(gguf) {
        Err(error) => error.to_string(),
        Ok(_) => "accepted".into(),
    };
    // Families of llama.cpp that are not read: "chameleon" begins texts with a token, "default" is a guess.
    for pre in ["chameleon", "default", "llama4", "roberta-bpe", ""] {
        let error = error(&family(pre));
        assert!(
            error.contains("tokenizer.ggml.pre") && error.contains("llama-bpe"),
            "{error}"
        );
    }
    let mut nameless = family("llama-bpe");
    nameless
        .keys
        .retain(|k| k.0 != "tokenizer.ggml.bos_token_id");
    assert!(error(&nameless).contains("bos_token_id, which is missing"));
    nameless.u32("tokenizer.ggml.bos_token_id", 9);
    assert!(error(&nameless).contains("bos_token_id, which is 9, expected an id below 9"));
    for key in [
        "tokenizer.ggml.add_eos_token",
        "tokenizer.ggml.add_sep_token",
    ] {
        let mut behind = family("smollm");
        behind.flag(key, true);
        let error = error(&behind);
        assert!(error.contains(key) && error.contains("behind"), "{error}");
    }
}

#[test]
fn tekken_splits_where_the_case_changes_and_at_digits() {
    let mut gguf = family("tekken");
    gguf.keys
        .retain(|k| !["tokenizer.ggml.tokens", "tokenizer.ggml.merges"].contains(&k.0.as_str()));
    gguf.strings(
        "tokenizer.ggml.tokens",
        &["<s>", "h", "i", "H", "1", "hi", "Hi", "hiH", "<tool>", "11"],
    );
    gguf.strings("tokenizer.ggml.merges", &["h i", "hi H", "1 1"]);
    gguf.flag("tokenizer.ggml.add_bos_token", false);
    assert_eq!(load(&gguf).unwrap().encode("hiHi11").unwrap(), [5, 6, 4, 4]);
    gguf.keys.retain(|k| k.0 != "tokenizer.ggml.pre");
    gguf.string("tokenizer.ggml.pre", "llama-bpe");
    assert_eq!(load(&gguf).unwrap().encode("hiHi11").unwrap(), [7, 2, 9]);
}

#[test]
fn written_as_json() {
    let mut bos = byte_level();
    bos.keys.retain(|k| k.0 != "tokenizer.ggml.add_bos_token");
    bos.flag("tokenizer.ggml.add_bos_token", true);
    for gguf in [byte_level(), bos] {
        let tokenizer = load(&gguf).unwrap();
        let json = tokenizer.to_json().unwrap();
        let again = Tokenizer::from_json(&json).unwrap();
        for text in ["hi hi 11<|end|>hi<tool>", "", "1 hi"] {
            let ids = tokenizer.encode(text).unwrap();
            assert_eq!(again.encode(text).unwrap(), ids, "{text:?}");
            assert_eq!(again.decode(&ids).unwrap(), tokenizer.decode(&ids).unwrap());
        }
        assert_eq!(again.to_json().unwrap(), json);
    }
}

#[test]
fn damaged_vocabularies() {
    let error = |drop: &str, change: &dyn Fn(&mut GgufBuilder)| {
        let mut gguf = byte_level();
        gguf.keys.retain(|k| k.0 != drop);
        change(&mut gguf);
        match load(&gguf) {
            Err(error) => error.to_string(),
            Ok(_) => "accepted".into(),
        }
    };
    let merges = "tokenizer.ggml.merges";
    // The joint is longer than any token, which the library does not expect.
    let merge = error(merges, &|g| g.strings(merges, &["<|end|> <|end|>"]));
    assert!(merge.contains("damaged"), "{merge}");
    assert!(error(merges, &|g| g.strings(merges, &["hi"])).contains("damaged"));
    assert!(error(merges, &|_| {}).contains("is missing"));
    let tokens = "tokenizer.ggml.tokens";
    let twice = error(tokens, &|g| g.strings(tokens, &["a", "a"]));
    assert!(twice.contains("2 tokens, of which 1 differ"), "{twice}");
    let model = error("tokenizer.ggml.model", &|g| {
        g.string("tokenizer.ggml.model", "bert")
    });
    assert!(model.contains("\"bert\""), "{model}");
    let pre = error("tokenizer.ggml.pre", &|g| {
        g.string("tokenizer.ggml.pre", "qwen2")
    });
    assert!(pre.contains("give token ids"), "{pre}");
}

#[test]
fn sentence_piece() {
    let mut gguf = GgufBuilder::default();
    gguf.string("tokenizer.ggml.model", "llama");
    let space = "\u{2581}";
    let (sa, sab) = (format!("{space}a"), format!("{space}ab"));
    let mut tokens = vec!["<unk>", "<s>", "</s>", space, "a", "b", &sa, "ab", &sab];
    let bytes: Vec<String> = (0..=255).map(|b| format!("<0x{b:02X}>")).collect();
    tokens.extend(bytes.iter().map(String::as_str));
    gguf.strings("tokenizer.ggml.tokens", &tokens);
    let score = |i: usize| match i {
        6 => -1.0f32,
        7 => -0.5,
        8 => -2.0,
        _ => -10.0,
    };
    let scores: Vec<_> = (0..tokens.len())
        .map(|i| score(i).to_le_bytes().to_vec())
        .collect();
    gguf.array("tokenizer.ggml.scores", 6, &scores);
    let kind = |i: usize| match i {
        0 => 2u32,
        1 | 2 => 3,
        9.. => 6,
        _ => 1,
    };
    let types: Vec<_> = (0..tokens.len())
        .map(|i| kind(i).to_le_bytes().to_vec())
        .collect();
    gguf.array("tokenizer.ggml.token_type", 5, &types);
    gguf.u32("tokenizer.ggml.bos_token_id", 1);
    let tokenizer = load(&gguf).unwrap();
    // "▁ab" merges a b first (the better score), then ▁ ab; é falls back to its two bytes.
    let ids = tokenizer.encode("ab a b\u{e9}").unwrap();
    assert_eq!(ids, [1, 8, 6, 3, 5, 9 + 0xC3, 9 + 0xA9]);
    // Without a key the first token is 1, as in llama.cpp.
    let mut nameless = gguf.clone();
    nameless
        .keys
        .retain(|k| k.0 != "tokenizer.ggml.bos_token_id");
    assert_eq!(load(&nameless).unwrap().encode("ab").unwrap(), [1, 8]);
    assert_eq!(tokenizer.decode(&ids[1..]).unwrap(), "ab a b\u{e9}");
}

#[test]
fn tokenizer_json() {
    let json = serde_json::json!({
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": ["a b"]}
    });
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.encode("ab b").unwrap(), [2, 3, 1]);
    assert_eq!(tokenizer.decode(&[2, 3, 1]).unwrap(), "ab b");

    let mut bad = json.clone();
    bad["model"]["merges"] = serde_json::json!([["ab", "ab"]]);
    assert!(Tokenizer::from_json(bad.to_string().as_bytes()).is_err());
    let mut prefix = json.clone();
    prefix["model"]["continuing_subword_prefix"] = "\u{e9}".into();
    assert!(Tokenizer::from_json(prefix.to_string().as_bytes()).is_err());
    let text = json.to_string();
    for length in 0..text.len() {
        assert!(Tokenizer::from_json(&text.as_bytes()[..length]).is_err());
    }
}
