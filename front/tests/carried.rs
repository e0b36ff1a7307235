//! The networks of `models/` against what their own libraries made of the evaluation rows, and their programs against them: what
//! the pages of the models say of fidelity.

use std::path::{Path, PathBuf};

use laminate_front::graph::Graph;
use laminate_front::quant::{Fidelity, Options, compile, fidelity};
use laminate_front::{onnx, predict, rows};

fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    root.join(name)
}

fn graph(model: &str) -> Graph {
    onnx::read(&file(model)).unwrap_or_else(|e| panic!("{model}: {e}"))
}

fn read(name: &str, graph: &Graph) -> Vec<Vec<f32>> {
    rows::read(&file(name), graph.width(graph.input())).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Numbers of a table with a header, some columns of it.
fn table(name: &str, columns: std::ops::Range<usize>) -> Vec<Vec<f32>> {
    let text = std::fs::read_to_string(file(name)).expect("a table");
    let row = |line: &str| {
        let cells = line.split(',').skip(columns.start).take(columns.len());
        cells.map(|cell| cell.parse().expect("a number")).collect()
    };
    text.lines().skip(1).map(row).collect()
}

/// The float graph gives what the library gave.
fn alike(graph: &Graph, evaluation: &[Vec<f32>], expected: &[Vec<f32>], most: f32) {
    let found = graph.run(evaluation).expect("rows");
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= most * b.abs().max(1.0), "{a} and {b}");
        }
    }
}

/// How close the program is; of a decision if there is a threshold.
fn faithful(
    graph: Graph,
    calibration: &str,
    evaluation: &[Vec<f32>],
    threshold: Option<f64>,
) -> Fidelity {
    let graph = predict::network(graph, None, threshold)
        .expect("a head")
        .graph;
    let calibration = read(calibration, &graph);
    let compiled = compile(
        &graph,
        &calibration,
        &Options::rows("carried", 1).in_rows_of(17),
    );
    let compiled = compiled.expect("a program");
    let found = fidelity(&graph, &compiled.program, &compiled.weights, evaluation);
    let found = found.expect("rows");
    println!(
        "{calibration} {threshold:?}: {found:?}",
        calibration = compiled.program.nodes.len()
    );
    assert_eq!((found.rows, found.refused), (evaluation.len(), 0));
    found
}

#[test]
fn pipelines_of_patients() {
    let logistic = graph("diabetes/logistic.onnx");
    let evaluation = read("diabetes/evaluation.csv", &logistic);
    let results = "diabetes/evaluation.results.csv";
    let probabilities = table(results, 1..2);
    let both: Vec<Vec<f32>> = probabilities
        .iter()
        .map(|p| vec![1.0 - p[0], p[0]])
        .collect();
    alike(&logistic, &evaluation, &both, 1e-4);
    let calibration = "diabetes/calibration.csv";
    let found = faithful(logistic.clone(), calibration, &evaluation, None);
    assert!(found.mean_error < 0.005, "{found:?}");
    let decided = faithful(logistic, calibration, &evaluation, Some(0.5));
    assert!(
        decided.agreement().is_some_and(|share| share >= 0.99),
        "{decided:?}"
    );
    let ridge = graph("diabetes/ridge.onnx");
    alike(&ridge, &evaluation, &table(results, 3..4), 1e-4);
    let found = faithful(ridge, calibration, &evaluation, None);
    assert!(
        found.determination.is_some_and(|share| share >= 0.999),
        "{found:?}"
    );
}

#[test]
fn an_autoencoder_of_payments() {
    let model = graph("fraud-autoencoder/autoencoder.onnx");
    let evaluation = read("fraud/evaluation.csv", &model);
    let found = faithful(model.clone(), "fraud/calibration.csv", &evaluation, None);
    assert!(
        found.determination.is_some_and(|share| share >= 0.999),
        "{found:?}"
    );
    let decided = faithful(model, "fraud/calibration.csv", &evaluation, Some(1.19));
    assert!(
        decided.agreement().is_some_and(|share| share >= 0.999),
        "{decided:?}"
    );
}

#[test]
fn a_generator_of_digits() {
    let model = graph("digits-gan/generator.onnx");
    let evaluation = read("digits-gan/evaluation.csv", &model);
    assert_eq!(read("digits-gan/latent.npy", &model), evaluation[..1]);
    let found = faithful(model, "digits-gan/calibration.csv", &evaluation, None);
    assert!(
        found.mean_error < 0.004 && found.max_error < 0.1,
        "{found:?}"
    );
}

#[test]
fn a_transformer_of_languages() {
    let model = graph("languages/languages.onnx");
    let evaluation = read("languages/evaluation.csv", &model);
    assert!(evaluation.len() >= 1000);
    let logits = table("languages/evaluation.logits.csv", 1..9);
    alike(&model, &evaluation, &logits, 1e-3);
    let found = faithful(model, "languages/calibration.csv", &evaluation, None);
    assert!(
        found.agreement().is_some_and(|share| share >= 0.99),
        "{found:?}"
    );
}
