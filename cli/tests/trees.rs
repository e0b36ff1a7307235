//! `laminate compile` of tree models: by content, exact, with what the library predicts.

use std::path::{Path, PathBuf};

use serde_json::Value;

#[allow(dead_code, reason = "token ids are for language models")]
mod author;
mod tiny;

use author::User;

fn carried(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../front/tests/trees/models")
        .join(name)
}

/// Rows, margins and classes of a carried model, as CSV with a header.
fn tables(name: &str) -> [String; 3] {
    let text = std::fs::read_to_string(carried("expected.json")).expect("expected.json");
    let all: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let entry = all.iter().find(|e| e["name"] == name).expect(name);
    let cell = |v: &Value| {
        if v.is_null() {
            String::new()
        } else {
            v.to_string()
        }
    };
    let table = |key: &str| {
        let rows = entry[key].as_array().expect(key).iter();
        let lines = rows.map(|row| match row.as_array() {
            Some(cells) => cells.iter().map(cell).collect::<Vec<_>>().join(","),
            None => cell(row),
        });
        let lines: Vec<String> = lines.collect();
        let columns = lines[0].split(',').count();
        let header: Vec<String> = (0..columns).map(|c| format!("c{c}")).collect();
        format!("{}\n{}", header.join(","), lines.join("\n"))
    };
    [table("rows"), table("margins"), table("decisions")]
}

fn user(name: &str, file: &str, saved_as: &str) -> User {
    let user = User::new();
    let model = std::fs::read(carried(file)).expect("model");
    user.write(saved_as, &model);
    let [rows, margins, classes] = tables(name);
    user.write("rows.csv", rows.as_bytes());
    user.write("margins.csv", margins.as_bytes());
    user.write("classes.csv", classes.as_bytes());
    user
}

#[test]
fn trees_are_compiled_by_content_and_compared_with_the_library() {
    // The name is that of a language model, the content is XGBoost's.
    let user = user("xgb_classes", "xgb_classes.json", "credit.bin");
    let compile = ["compile", "credit.bin", "-o", "m"];
    let report = user.accepted(&compile);
    assert_eq!(report["format"], "XGBoost");
    assert_eq!(
        (&report["trees"], &report["outputs"], &report["features"]),
        (&9.into(), &1.into(), &6.into())
    );
    // The library predicts a softmax.
    assert_eq!(report["predict"], "class");
    assert!(
        report["notes"][0]
            .as_str()
            .expect("a note")
            .contains("softmax")
    );
    assert!(report["fidelity"].is_null());
    let with = |table: &str| {
        let rows = ["--evaluation", "rows.csv", "--predictions", table];
        user.accepted(&[&compile[..], &rows].concat())["fidelity"].clone()
    };
    let margins = ["--evaluation", "rows.csv", "--predictions", "margins.csv"];
    for (predict, outputs) in [("margin", 3), ("class", 1)] {
        let predict = ["--predict", predict];
        let report = user.accepted(&[&compile[..], &predict, &margins].concat());
        assert_eq!(report["outputs"], outputs);
        let fidelity = &report["fidelity"];
        assert_eq!(fidelity["against"], "margins of the library");
        assert_eq!(
            (&fidelity["rows"], &fidelity["agreement"]),
            (&16.into(), &1.0.into())
        );
        assert!(fidelity["max_error"].as_f64().expect("error") < 1e-6);
    }
    // Probabilities are off by a bound that is told, and by less from the library's.
    let probabilities = ["--predict", "response"];
    let report = user.accepted(&[&compile[..], &probabilities, &margins].concat());
    assert_eq!(
        (&report["outputs"], &report["fraction"]),
        (&3.into(), &14.into())
    );
    let most = report["response_error"].as_f64().expect("a bound");
    let error = report["fidelity"]["max_error"].as_f64().expect("an error");
    assert!(error < most && most < 2e-3, "{error} {most}");
    let fidelity = with("classes.csv");
    assert_eq!(fidelity["against"], "classes of the library");
    assert_eq!(fidelity["agreement"], 1.0);
    let report = user.accepted(&[&compile[..], &["--evaluation", "rows.csv"]].concat());
    assert_eq!(report["fidelity"]["agreement"], 1.0);
    let shown = user.accepted(&["inspect", "m/program.lam"]).to_string();
    let digest = report["program_digest"].as_str().expect("digest");
    assert!(shown.contains(digest), "{shown}");
}

#[test]
fn programs_give_what_is_asked_for() {
    let user = user("lgb_binary", "lgb_binary.txt", "model.txt");
    let compile = [
        "compile",
        "model.txt",
        "--evaluation",
        "rows.csv",
        "-o",
        "m",
    ];
    for (predict, fraction, decides) in [
        (None, 14, "above 0.5 (integer 8192)"),
        (Some("probability"), 14, "above 0.5 (integer 8192)"),
        (Some("class"), 0, "0 is 0, 1 is 1"),
        (Some("margin"), 31, "above 0 (integer 0)"),
    ] {
        let asked: Vec<&str> = predict.into_iter().flat_map(|p| ["--predict", p]).collect();
        let report = user.accepted(&[&compile[..], &asked].concat());
        let fraction_found = report["fraction"].as_i64().expect("bits");
        assert!(
            fraction_found == fraction || predict == Some("margin"),
            "{report}"
        );
        assert!(
            report["decision"].as_str().expect("text").contains(decides),
            "{report}"
        );
        assert_eq!(report["fidelity"]["agreement"], 1.0);
        let error = report["response_error"].as_f64().expect("error");
        assert_eq!(error > 0.0, fraction == 14);
        assert!(error < 2.2e-4);
    }
    user.write(
        "poisson.txt",
        &std::fs::read(carried("lgb_poisson.txt")).expect("model"),
    );
    let refused = |model: &str, predict: &str, expected: &str| {
        let args = ["compile", model, "--predict", predict, "-o", "none"];
        user.refused(&args, &[expected, "--predict"]);
    };
    refused("poisson.txt", "class", "no classifier");
    refused("tiny.bin", "class", "tiny.bin is a language model");
}

