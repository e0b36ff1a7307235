//! Time of a run at the size of SmolLM2-135M, with random weights.

use std::time::Instant;

use laminate_front::llama::{FloatLlama, FloatRun, LlamaConfig, Rope};
use laminate_front::quant::{Options, compile};
use laminate_prover::exec::{Generator, run_tokens};

#[test]
#[ignore = "needs 2 GB of memory and a minute"]
fn run_of_135m_weights() {
    let config = LlamaConfig {
        dim: 576,
        hidden: 1536,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        vocab: 49_152,
        max_tokens: 2048,
        rope: Rope {
            theta: 100_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied: true,
    };
    let model = FloatLlama::random(config, 1).unwrap();
    let tokens: Vec<u32> = (0..16).map(|i| (i * 7919 + 1) % 49_152).collect();
    let start = Instant::now();
    let compiled = compile(
        &FloatRun::new(&model).unwrap(),
        std::slice::from_ref(&tokens),
        &Options::tokens("speed", 16, 8),
    )
    .unwrap();
    println!("compiled in {:?}", start.elapsed());
    for _ in 0..3 {
        let start = Instant::now();
        let trace = run_tokens(&compiled.program, &compiled.weights, &tokens).unwrap();
        println!("16 slots in {:?}", start.elapsed());
        drop(trace);
    }
    let mut generator = Generator::new(&compiled.program, &compiled.weights).unwrap();
    generator.push(&tokens[..8]).unwrap();
    let start = Instant::now();
    for token in &tokens[8..] {
        generator.push(&[*token]).unwrap();
    }
    println!("{:?} a token", start.elapsed() / 8);
}
