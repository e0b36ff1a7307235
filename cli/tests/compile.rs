//! `laminate compile` where its result is of no use, and where other files are in its way.

use std::path::{Path, PathBuf};

use serde_json::Value;

mod author;
mod tiny;

use author::{User, ids};

fn fraud(name: &str) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    models.join(name).to_string_lossy().into_owned()
}

/// Runs `compile` and gives its exit code, its report and what it says on standard error.
fn compile(user: &User, args: &[&str]) -> (i32, Value, String) {
    let output = user.run(&[&["compile"], args].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let report =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}: {error}"));
    (output.status.code().expect("code"), report, error)
}

#[test]
fn one_outlier_in_the_calibration_is_no_success() {
    let user = User::new();
    let (model, good) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let text = std::fs::read_to_string(&good).expect("calibration");
    let (header, rows) = text.split_once('\n').expect("header");
    let width = header.split(',').count();
    let outlier = [vec!["1e7"], vec!["0"; width - 1]].concat().join(",");
    user.write("bad.csv", format!("{text}{outlier}\n").as_bytes());
    // The evaluation is of good rows: the outlier is not what differs.
    let evaluation = ["--evaluation", &good, "-o", "m"];
    let of = |calibration: &str, more: &[&str]| {
        let args = [&model, "--calibration", calibration];
        compile(&user, &[&args, evaluation.as_slice(), more].concat())
    };
    let (code, report, error) = of(&good, &[]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(report["warnings"].as_array().expect("list").len(), 0);

    let (code, report, error) = of("bad.csv", &[]);
    assert_eq!(code, 4, "{error}");
    let warnings = report["warnings"].as_array().expect("list");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (expected, warning) in ["--min-agreement", "--min-column-bits"]
        .iter()
        .zip(warnings)
    {
        assert!(
            warning.as_str().expect("text").contains(expected),
            "{warning}"
        );
    }
    // Column 1 has the outlier, so that its largest value fits well; the others are named.
    assert!(
        error.contains("column 2 (up to") && error.contains("and 20 more"),
        "{error}"
    );
    assert!(
        error.lines().all(|line| line.starts_with("warning: ")),
        "{error}"
    );
    assert!(report["fidelity"]["agreement"].as_f64().expect("share") < 0.99);
    assert!(
        user.path("m/program.lam").exists(),
        "the program is written"
    );

    let (code, report, _) = of("bad.csv", &["--min-agreement", "0"]);
    assert_eq!(
        (code, report["warnings"].as_array().expect("list").len()),
        (4, 1)
    );
    let lowered = ["--min-agreement", "0", "--min-column-bits", "0"];
    assert_eq!(of("bad.csv", &lowered).0, 0);
    user.refused(
        &[
            "compile",
            &model,
            "--calibration",
            &good,
            "-o",
            "n",
            "--min-agreement",
            "101",
        ],
        &["--min-agreement is 101", "0 to 100"],
    );
    // Nothing to compare with.
    let rows = rows
        .lines()
        .next()
        .expect("row")
        .replacen("0.61328", "1e9", 1);
    user.write("far.csv", format!("{header}\n{rows}\n").as_bytes());
    let far = [
        &model,
        "--calibration",
        &good,
        "--evaluation",
        "far.csv",
        "-o",
        "m",
    ];
    let (code, _, error) = compile(&user, &far);
    assert!(
        code == 4 && error.contains("none of 1 rows"),
        "{code}: {error}"
    );
}

fn model(folder: &str, name: &str) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let path = models.join(folder).join(name);
    path.to_string_lossy().into_owned()
}

