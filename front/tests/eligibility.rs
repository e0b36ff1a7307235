//! The models of `models/eligibility`: every input of their domains is decided as the float model does.

use std::path::{Path, PathBuf};

use laminate_front::predict;
use laminate_front::quant::{self, Decides, Options};
use laminate_front::trees::{self, Predict, head, program};
use laminate_front::{onnx, rows};
use laminate_model::program::{MAX_BATCH_LOG, Program, Weights};
use laminate_prover::exec::Executor;
use serde::Deserialize;

const THRESHOLDS: [f64; 3] = [0.25, 0.5, 0.9];
const SLOTS: usize = 1 << MAX_BATCH_LOG;

fn file(name: &str) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/eligibility");
    models.join(name)
}

#[derive(Deserialize)]
struct Column {
    lowest: i32,
    highest: i32,
}

/// All rows of the columns' domains.
fn every_input() -> Vec<Vec<f32>> {
    let text = std::fs::read(file("columns.json")).expect("columns.json");
    let columns: Vec<Column> = serde_json::from_slice(&text).expect("columns");
    let mut all = vec![vec![]];
    for Column { lowest, highest } in columns {
        let longer = |row: Vec<f32>| {
            (lowest..=highest).map(move |x| row.iter().copied().chain([x as f32]).collect())
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

/// What a program decides of rows.
fn decided(program: &Program, weights: &Weights, rows: &[Vec<f32>]) -> Vec<bool> {
    let executor = Executor::new(program, weights).expect("a program");
    let mut out = vec![];
    for rows in rows.chunks(SLOTS) {
        let inputs = quant::quantise_input(program, rows).expect("inside the range");
        let trace = executor.rows(&inputs).expect("inside the range");
        let outputs = trace.outputs(program).into_iter().take(rows.len());
        out.extend(outputs.map(|output| match output[..] {
            [decision @ (0 | 1)] => decision == 1,
            _ => panic!("{output:?} is no decision"),
        }));
    }
    out
}

/// Asserts that a program decides every input as a float rule.
fn agree(what: &str, all: &[Vec<f32>], found: &[bool], rule: impl Fn(usize) -> bool) {
    assert_eq!((all.len(), found.len()), (234_256, 234_256));
    let otherwise = (0..all.len()).filter(|at| found[*at] != rule(*at));
    let otherwise: Vec<&Vec<f32>> = otherwise.map(|at| &all[at]).collect();
    let first = otherwise.first();
    assert!(
        first.is_none(),
        "{what}: {} rows, {first:?}",
        otherwise.len()
    );
    let share = found.iter().filter(|yes| **yes).count();
    assert!(
        share > 100 && share < all.len() - 100,
        "{what}: {share} of class 1"
    );
}

#[test]
fn the_scorecard_decides_every_input_as_in_floats() {
    let all = every_input();
    let graph = onnx::read(&file("logistic.onnx")).expect("the model");
    let scores = graph.run(&all).expect("floats");
    let calibration = rows::read(&file("calibration.csv"), 6).expect("rows");
    for threshold in THRESHOLDS {
        let headed = predict::network(graph.clone(), None, Some(threshold)).expect("a threshold");
        let mut options = Options::rows("eligibility", SLOTS).in_rows_of(17);
        options.inputs.input_scale = Some(0);
        let compiled = quant::compile(&headed.graph, &calibration, &options).expect("compiles");
        let program = &compiled.program;
        let integers = quant::quantise_input(program, &all[all.len() - 1..]).expect("whole");
        assert_eq!(integers, [[120, 120, 1, 1, 1, 1]], "inputs are as they are");
        assert_eq!(program.tables.len(), 0, "no sigmoid");
        let decides = Decides::of(program).and_then(|decides| decides.value());
        let logit = (threshold / (1.0 - threshold)).ln();
        let value = decides.expect("a threshold");
        assert!(
            value >= logit && value < logit + 0.01,
            "{threshold}: {value}"
        );
        let found = decided(program, &compiled.weights, &all);
        let name = format!("scorecard at {threshold}");
        agree(&name, &all, &found, |at| {
            f64::from(scores[at][0]) >= threshold
        });
    }
}

#[test]
fn the_tree_decides_every_input_as_in_floats() {
    let all = every_input();
    let ensemble = trees::read(&file("tree.onnx")).expect("the model");
    let lowered = trees::lower(&ensemble).expect("lowers");
    let score = |row: &Vec<f32>| {
        let margins = ensemble.margins(row).expect("margins");
        ensemble.predictions(&margins)[0]
    };
    let scores: Vec<f64> = all.iter().map(score).collect();
    for threshold in THRESHOLDS {
        let response = Predict::Response;
        let made = head::threshold(&ensemble, &lowered, response, threshold).expect("a threshold");
        let machine = &lowered.machine;
        let built = program::program(machine, &made.head, "eligibility", SLOTS, None);
        let (program, weights) = built.expect("a program");
        let found = decided(&program, &weights, &all);
        let name = format!("tree at {threshold}");
        agree(&name, &all, &found, |at| scores[at] >= threshold);
    }
}
