//! Proofs joined into one: of several models, and of all shards of one, down to a record on a real anvil; and what is
//! refused on the way.

#[path = "../src/chain/tests/anvil.rs"]
mod anvil;
mod tiny;
mod user;

use anvil::Anvil;
use laminate_aggregator::keys::OutputFormat;
use laminate_aggregator::prove::AggregationProof;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::{self, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use user::{User, workspace};

/// A proof file as `docs/specs/artifacts.md` has it.
#[derive(Clone, Serialize, Deserialize)]
struct Proof {
    program_name: String,
    program_digest: Scalar,
    fold: FoldMode,
    setup: [u8; 32],
    vk_digest: [u8; 32],
    output: OutputFormat,
    proof: AggregationProof,
}

impl Proof {
    fn read(user: &User, name: &str) -> Self {
        let bytes = std::fs::read(user.dir.path().join(name)).expect("file");
        artifact::decode(Kind::Proof, &bytes).expect("proof").1
    }

    /// Writes it with a digest of its own, as who alters a file can.
    fn write(&self, user: &User, name: &str) {
        let bytes = artifact::encode(Kind::Proof, true, self).expect("file");
        std::fs::write(user.dir.path().join(name), bytes).expect("write");
    }
}

/// Refuses to join, and writes nothing.
fn refused(user: &User, dir: &str, proofs: &[&str], expected: &str) {
    let join = [&["join", "prove", dir], proofs, &["-o", "bad.proof"]].concat();
    user.refused(&join, expected);
    assert!(!user.dir.path().join("bad.proof").exists(), "{proofs:?}");
}

/// Joins; the report.
fn join(user: &User, dir: &str, proofs: &[&str], more: &[&str]) -> Value {
    user.accepted(&[&["join", "prove", dir], proofs, more].concat())
}

/// Deploys the verifier of a join, registers and submits; what a model's user does.
fn on_chain(user: &User, dir: &str, proof: &str, mode: &str, weights: Option<&str>) {
    let Some(anvil) = Anvil::start(31337) else {
        return;
    };
    let url = ["--rpc-url", anvil.url.as_str()];
    let accepted = |args: &[&str]| user.accepted(&[args, &url].concat());
    user.accepted(&["verifier", dir, "-o", "v", "--mode", mode]);
    accepted(&["deploy", "v", "--force"]);
    let mut register = vec!["register", dir];
    if let Some(weights) = weights {
        user.refused(&[&register[..], &url].concat(), "in range");
        register.extend(["--weight-proof", weights]);
    }
    let registered = accepted(&register);
    let submitted = accepted(&["submit", proof]);
    println!(
        "{dir} ({mode}): register {} gas, submit {} gas, {} calldata bytes",
        registered["gas"], submitted["gas"], submitted["calldata_bytes"]
    );
    accepted(&["check", proof, "--dir", dir, "--verifier-dir", "v"]);
}

/// Seconds of all stages but their parts.
fn seconds(report: &Value) -> f64 {
    let stages = report["stages"].as_array().expect("stages").iter();
    stages.filter_map(|s| s["seconds"].as_f64()).sum()
}

#[test]
fn proofs_of_several_models_are_joined() {
    let Some(user) = User::new() else { return };
    let models = workspace().join("models/fraud");
    let file = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (calibration, input) = (file("calibration.csv"), file("fraud.csv"));
    for (dir, model, weights) in [
        ("m", "fraud.onnx", "int8"),
        ("t", "ternary.onnx", "ternary"),
    ] {
        let (model, out) = (file(model), ["-o", dir]);
        let compile = ["compile", &model, "--calibration", &calibration];
        user.accepted(&[&compile[..], &out, &["--weights", weights]].concat());
        user.refused(&["join", "setup", "j", "--batch", dir], "laminate commit");
        user.accepted(&["commit", dir, "--dev-srs"]);
        user.refused(&["join", "setup", "j", "--batch", dir], "laminate setup");
        user.accepted(&["setup", dir, "--dev-srs"]);
    }
    let commit = ["input", "commit", "m", "--input", &file("legit.csv"), "-o"];
    let committed = user.accepted(&[&commit[..], &["m2.input"]].concat());
    for (dir, input, out) in [
        ("m", input.as_str(), "m.proof"),
        ("m", "m2.input", "m2.proof"),
        ("t", input.as_str(), "t.proof"),
    ] {
        let proven = user.accepted(&["prove", dir, "--input", input, "--for-join", "-o", out]);
        let same = proven["input_commitment"] == committed["input_commitment"];
        assert_eq!(same, input == "m2.input");
    }
    user.refused(&["join", "setup", "m", "--batch", "t"], "folder of a model");
    user.refused(
        &["join", "setup", "j", "--chain", "t"],
        "not a model in shards",
    );
    user.refused(&["join", "setup", "j", "--batch", "j"], "another folder");
    let made = user.accepted(&["join", "setup", "j", "--batch", "m", "t", "m"]);
    println!("batch of three: k = {}, {} rows", made["k"], made["rows"]);
    assert_eq!(made["children"], json!(["fraud", "ternary", "fraud"]));
    assert_eq!(made["weights_checked"], true);

    let proofs = ["m.proof", "t.proof", "m2.proof"];
    let joined = join(&user, "j", &proofs, &["-o", "j.proof"]);
    println!(
        "joined in {:.1} s, {} points",
        seconds(&joined),
        joined["terms"]
    );
    let verified = user.accepted(&["verify", "j.proof", "--dir", "j"]);
    assert_eq!(verified["outputs"], joined["outputs"]);
    assert_eq!(verified["weights_checked"], true);
    assert_eq!(verified["program_digest"], made["program_digest"]);
    assert_eq!(verified["weight_commitment"], made["weight_commitment"]);
    for (place, name) in proofs.iter().enumerate() {
        let alone = user.accepted(&["verify", name]);
        assert_eq!(verified["outputs"][place]["output"], alone["output"]);
    }
    let shown = user.accepted(&["inspect", "j/join.lam"]);
    assert_eq!(shown["content"]["program_digest"], made["program_digest"]);
    user.refused(&["verify", "j.proof", "--dir", "m"], "holds another");
    user.refused(&["prove", "j", "--input", &input, "-o", "x"], "is a join");

    refuses_other_proofs(&user);
    refuses_altered_proofs(&user);
    let url = ["--rpc-url", "http://127.0.0.1:1"];
    for command in ["submit", "check"] {
        user.refused(&[command, "m.proof", url[0], url[1]], "made to be joined");
    }
    on_chain(&user, "j", "j.proof", "direct", None);
    joins_join(&user);
}

/// Left out, too many, reordered, of a contract, of no kind.
fn refuses_other_proofs(user: &User) {
    for (proofs, expected) in [
        (
            &["m.proof", "t.proof"] as &[&str],
            "2 proofs given, j joins 3",
        ),
        (&["m.proof"; 4], "4 proofs given, j joins 3"),
        (&["t.proof", "m.proof", "m2.proof"], "belongs at place 1"),
        (
            &["m.proof", "m2.proof", "t.proof"],
            "belongs at place 0 or 2",
        ),
        (&["j.proof"; 3], "made with another model"),
        (
            &["m.proof", "t.proof", "j/join.lam"],
            "join file, expected a proof",
        ),
    ] {
        refused(user, "j", proofs, expected);
    }
}

/// Every part of a proof, in a file whose digest is made anew.
fn refuses_altered_proofs(user: &User) {
    use halo2curves_axiom::bn256::Fr;
    use laminate_aggregator::prove::Target;
    type Change = fn(&mut Proof);
    let changes: [(Change, &str); 9] = [
        (|p| p.proof.target = Target::Contract, "--for-join"),
        (|p| p.setup[0] ^= 1, "another reference string"),
        (|p| p.vk_digest[0] ^= 1, "verifying key"),
        (
            |p| p.proof.public.statement[0] += Fr::one(),
            "another model",
        ),
        (
            |p| p.proof.public.statement[1] += Fr::one(),
            "is of weights",
        ),
        (|p| p.proof.public.statement[2] += Fr::one(), "bad.proof.in"),
        (|p| p.proof.public.statement.push(Fr::one()), "altered"),
        (|p| p.proof.proof[700] ^= 1, "bad.proof.in"),
        (
            |p| p.proof.public.deferred.generator += Fr::one(),
            "bad.proof.in",
        ),
    ];
    for (change, expected) in changes {
        let mut proof = Proof::read(user, "m.proof");
        change(&mut proof);
        proof.write(user, "bad.proof.in");
        let proofs = ["bad.proof.in", "t.proof", "m2.proof"];
        refused(user, "j", &proofs, expected);
    }
}

/// A join beside a model in a join.
fn joins_join(user: &User) {
    let proofs = ["m.proof", "t.proof", "m2.proof"];
    join(user, "j", &proofs, &["--for-join", "-o", "inner.proof"]);
    user.accepted(&["join", "setup", "tree", "--batch", "j", "t"]);
    refused(user, "tree", &["j.proof", "t.proof"], "--for-join");
    let tree = join(
        user,
        "tree",
        &["inner.proof", "t.proof"],
        &["-o", "tree.proof"],
    );
    assert_eq!(tree["outputs"][0]["name"], "fraud + ternary");
    user.accepted(&["verify", "tree.proof", "--dir", "tree"]);

    // Nothing is replaced that was not meant to be.
    user.refused(&["join", "setup", "tree", "--batch", "t", "t"], "--force");
    let mine = user.dir.path().join("mine");
    std::fs::create_dir(&mine).expect("folder");
    std::fs::write(mine.join("tokenizer.json"), "{}").expect("write");
    user.refused(
        &["join", "setup", "mine", "--batch", "t", "t"],
        "was not written by Laminate",
    );
    assert!(mine.join("tokenizer.json").exists());
    let over = ["inner.proof", "t.proof", "-o", "t.proof"];
    let over = [&["join", "prove", "tree"][..], &over].concat();
    user.refused(&over, "to be written");
    user.accepted(&["verify", "tree.proof", "--dir", "tree"]);
    // Another published commitment than that of what is joined.
    let file = |dir: &str| user.dir.path().join(dir).join("commitment.lam");
    std::fs::copy(file("t"), file("tree")).expect("copy");
    let altered = "commitment.lam is not of";
    user.refused(&["verify", "tree.proof", "--dir", "tree"], altered);
    user.refused(&["verifier", "tree", "-o", "v"], altered);
}

const OPTIONS: [&str; 10] = [
    "--shard-layers",
    "1",
    "--tokens",
    "6",
    "--prompt-tokens",
    "3",
    "--headroom",
    "4",
    "--weight-check",
    "once",
];

#[test]
fn proofs_of_all_shards_are_joined() {
    let Some(user) = User::new() else { return };
    std::fs::write(user.dir.path().join("tiny.bin"), tiny::checkpoint()).expect("write");
    user.accepted(&[&["compile", "tiny.bin", "-o", "s"], OPTIONS.as_slice()].concat());
    user.accepted(&["commit", "s", "--dev-srs"]);
    let packed = ["setup", "s", "--dev-srs", "--opening", "packed"];
    user.refused(&packed, "`laminate join setup`");
    user.accepted(&["setup", "s", "--dev-srs"]);
    let mut tokens = vec![];
    for (prompt, out) in [("1,2,3", "s.proofs"), ("4,5,6", "other.proofs")] {
        let generate = ["generate", "s", "--prompt-ids", prompt, "-o", "input.json"];
        tokens.push(user.accepted(&generate)["tokens"].clone());
        user.accepted(&["prove", "s", "--input", "input.json", "-o", out]);
    }
    user.accepted(&["prove-weights", "s", "-o", "w.proofs"]);
    let shards = "laminate join setup CHAIN --chain";
    user.refused(&["join", "setup", "c", "--batch", "s"], shards);
    user.refused(&["join", "setup", "c", "--batch", "s/shard-000"], shards);
    let made = user.accepted(&["join", "setup", "c", "--chain", "s"]);
    println!("chain of two: k = {}, {} rows", made["k"], made["rows"]);
    assert_eq!(made["weights_checked"], false);
    assert_eq!(
        made["children"],
        json!(["tiny (shard 0)", "tiny (shard 1)"])
    );

    let joined = join(&user, "c", &["s.proofs"], &["-o", "c.proof"]);
    println!(
        "joined in {:.1} s, {} points",
        seconds(&joined),
        joined["terms"]
    );
    assert_eq!(joined["output"], tokens[0]);
    let weights = join(&user, "c", &["w.proofs"], &["--weights", "-o", "w.proof"]);
    assert_eq!(weights["weight_commitment"], joined["weight_commitment"]);
    let verify = ["verify", "c.proof", "--dir", "c"];
    assert_eq!(user.ended(&verify, 3)["weights_checked"], false);
    // The key tells, without the folder.
    user.ended(&verify[..2], 3);
    let with = [&verify[..], &["--weight-proof", "w.proof"]].concat();
    let verified = user.accepted(&with);
    assert_eq!(verified["weights_checked"], true);
    assert_eq!(verified["output"], tokens[0]);

    refuses_other_runs(&user);
    on_chain(&user, "c", "c.proof", "universal", Some("w.proof"));

    // The join of the inferences in the place of that of their commitment proofs.
    for file in ["join.lam", "commitment.lam"] {
        let path = |dir: &str| user.dir.path().join(dir).join(file);
        std::fs::copy(path("c"), path("c/weights")).expect("copy");
    }
    user.refused(&with, "not the join of the commitment proofs");
}

/// Shards left out, doubled, reordered, of another run, of the weights.
fn refuses_other_runs(user: &User) {
    for (file, name) in [("s.proofs", "s"), ("other.proofs", "o")] {
        let bytes = std::fs::read(user.dir.path().join(file)).expect("file");
        let (_, (_, shards)): (_, (Scalar, Vec<Proof>)) =
            artifact::decode(Kind::ShardedProof, &bytes).expect("proofs");
        for (index, shard) in shards.iter().enumerate() {
            shard.write(user, &format!("{name}{index}"));
        }
    }
    for (proofs, expected) in [
        (&["s0"] as &[&str], "1 proofs given, c joins 2"),
        (&["s1"], "1 proofs given"),
        (&["s0", "s1", "s1"], "3 proofs given"),
        (&["s.proofs", "s1"], "3 proofs given"),
        (&["s0", "s0"], "belongs at place 0"),
        (&["s1", "s1"], "belongs at place 1"),
        (&["s1", "s0"], "belongs at place 1"),
        (&["s0", "o1"], "not of one run"),
        (&["o0", "s1"], "not of one run"),
        (&["w.proofs"], "--weights"),
        (&["c.proof", "s1"], "made with another model"),
    ] {
        refused(user, "c", proofs, expected);
    }
    // Boundaries that agree, in a statement that its proof does not have.
    let (first, mut second) = (Proof::read(user, "s0"), Proof::read(user, "o1"));
    second.proof.public.statement[3] = first.proof.public.statement[3];
    second.write(user, "bad.in");
    refused(user, "c", &["s0", "bad.in"], "bad.in");
}

/// Models of more shards than one join takes.
#[test]
#[ignore = "two minutes: three joins of joins"]
fn runs_of_shards_are_joined() {
    let Some(user) = User::new() else { return };
    std::fs::write(user.dir.path().join("tiny.bin"), tiny::checkpoint()).expect("write");
    let options = &OPTIONS[..8];
    user.accepted(&[&["compile", "tiny.bin", "-o", "s"], options].concat());
    user.accepted(&["commit", "s", "--dev-srs"]);
    user.accepted(&["setup", "s", "--dev-srs"]);
    let generate = ["generate", "s", "--prompt-ids", "1,2,3", "-o", "input.json"];
    let tokens = user.accepted(&generate)["tokens"].clone();
    user.accepted(&["prove", "s", "--input", "input.json", "-o", "s.proofs"]);
    let setup = ["join", "setup"];
    for (dir, shards) in [("a", "0..1"), ("b", "1..2")] {
        let chain = [dir, "--chain", "s", "--shards", shards];
        user.accepted(&[&setup[..], &chain].concat());
        let out = format!("{dir}.proof");
        join(&user, dir, &["s.proofs"], &["--for-join", "-o", &out]);
        user.refused(&["verify", &out], "not those of a whole model");
        user.refused(&["verifier", dir, "-o", "v"], "some shards of a model");
    }
    let refused = |parts: &[&str], expected: &str| {
        user.refused(&[&setup[..], &["w"], parts].concat(), expected);
    };
    refused(&["--chain", "s", "--shards", "1..3"], "which has 0 to 1");
    refused(&["--chain", "b", "a"], "give all in their order");
    refused(&["--chain", "a", "a"], "give all in their order");
    refused(&["--batch", "a", "b"], "some shards of a model");
    user.accepted(&[&setup[..], &["w", "--chain", "a", "b"]].concat());
    let joined = join(&user, "w", &["a.proof", "b.proof"], &["-o", "w.proof"]);
    assert_eq!(joined["output"], tokens);
    let verified = user.accepted(&["verify", "w.proof", "--dir", "w"]);
    assert_eq!(verified["output"], tokens);
    assert_eq!(verified["weights_checked"], true);
}
