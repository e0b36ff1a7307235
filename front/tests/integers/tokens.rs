//! Language models.

use std::path::PathBuf;

use laminate_front::llama::{self, FloatLlama, FloatRun, LlamaConfig, Rope};
use laminate_front::quant::{Compiled, Options, Prepared, WeightChoice, compile};
use laminate_prover::exec::{Trace, run_residual, run_tokens};

use crate::golden;
use crate::text::describe;

/// A model with shared keys, sizes that are no powers of two, and unlike matrices for embedding and head.
fn model(tied: bool) -> FloatLlama {
    let config = LlamaConfig {
        dim: 24,
        hidden: 20,
        layers: 3,
        heads: 6,
        kv_heads: 2,
        head_dim: 6,
        vocab: 37,
        max_tokens: 16,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied,
    };
    FloatLlama::random(config, 11).unwrap()
}

fn texts(count: u32, length: u32) -> Vec<Vec<u32>> {
    let token = |i: u32| (i + 3).wrapping_mul(2_654_435_761) >> 9;
    (0..count)
        .map(|c| (0..length).map(|i| token(c * length + i) % 37).collect())
        .collect()
}

fn integers(title: &str, compiled: &Compiled, texts: &[Vec<u32>]) -> String {
    let Compiled {
        program, weights, ..
    } = compiled;
    let run = |tokens: &Vec<u32>| run_tokens(program, weights, tokens).unwrap();
    let traces: Vec<Trace> = texts.iter().map(run).collect();
    describe(title, program, weights, &traces)
}

#[test]
fn random_models() {
    let texts = texts(20, 8);
    let options = Options {
        headroom: 2.0,
        ..Options::tokens("random", 5, 2)
    };
    let mut text = String::new();
    for (title, tied, fold, weights) in [
        ("rolled", false, true, WeightChoice::Int8),
        ("unrolled", false, false, WeightChoice::Int8),
        ("tied", true, true, WeightChoice::Int8),
        ("ternary", false, true, WeightChoice::Ternary),
    ] {
        let options = Options {
            fold,
            weights,
            ..options.clone()
        };
        let model = model(tied);
        let run = FloatRun::new(&model).unwrap();
        let compiled = compile(&run, &texts, &options).unwrap();
        text += &integers(title, &compiled, &texts[..2]);
    }
    let model = model(false);
    let run = FloatRun::new(&model).unwrap();
    let prepared = Prepared::new(&run, &texts, &options).unwrap();
    let first = prepared.shard(2, 0).unwrap();
    let second = prepared.shard(2, 1).unwrap();
    text += &integers("first shard", &first, &texts[..1]);
    let before = run_tokens(&first.program, &first.weights, &texts[0]).unwrap();
    let residual = before.residual(&first.program);
    let after = run_residual(&second.program, &second.weights, residual).unwrap();
    text += &describe("second shard", &second.program, &second.weights, &[after]);
    golden::check("integers_llama.txt", text.as_bytes());
}

#[test]
fn stories() {
    let shared = std::env::var_os("LAMINATE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/llm/stories260K.bin");
    if !path.exists() {
        eprintln!("skipped: {} is missing", path.display());
        return;
    }
    let model = llama::read(&path).unwrap();
    let run = FloatRun::new(&model).unwrap();
    let text = |first: u32| {
        let mut tokens = vec![1, first];
        tokens.extend(run.greedy(&tokens, 30).unwrap());
        tokens
    };
    let texts = [3, 40, 77].map(text);
    let options = Options::tokens("stories260K", 32, 1);
    let compiled = compile(&run, &texts[..2], &options).unwrap();
    let text = integers("stories260K", &compiled, &texts[2..]);
    golden::check("integers_stories260K.txt", text.as_bytes());
}

#[test]
fn smollm2() {
    let Some(path) = std::env::var_os("LAMINATE_SMOLLM2").map(PathBuf::from) else {
        eprintln!("skipped: LAMINATE_SMOLLM2 is not set (scripts/get_smollm2.py fetches the file)");
        return;
    };
    let model = llama::read(&path).unwrap();
    let tokenizer = model.tokenizer.as_ref().unwrap().load().unwrap();
    let tokens = tokenizer
        .encode("The reading room on the second floor has desks, lamps and a view of the river.")
        .unwrap();
    let texts = [tokens];
    let options = Options::tokens("smollm2", 16, 8);
    let run = FloatRun::new(&model).unwrap();
    let compiled = compile(&run, &texts, &options).unwrap();
    let text = integers("smollm2", &compiled, &[texts[0][..16].to_vec()]);
    golden::check("integers_smollm2.txt", text.as_bytes());
}
