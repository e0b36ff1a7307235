//! Real models: integers against floats.

use std::path::PathBuf;
use std::time::Instant;

use laminate_front::llama::{self, FloatLlama, FloatRun};
use laminate_front::quant::{Compiled, Options, compile, fidelity};
use laminate_prover::exec::{generate, run_tokens};

use crate::support::invariants::assert_trace_satisfies;

/// The 260K parameter model of llama2.c, or nothing where its file is missing.
fn stories() -> Option<FloatLlama> {
    let shared = std::env::var_os("LAMINATE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/llm/stories260K.bin");
    if !path.exists() {
        eprintln!("skipped: {} is missing", path.display());
        return None;
    }
    Some(llama::read(&path).unwrap())
}

/// Texts of the model's own making, each from another first token.
fn texts(run: &FloatRun<'_>, count: u32, length: usize) -> Vec<Vec<u32>> {
    let text = |i: u32| {
        let prompt = [1, 3 + 37 * i];
        let mut tokens = prompt.to_vec();
        tokens.extend(run.greedy(&prompt, length - prompt.len()).unwrap());
        tokens
    };
    (0..count).map(text).collect()
}

#[test]
fn stories_run_as_in_floats() {
    let Some(model) = stories() else { return };
    let run = FloatRun::new(&model).unwrap();
    let texts = texts(&run, 10, 64);
    let (calibration, held_out) = texts.split_at(2);
    let mut options = Options::tokens("stories260K", 64, 1);
    let start = Instant::now();
    let compiled = compile(&run, calibration, &options).unwrap();
    println!("compiled in {:?}", start.elapsed());
    let start = Instant::now();
    let trace = run_tokens(&compiled.program, &compiled.weights, &held_out[0]).unwrap();
    println!("64 slots in {:?}", start.elapsed());
    assert_trace_satisfies(&compiled.program, &compiled.weights, &trace);

    let found = fidelity(&run, &compiled.program, &compiled.weights, held_out).unwrap();
    println!("{found:?}");
    assert!(
        found.rows >= 512 && found.agreement() >= Some(0.98) && found.refused == 0,
        "{found:?}"
    );
    let perplexity = found.perplexity.unwrap();
    assert!((perplexity.integer / perplexity.float - 1.0).abs() < 0.02);

    let tokens = generate(&compiled.program, &compiled.weights, &[1], 64).unwrap();
    assert_eq!(tokens[..16], run.greedy(&[1], 16).unwrap());
    let mut whole = vec![1];
    whole.extend(&tokens[..63]);
    let trace = run_tokens(&compiled.program, &compiled.weights, &whole).unwrap();
    let chosen: Vec<u32> = trace.tensors[compiled.program.output]
        .iter()
        .map(|v| (v + 32_768) as u32)
        .collect();
    assert_eq!(chosen, tokens);

    options.fold = false;
    let unrolled = compile(&run, calibration, &options).unwrap();
    let other = run_tokens(&unrolled.program, &unrolled.weights, &whole).unwrap();
    assert_eq!(
        other.tensors[unrolled.program.output],
        trace.tensors[compiled.program.output]
    );
}

/// English text that the model has not made itself.
const TEXT: &str = "The library opens at nine in the morning and closes at six in the evening. On \
    Saturdays it is open until noon. Visitors may borrow up to five books at a time, and each book \
    may be kept for three weeks. If nobody else has asked for it, a loan can be renewed once. The \
    reading room on the second floor has desks, lamps and a view of the river. Please keep your voice \
    low, turn off your phone and leave food and drink at the entrance. The staff at the front desk \
    will help you to find what you are looking for, and they are glad to suggest something new.";

#[test]
fn smollm2_runs_as_in_floats() {
    let Some(path) = std::env::var_os("LAMINATE_SMOLLM2").map(PathBuf::from) else {
        eprintln!("skipped: LAMINATE_SMOLLM2 is not set (scripts/get_smollm2.py fetches the file)");
        return;
    };
    let model = llama::read(&path).unwrap();
    let tokenizer = model.tokenizer.as_ref().unwrap().load().unwrap();
    let tokens = tokenizer.encode(TEXT).unwrap();
    let (calibration, held_out) = tokens.split_at(tokens.len() / 2);
    let pieces = |tokens: &[u32]| tokens.chunks(32).map(<[u32]>::to_vec).collect::<Vec<_>>();
    let start = Instant::now();
    let options = Options::tokens("smollm2", 32, 8);
    let run = FloatRun::new(&model).unwrap();
    let compiled = compile(&run, &pieces(calibration), &options).unwrap();
    println!("compiled in {:?}", start.elapsed());
    for tensor in &compiled.program.tensors {
        print!("{} {}, ", tensor.name, tensor.scale);
    }
    println!();
    let start = Instant::now();
    let trace = run_tokens(&compiled.program, &compiled.weights, &held_out[..32]).unwrap();
    println!("32 slots in {:?}", start.elapsed());
    drop(trace);
    let Compiled {
        program, weights, ..
    } = &compiled;
    let found = fidelity(&run, program, weights, &pieces(held_out)).unwrap();
    println!("{found:?}");
    assert!(
        found.agreement() >= Some(0.9) && found.refused == 0,
        "{found:?}"
    );
    let mut made = vec![];
    for start in held_out.chunks(8) {
        let new = generate(program, weights, start, 32 - start.len()).unwrap();
        println!("{:?}", tokenizer.decode(&new).unwrap());
        made.push([start, &new].concat());
    }
    println!("{:?}", fidelity(&run, program, weights, &made).unwrap());
}