#[test]
fn a_threshold_is_told_as_the_integer_that_it_is() {
    let user = User::new();
    let (onnx, rows) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let evaluation = fraud("evaluation.csv");
    let args = [&onnx, "--calibration", &rows, "--evaluation", &evaluation];
    let of = |more: &[&str]| compile(&user, &[&args[..], &["-o", "m"], more].concat());
    let (code, report, error) = of(&["--threshold", "0.5"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let threshold = &report["decides"]["threshold"];
    assert_eq!(threshold["asked"], 0.5);
    assert_eq!(
        (&threshold["of"], &threshold["compared"]),
        (&"probability".into(), &"logit".into())
    );
    assert_eq!(
        (&threshold["integer"], &threshold["value"]),
        (&0.into(), &0.0.into())
    );
    assert_eq!(threshold["probability"], 0.5);
    assert!(report["fidelity"]["agreement"].as_f64().expect("share") > 0.99);

    // A program says it, too, in its integers; what was asked for is the name of its node.
    let (_, report, _) = of(&["--threshold", "0.9"]);
    let told = &report["decides"]["threshold"];
    let shown = user.accepted(&["inspect", "m/program.lam"]);
    let read = &shown["content"]["decides"]["threshold"];
    for key in ["integer", "scale", "value"] {
        assert_eq!(read[key], told[key], "{key}");
    }
    let probability = told["probability"].as_f64().expect("a probability");
    assert!((0.9..0.9002).contains(&probability), "{told}");
    let nodes = shown["content"]["program"]["nodes"]
        .as_array()
        .expect("nodes");
    assert_eq!(nodes.last().expect("a node")["name"], "probability >= 0.9");
    let human = user.human(&["inspect", "m/program.lam"]);
    assert!(
        human.contains("1 where the value is at least 2.19"),
        "{human}"
    );

    let (_, report, _) = of(&["--threshold", "-1.5", "--predict", "margin"]);
    assert_eq!(report["decides"]["threshold"]["of"], "value");
    assert_eq!(report["decides"]["threshold"]["value"], -1.5);
    let (_, report, _) = of(&["--predict", "class"]);
    assert_eq!(report["decides"]["threshold"]["asked"], 0.5);
    let (_, report, _) = of(&["--predict", "margin"]);
    assert_eq!(report["decides"], Value::Null);
    let refused = |more: &[&str], expected: &[&str]| {
        let args = [&["compile"], &args[..], &["-o", "n"], more].concat();
        user.refused(&args, expected);
        assert!(!user.path("n/program.lam").exists(), "{more:?}");
    };
    refused(&["--threshold", "0"], &["fraud.onnx", "between 0 and 1"]);
    refused(
        &["--threshold", "0.5", "--predict", "class"],
        &["leave --predict class out"],
    );
    refused(
        &["--threshold", "1e9", "--predict", "margin"],
        &["at least 1000000000", "decided alike"],
    );
    user.refused(
        &["compile", "tiny.bin", "--threshold", "0.5", "-o", "n"],
        &["--threshold is for models over rows", "tiny.bin"],
    );
}

#[test]
fn a_classifier_gives_its_class() {
    let user = User::new();
    let file = |name| model("digits", name);
    let (onnx, rows) = (file("digits.onnx"), file("calibration.csv"));
    let evaluation = file("evaluation.csv");
    let args = [
        &onnx,
        "--calibration",
        &rows,
        "--evaluation",
        &evaluation,
        "-o",
        "m",
    ];
    let of = |more: &[&str]| compile(&user, &[&args[..], more].concat());
    let (code, report, error) = of(&["--argmax"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(report["decides"]["classes"], 10);
    assert!(report["fidelity"]["agreement"].as_f64().expect("share") >= 0.99);
    let (_, other, _) = of(&["--predict", "class"]);
    assert_eq!(other["program_digest"], report["program_digest"]);
    let shown = user.accepted(&["inspect", "m/program.lam"]);
    assert_eq!(shown["content"]["decides"]["classes"], 10);
    user.refused(
        &[&["compile"], &args[..], &["--threshold", "0.5"]].concat(),
        &["10 numbers", "--predict class"],
    );
}

/// A voter's row from the file of whole numbers to a proof of the decision alone.
#[test]
fn eligibility_is_proven_as_a_decision() {
    let user = User::new();
    let file = |name| model("eligibility", name);
    let rows = file("calibration.csv");
    let evaluation = file("evaluation.csv");
    let args = [
        &file("logistic.onnx"),
        "--calibration",
        &rows,
        "--evaluation",
        &evaluation,
        "--threshold",
        "0.5",
        "--input-scale",
    ];
    let (code, report, error) = compile(&user, &[&args[..], &["0", "-o", "m"]].concat());
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(report["fidelity"]["agreement"], 1.0);
    user.accepted(&["commit", "m", "--dev-srs"]);
    user.accepted(&["setup", "m", "--dev-srs"]);
    for (name, decision) in [("eligible.csv", 1), ("ineligible.csv", 0)] {
        let row = file(name);
        let proven = user.accepted(&["prove", "m", "--input", &row, "-o", "vote.proof"]);
        assert_eq!(proven["output"][0][0], f64::from(decision), "{proven}");
        let verified = user.accepted(&["verify", "vote.proof", "--dir", "m"]);
        assert_eq!(verified["valid"], true);
    }
    let text = std::fs::read_to_string(file("eligible.csv")).expect("a row");
    user.write("old.csv", text.replace("34,40", "34,40000").as_bytes());
    user.refused(
        &[
            "input", "commit", "m", "--input", "old.csv", "-o", "x.input",
        ],
        &["column months_resident", "value 40000", "-32768 to 32767"],
    );
    user.write("far.csv", format!("{text}34,40000,1,0,0,0\n").as_bytes());
    user.refused(
        &[
            "compile",
            args[0],
            "--calibration",
            "far.csv",
            "--input-scale",
            "0",
            "-o",
            "n",
        ],
        &[
            "column months_resident",
            "column 2",
            "an input scale of 0 holds -32768 to 32767",
        ],
    );
}

#[test]
fn raw_rows_are_proven_beyond_calibration() {
    let user = User::new();
    let file = |name| model("eligibility", name);
    let rows = file("calibration.csv");
    let evaluation = file("evaluation.csv");
    let of = |scales: &'static str, more: &[&'static str]| {
        let scorecard = file("logistic.onnx");
        let args = [&scorecard, "--calibration", &rows, "--input-scale", scales];
        let args = args.map(ToOwned::to_owned).to_vec();
        let more = more.iter().map(|arg| (*arg).to_owned());
        args.into_iter().chain(more).collect::<Vec<String>>()
    };
    let compiled = |args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        compile(&user, &[&args[..], &["--evaluation", &evaluation]].concat())
    };
    let args = of(
        "0",
        &[
            "--raw-inputs",
            "--saturate",
            "--threshold",
            "0.5",
            "-o",
            "m",
        ],
    );
    let (code, report, error) = compiled(&args);
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(report["fidelity"]["agreement"], 1.0);
    assert_eq!(report["fidelity"]["clamped"], 0);
    assert_eq!(
        report["input_scales"],
        serde_json::json!([0, 0, 0, 0, 0, 0])
    );
    assert!(report["saturates"].as_u64().expect("nodes") > 0);
    user.accepted(&["commit", "m", "--dev-srs"]);
    user.accepted(&["setup", "m", "--dev-srs"]);
    // Forty thousand months are no int16, and the scorecard counts no more than it does of its highest.
    let text = std::fs::read_to_string(file("eligible.csv")).expect("a row");
    user.write("old.csv", text.replace("34,40", "34,40000").as_bytes());
    let committed = [
        "input", "commit", "m", "--input", "old.csv", "-o", "x.input",
    ];
    user.accepted(&committed);
    let proven = user.accepted(&["prove", "m", "--input", "x.input", "-o", "vote.proof"]);
    assert_eq!(proven["output"][0][0], 1.0, "{proven}");
    let verified = user.accepted(&["verify", "vote.proof", "--dir", "m"]);
    assert_eq!(verified["valid"], true);
    user.write("far.csv", text.replace("34,40", "34,4e9").as_bytes());
    user.refused(
        &[
            "input", "commit", "m", "--input", "far.csv", "-o", "y.input",
        ],
        &["column months_resident", "-2147483648 to 2147483647"],
    );
    // Some columns by name, one by its index; the others are calibrated.
    let args = of("months_resident=0,0=3", &["-o", "n"]);
    let (_, report, _) = compiled(&args);
    let scales = report["input_scales"].as_array().expect("scales");
    assert_eq!(
        (scales.len(), &scales[0], &scales[1]),
        (6, &3.into(), &0.into())
    );
    let args = of("months=0", &["-o", "n"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    user.refused(
        &[&["compile"], &args[..]].concat(),
        &["no column is called months"],
    );
}

#[test]
fn a_language_model_made_ternary_after_training_is_no_success() {
    let user = User::new();
    let args = [
        "tiny.bin",
        "--tokens",
        "4",
        "--weights",
        "ternary",
        "-o",
        "m",
    ];
    let (code, report, error) = compile(&user, &args);
    assert!(report["fidelity"]["agreement"].as_f64().expect("share") < 0.9);
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("likeliest tokens agree on"), "{error}");
    // It is written all the same, and runs.
    let generated = user.accepted(&["generate", "m", "--prompt-ids", "1,2"]);
    assert_eq!(ids(&generated["tokens"]).len(), 3);
    let lowered = [args.as_slice(), &["--min-agreement", "0"]].concat();
    assert_eq!(compile(&user, &lowered).0, 0);
}

/// All files below a folder and what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), std::fs::read(&path).expect("file"))),
        }
    }
    found.sort();
    found
}

