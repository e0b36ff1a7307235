//! Inputs as a user gives them: committed to first and proven later, as rows, tokens and EZKL's JSON; and outputs that
//! cannot be written, found out before anything is proven.

use std::path::Path;

use laminate_model::artifact::{self, Kind};
use laminate_prover::input::CommittedInput;
use serde_json::Value;

mod author;
mod tiny;

use author::{User, ids};

fn fraud(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    folder.join(name).to_string_lossy().into_owned()
}

fn compile(user: &User, batch: &str, out: &str) {
    let (model, calibration) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let compile = ["compile", &model, "--calibration", &calibration];
    user.accepted(&[&compile[..], &["--batch", batch, "-o", out]].concat());
}

fn commitment(value: &Value) -> String {
    let x = value["input_commitment"].as_str().expect("a commitment");
    assert_eq!((x.len(), &x[..2]), (66, "0x"));
    x.to_owned()
}

/// Proves up to the folded proof; the input commitment that it states.
fn prove(user: &User, dir: &str, input: &str, out: &str) -> String {
    let prove = ["prove", dir, "--dev-srs", "--input", input];
    commitment(&user.accepted(&[&prove[..], &["--folded-only", out]].concat()))
}

fn edit(user: &User, from: &str, to: &str, change: impl Fn(&mut CommittedInput)) {
    let bytes = std::fs::read(user.path(from)).expect("file");
    let (_, mut committed): (_, CommittedInput) =
        artifact::decode(Kind::Input, &bytes).expect("input");
    change(&mut committed);
    user.write(
        to,
        &artifact::encode(Kind::Input, false, &committed).expect("encode"),
    );
}

#[test]
fn inputs_are_committed_to_and_proven_later() {
    let user = User::new();
    compile(&user, "1", "m");
    let (legit, other) = (fraud("legit.csv"), fraud("fraud.csv"));

    // Whoever commits has the public program and nothing else.
    std::fs::create_dir(user.path("public")).expect("folder");
    std::fs::copy(user.path("m/program.lam"), user.path("public/program.lam")).expect("copy");
    let commit = ["input", "commit", "public", "--input", &legit, "-o"];
    let made = user.accepted(&[&commit[..], &["row.input"]].concat());
    let x = commitment(&made);
    assert_eq!(made["values"], 29);
    let again = user.accepted(&[&commit[..], &["again.input"]].concat());
    assert_ne!(commitment(&again), x, "a fresh salt each time");
    let committed_other = [
        "input",
        "commit",
        "m",
        "--input",
        &other,
        "-o",
        "other.input",
    ];
    assert_ne!(commitment(&user.accepted(&committed_other)), x);

    user.accepted(&["commit", "m", "--dev-srs"]);
    for out in ["1.folded", "2.folded"] {
        assert_eq!(prove(&user, "m", "row.input", out), x);
    }
    assert_ne!(
        prove(&user, "m", &legit, "3.folded"),
        x,
        "rows take a fresh salt"
    );
    let verify = [
        "verify",
        "1.folded",
        "--dir",
        "m",
        "--dev-srs",
        "--input-commitment",
    ];
    assert_eq!(
        commitment(&user.accepted(&[&verify[..], &[x.as_str()]].concat())),
        x
    );
    let verify = [
        "verify",
        "3.folded",
        "--dir",
        "m",
        "--dev-srs",
        "--input-commitment",
    ];
    user.refused(&[&verify[..], &[x.as_str()]].concat(), &["another input"]);

    shows_without_revealing(&user, &x);
    keeps_what_is_there(&user, &commit, &x);
    refuses_other_inputs(&user, &legit);
    shares_salts(&user, &legit, &x);
}

fn shows_without_revealing(user: &User, x: &str) {
    let shown = user.accepted(&["input", "show", "row.input"]);
    assert_eq!(
        (commitment(&shown).as_str(), &shown["values"]),
        (x, &Value::Null)
    );
    let revealed = user.accepted(&["input", "show", "row.input", "--reveal"]);
    assert_eq!(revealed["values"].as_array().expect("values").len(), 29);
    let inspected = user.accepted(&["inspect", "row.input"]);
    assert_eq!(inspected["kind"], "committed input");
    let content = &inspected["content"];
    assert_eq!(
        (commitment(content).as_str(), &content["values"]),
        (x, &29.into())
    );
    assert!(content.get("input").is_none(), "{content}");
    let revealed = user.accepted(&["inspect", "row.input", "--reveal"]);
    assert_eq!(
        revealed["content"]["input"]
            .as_array()
            .expect("values")
            .len(),
        29
    );
    user.refused(
        &["input", "show", "m/program.lam"],
        &["program file", "committed input"],
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            let meta = std::fs::metadata(user.path(name)).expect("file");
            meta.permissions().mode() & 0o777
        };
        assert_eq!(mode("row.input"), 0o600);
    }
}

