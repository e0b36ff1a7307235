//! The forest op of a carried model's program against the machine that it was made from, and tables of predictions.

use std::path::Path;

use laminate_front::quant;
use laminate_front::trees::agreement::{self, Against};
use laminate_front::trees::head::head;
use laminate_front::trees::program::{self, keys_of, takes_keys};
use laminate_front::trees::{self, Ensemble, Head, Predict};
use laminate_prover::exec;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn carried(name: &str) -> Ensemble {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/models");
    trees::read(&models.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn rows(features: usize, count: usize) -> Vec<Vec<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let value = |rng: &mut ChaCha8Rng, column: usize| match rng.gen_range(0..8) {
        0 => f32::NAN,
        1 => 0.0,
        _ => rng.gen_range(-2.0..2.0) * 10f32.powi(column as i32 - 2),
    };
    (0..count)
        .map(|_| (0..features).map(|c| value(&mut rng, c)).collect())
        .collect()
}

#[test]
fn programs_run_as_their_machines() {
    for name in [
        "xgb_classes.json",
        "xgb_categories.json",
        "xgb_old_dart.deprecated",
        "lgb_zero.txt",
        "cat_nan_max.json",
        "cat_depthwise.json",
        "skl_pipeline.onnx",
        "onnx_v5_sets.onnx",
    ] {
        let ensemble = carried(name);
        let machine = trees::lower(&ensemble).expect("lowers").machine;
        let (program, weights) =
            program::program(&machine, &Head::None, name, 3, None).expect(name);
        assert!(takes_keys(&program) && program.slots() == 4, "{name}");
        let rows = rows(ensemble.features, 3);
        let inputs = quant::quantise_input(&program, &rows).expect("keys");
        assert_eq!(inputs, rows.iter().map(|r| keys_of(r)).collect::<Vec<_>>());
        let trace = exec::run(&program, &weights, &inputs).expect(name);
        let expected: Vec<Vec<i32>> = inputs
            .iter()
            .map(|keys| machine.run(keys).expect("runs"))
            .collect();
        let found: Vec<Vec<i32>> = trace.outputs(&program).into_iter().collect();
        assert_eq!(found[..3], expected, "{name}");
    }
}

#[test]
fn rows_of_trees_may_lack_values_but_not_be_infinite() {
    let machine = trees::lower(&carried("lgb_binary.txt"))
        .expect("lowers")
        .machine;
    let (program, _) = program::program(&machine, &Head::None, "m", 1, None).expect("program");
    let of = |x: f32| quant::quantise_input(&program, &[vec![x; machine.features]]);
    assert_eq!(
        of(f32::NAN).expect("missing")[0],
        vec![i32::MAX; machine.features]
    );
    assert_eq!(of(-0.0).expect("zero")[0], vec![0; machine.features]);
    assert!(of(f32::INFINITY).is_err());
    assert!(quant::quantise_input(&program, &[vec![0.0]]).is_err());
}

/// What a table of predictions holds is found out, and a wrong one is told by its classes.
#[test]
fn tables_of_predictions_are_told_apart() {
    for name in ["xgb_binary.json", "xgb_classes.json", "skl_forest.onnx"] {
        let ensemble = carried(name);
        let rows = rows(ensemble.features, 50);
        let lowered = trees::lower(&ensemble).expect("lowers");
        let made = head(&ensemble, &lowered, Predict::Margin).expect("margins");
        let (program, weights) =
            program::program(&lowered.machine, &made.head, name, 1, None).expect("program");
        let found = agreement::outputs(&program, &weights, &rows).expect("runs");
        let margins: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| ensemble.margins(row).expect("row"))
            .collect();
        let single = |table: Vec<Vec<f64>>| -> Vec<Vec<f32>> {
            table
                .iter()
                .map(|row| row.iter().map(|&v| v as f32).collect())
                .collect()
        };
        let compare =
            |table: Vec<Vec<f64>>| agreement::with_table(&ensemble, &made, &found, &single(table));
        let of_margins = compare(margins.clone()).expect("margins");
        assert_eq!(
            (of_margins.rows, of_margins.agreeing),
            (50, Some(50)),
            "{name}"
        );
        assert!(of_margins.max_error < 1e-5);
        let predictions: Vec<Vec<f64>> = margins.iter().map(|m| ensemble.predictions(m)).collect();
        let both = |p: &Vec<f64>| {
            if p.len() == 1 {
                vec![1.0 - p[0], p[0]]
            } else {
                p.clone()
            }
        };
        let of_predictions = compare(predictions.iter().map(both).collect()).expect("predictions");
        assert_eq!(of_predictions.agreeing, Some(50));
        if name != "skl_forest.onnx" {
            assert_eq!(of_margins.against, Against::Margins);
            assert_eq!(of_predictions.against, Against::Predictions);
        }
        let class = |m: &Vec<f64>| vec![ensemble.class(m).expect("class") as f64];
        let classes: Vec<Vec<f64>> = margins.iter().map(class).collect();
        let of_classes = compare(classes.clone()).expect("classes");
        assert_eq!(
            (of_classes.against, of_classes.agreeing),
            (Against::Classes, Some(50))
        );
        let mut wrong = classes;
        wrong[7][0] = 1.0 - wrong[7][0].min(1.0);
        assert_eq!(compare(wrong).expect("classes").agreeing, Some(49));
        assert!(compare(margins[..49].to_vec()).is_none());
        assert!(compare(margins.iter().map(|_| vec![0.5; 5]).collect()).is_none());
    }
}
