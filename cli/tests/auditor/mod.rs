//! What an auditor does with a model that is committed to.

use std::fs;

use crate::user::User;

/// The commitment of the folder `m` from the model's file under another name; another model does not give it.
pub fn rebuilds_the_commitment(user: &User, model: &str, calibration: &str, commitment: &str) {
    user.accepted(&["audit", "open", "m", "-o", "opening.lam"]);
    fs::copy(model, user.dir.path().join("as-received.onnx")).expect("copy");
    let verify = |model: &str| {
        let files = ["--model", model, "--calibration", calibration];
        let opened = ["--opening", "opening.lam", "--commitment", commitment];
        let all = ["audit", "verify", "--dev-srs"].iter();
        let all = all.chain(&files).chain(&opened);
        all.map(|s| (*s).to_owned()).collect::<Vec<String>>()
    };
    fn of(arguments: &[String]) -> Vec<&str> {
        arguments.iter().map(String::as_str).collect()
    }
    let report = user.accepted(&of(&verify("as-received.onnx")));
    assert_eq!(report["verdict"], "matches");
    assert_eq!(report["parts"][0]["compiled_weight_commitment"], commitment);
    let other = model.replace("fraud.onnx", "other.onnx");
    user.refused(&of(&verify(&other)), "of the weight polynomial differ");
}
