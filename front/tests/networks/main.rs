//! Random networks from ONNX files against what onnxruntime computes: the float graph, and the program made of it.
//!
//! `scripts/make_onnx_cases.py` writes the cases; `LAMINATE_ONNX_CASES` names a folder of others.

use std::path::{Path, PathBuf};

use laminate_front::onnx;
use laminate_front::quant::{Options, QuantError, compile, fidelity};
use serde::Deserialize;

/// What the network gives, and of which rows.
#[derive(Debug, Deserialize)]
struct Case {
    ops: Vec<String>,
    input: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    std::env::var_os("LAMINATE_ONNX_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/networks/cases"),
        PathBuf::from,
    )
}

fn cases(folder: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(folder.join("cases.jsonl")).expect("cases.jsonl");
    let lines = text.lines();
    let case = |line: &str| serde_json::from_str(line).expect("a case");
    lines.map(case).collect()
}

/// Refusals that say what a program cannot have.
fn is_a_limit(error: &QuantError) -> bool {
    let text = error.to_string();
    matches!(error, QuantError::Axes { .. } | QuantError::Clip { .. })
        || text.contains("is over a view that is more than entries of one tensor")
        || text.contains("compose")
        || text.contains("table index")
}

#[test]
fn networks_compute_what_onnxruntime_does() {
    let folder = folder();
    let cases = cases(&folder);
    let (mut compiled, mut refused) = (0, vec![]);
    for (index, case) in cases.iter().enumerate() {
        let name = format!("case {index:04}, {}", case.ops.join(", "));
        let graph = onnx::read(&folder.join(format!("{index:04}.onnx")));
        let graph = graph.unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = graph.run(&case.input).expect("rows");
        let largest = case.output.iter().flatten();
        let largest = largest.fold(0.0f32, |m, v| m.max(v.abs()));
        for (found, expected) in found.iter().zip(&case.output) {
            assert_eq!(found.len(), expected.len(), "{name}");
            for (a, b) in found.iter().zip(expected) {
                assert!(
                    (a - b).abs() <= 1e-5 + 1e-5 * largest,
                    "{name}: {a} and {b}"
                );
            }
        }
        match compile(
            &graph,
            &case.input,
            &Options::rows("case", 1).in_rows_of(12),
        ) {
            Ok(model) => {
                compiled += 1;
                let own = fidelity(&graph, &model.program, &model.weights, &case.input);
                let own = own.expect("rows");
                // A norm of a row whose entries are nearly equal enlarges what they were rounded by.
                let norms = ["LayerNormalization", "Sqrt"];
                let normed = case.ops.iter().any(|op| norms.contains(&op.as_str()));
                let share = if normed { 0.06 } else { 0.03 };
                let room = share * f64::from(largest).max(0.1);
                assert!(
                    own.refused == 0 && own.max_error <= room,
                    "{name}: error {} of {largest}",
                    own.max_error
                );
            }
            Err(error) if is_a_limit(&error) => refused.push(format!("{name}: {error}")),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    for refusal in &refused {
        println!("{refusal}");
    }
    println!(
        "networks: {compiled} compiled, {} refused by name",
        refused.len()
    );
    assert!(compiled > 3 * refused.len() && compiled > 20);
}

/// The digits: the integers decide like onnx's reference evaluator.
#[test]
fn the_digits_network_keeps_its_decisions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits");
    let graph = onnx::read(&folder.join("digits.onnx")).expect("a model");
    let width = graph.width(graph.input());
    let rows = |name: &str| {
        let file = folder.join(name);
        laminate_front::rows::read(&file, width).expect("rows")
    };
    let (calibration, evaluation) = (rows("calibration.csv"), rows("evaluation.csv"));
    let compiled = compile(
        &graph,
        &calibration,
        &Options::rows("digits", 1).in_rows_of(12),
    );
    let compiled = compiled.expect("a program");
    let names: Vec<&str> = compiled.program.nodes.iter().map(|n| n.op.name()).collect();
    for op in ["view", "dense", "dense_relu", "max", "rescale"] {
        assert!(names.contains(&op), "{op} in {names:?}");
    }
    let found = fidelity(&graph, &compiled.program, &compiled.weights, &evaluation).expect("rows");
    println!("{found:?}");
    assert_eq!((found.rows, found.refused), (400, 0));
    assert!(found.agreement().expect("a classifier") >= 0.99);
    let logits = std::fs::read_to_string(folder.join("evaluation.logits.csv")).expect("logits");
    let floats = graph.run(&evaluation).expect("rows");
    for (row, line) in floats.iter().zip(logits.lines().skip(1)) {
        let expected = line
            .split(',')
            .skip(1)
            .map(|v| v.parse::<f32>().expect("a number"));
        for (a, b) in row.iter().zip(expected) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }
}