#[test]
fn files_of_others_stay() {
    let user = User::new();
    let (model, calibration) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let rows =
        |out: &'static str| [&model, "--calibration", &calibration, "-o", out].map(str::to_owned);
    let refused = |args: &[String], expected: &[&str]| {
        let args: Vec<&str> = std::iter::once("compile")
            .chain(args.iter().map(String::as_str))
            .collect();
        user.refused(&args, expected);
    };
    std::fs::create_dir(user.path("p")).expect("folder");
    user.write("p/tokenizer.json", b"{\"mine\":1}");
    user.write("p/setup.json", b"{\"mine\":2}");
    let before = files(&user.path("p"));
    refused(&rows("p"), &["p/setup.json was not written by Laminate"]);
    assert_eq!(files(&user.path("p")), before);
    std::fs::remove_file(user.path("p/setup.json")).expect("remove");
    refused(
        &rows("p"),
        &["p/tokenizer.json was not written by Laminate"],
    );
    std::fs::remove_file(user.path("p/tokenizer.json")).expect("remove");
    // Any other folder that is not empty, such as that of a model of Hugging Face.
    user.write("p/config.json", b"{}");
    refused(
        &rows("p"),
        &["not empty and holds no model", "new or an empty folder"],
    );
    assert_eq!(files(&user.path("p")).len(), 1);

    // A folder with a model: what is not Laminate's stays beside the next one.
    let run =
        |args: &[&str]| user.accepted(&[&["compile", "tiny.bin", "--tokens", "4"], args].concat());
    run(&[
        "--tokenizer",
        "tokenizer.json",
        "--shard-layers",
        "1",
        "-o",
        "m",
    ]);
    user.write("m/notes.txt", b"mine");
    user.write("m/shard-001/notes.txt", b"mine, too");
    run(&["-o", "m"]);
    assert!(user.path("m/program.lam").exists());
    assert!(!user.path("m/shards.json").exists() && !user.path("m/tokenizer.json").exists());
    assert!(!user.path("m/shard-000").exists(), "an empty folder goes");
    let kept: Vec<_> = files(&user.path("m/shard-001"))
        .into_iter()
        .map(|f| f.1)
        .collect();
    assert_eq!(kept, [b"mine, too"]);
    assert_eq!(
        std::fs::read(user.path("m/notes.txt")).expect("notes"),
        b"mine"
    );
    // A tokenizer that a user put there.
    let given = std::fs::read(user.path("tokenizer.json")).expect("tokenizer");
    let pretty: Value = serde_json::from_slice(&given).expect("JSON");
    let pretty = serde_json::to_vec_pretty(&pretty).expect("JSON");
    user.write("m/tokenizer.json", &pretty);
    user.refused(
        &["compile", "tiny.bin", "-o", "m"],
        &["m/tokenizer.json was not written"],
    );
    assert_eq!(
        std::fs::read(user.path("m/tokenizer.json")).expect("file"),
        pretty
    );
}

