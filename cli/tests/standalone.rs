//! The binary alone: a copy of it in an empty folder, without the repository and without Node.js.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A file of `models/fraud`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models/fraud")
        .join(name)
}

/// Runs the copy in its folder with an environment of its own: a PATH of no programs and a cache.
fn run(folder: &Path, args: &[&str], root: Option<&str>) -> Output {
    let mut command = Command::new(folder.join("laminate"));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", folder.join("no-programs"))
        .env("LAMINATE_CACHE", folder.join("cache"))
        .args(["--json", "-q"])
        .args(args);
    if let Some(root) = root {
        command.env("LAMINATE_ROOT", root);
    }
    command.output().expect("the copy runs")
}

fn accepted(folder: &Path, args: &[&str]) -> Value {
    let output = run(folder, args, None);
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {text}{error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_binary_needs_neither_the_repository_nor_node() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    std::fs::copy(env!("CARGO_BIN_EXE_laminate"), folder.join("laminate")).expect("copy");
    // A compiler of the working folder, as whoever sends a folder could put it there.
    std::fs::create_dir(folder.join("scripts")).expect("folder");
    let trap = folder.join("scripts/solc");
    std::fs::write(&trap, "#!/bin/sh\necho run >> ./trapped\n").expect("write");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&trap, PermissionsExt::from_mode(0o755)).expect("mode");
    }

    // Models of the working folder are not those that are measured.
    std::fs::create_dir_all(folder.join("models/fraud")).expect("folder");
    std::fs::write(folder.join("models/fraud/fraud.onnx"), "none").expect("write");
    let bench = ["bench", "--layers-only", "--batch", "1", "--repeat", "1"];
    let measured = accepted(folder, &bench);
    assert!(measured["folded_bytes"].as_u64().expect("bytes") > 1_000);
    let output = run(folder, &[&bench[..], &["--model", "m.onnx"]].concat(), None);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("--calibration"),
        "{error}"
    );

    let demo = accepted(folder, &["demo"]);
    // It fails by itself if a forgery is accepted.
    for (list, least) in [("accepted", 5), ("refused", 6), ("contracts", 5)] {
        let found = demo[list].as_array().expect(list).len();
        assert!(found >= least, "{list}: {demo}");
    }

    let demo = accepted(folder, &["demo", "--example", "eligibility"]);
    assert_eq!(demo["votes"], serde_json::json!([1, 1, 0]));
    for (list, least) in [("accepted", 6), ("refused", 12), ("contracts", 6)] {
        let found = demo[list].as_array().expect(list).len();
        assert!(found >= least, "{list}: {demo}");
    }
    let demo = accepted(folder, &["demo", "--example", "fee"]);
    let fees = demo["fees"].as_array().expect("fees").iter();
    let fees: Vec<u64> = fees.map(|fee| fee["fee"].as_u64().expect("fee")).collect();
    // As `models/fee/metrics.json` has it, but for what quantisation makes of it.
    assert!(fees.len() == 3 && fees[1].abs_diff(9_400) < 150, "{demo}");
    assert_eq!([fees[0], fees[2]], [3_000; 2]);
    let refused = demo["refused"].as_array().expect("refused").iter();
    let reason = |row: &Value| row["reason"].as_str().expect("reason").to_owned();
    let names = [
        "PublicInputMismatch",
        "InvalidProof",
        "InvalidProof",
        "FeeSetBefore",
        "PublicInputMismatch",
        "StaleObservations",
        "CommitmentExpired",
        "PublicInputMismatch",
        "CommitmentOpen",
        "CommitmentExpired",
    ];
    assert_eq!(refused.len(), names.len(), "{demo}");
    for (found, name) in refused.map(reason).zip(names) {
        assert!(found.ends_with(&format!("({name})")), "{name}: {found}");
    }

    let node = [
        "demo",
        "--example",
        "eligibility",
        "--rpc-url",
        "http://127.0.0.1:1",
    ];
    let output = run(folder, &node, None);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("embedded chain only"), "{error}");

    // The same program: its keys are in the cache.
    let (model, rows) = (file("fraud.onnx"), file("calibration.csv"));
    let [model, rows] = [&model, &rows].map(|path| path.to_str().expect("UTF-8"));
    accepted(
        folder,
        &["compile", model, "--calibration", rows, "-o", "m"],
    );
    accepted(folder, &["setup", "m", "--dev-srs"]);
    let made = accepted(folder, &["verifier", "m", "-o", "v"]);
    assert!(made["contract_bytes"].as_u64().expect("bytes") > 5_000);
    let text = std::fs::read_to_string(folder.join("v/verifier.json")).expect("record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(record["mode"], "universal");
    assert!(folder.join("v/RoutedVerifier.abi.json").exists());

    // A contract of its own needs the compiler, and says so: it is not the one of this folder.
    let direct = ["verifier", "m", "--mode", "direct", "-o", "d"];
    for root in [None, Some("."), Some("/nowhere")] {
        let output = run(folder, &direct, root);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{root:?}");
        let expected = root.map_or("--mode universal needs none", |_| "LAMINATE_ROOT");
        assert!(error.contains(expected), "{root:?}: {error}");
        assert!(!folder.join("d").exists(), "{root:?}");
    }
    assert!(!folder.join("trapped").exists());
}
