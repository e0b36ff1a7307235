//! Real files: the repository's fraud model and, where the data folder is present, a public MLP.

use std::path::{Path, PathBuf};

use super::damage::damage;
use crate::onnx::read;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The file, or `None` with a printed reason.
fn present(path: PathBuf) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

#[test]
fn fraud_model() {
    let Some(path) = present(workspace().join("models/fraud/fraud.onnx")) else {
        return;
    };
    let graph = read(&path).unwrap();
    let ops: Vec<_> = graph.nodes().iter().map(|n| n.op.name()).collect();
    assert_eq!(
        ops,
        [
            "contract", "rectify", "contract", "rectify", "contract", "sigmoid"
        ]
    );
    assert_eq!(
        (graph.width(graph.input()), graph.width(graph.output())),
        (29, 1)
    );
    damage(&std::fs::read(&path).unwrap());
}

#[test]
fn iris_model() {
    let folder = std::env::var_os("LAMINATE_SHARED")
        .map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let Some(path) = present(folder.join("data/onnx/deepprove-mlp-iris-01.onnx")) else {
        return;
    };
    let graph = read(&path).unwrap();
    assert_eq!(
        (graph.width(graph.input()), graph.width(graph.output())),
        (4, 3)
    );
    assert!(
        graph
            .nodes()
            .iter()
            .all(|n| matches!(n.op.name(), "contract" | "rectify"))
    );
    let setosa = graph.run(&[vec![5.1, 3.5, 1.4, 0.2]]).unwrap();
    assert!(setosa[0].iter().all(|v| v.is_finite()));
    damage(&std::fs::read(&path).unwrap());
}
