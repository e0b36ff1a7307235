//! Models trained here and now, on more rows than the repository could carry.

use std::path::Path;
use std::process::Command;

use crate::compare;

/// Python with the libraries: `LAMINATE_TREES_PYTHON`, or the `python3` of the path.
#[test]
fn trained_models_agree_with_their_libraries() {
    // A folder that the script has already filled.
    if let Some(folder) = std::env::var_os("LAMINATE_TREES_MODELS") {
        println!("{:?}", compare::folder(Path::new(&folder)));
        return;
    }
    let python = std::env::var("LAMINATE_TREES_PYTHON").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&python)
        .args([
            "-c",
            "import numpy, xgboost, lightgbm, catboost, sklearn, skl2onnx",
        ])
        .output();
    if !there.is_ok_and(|o| o.status.success()) {
        println!(
            "skipped: {python} lacks one of numpy, xgboost, lightgbm, catboost, scikit-learn, skl2onnx; set LAMINATE_TREES_PYTHON"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/train_trees.py");
    let output = Command::new(&python)
        .arg(script)
        .arg(folder.path())
        .output()
        .expect("python");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let counts = compare::folder(folder.path());
    println!("{counts:?}");
    assert!(counts.rows >= 10_000 && counts.missing > 1000, "{counts:?}");
}
