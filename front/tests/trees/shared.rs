//! A LightGBM model and rows that others have published.

use std::path::Path;

use laminate_front::trees::{self, keys};

use crate::compare::{self, Counts};

/// What LightGBM 4.7 predicts for the first rows of the file, and the sum over all.
const FIRST: [f64; 5] = [-4.66453413, 3.1762232, 4.8082495, 3.81029153, 4.32005128];
const SUM: f64 = 67.53129736095667;
const POSITIVE: usize = 35;

#[test]
fn published_lightgbm_model_decides_exactly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/trees");
    let Ok(text) = std::fs::read_to_string(folder.join("breast_cancer_test.tsv")) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let ensemble = trees::read(&folder.join("lg_breast_cancer.txt")).expect("model");
    let rows: Vec<Vec<f32>> = text
        .lines()
        .map(|line| {
            let numbers = line
                .split('\t')
                .map(|v| v.parse::<f64>().expect("number") as f32);
            numbers.collect()
        })
        .collect();
    let margins: Vec<f64> = rows
        .iter()
        .map(|row| ensemble.margins(row).expect("row")[0])
        .collect();
    for (found, expected) in margins.iter().zip(FIRST) {
        assert!((found - expected).abs() < 1e-8, "{found} {expected}");
    }
    assert!((margins.iter().sum::<f64>() - SUM).abs() < 1e-9);
    let classes: Vec<i32> = margins.iter().map(|&m| i32::from(m > 0.0)).collect();
    assert_eq!(classes.iter().filter(|&&c| c == 1).count(), POSITIVE);
    let margins: Vec<&[f64]> = margins.iter().map(std::slice::from_ref).collect();
    let mut counts = Counts::default();
    compare::model(
        "breast cancer",
        &ensemble,
        &rows,
        &margins,
        &classes,
        &mut counts,
    );
    assert_eq!(counts.classified, 57);
    let machine = trees::lower(&ensemble).expect("lowers").machine;
    let short: Vec<i32> = rows[0][..29].iter().map(|&x| keys::key(x)).collect();
    assert!(machine.run(&short).is_err());
}