#[test]
fn thresholds_of_trees_are_told_in_margins() {
    let user = user("lgb_binary", "lgb_binary.txt", "model.txt");
    let compile = [
        "compile",
        "model.txt",
        "--evaluation",
        "rows.csv",
        "-o",
        "m",
    ];
    let of = |more: &[&str]| user.accepted(&[&compile[..], more].concat());
    // All margins of the model are above the library's own threshold.
    let report = of(&["--threshold", "0.6"]);
    let threshold = &report["threshold"];
    assert_eq!(threshold["asked"], 0.6);
    assert_eq!(
        (&threshold["of"], &threshold["compared"]),
        (&"probability".into(), &"margin".into())
    );
    let probability = threshold["probability"].as_f64().expect("a probability");
    assert!((0.6..0.600_000_1).contains(&probability), "{report}");
    assert_eq!(report["fidelity"]["agreement"], 1.0);
    let decision = report["decision"].as_str().expect("text");
    assert!(
        decision.contains("1 where the margin is at least 0.4054")
            && decision.contains("asked for is a probability of 0.6"),
        "{decision}"
    );
    let margin = of(&["--threshold", "0.25", "--predict", "margin"]);
    let threshold = &margin["threshold"];
    assert_eq!(
        (&threshold["of"], &threshold["value"]),
        (&"value".into(), &0.25.into())
    );
    assert_eq!(threshold["probability"], Value::Null);
    let refused = |more: &[&str], expected: &[&str]| {
        user.refused(&[&compile[..], more].concat(), expected);
    };
    refused(&["--threshold", "0.5"], &["0.5109", "decided alike"]);
    refused(&["--threshold", "1.5"], &["threshold 1.5", "decided alike"]);
    refused(
        &["--threshold", "0.5", "--predict", "class"],
        &["leave --predict class out"],
    );
    refused(&["--input-scale", "0"], &["--input-scale", "float32"]);
}

#[test]
fn other_decisions_than_the_library_are_no_success() {
    let user = user("lgb_binary", "lgb_binary.txt", "model.txt");
    let [_, _, classes] = tables("lgb_binary");
    let turned = |line: &str| if line == "1" { "0" } else { "1" };
    let lines: Vec<&str> = classes.lines().collect();
    let wrong = [&[lines[0], turned(lines[1])], &lines[2..]]
        .concat()
        .join("\n");
    user.write("wrong.csv", wrong.as_bytes());
    let args = [
        "compile",
        "model.txt",
        "--evaluation",
        "rows.csv",
        "--predictions",
    ];
    let of = |table: &str, more: &[&str], code: i32| {
        user.ended(&[&args[..], &[table, "-o", "m"], more].concat(), code)
    };
    assert_eq!(
        of("classes.csv", &[], 0)["warnings"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    let report = of("wrong.csv", &[], 4);
    assert_eq!(report["fidelity"]["agreement"], 15.0 / 16.0);
    of("wrong.csv", &["--min-agreement", "90"], 0);
    user.write("short.csv", lines[..16].join("\n").as_bytes());
    let short = [&args[..], &["short.csv", "-o", "m"]].concat();
    user.refused(&short, &["short.csv has 15 rows", "rows.csv has 16"]);
}

#[test]
fn what_is_no_tree_model_is_named() {
    let user = user("lgb_binary", "lgb_binary.txt", "model.txt");
    user.write("model.pkl", b"\x80\x04\x95\x00");
    user.write("empty.json", b"{}");
    for (args, expected) in [
        (&["model.pkl"][..], "Python pickle"),
        (&["empty.json"], "no known library"),
        (&["model.txt", "--headroom", "2"], "--headroom"),
        (&["model.txt", "--tokens", "4"], "--tokens"),
        (
            &["model.txt", "--predictions", "classes.csv"],
            "--evaluation",
        ),
        (&["model.txt", "--evaluation", "classes.csv"], "classes.csv"),
        (&["tiny.bin", "--predictions", "classes.csv"], "none"),
    ] {
        let args = [&["compile"], args, &["-o", "m"]].concat();
        user.refused(&args, &[expected]);
        assert!(!user.path("m/program.lam").exists(), "{args:?}");
    }
    let linear = String::from_utf8(std::fs::read(user.path("model.txt")).expect("model"));
    let linear = linear.expect("text").replace("is_linear=0", "is_linear=1");
    user.write("linear.txt", linear.as_bytes());
    user.refused(
        &["compile", "linear.txt", "-o", "m"],
        &["linear trees", "linear_tree=false"],
    );
}
