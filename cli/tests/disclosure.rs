//! What statements hide and show: a hidden output and its opening, named columns, public weights.

use std::path::Path;

use serde_json::{Value, json};

#[allow(dead_code, reason = "token ids are for language models")]
mod author;
mod tiny;

use author::User;

fn fraud(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    folder.join(name).to_string_lossy().into_owned()
}

fn text(value: &Value, name: &str) -> String {
    let text = value[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {value}"))
        .into()
}

/// Arguments of `compile`.
fn compile<'a>(files: &'a [String; 2], options: &[&'a str], out: &'a str) -> Vec<&'a str> {
    let [model, calibration] = files;
    let compile = ["compile", model, "--calibration", calibration, "-o", out];
    [&compile[..], options].concat()
}

/// Arguments of `prove`, up to the folded proof.
fn prove<'a>(dir: &'a str, row: &'a str, out: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    let prove = [
        "prove",
        dir,
        "--input",
        row,
        "--dev-srs",
        "--folded-only",
        out,
    ];
    [&prove[..], options].concat()
}

const OPEN: [&str; 4] = [
    "--output-hidden",
    "--weights-public",
    "--input-public",
    "Amount,V3,0",
];

/// A model that hides its output and shows three columns and the weights, and one that does neither.
fn models(user: &User) {
    let files = [fraud("fraud.onnx"), fraud("calibration.csv")];
    let open = user.accepted(&compile(&files, &OPEN, "open"));
    let plain = user.accepted(&compile(&files, &[], "plain"));
    assert_ne!(
        text(&open, "program_digest"),
        text(&plain, "program_digest")
    );
    for (columns, says) in [
        ("Income", "no column is called Income"),
        ("29", "there is no column 29"),
        ("V1,0", "twice"),
    ] {
        let other = compile(&files, &["--input-public", columns], "none");
        user.refused(&other, &[says]);
        assert!(!user.path("none").join("program.lam").exists());
    }
    for dir in ["open", "plain"] {
        user.accepted(&["commit", dir, "--dev-srs"]);
    }
}

#[test]
fn a_hidden_output_is_opened_by_whom_it_was_given_to() {
    let user = User::new();
    models(&user);
    let rows = [fraud("legit.csv"), fraud("fraud.csv")];
    let [legit, other] = &rows;
    user.refused(
        &prove("open", legit, "a.folded", &[]),
        &["give --keep-output"],
    );
    let kept = ["--keep-output", "a.output"];
    user.refused(
        &prove("plain", legit, "a.folded", &kept),
        &["for models that hide their output"],
    );
    assert!(!user.path("a.output").exists() && !user.path("a.folded").exists());

    let made = user.accepted(&prove("open", legit, "a.folded", &kept));
    let commitment = text(&made["output"][0], "commitment");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let data = user.path("a.output").metadata().expect("file");
        assert_eq!(data.permissions().mode() & 0o777, 0o600);
    }
    user.refused(&prove("open", legit, "b.folded", &kept), &["a.output"]);
    user.accepted(&prove(
        "open",
        other,
        "b.folded",
        &["--keep-output", "b.output"],
    ));

    let verify = |proof, options: &[&'static str]| {
        [
            &["verify", proof, "--dir", "open", "--dev-srs"][..],
            options,
        ]
        .concat()
    };
    let found = user.accepted(&verify("a.folded", &[]));
    assert_eq!(text(&found, "output_commitment"), commitment);
    assert_eq!(found["output"], json!({ "commitment": commitment }));
    assert_eq!(found["weights_public"], true);
    let columns = json!([
        { "index": 0, "name": "V1" }, { "index": 2, "name": "V3" }, { "index": 28, "name": "Amount" },
    ]);
    assert_eq!(found["input_columns"], columns);
    assert_eq!(found["input"].as_array().expect("public").len(), 3);

    // The same integers as those of the model that shows them.
    let shown = user.accepted(&prove("plain", legit, "p.folded", &[]));
    let opened = user.accepted(&verify("a.folded", &["--opening", "a.output"]));
    assert_eq!(opened["output"], shown["output"][0]);
    assert_eq!(text(&opened, "output_commitment"), commitment);
    for (proof, opening) in [("a.folded", "b.output"), ("b.folded", "a.output")] {
        user.refused(
            &verify(proof, &["--opening", opening]),
            &["do not open the output commitment"],
        );
    }
    let plain = ["verify", "p.folded", "--dir", "plain", "--dev-srs"];
    let plain = [&plain[..], &["--opening", "a.output"]].concat();
    user.refused(&plain, &["is public"]);

    let inspected = user.accepted(&["inspect", "a.output"]);
    assert_eq!(text(&inspected["content"], "output_commitment"), commitment);
    assert_eq!(inspected["content"]["output"], Value::Null);
    let revealed = user.accepted(&["inspect", "a.output", "--reveal"]);
    let values = revealed["content"]["output"].as_array();
    assert_eq!(values.expect("values").len(), 1);
}

#[test]
fn public_weights_are_committed_to_from_the_folder_alone() {
    let user = User::new();
    models(&user);
    let commit = |options: &[&'static str]| {
        let all = [&["commit", "open", "--dev-srs"][..], options].concat();
        text(&user.accepted(&all), "weight_commitment")
    };
    // No secret is lost by committing again, and it is the same commitment.
    let own = commit(&[]);
    assert_eq!(commit(&["--force"]), own);
    std::fs::remove_file(user.path("open/weight_secret.lam")).expect("there is one");
    std::fs::remove_file(user.path("open/commitment.lam")).expect("there is one");
    let audit = |dir, commitment| {
        let audit = ["audit", "verify", "--dir", dir, "--commitment", commitment];
        [&audit[..], &["--dev-srs"]].concat()
    };
    let found = user.accepted(&audit("open", &own));
    assert_eq!(found["verdict"], "matches");
    assert_eq!(text(&found, "computed_weight_commitment"), own);
    let wrong = format!("0x{}", "1".repeat(64));
    let output = user.run(&audit("open", &wrong));
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["verdict"], "differs");
    user.refused(&audit("plain", &own), &["are hidden"]);
    user.refused(&["commit", "plain", "--dev-srs"], &["--force"]);

    // A salted secret is of no use for them.
    std::fs::copy(
        user.path("plain/weight_secret.lam"),
        user.path("open/weight_secret.lam"),
    )
    .expect("copy");
    let published = user.path("plain/commitment.lam");
    std::fs::copy(published, user.path("open/commitment.lam")).expect("copy");
    let row = fraud("legit.csv");
    let proof = prove("open", &row, "a.folded", &["--keep-output", "a.output"]);
    user.refused(&proof, &["run commit again"]);
    assert_eq!(commit(&[]), own);
    user.accepted(&proof);
}