fn keeps_what_is_there(user: &User, commit: &[&str], x: &str) {
    let to = |more: &[&'static str]| [commit, more].concat();
    user.refused(&to(&["row.input"]), &["row.input exists", "--force"]);
    user.refused(&to(&["no/row.input"]), &["no folder no"]);
    user.refused(&to(&["m"]), &["m is a folder"]);
    assert_eq!(
        commitment(&user.accepted(&["input", "show", "row.input"])),
        x
    );
    user.accepted(&to(&["forced.input"]));
    let forced = user.accepted(&to(&["forced.input", "--force"]));
    let shown = user.accepted(&["input", "show", "forced.input"]);
    assert_eq!(commitment(&shown), commitment(&forced));
}

fn refuses_other_inputs(user: &User, legit: &str) {
    compile(user, "2", "pair");
    user.accepted(&["commit", "pair", "--dev-srs"]);
    let refused = |dir: &str, input: &str, expected: &[&str]| {
        let prove = [
            "prove",
            dir,
            "--dev-srs",
            "--folded-only",
            "no.folded",
            "--input",
        ];
        user.refused(&[&prove[..], &[input]].concat(), expected);
        assert!(!user.path("no.folded").exists());
    };
    refused(
        "pair",
        "row.input",
        &["row.input", "committed to for program"],
    );
    user.accepted(&[
        "input",
        "commit",
        "pair",
        "--input",
        legit,
        "-o",
        "pair.input",
    ]);
    refused(
        "m",
        "pair.input",
        &["pair.input", "committed to for program"],
    );
    // Another row under the commitment, with a digest of the file that fits.
    edit(user, "row.input", "bad.input", |c| c.values[3] += 1);
    refused(
        "m",
        "bad.input",
        &["bad.input", "do not open its commitment"],
    );
    let other = std::fs::read(user.path("other.input")).expect("file");
    let (_, other): (_, CommittedInput) = artifact::decode(Kind::Input, &other).expect("input");
    edit(user, "row.input", "bad.input", |c| {
        c.values.clone_from(&other.values)
    });
    refused("m", "bad.input", &["do not open its commitment"]);
    edit(user, "row.input", "bad.input", |c| {
        c.values = vec![0; 1 << 20]
    });
    refused("m", "bad.input", &["longer than", "another program"]);
    let good = std::fs::read(user.path("row.input")).expect("file");
    user.write("bad.input", &good[..good.len() - 5]);
    refused("m", "bad.input", &["truncated"]);
    refused("m", "m/program.lam", &["program file"]);
    // Nothing is committed to that cannot be the input of a proof.
    for (name, text, expected) in [
        ("narrow.csv", "1,2\n".to_owned(), "2 columns, expected 29"),
        (
            "far.csv",
            format!("1e30{}\n", ",0".repeat(28)),
            "outside the range of the program's input",
        ),
        (
            "rows.csv",
            format!("0.5{0}\n0.5{0}\n", ",0".repeat(28)),
            "2 input rows, expected 1 to 1",
        ),
        (
            "comma.csv",
            format!("\"1,5\"{}\n", ",\"0,5\"".repeat(28)),
            "line 1, column 1",
        ),
    ] {
        user.write(name, text.as_bytes());
        let commit = ["input", "commit", "m", "--input", name, "-o", "no.input"];
        user.refused(&commit, &[name, expected]);
        assert!(!user.path("no.input").exists());
    }
    let twice = [
        "input",
        "commit",
        "m",
        "--input",
        "row.input",
        "-o",
        "no.input",
    ];
    user.refused(&twice, &["row.input is a Laminate file"]);
}

fn shares_salts(user: &User, legit: &str, x: &str) {
    // The same row for weights of another format: another program with the same input.
    let (model, calibration) = (fraud("ternary.onnx"), fraud("calibration.csv"));
    user.accepted(&["compile", &model, "--calibration", &calibration, "-o", "t"]);
    let salted = [
        "input",
        "commit",
        "t",
        "--salt-from",
        "row.input",
        "--input",
    ];
    let shared = [&salted[..], &[legit, "-o", "t.input"]].concat();
    assert_eq!(commitment(&user.accepted(&shared)), x);
    let row = fraud("fraud.csv");
    let other = [&salted[..], &[&row, "-o", "u.input"]].concat();
    user.refused(
        &other,
        &["with the salt of row.input", "leave --salt-from out"],
    );
    assert!(!user.path("u.input").exists());
}

/// What EZKL users have: the same row, the same output.
#[test]
fn ezkl_inputs_are_read() {
    let user = User::new();
    compile(&user, "1", "m");
    user.accepted(&["commit", "m", "--dev-srs"]);
    let text = std::fs::read_to_string(fraud("legit.csv")).expect("rows");
    let row = text.lines().last().expect("a row");
    let run = |name: &str| {
        let prove = [
            "prove",
            "m",
            "--dev-srs",
            "--folded-only",
            "p.folded",
            "--input",
            name,
        ];
        user.accepted(&prove)["output"].clone()
    };
    let expected = run(&fraud("legit.csv"));
    for (name, json) in [
        ("ezkl.json", format!("{{\"input_data\": [[{row}]]}}")),
        ("nested.json", format!("[[[[{row}]]]]")),
    ] {
        user.write(name, json.as_bytes());
        assert_eq!(run(name), expected, "{name}");
    }
    user.write("other.json", format!("{{\"rows\": [[{row}]]}}").as_bytes());
    let prove = [
        "prove",
        "m",
        "--dev-srs",
        "--folded-only",
        "p.folded",
        "--input",
    ];
    user.refused(
        &[&prove[..], &["other.json"]].concat(),
        &["other.json", "the key \"rows\"", "input_data"],
    );
}

/// The tokens of a language model, whole and in shards.
#[test]
fn tokens_are_committed_to_and_proven_later() {
    let user = User::new();
    let options = ["--tokens", "6", "--prompt-tokens", "3", "--headroom", "4"];
    let compile = |more: &[&'static str]| [&["compile", "tiny.bin"], &options[..], more].concat();
    user.accepted(&compile(&["-o", "m"]));
    user.accepted(&compile(&["--shard-layers", "1", "-o", "parts"]));
    let generated = user.accepted(&["generate", "m", "--prompt-ids", "1,2,3", "-o", "input.json"]);
    let all = [("m", "m.input"), ("parts", "parts.input")];
    for (dir, file) in all {
        let commit = ["input", "commit", dir, "--input", "input.json", "-o", file];
        let x = commitment(&user.accepted(&commit));
        user.accepted(&["commit", dir, "--dev-srs"]);
        for out in ["1.folded", "2.folded"] {
            assert_eq!(prove(&user, dir, file, out), x, "{dir}");
        }
        let verify = ["verify", "1.folded", "--dir", dir, "--dev-srs"];
        let named = [&verify[..], &["--input-commitment", &x]].concat();
        let verified = user.accepted(&named);
        assert_eq!(commitment(&verified), x);
        assert_eq!(ids(&verified["output"]), ids(&generated["tokens"]));
        let named = [&verify[..], &["--input-commitment", "0x00"]].concat();
        user.refused(&named, &["another input"]);
    }
    let crossed = [
        "prove",
        "m",
        "--dev-srs",
        "--folded-only",
        "no",
        "--input",
        "parts.input",
    ];
    user.refused(&crossed, &["committed to for program"]);
    user.write("short.json", b"{\"tokens\": [1, 2]}");
    user.write("foreign.json", b"{\"tokens\": [1, 2, 3, 4, 5, 32]}");
    for (name, expected) in [("short.json", "2 tokens"), ("foreign.json", "below 32")] {
        let commit = ["input", "commit", "m", "--input", name, "-o", "no.input"];
        user.refused(&commit, &[name, expected]);
    }
    // Tokens that the model does not say fit the program; only proving finds out.
    user.write("forged.json", b"{\"tokens\": [1, 2, 3, 4, 4, 4]}");
    user.accepted(&[
        "input",
        "commit",
        "m",
        "--input",
        "forged.json",
        "-o",
        "f.input",
    ]);
    let forged = [
        "prove",
        "m",
        "--dev-srs",
        "--folded-only",
        "no",
        "--input",
        "f.input",
    ];
    user.refused(&forged, &["input token"]);
}

/// Every command with an output says at once that it cannot be written: before it looks at anything else.
#[test]
fn outputs_are_checked_before_work() {
    let user = User::new();
    user.write("file", b"x");
    let model = fraud("fraud.onnx");
    // Of nothing that these name but the output exists; they would all fail, but with another message.
    let files: [&[&str]; 9] = [
        &["prove", "none", "--input", "none", "-o"],
        &["prove", "none", "--input", "none", "--folded-only"],
        &["prove-weights", "none", "-o"],
        &["prove-weights", "none", "--folded-only"],
        &["join", "prove", "none", "none", "-o"],
        &["generate", "none", "--prompt-ids", "1", "-o"],
        &["input", "commit", "none", "--input", "none", "-o"],
        &["srs", "import", "none", "-o"],
        &["srs", "dev", "-k", "24", "-o"],
    ];
    for args in files {
        let to = |out: &'static str| [args, &[out]].concat();
        user.refused(
            &to("no/such/out"),
            &["no/such/out", "there is no folder no/such"],
        );
        user.refused(&to("file/out"), &["there is no folder file"]);
        user.refused(&to("."), &["is a folder"]);
    }
    let folders: [&[&str]; 5] = [
        &["compile", &model, "--calibration", "none", "-o"],
        &["compile", "tiny.bin", "-o"],
        &["join", "setup", "--row-log", "8"],
        &["verifier", "none", "-o"],
        &[
            "prove",
            "none",
            "--input",
            "none",
            "-o",
            "p",
            "--keep-layers",
        ],
    ];
    for args in folders {
        let batch: &[&str] = match args[0] {
            "join" => &["--batch", "none", "none"],
            _ => &[],
        };
        let to = |out: &'static str| [args, &[out], batch].concat();
        user.refused(&to("file"), &["file is a file"]);
        user.refused(&to("file/out"), &["file is a file"]);
    }
    assert_eq!(std::fs::read(user.path("file")).expect("file"), b"x");
}
