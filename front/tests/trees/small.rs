//! The models that the repository carries: one of every reader.

use std::path::Path;

use crate::compare;

#[test]
fn carried_models_agree_with_their_libraries() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/models");
    let counts = compare::folder(&models);
    println!("{counts:?}");
    assert!(counts.responses >= 12 && counts.classes >= 20);
    assert!(counts.models >= 35 && counts.missing > 200 && counts.classified > 300);
}
