//! Thresholds that are asked for: 1 where the response or the margin reaches them, in floats and integers.

use std::path::Path;

use laminate_front::predict::Score;
use laminate_front::trees::agreement::{self, Against};
use laminate_front::trees::{self, Ensemble, Predict, TreeError, head, program};
use serde_json::Value;

fn carried(name: &str) -> Ensemble {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/models");
    trees::read(&models.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Rows of a carried model.
fn rows(name: &str) -> Vec<Vec<f32>> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/models");
    let text = std::fs::read_to_string(models.join("expected.json")).expect("expected.json");
    let all: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let entry = all.iter().find(|e| e["name"] == name).expect(name);
    let cell = |v: &Value| v.as_f64().map_or(f32::NAN, |x| x as f32);
    let row = |row: &Value| row.as_array().expect("a row").iter().map(cell).collect();
    entry["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(row)
        .collect()
}

#[test]
fn thresholds_are_decided_as_in_floats() {
    let mut tried = 0;
    for (name, of) in [
        ("xgb_binary.json", Score::Probability),
        ("lgb_binary.txt", Score::Probability),
        ("skl_forest.onnx", Score::Probability),
        ("xgb_poisson.json", Score::Value),
    ] {
        let Some(stem) = name.split('.').next() else {
            continue;
        };
        let ensemble = carried(name);
        if ensemble.outputs() != 1 {
            continue;
        }
        let lowered = trees::lower(&ensemble).expect("lowers");
        let rows = rows(stem);
        let margins: Vec<Vec<f64>> = rows
            .iter()
            .map(|r| ensemble.margins(r).expect("row"))
            .collect();
        let score = |predict: Predict, margin: &[f64]| match predict {
            Predict::Margin => margin[0],
            _ => ensemble.predictions(margin)[0],
        };
        for predict in [Predict::Response, Predict::Margin] {
            let mut scores: Vec<f64> = margins.iter().map(|m| score(predict, m)).collect();
            scores.sort_by(f64::total_cmp);
            scores.dedup();
            for pair in scores.windows(2).step_by(3) {
                // Between two scores: the rounding of leaves decides none of them.
                let least = f64::midpoint(pair[0], pair[1]);
                let made = head::threshold(&ensemble, &lowered, predict, least).expect(name);
                let asked = made.asked.expect("a threshold");
                let expected = if predict == Predict::Margin {
                    Score::Value
                } else {
                    of
                };
                assert_eq!(
                    (asked.threshold.least, asked.threshold.of),
                    (least, expected)
                );
                let built = program::program(&lowered.machine, &made.head, name, 1, None);
                let (program, weights) = built.expect(name);
                let found = agreement::outputs(&program, &weights, &rows).expect("runs");
                for (found, margin) in found.iter().zip(&margins) {
                    let rule = score(predict, margin) >= least;
                    assert_eq!(found, &[f64::from(u8::from(rule))], "{name} at {least}");
                    tried += 1;
                }
                let compared =
                    agreement::with_margins(&ensemble, &made, Against::Floats, &found, &margins);
                assert_eq!(compared.agreeing, Some(rows.len()), "{name}");
                // The least margin of class 1 reaches it, and the one before it does not.
                let unit = (-f64::from(lowered.machine.fraction)).exp2();
                let reached = |m: i32| score(predict, &[f64::from(m) * unit]) >= least;
                assert!(reached(asked.least) && !reached(asked.least - 1), "{name}");
            }
        }
    }
    println!("{tried} decisions");
    assert!(tried > 100);
}

#[test]
fn thresholds_that_part_no_rows_are_refused() {
    let ensemble = carried("xgb_binary.json");
    let lowered = trees::lower(&ensemble).expect("lowers");
    for least in [0.0, 1.5, -3.0, f64::NAN, f64::INFINITY] {
        let found = head::threshold(&ensemble, &lowered, Predict::Response, least);
        let error = found.expect_err("refused");
        assert!(matches!(error, TreeError::Threshold { .. }), "{error}");
        assert!(error.to_string().contains("decided alike"), "{error}");
    }
    let several = carried("xgb_classes.json");
    let lowered = trees::lower(&several).expect("lowers");
    let found = head::threshold(&several, &lowered, Predict::Response, 0.5);
    let message = found.expect_err("refused").to_string();
    assert!(message.contains("give --predict class"), "{message}");
}
