//! Linear models of scikit-learn in pipelines against what onnxruntime computes: the float graph, and the program made of it.
//!
//! `scripts/make_classical_cases.py` writes the cases.

use std::path::{Path, PathBuf};

use laminate_front::graph::Graph;
use laminate_front::onnx;
use laminate_front::quant::{Options, compile, fidelity};
use serde::Deserialize;

/// What a pipeline gives, and of which rows.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    classes: bool,
    input: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/classical/cases")
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("cases.jsonl")).expect("cases.jsonl");
    let case = |line: &str| serde_json::from_str(line).expect("a case");
    text.lines().map(case).collect()
}

fn graph(case: &Case) -> Graph {
    let graph = onnx::read(&folder().join(format!("{}.onnx", case.name)));
    graph.unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

#[test]
fn float_graphs_compute_what_onnxruntime_does() {
    let cases = cases();
    assert!(cases.len() >= 18);
    for case in cases {
        let found = graph(&case).run(&case.input).expect("rows");
        for (found, expected) in found.iter().zip(&case.output) {
            assert_eq!(found.len(), expected.len(), "{}", case.name);
            for (a, b) in found.iter().zip(expected) {
                let most = 1e-4 * b.abs().max(1.0);
                assert!((a - b).abs() <= most, "{}: {a} and {b}", case.name);
            }
        }
    }
}

/// Integers are within the scales' error, and decide as the pipeline does.
#[test]
fn programs_compute_it_within_their_scales() {
    for case in cases() {
        let graph = graph(&case);
        let compiled = compile(
            &graph,
            &case.input,
            &Options::rows("case", 1).in_rows_of(12),
        );
        let compiled = compiled.unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let found = fidelity(&graph, &compiled.program, &compiled.weights, &case.input);
        let found = found.expect("rows");
        let values = case.output.iter().flatten();
        let largest = values.fold(0f32, |m, v| m.max(v.abs()));
        println!(
            "{}: {} nodes, largest error {:.4} of {largest:.3}, {:?} agree, {:?} explained",
            case.name,
            compiled.program.nodes.len(),
            found.max_error,
            found.agreement(),
            found.determination
        );
        assert_eq!(found.refused, 0, "{}", case.name);
        assert!(
            found.max_error <= 0.02 * f64::from(largest),
            "{}: {found:?} of {largest}",
            case.name
        );
        if case.classes {
            assert!(
                found.agreement().is_none_or(|share| share >= 0.98),
                "{}: {found:?}",
                case.name
            );
        } else {
            assert!(
                found.determination.is_some_and(|share| share >= 0.999),
                "{}: {found:?}",
                case.name
            );
        }
    }
}
