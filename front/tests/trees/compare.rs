//! A folder of models and predictions, as `scripts/train_trees.py` writes it, against the readers and the machine.

use std::path::Path;

use laminate_front::trees::{self, Ensemble, keys};
use serde_json::Value;

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
    /// Margins of the float evaluator that are the library's to the bit (as it rounds them), and all.
    pub same_bits: usize,
    pub margins: usize,
    pub worst_float: f64,
    pub worst_machine: f64,
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn numbers<const N: usize, T>(path: &Path, number: fn([u8; N]) -> T) -> Vec<T> {
    let bytes = read(path);
    assert_eq!(bytes.len() % N, 0, "{}", path.display());
    bytes.as_chunks::<N>().0.iter().map(|&c| number(c)).collect()
}

/// Compares every model of a folder.
pub fn folder(folder: &Path) -> Counts {
    let manifest: Vec<Value> =
        serde_json::from_slice(&read(&folder.join("manifest.json"))).expect("manifest");
    let mut counts = Counts::default();
    for entry in &manifest {
        let text = |key: &str| entry[key].as_str().expect(key);
        let number = |key: &str| entry[key].as_u64().expect(key) as usize;
        let ensemble = trees::read(&folder.join(text("file")))
            .unwrap_or_else(|e| panic!("{}: {e}", text("file")));
        let name = text("name");
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        let rows = numbers(&file("rows.f32"), f32::from_le_bytes);
        let margins = numbers(&file("margins.f64"), f64::from_le_bytes);
        let classes = numbers(&file("decisions.i32"), i32::from_le_bytes);
        let (count, outputs) = (number("rows"), number("outputs"));
        assert_eq!(rows.len(), count * number("features"), "{name}");
        assert_eq!((margins.len(), classes.len()), (count * outputs, count), "{name}");
        let rows: Vec<&[f32]> = rows.chunks_exact(number("features")).collect();
        // Libraries give both probabilities of two classes, of which the second decides.
        let skip = outputs - ensemble.outputs();
        assert!(skip == 0 || (skip, outputs) == (1, 2), "{name}: {outputs} outputs");
        let margins: Vec<&[f64]> = margins.chunks_exact(outputs).map(|m| &m[skip..]).collect();
        model(name, &ensemble, &rows, &margins, &classes, &mut counts);
    }
    counts
}

/// Compares one model on rows.
pub fn model(
    name: &str,
    ensemble: &Ensemble,
    rows: &[&[f32]],
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
        let integers = machine.run(&keys).unwrap_or_else(|e| panic!("{name}: row {at}: {e}"));
        let integers: Vec<f64> = integers.iter().map(|&y| machine.margin(y)).collect();
        for ((&float, &integer), &library) in floats.iter().zip(&integers).zip(*expected) {
            let relative = |x: f64| (x - library).abs() / library.abs().max(mean);
            worst_float = worst_float.max(relative(float));
            worst_machine = worst_machine.max(relative(integer));
            same += usize::from(float == library || float as f32 == library as f32);
            assert!(
                relative(float) <= TOLERANCE && relative(integer) <= TOLERANCE,
                "{name}: row {at} {row:?}: library {library}, floats {float}, machine {integer}"
            );
        }
        if class >= 0 {
            counts.classified += 1;
            assert_eq!(ensemble.class(&floats), Some(class as usize), "{name}: row {at}, floats");
            assert_eq!(ensemble.class(&integers), Some(class as usize), "{name}: row {at}, machine");
        } else {
            assert_eq!(ensemble.class(&integers), None, "{name}");
        }
        counts.missing += usize::from(row.iter().any(|x| x.is_nan()));
    }
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
    counts.same_bits += same;
    counts.margins += rows.len() * ensemble.outputs();
    counts.worst_float = counts.worst_float.max(worst_float);
    counts.worst_machine = counts.worst_machine.max(worst_machine);
}
