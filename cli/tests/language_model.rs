//! Language models as a user meets them: a tiny checkpoint from file to a checked folded proof, and what
//! is refused on the way.

use std::path::Path;

use serde_json::{Value, json};

mod author;
mod tiny;

use author::{User, ids};
use tiny::checkpoint;

#[test]
fn from_checkpoint_to_folded_proof() {
    let user = User::new();
    let compile = [
        "compile",
        "tiny.bin",
        "--tokens",
        "6",
        "--prompt-tokens",
        "3",
        "--headroom",
        "4",
    ];
    let with = |more: &[&'static str]| [&compile, more].concat();
    let compiled = user.accepted(&with(&["--tokenizer", "tokenizer.json", "-o", "m"]));
    assert_eq!(compiled["generated_tokens"], 4);
    assert_eq!(compiled["slots"], 8);
    assert_eq!(compiled["tokenizer"], true);
    let fidelity = &compiled["fidelity"];
    assert!(fidelity["agreement"].as_f64().expect("share") > 0.9);
    assert_eq!(fidelity["refused"], 0);
    let perplexity = |kind: &str| fidelity["perplexity"][kind].as_f64().expect("perplexity");
    let ratio = perplexity("integer") / perplexity("float");
    assert!((ratio - 1.0).abs() < 0.05, "{fidelity}");

    let generated = user.accepted(&["generate", "m", "--prompt", "bcd", "-o", "input.json"]);
    assert_eq!(ids(&generated["prompt"]), [1, 2, 3]);
    let tokens = ids(&generated["tokens"]);
    assert_eq!(tokens.len(), 4);
    assert!(generated["text"].as_str().expect("text").starts_with("bcd"));
    let input: Value =
        serde_json::from_slice(&std::fs::read(user.path("input.json")).expect("input"))
            .expect("JSON");
    assert_eq!(ids(&input["tokens"]), [&[1, 2, 3], &tokens[..3]].concat());
    let short = user.accepted(&[
        "generate",
        "m",
        "--prompt-ids",
        "1,2,3",
        "--max-tokens",
        "2",
    ]);
    assert_eq!(ids(&short["tokens"]), tokens[..2]);
    // Both forms compute the same integers.
    user.accepted(&with(&["--fold", "off", "-o", "unrolled"]));
    let unrolled = user.accepted(&["generate", "unrolled", "--prompt-ids", "1,2,3"]);
    assert_eq!(ids(&unrolled["tokens"]), tokens);

    refuses_what_does_not_fit(&user, &tokens);
    folds(&user, &tokens);
}

fn refuses_what_does_not_fit(user: &User, tokens: &[u64]) {
    let generate = |more: &[&'static str]| [&["generate", "m"], more].concat();
    user.refused(
        &generate(&["--prompt-ids", "1,2"]),
        &["2 tokens", "takes 3", "--prompt-tokens 2 --tokens 5"],
    );
    user.refused(&generate(&["--prompt-ids", "1,2,32"]), &["32", "below 32"]);
    user.refused(
        &generate(&["--prompt-ids", "1,2,3", "--max-tokens", "5"]),
        &["1 to 4", "--tokens 7"],
    );
    user.refused(
        &generate(&["--prompt-ids", "1,2,3", "--max-tokens", "2", "-o", "x.json"]),
        &["expected 4", "--tokens 4"],
    );
    assert!(!user.path("x.json").exists());
    user.refused(
        &["generate", "unrolled", "--prompt", "bcd"],
        &["no tokenizer.json", "--prompt-ids"],
    );
    user.refused(
        &["prove", "m", "--input", "input.json", "-o", "p.proof"],
        &["laminate setup"],
    );
    let prove = [
        "prove",
        "m",
        "--dev-srs",
        "--folded-only",
        "p.folded",
        "--input",
    ];
    let input = |name: &'static str| [prove.as_slice(), &[name]].concat();
    user.refused(&input("input.json"), &["laminate commit"]);
    user.accepted(&["commit", "m", "--dev-srs"]);
    user.write("other.json", b"{\"tokens\": [1, 2]}");
    user.refused(&input("other.json"), &["2 tokens", "takes 6"]);
    user.write("other.json", b"1,2,3");
    user.refused(&input("other.json"), &["laminate generate"]);
    let forged = json!({ "tokens": [1, 2, 3, (tokens[0] + 1) % 32, tokens[1], tokens[2]] });
    user.write("other.json", forged.to_string().as_bytes());
    user.refused(
        &input("other.json"),
        &["input token 3", "laminate generate"],
    );
    user.refused(
        &[
            "prove",
            "m",
            "--folded-only",
            "p.folded",
            "--input",
            "input.json",
        ],
        &["which reference string", "--dev-srs"],
    );
    assert!(!user.path("p.folded").exists());
}

fn folds(user: &User, tokens: &[u64]) {
    let proven = user.accepted(&[
        "prove",
        "m",
        "--dev-srs",
        "--folded-only",
        "p.folded",
        "--input",
        "input.json",
    ]);
    assert_eq!(ids(&proven["output"][0]), tokens);
    assert!(proven["text"].is_string() && proven["proof_bytes"].is_null());
    let stage = |name: &str| {
        let stages = proven["stages"].as_array().expect("stages");
        let found = stages.iter().find(|s| s["stage"] == name);
        found.unwrap_or_else(|| panic!("{name} in {stages:?}"))["seconds"].as_f64()
    };
    for name in ["commit trace", "layers", "lookups", "fold", "opening"] {
        assert!(stage(name).is_some());
    }
    let verify = ["verify", "p.folded", "--dir", "m", "--dev-srs"];
    let commitment = proven["weight_commitment"].as_str().expect("commitment");
    let checked =
        user.accepted(&[&verify, ["--weight-commitment", commitment].as_slice()].concat());
    assert_eq!(ids(&checked["output"]), tokens);
    assert_eq!(
        (&checked["folded"], &checked["development"]),
        (&json!(true), &json!(true))
    );
    user.refused(
        &[&verify, ["--weight-commitment", "0x01"].as_slice()].concat(),
        &["weight commitment"],
    );
    user.refused(&["verify", "p.folded"], &["--dir"]);
    user.refused(
        &["verify", "p.folded", "--dir", "unrolled", "--dev-srs"],
        &["of program"],
    );
    let shown = user.accepted(&["inspect", "m/program.lam"]);
    assert_eq!(shown["content"]["program"]["sequence"]["prompt"], 3);
    forged_output(user, &verify);
}

/// A folded proof whose statement shows another token.
fn forged_output(user: &User, verify: &[&str]) {
    use laminate_model::artifact::{self, Kind};
    let good = std::fs::read(user.path("p.folded")).expect("proof");
    let (header, payload) = artifact::open(Kind::FoldedProof, &good).expect("proof");
    // Three digests precede the one output word, whose number precedes it.
    let mut forged = payload.to_vec();
    assert_eq!(forged[96], 1);
    forged[97] ^= 1;
    let head = artifact::header(Kind::FoldedProof, header.development, &forged);
    user.write("p.folded", &[head.as_slice(), &forged].concat());
    user.refused(verify, &["does not verify"]);
    let mut bad = good.clone();
    bad[500] ^= 1;
    user.write("p.folded", &bad);
    user.refused(verify, &["altered"]);
    user.write("p.folded", &good);
    user.accepted(verify);
}

/// Two shards of one block each, and a prompt that is shown.
#[test]
fn shards_are_proven_and_verified_together() {
    let user = User::new();
    let options = ["--tokens", "6", "--prompt-tokens", "3", "--headroom", "4"];
    let compile = |more: &[&'static str]| {
        user.accepted(&[&["compile", "tiny.bin"], options.as_slice(), more].concat())
    };
    compile(&["--tokenizer", "tokenizer.json", "-o", "whole"]);
    let more = ["--shard-layers", "1", "--prompt-public", "-o", "m"];
    let compiled = compile(&[&["--tokenizer", "tokenizer.json"], more.as_slice()].concat());
    assert_eq!(compiled["shards"].as_array().expect("shards").len(), 2);
    assert_eq!(compiled["prompt_public"], true);
    for layers in ["0", "2", "3"] {
        let compile = ["compile", "tiny.bin", "--shard-layers", layers, "-o", "x"];
        user.refused(&compile, &["1 to 1", "less than the whole"]);
    }
    let whole = user.accepted(&["generate", "whole", "--prompt-ids", "1,2,3"]);
    let generated = user.accepted(&["generate", "m", "--prompt", "bcd", "-o", "input.json"]);
    assert_eq!(generated["tokens"], whole["tokens"]);

    let prove = ["prove", "m", "--dev-srs", "--input", "input.json"];
    let folded = [&prove, ["--folded-only", "p.folded"].as_slice()].concat();
    user.refused(&folded, &["laminate commit"]);
    let commit = ["commit", "m", "--dev-srs"];
    let committed = user.accepted(&commit);
    assert_eq!(
        committed["weight_commitments"]
            .as_array()
            .expect("two")
            .len(),
        2
    );
    user.refused(&commit, &["shard-000", "--force"]);
    let again = ["compile", "tiny.bin", "--shard-layers", "1", "-o", "m"];
    user.refused(&again, &["shard-000", "--force"]);
    user.refused(
        &["compile", "tiny.bin", "-o", "m"],
        &["shard-000", "--force"],
    );
    user.refused(
        &["prove", "m", "--input", "input.json", "-o", "p"],
        &["laminate setup"],
    );
    user.refused(
        &["setup", "m/shard-000", "--dev-srs"],
        &["one shard", "the folder that holds all"],
    );
    let one = ["prove", "m/shard-000", "--dev-srs", "--folded-only", "p"];
    user.refused(
        &[&one, ["--input", "input.json"].as_slice()].concat(),
        &["one shard"],
    );
    let proven = user.accepted(&folded);
    assert_eq!(ids(&proven["output"]["prompt"]), [1, 2, 3]);
    assert_eq!(proven["output"]["generated"], generated["tokens"]);
    assert_eq!(proven["text"], generated["text"]);
    assert_eq!(
        proven["shards"][0]["boundary_out"],
        proven["shards"][1]["boundary_in"]
    );

    let verify = ["verify", "p.folded", "--dir", "m", "--dev-srs"];
    let checked = user.accepted(&verify);
    assert_eq!(checked["output"], proven["output"]);
    assert_eq!(checked["digest"], compiled["digest"]);
    let shown = user.accepted(&["inspect", "p.folded"]);
    assert_eq!(shown["content"]["statements"], proven["shards"]);
    user.refused(&["verify", "p.folded", "--dev-srs"], &["--dir"]);
    user.refused(
        &["verify", "p.folded", "--dir", "whole", "--dev-srs"],
        &["not a model in shards"],
    );
    // Another commitment, the other shard's program, another record.
    user.accepted(&["commit", "m", "--dev-srs", "--force"]);
    user.refused(&verify, &["weight commitment", "shard 0"]);
    std::fs::copy(
        user.path("m/shard-000/program.lam"),
        user.path("m/shard-001/program.lam"),
    )
    .expect("copy");
    user.refused(&verify, &["shard 0 of 2", "expected shard 1"]);
    user.write(
        "m/shards.json",
        b"{\"version\":1,\"count\":1,\"digest\":\"\"}",
    );
    user.refused(&verify, &["shards.json", "compile the model again"]);
}

/// The prompt of a whole model.
#[test]
fn public_prompts_are_shown_apart() {
    let user = User::new();
    let options = ["--tokens", "6", "--prompt-tokens", "3", "--headroom", "4"];
    let compile = ["compile", "tiny.bin", "--prompt-public", "-o", "m"];
    let compiled = user.accepted(&[&compile, options.as_slice()].concat());
    assert_eq!(
        (&compiled["prompt_public"], &compiled["generated_tokens"]),
        (&json!(true), &json!(4))
    );
    let generate = ["generate", "m", "--prompt-ids", "1,2,3", "-o", "input.json"];
    let generated = user.accepted(&generate);
    user.accepted(&["commit", "m", "--dev-srs"]);
    let prove = ["prove", "m", "--dev-srs", "--input", "input.json"];
    let proven = user.accepted(&[&prove, ["--folded-only", "p.folded"].as_slice()].concat());
    let verify = ["verify", "p.folded", "--dir", "m", "--dev-srs"];
    let checked = user.accepted(&verify);
    for output in [&proven["output"][0], &checked["output"]] {
        assert_eq!(ids(&output["prompt"]), [1, 2, 3]);
        assert_eq!(output["generated"], generated["tokens"]);
    }
}

#[test]
fn options_and_files_that_are_refused() {
    let user = User::new();
    let good = checkpoint();
    user.write("cut.bin", &good[..good.len() - 4]);
    user.write("text.txt", b"abc");
    user.write("model.foo", b"abc");
    let compile = |more: &[&'static str]| [&["compile"], more, &["-o", "m"]].concat();
    for (args, expected) in [
        (
            &["cut.bin"] as &[&str],
            &["cut.bin", "truncated"] as &[&str],
        ),
        (&["none.gguf"], &["none.gguf", "cannot be read"]),
        (
            &["model.foo", "--tokens", "4"],
            &["--tokens is for language models", "model.foo"],
        ),
        (&["model.foo"], &["--calibration"]),
        (&["tiny.bin", "--batch", "2"], &["--batch", "--tokens"]),
        (&["tiny.bin", "--tokens", "33"], &["33 tokens", "1 to 32"]),
        (
            &["tiny.bin", "--tokens", "4", "--prompt-tokens", "5"],
            &["prompt of 5", "4 tokens"],
        ),
        (
            &["tiny.bin", "--calibration", "text.txt"],
            &["text.txt", "--tokenizer"],
        ),
        (&["tiny.bin", "--tokenizer", "texts.json"], &["texts.json"]),
        (&["tiny.bin", "--fidelity", "text.txt"], &["--tokenizer"]),
    ] {
        user.refused(&compile(args), expected);
        assert!(!user.path("m/program.lam").exists(), "{args:?}");
    }
    // A random model made ternary is of no use, which the exit code says.
    let ternary = user.ended(
        &compile(&[
            "tiny.bin",
            "--weights",
            "ternary",
            "--tokens",
            "4",
            "--calibration",
            "texts.json",
        ]),
        4,
    );
    assert_eq!(ternary["weights"], "ternary, made after training");
    assert_eq!(ternary["prompt_tokens"], 2);
    user.refused(
        &["prove", "m", "--srs", "x", "--input", "i", "-o", "p"],
        &["--folded-only"],
    );
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    let file = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (model, rows) = (file("fraud.onnx"), file("calibration.csv"));
    user.accepted(&["compile", &model, "--calibration", &rows, "-o", "rows"]);
    user.refused(&["generate", "rows", "--prompt-ids", "1"], &["over rows"]);
}
