//! Recurrent networks from ONNX files against what onnxruntime computes: the float graph, and the program made of it.
//!
//! `scripts/make_recurrent_cases.py` writes the cases.

use std::path::{Path, PathBuf};

use laminate_front::graph::Graph;
use laminate_front::onnx;
use laminate_front::quant::{Options, compile, fidelity, quantise_input};
use laminate_model::program::{Op, Program};
use laminate_prover::exec::Executor;
use serde::Deserialize;

/// What the network gives, and of which rows; units of each step's output if it gives all of them.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    units: usize,
    input: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recurrent/cases")
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

/// Nodes whose cost grows with nothing but sizes of axes.
fn delays(program: &Program) -> usize {
    let delays = program
        .nodes
        .iter()
        .filter(|node| matches!(node.op, Op::Delay(_)));
    delays.count()
}

#[test]
fn float_graphs_compute_what_onnxruntime_does() {
    for case in cases() {
        let found = graph(&case).run(&case.input).expect("rows");
        for (found, expected) in found.iter().zip(&case.output) {
            assert_eq!(found.len(), expected.len(), "{}", case.name);
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-5, "{}: {a} and {b}", case.name);
            }
        }
    }
}

/// Integers are within the scales' error, and what a program has does not grow with its steps.
#[test]
fn programs_compute_it_within_their_scales() {
    let mut nodes = std::collections::BTreeMap::new();
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
        let largest = case
            .output
            .iter()
            .flatten()
            .fold(0.1f32, |m, v| m.max(v.abs()));
        println!(
            "{}: {} nodes, {} delays, largest error {:.4} of {largest:.3}",
            case.name,
            compiled.program.nodes.len(),
            delays(&compiled.program),
            found.max_error
        );
        assert!(delays(&compiled.program) > 0, "{}", case.name);
        assert!(
            found.refused == 0 && found.max_error <= 0.05 * f64::from(largest).max(0.5),
            "{}: {found:?} of {largest}",
            case.name
        );
        nodes.insert(case.name, compiled.program.nodes.len());
    }
    // 200 steps are not more nodes than five.
    assert!(nodes["lstm_long"] <= nodes["lstm"]);
    assert!(nodes["gru_long"] <= nodes["gru_after"]);
}

/// The error of a state after 200 steps is that of one after a few.
#[test]
fn errors_do_not_grow_with_steps() {
    for case in cases().into_iter().filter(|case| case.units > 0) {
        let graph = graph(&case);
        let compiled = compile(
            &graph,
            &case.input,
            &Options::rows("case", 1).in_rows_of(12),
        )
        .expect("a program");
        let program = &compiled.program;
        let executor = Executor::new(program, &compiled.weights).expect("a program");
        let unit = (-f64::from(program.tensors[program.output].scale)).exp2();
        let (mut errors, mut largest) = ([0.0f64; 4], 0.0f64);
        for (row, expected) in case.input.iter().zip(&case.output) {
            let input = quantise_input(program, std::slice::from_ref(row)).expect("in range");
            let found = executor.rows(&input).expect("in range").outputs(program);
            let quarter = expected.len() / 4;
            for (at, (found, expected)) in found[0].iter().zip(expected).enumerate() {
                let error = (f64::from(*found) * unit - f64::from(*expected)).abs();
                errors[(at / quarter).min(3)] = errors[(at / quarter).min(3)].max(error);
                largest = largest.max(f64::from(*expected).abs());
            }
        }
        println!(
            "{}: largest errors of each quarter of {} steps {errors:.4?}, largest value {largest:.3}",
            case.name,
            case.output[0].len() / case.units
        );
        assert!(
            errors[3] <= 2.0 * errors[0].max(errors[1]) && errors[3] < 0.05,
            "{}",
            case.name
        );
    }
}
