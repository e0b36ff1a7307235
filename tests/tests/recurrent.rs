//! Recurrent networks from their files to verified proofs.

use std::path::{Path, PathBuf};

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_front::quant::{Options, compile, fidelity, quantise_input};
use laminate_front::{onnx, rows};
use laminate_model::program::Op;
use laminate_tests::circuit::assert_agreement;
use laminate_tests::{Case, Proven, TestSrs, prove_case};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Proves a case, and alters what is claimed.
fn proven(case: &Case, srs: &TestSrs, name: &str) -> Proven {
    let proven = prove_case(case, srs, FoldMode::On, 1);
    let verifier = &proven.model.verifier;
    let verify = |statement: &_| verifier.verify_native(statement, &proven.proof, &srs.tau_g2);
    assert_eq!(verify(&proven.statement), Ok(()), "{name}");
    for word in 0..proven.statement.output_words.len() {
        let mut other = proven.statement.clone();
        other.output_words[word] += Fr::from(1);
        assert!(verify(&other).is_err(), "{name}: output word {word}");
    }
    let mut other = proven.statement.clone();
    other.input_commitment += Fr::from(1);
    assert!(verify(&other).is_err(), "{name}: another input");
    proven
}

#[test]
fn exported_cells_are_proven() {
    let srs = TestSrs::new(b"recurrent", 16);
    let folder = root("front/tests/recurrent/cases");
    let text = std::fs::read_to_string(folder.join("cases.jsonl")).expect("cases");
    let cases = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case"));
    let cases: Vec<serde_json::Value> = cases.collect();
    for (name, batch) in [
        ("lstm_both", 2),
        ("lstm_layers", 1),
        ("lstm_computed", 2),
        ("gru_after", 1),
        ("gru_both", 2),
        ("rnn_relu", 1),
    ] {
        let case = cases
            .iter()
            .find(|case| case["name"] == name)
            .expect("a case");
        let graph = onnx::read(&folder.join(format!("{name}.onnx"))).expect("a model");
        let all: Vec<Vec<f32>> = serde_json::from_value(case["input"].clone()).expect("rows");
        let compiled =
            compile(&graph, &all, &Options::rows(name, batch).in_rows_of(12)).expect("a program");
        let inputs = quantise_input(&compiled.program, &all[..batch]).expect("in range");
        let case = Case {
            program: compiled.program,
            weights: compiled.weights,
            inputs,
        };
        let proven = proven(&case, &srs, name);
        let verifier = &proven.model.verifier;
        assert_agreement(verifier, &proven.statement, &proven.proof);
        println!("{name}: {} nodes proven", case.program.nodes.len());
    }
}

/// The network of `models/sunspots`: what it foresees in integers, and a proof of the last year that is known.
#[test]
fn sunspots_are_foreseen_and_proven() {
    let folder = root("models/sunspots");
    let graph = onnx::read(&folder.join("sunspots.onnx")).expect("a model");
    let width = graph.width(graph.input());
    let [calibration, evaluation] = ["calibration.csv", "evaluation.csv"]
        .map(|name| rows::read(&folder.join(name), width).expect("rows"));
    let next = std::fs::read_to_string(folder.join("evaluation.next.csv")).expect("numbers");
    let floats = graph.run(&evaluation).expect("rows");
    for (row, line) in floats.iter().zip(next.lines().skip(1)) {
        let (_, expected) = line.split_once(',').expect("two numbers");
        let expected: f32 = expected.parse().expect("a number");
        assert!((row[0] - expected).abs() < 1e-4, "{row:?} and {expected}");
    }
    let compiled = compile(
        &graph,
        &calibration,
        &Options::rows("sunspots", 1).in_rows_of(12),
    );
    let compiled = compiled.expect("a program");
    let delays = compiled.program.nodes.iter();
    assert_eq!(
        delays
            .filter(|node| matches!(node.op, Op::Delay(_)))
            .count(),
        2
    );
    let found = fidelity(&graph, &compiled.program, &compiled.weights, &evaluation).expect("rows");
    println!("{found:?}");
    assert_eq!((found.rows, found.refused), (60, 0));
    // Values are up to 2.
    assert!(found.max_error <= 0.03, "{found:?}");
    let inputs = quantise_input(&compiled.program, &evaluation[59..]).expect("in range");
    let case = Case {
        program: compiled.program,
        weights: compiled.weights,
        inputs,
    };
    proven(&case, &TestSrs::new(b"sunspots", 16), "sunspots");
}
