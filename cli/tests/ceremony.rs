//! The fraud model under a real ceremony: the Aztec Ignition string of 2^15 powers serves circuit and
//! commitments, and the contract made with it accepts the proof on a chain that is not a local one.

#[path = "../src/chain/tests/anvil.rs"]
mod anvil;
mod user;

use std::path::PathBuf;

use anvil::Anvil;
use user::{User, workspace};

/// The ceremony's file, or `None` with a printed reason.
fn ignition() -> Option<PathBuf> {
    let root = std::env::var_os("LAMINATE_SHARED")
        .map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let file = root.join("data/srs/aztec-ignition-g1-32769.ark.bin");
    if file.exists() {
        return Some(file);
    }
    eprintln!(
        "skipped: {} is missing (set LAMINATE_SHARED)",
        file.display()
    );
    None
}

#[test]
fn the_fraud_model_needs_no_development_string() {
    let Some(file) = ignition() else { return };
    let Some(user) = User::new() else { return };
    // Not a chain id of development.
    let Some(anvil) = Anvil::start(11_155_111) else {
        return;
    };
    let models = workspace().join("models/fraud");
    let path = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (model, calibration) = (path("fraud.onnx"), path("calibration.csv"));
    let source = file.to_string_lossy().into_owned();
    user.accepted(&["srs", "import", &source, "-o", "ignition.srs"]);
    user.accepted(&["compile", &model, "--calibration", &calibration, "-o", "m"]);
    user.accepted(&["commit", "m", "--srs", "ignition.srs"]);
    let keys = user.accepted(&["setup", "m", "--srs", "ignition.srs"]);
    assert!(keys["k"].as_u64().expect("k") <= 15, "{keys}");
    assert_eq!(keys["development"], false);
    // Too short for packed proofs, which are the default where the string reaches.
    assert_eq!(keys["opening"], "shplonk");
    let packed = ["setup", "m", "--srs", "ignition.srs", "--opening", "packed"];
    user.refused(&packed, "needs k >= 18 with `--opening packed`");
    let input = path("legit.csv");
    user.accepted(&["prove", "m", "--input", &input, "-o", "p.proof"]);
    let verified = user.accepted(&["verify", "p.proof"]);
    assert_eq!(
        (&verified["valid"], &verified["development"]),
        (&true.into(), &false.into())
    );
    // A join needs more powers than the string has.
    let join = ["join", "setup", "j", "--batch", "m"];
    user.refused(&join, "need k >= 16");
    let other = [&join, ["--dev-srs"].as_slice()].concat();
    user.refused(&other, "leave --dev-srs out");
    user.accepted(&["verifier", "m", "-o", "v"]);
    let url = ["--rpc-url", anvil.url.as_str()];
    let on_chain = |args: &[&str]| user.accepted(&[args, &url].concat());
    let deploy = ["deploy", "v", url[0], url[1]];
    user.refused(&deploy, "--chain-id 11155111");
    on_chain(&["deploy", "v", "--chain-id", "11155111"]);
    on_chain(&["register", "m"]);
    let submitted = on_chain(&["submit", "p.proof"]);
    println!(
        "Ignition, k = {}: {} gas, {} calldata bytes",
        keys["k"], submitted["gas"], submitted["calldata_bytes"]
    );
}
