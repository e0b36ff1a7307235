//! Networks of `front/tests/networks` from their files to verified proofs: attention with norms, depthwise convolutions, functions.

use std::path::{Path, PathBuf};

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_front::onnx;
use laminate_front::quant::{Options, compile, quantise_input};
use laminate_tests::{Case, TestSrs, prove_case};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../front/tests/networks/cases")
}

/// The first networks, of so many, with all these operators.
fn with(wanted: &[&str], count: usize) -> Vec<(usize, serde_json::Value)> {
    let text = std::fs::read_to_string(folder().join("cases.jsonl")).expect("cases");
    let cases = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case"));
    let has = |case: &serde_json::Value| {
        let ops = case["ops"].as_array().expect("ops").iter();
        let ops: Vec<&str> = ops.filter_map(|op| op.as_str()).collect();
        wanted.iter().all(|op| ops.contains(op))
    };
    cases
        .enumerate()
        .filter(|(_, case)| has(case))
        .take(count)
        .collect()
}

/// Compiles a network, proves its first two rows, and alters what is claimed.
fn proven(index: usize, case: &serde_json::Value, srs: &TestSrs, ops: &[&str]) {
    let graph = onnx::read(&folder().join(format!("{index:04}.onnx"))).expect("a model");
    let rows: Vec<Vec<f32>> = serde_json::from_value(case["input"].clone()).expect("rows");
    let compiled = compile(&graph, &rows, &Options::rows("network", 2).in_rows_of(12));
    let compiled = compiled.expect("a program");
    let names: Vec<&str> = compiled.program.nodes.iter().map(|n| n.op.name()).collect();
    for op in ops {
        assert!(names.contains(op), "{op} in {names:?}");
    }
    let inputs = quantise_input(&compiled.program, &rows[..2]).expect("in range");
    let case = Case {
        program: compiled.program,
        weights: compiled.weights,
        inputs,
    };
    let proven = prove_case(&case, srs, FoldMode::On, index as u64);
    let verifier = &proven.model.verifier;
    let verify = |statement: &_| verifier.verify_native(statement, &proven.proof, &srs.tau_g2);
    assert_eq!(verify(&proven.statement), Ok(()), "network {index}");
    let mut other = proven.statement.clone();
    other.output_words[0] += Fr::from(1);
    assert!(verify(&other).is_err(), "network {index}: another output");
    let mut other = proven.statement.clone();
    other.input_commitment += Fr::from(1);
    assert!(verify(&other).is_err(), "network {index}: another input");
    println!("network {index}: {} nodes proven", names.len());
}

#[test]
fn encoder_blocks_are_proven() {
    let srs = TestSrs::new(b"networks", 17);
    let attention = ["matmul", "max", "clip", "activation", "divide", "dense"];
    let normed = ["rms_norm", "dense"];
    let written = ["rms_norm", "matmul", "divide", "dense"];
    for (wanted, ops) in [
        (&["Softmax", "Transpose"][..], &attention[..]),
        (&["LayerNormalization", "MatMul"], &normed),
        (&["Sqrt", "Div", "Softmax", "Transpose"], &written),
    ] {
        let found = with(wanted, 1);
        assert_eq!(found.len(), 1, "{wanted:?}");
        for (index, case) in &found {
            proven(*index, case, &srs, ops);
        }
    }
}

#[test]
fn depthwise_networks_are_proven() {
    let srs = TestSrs::new(b"networks", 17);
    let found = with(&["Conv", "Pad", "MaxPool"], 64);
    let grouped = found.iter().filter(|(index, _)| {
        let bytes = std::fs::read(folder().join(format!("{index:04}.onnx"))).expect("a model");
        bytes.windows(5).any(|part| part == b"group")
    });
    let some: Vec<_> = { grouped }.take(1).collect();
    assert_eq!(some.len(), 1);
    for (index, case) in some {
        proven(*index, case, &srs, &["grouped", "max", "dense"]);
    }
}