#[test]
fn node_names_reach_the_terminal_as_text() {
    let user = User::new();
    let mut bytes = std::fs::read(fraud("fraud.onnx")).expect("model");
    // The name of the first node: field 3, six bytes.
    let (name, hostile) = (b"\x1a\x06dense1", b"\x1a\x06d\x1b[31m");
    let at = bytes
        .windows(name.len())
        .position(|w| w == name)
        .expect("a node of this name");
    bytes[at..at + name.len()].copy_from_slice(hostile);
    user.write("hostile.onnx", &bytes);
    let output = assert_cmd::Command::cargo_bin("laminate")
        .expect("binary")
        .current_dir(user.path(""))
        .args([
            "compile",
            "hostile.onnx",
            "--calibration",
            &fraud("calibration.csv"),
            "-o",
            "m",
        ])
        .output()
        .expect("runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && shown.contains("d\\u{1b}[31m"),
        "{shown}"
    );
    assert!(
        !output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b),
        "{shown}"
    );
}

/// A verifier's folder is not written over files of others, which is found before any work.
#[test]
fn contracts_of_others_are_not_replaced() {
    let user = User::new();
    std::fs::create_dir(user.path("v")).expect("folder");
    for name in ["verifier.json", "Halo2UniversalVerifier.sol"] {
        let path = user.path("v").join(name);
        std::fs::write(&path, "{\"mine\": 1}").expect("write");
        let expected = format!("v/{name} was not written by `laminate verifier`");
        user.refused(&["verifier", "no-model", "-o", "v"], &[&expected]);
        assert_eq!(std::fs::read(&path).expect("kept"), b"{\"mine\": 1}");
        std::fs::remove_file(&path).expect("remove");
    }
    user.refused(&["verifier", "no-model", "-o", "v"], &["no-model"]);
}

/// While another command writes into a folder, as `commit` does, its model is not replaced.
#[cfg(unix)]
#[test]
fn a_folder_is_written_by_one_command_at_a_time() {
    let user = User::new();
    let (model, calibration) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let args = [&model, "--calibration", &calibration, "-o", "m"];
    let all = [&["compile"][..], &args].concat();
    user.accepted(&all);
    let before = std::fs::read(user.path("m/program.lam")).expect("program");
    let folder = std::fs::File::open(user.path("m")).expect("folder");
    folder.lock().expect("lock");
    let batch = [&all[..], &["--batch", "2"]].concat();
    let busy = ["another laminate command is writing into m"];
    user.refused(&batch, &busy);
    user.refused(&["setup", "m", "--dev-srs"], &busy);
    user.refused(&["commit", "m", "--dev-srs"], &busy);
    for made in ["setup.json", "commitment.lam"] {
        assert!(!user.path("m").join(made).exists(), "{made}");
    }
    let after = std::fs::read(user.path("m/program.lam")).expect("program");
    assert!(before == after);
    drop(folder);
    user.accepted(&batch);
}
