//! A folder of models and predictions, as `scripts/train_trees.py` writes it, against the readers and the machine.

use std::path::Path;

use laminate_front::trees::agreement::{self, Against};
use laminate_front::trees::head::head;
use laminate_front::trees::lower::Lowered;
use laminate_front::trees::{self, Decision, Ensemble, Link, Predict, keys, program};
use serde::Deserialize;

/// Relative to the greater of the margin and the mean magnitude of the model's margins: sums near zero are differences
/// of leaves that the libraries round themselves.
const TOLERANCE: f64 = 1e-6;

/// What a folder held.
#[derive(Debug, Default)]
pub struct Counts {
    pub models: usize,
    pub rows: usize,
    pub missing: usize,
    pub classified: usize,
    /// Margins of the float evaluator that are the library's as a float32 or to the last bits of a float64, and all.
    pub same: usize,
    pub margins: usize,
    /// Programs of what the library predicts, and those of classes.
    pub responses: usize,
    pub classes: usize,
    pub worst_float: f64,
    pub worst_machine: f64,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    file: String,
    rows: Vec<Vec<Option<f64>>>,
    margins: Vec<Vec<f64>>,
    decisions: Vec<i32>,
}

/// Compares every model of a folder.
pub fn folder(folder: &Path) -> Counts {
    let path = folder.join("expected.json");
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let entries: Vec<Entry> = serde_json::from_slice(&text).expect("expected.json");
    let mut counts = Counts::default();
    for entry in &entries {
        let name = &entry.name;
        let ensemble =
            trees::read(&folder.join(&entry.file)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let number = |x: &Option<f64>| x.map_or(f32::NAN, |x| x as f32);
        let rows: Vec<Vec<f32>> = entry
            .rows
            .iter()
            .map(|r| r.iter().map(number).collect())
            .collect();
        assert_eq!(
            (rows.len(), rows.len()),
            (entry.margins.len(), entry.decisions.len()),
            "{name}"
        );
        let outputs = entry.margins[0].len();
        // Libraries give both probabilities of two classes, of which the second decides.
        let skip = outputs - ensemble.outputs();
        assert!(
            skip == 0 || (skip, outputs) == (1, 2),
            "{name}: {outputs} outputs"
        );
        let margins: Vec<&[f64]> = entry.margins.iter().map(|m| &m[skip..]).collect();
        model(
            name,
            &ensemble,
            &rows,
            &margins,
            &entry.decisions,
            &mut counts,
        );
    }
    counts
}

/// Compares one model on rows.
pub fn model(
    name: &str,
    ensemble: &Ensemble,
    rows: &[Vec<f32>],
    margins: &[&[f64]],
    classes: &[i32],
    counts: &mut Counts,
) {
    let lowered = trees::lower(ensemble).unwrap_or_else(|e| panic!("{name}: {e}"));
    let machine = &lowered.machine;
    let total: f64 = margins.iter().flat_map(|m| m.iter()).map(|m| m.abs()).sum();
    let mean = total / (margins.len() * ensemble.outputs()) as f64;
    let (mut worst_float, mut worst_machine, mut same) = (0f64, 0f64, 0);
    for (at, ((row, expected), &class)) in rows.iter().zip(margins).zip(classes).enumerate() {
        let floats = ensemble.margins(row).expect("row");
        let keys: Vec<i32> = row.iter().map(|&x| keys::key(x)).collect();
        let integers = machine
            .run(&keys)
            .unwrap_or_else(|e| panic!("{name}: row {at}: {e}"));
        let integers: Vec<f64> = integers.iter().map(|&y| machine.margin(y)).collect();
        for ((&float, &integer), &library) in floats.iter().zip(&integers).zip(*expected) {
            let relative = |x: f64| (x - library).abs() / library.abs().max(mean);
            worst_float = worst_float.max(relative(float));
            worst_machine = worst_machine.max(relative(integer));
            same += usize::from(float as f32 == library as f32);
            assert!(
                relative(float) <= TOLERANCE && relative(integer) <= TOLERANCE,
                "{name}: row {at} {row:?}: library {library}, floats {float}, machine {integer}"
            );
        }
        if class >= 0 {
            counts.classified += 1;
            assert_eq!(
                ensemble.class(&floats),
                Some(class as usize),
                "{name}: row {at}, floats"
            );
            assert_eq!(
                ensemble.class(&integers),
                Some(class as usize),
                "{name}: row {at}, machine"
            );
        } else {
            assert_eq!(ensemble.class(&integers), None, "{name}");
        }
        counts.missing += usize::from(row.iter().any(|x| x.is_nan()));
    }
    heads(name, ensemble, &lowered, rows, margins, counts);
    println!(
        "{name}: {} rows, {} nodes, {} steps, {} variants, {} fraction bits, worst {worst_float:.1e} floats {worst_machine:.1e} machine",
        rows.len(),
        machine.rows.len(),
        machine.steps,
        machine.variants.len(),
        machine.fraction,
    );
    counts.models += 1;
    counts.rows += rows.len();
    counts.same += same;
    counts.margins += rows.len() * ensemble.outputs();
    counts.worst_float = counts.worst_float.max(worst_float);
    counts.worst_machine = counts.worst_machine.max(worst_machine);
}

/// Rows that are run through programs.
const ROWS: usize = 200;

/// Programs of all outputs that the model has, against the library's margins.
fn heads(
    name: &str,
    ensemble: &Ensemble,
    lowered: &Lowered,
    rows: &[Vec<f32>],
    margins: &[&[f64]],
    counts: &mut Counts,
) {
    let rows = &rows[..rows.len().min(ROWS)];
    let margins: Vec<Vec<f64>> = margins.iter().map(|m| m.to_vec()).collect();
    for predict in [Predict::Margin, Predict::Response, Predict::Class] {
        let made = match head(ensemble, lowered, predict) {
            Ok(made) => made,
            Err(error) => {
                let none = match predict {
                    Predict::Margin | Predict::Response => false,
                    Predict::Class => ensemble.decision == Decision::None,
                };
                assert!(
                    none && error.to_string().contains("--predict"),
                    "{name}: {error}"
                );
                continue;
            }
        };
        let (program, weights) =
            program::program(&lowered.machine, &made.head, name, 1, None).expect(name);
        let found = agreement::outputs(&program, &weights, rows).expect(name);
        let compared = agreement::with_margins(ensemble, &made, Against::Margins, &found, &margins);
        assert_eq!(compared.rows, rows.len());
        // Responses of several outputs may be equal where their margins are not.
        let exact = predict != Predict::Response || ensemble.decision != Decision::ArgMax;
        if let Some(agreeing) = compared.agreeing.filter(|_| exact) {
            assert_eq!(agreeing, rows.len(), "{name}: {predict:?}");
        }
        let largest = margins.iter().map(|m| ensemble.predictions(m));
        let largest = largest.flatten().fold(1.0, |a: f64, b| a.max(b.abs()));
        let most = made.worst_error + 1e-5 * largest;
        let scale = predict != Predict::Margin;
        assert!(
            !scale || compared.max_error <= most,
            "{name}: {compared:?}, {most}"
        );
        match (predict, ensemble.link) {
            (Predict::Class, _) => counts.classes += 1,
            (Predict::Response, Link::Logistic { .. }) => {
                counts.responses += 1;
                assert!(made.worst_error < 2.2e-4, "{name}: {}", made.worst_error);
                let output = &program.tensors[program.output];
                assert_eq!((output.bits, output.scale), (16, 14), "{name}");
            }
            (Predict::Response, Link::Softmax) => {
                counts.responses += 1;
                assert!(made.worst_error < 2e-3, "{name}: {}", made.worst_error);
                let output = &program.tensors[program.output];
                assert_eq!((output.bits, output.scale), (16, 14), "{name}");
                assert_eq!(output.width(), ensemble.outputs(), "{name}");
            }
            (Predict::Response, Link::Exp) => {
                counts.responses += 1;
                assert!(
                    made.worst_relative < 2e-3,
                    "{name}: {}",
                    made.worst_relative
                );
            }
            _ => {}
        }
    }
}
