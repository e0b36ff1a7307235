//! A model in shards: keys, an aggregation proof a shard, and what is refused of the list of proofs.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_aggregator::keys::OutputFormat;
use laminate_aggregator::prove::AggregationProof;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::{self, Kind};
use serde::{Deserialize, Serialize};
use serde_json::json;

mod author;
mod tiny;

use author::{User, ids};

/// A file of proofs as `docs/specs/artifacts.md` has it.
#[derive(Clone, Serialize, Deserialize)]
struct File {
    digest: Scalar,
    shards: Vec<Proof>,
}

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

impl File {
    fn read(user: &User, name: &str) -> Self {
        let bytes = std::fs::read(user.path(name)).expect("file");
        artifact::decode(Kind::ShardedProof, &bytes)
            .expect("proofs")
            .1
    }

    /// Writes it with a digest of its own, as who alters a file can.
    fn write(&self, user: &User, name: &str) {
        let bytes = artifact::encode(Kind::ShardedProof, true, self).expect("file");
        user.write(name, &bytes);
    }

    /// Another list of its proofs.
    fn list(&self, order: &[usize]) -> Self {
        Self {
            shards: order.iter().map(|i| self.shards[*i].clone()).collect(),
            ..*self
        }
    }

    fn statement(&mut self, shard: usize) -> &mut Vec<Fr> {
        &mut self.shards[shard].proof.public.statement
    }
}

const OPTIONS: [&str; 8] = [
    "--tokens",
    "6",
    "--prompt-tokens",
    "3",
    "--headroom",
    "4",
    "--weight-check",
    "once",
];

/// Compiles and commits two shards of one block each, and makes keys, of inferences and of commitment proofs.
fn prepared() -> User {
    let user = User::new();
    let compile = [
        &["compile", "tiny.bin", "-o", "m", "--shard-layers", "1"],
        OPTIONS.as_slice(),
    ];
    user.accepted(&compile.concat());
    user.accepted(&["commit", "m", "--dev-srs"]);
    let keys = user.accepted(&["setup", "m", "--dev-srs"]);
    let shards = keys["shards"].as_array().expect("shards");
    assert_eq!((shards.len(), &keys["development"]), (2, &json!(true)));
    for shard in shards {
        assert!(shard["k"].is_u64() && shard["weights"]["k"].is_u64());
    }
    assert_ne!(shards[0]["vk_digest"], shards[1]["vk_digest"]);
    user
}

/// Proves what the model says after a prompt; the public tokens.
fn prove(user: &User, prompt: &str, name: &str) -> Vec<u64> {
    let generate = ["generate", "m", "--prompt-ids", prompt, "-o", "input.json"];
    let generated = user.accepted(&generate);
    let proven = user.accepted(&["prove", "m", "--input", "input.json", "-o", name]);
    assert!(proven["proof_bytes"].as_u64() > Some(0), "{proven}");
    assert_eq!(proven["output"], generated["tokens"]);
    assert_eq!(
        proven["shards"][0]["boundary_out"],
        proven["shards"][1]["boundary_in"]
    );
    ids(&generated["tokens"])
}

fn verify(name: &str) -> [&str; 4] {
    ["verify", name, "--dir", "m"]
}

#[test]
fn proofs_of_all_shards_are_verified_together() {
    let user = prepared();
    let tokens = prove(&user, "1,2,3", "p.proofs");
    prove(&user, "4,5,6", "other.proofs");
    let checked = user.ended(&verify("p.proofs"), 3);
    let unchecked = [&verify("p.proofs"), ["--weights-unchecked"].as_slice()].concat();
    assert_eq!(user.accepted(&unchecked)["weights_checked"], false);
    assert_eq!(ids(&checked["output"]), tokens);
    assert_eq!(
        (&checked["folded"], &checked["weights_checked"]),
        (&json!(false), &json!(false))
    );
    let shown = user.accepted(&["inspect", "p.proofs"]);
    assert_eq!(shown["content"]["statements"], checked["shards"]);
    user.refused(&["verify", "p.proofs"], &["--dir"]);
    user.refused(
        &[&verify("p.proofs"), ["--dev-srs"].as_slice()].concat(),
        &["--dev-srs are for folded proofs"],
    );

    lists(&user);
    altered(&user);
    runs(&user);
    chain(&user);
    weights(&user);
    foreign(&user);
}

/// Proofs left out, doubled or in another order.
fn lists(user: &User) {
    let good = File::read(user, "p.proofs");
    for order in [
        &[] as &[usize],
        &[0],
        &[1],
        &[0, 0],
        &[1, 1],
        &[1, 0],
        &[0, 1, 1],
        &[0, 0, 1],
        &[0, 1, 0],
    ] {
        good.list(order).write(user, "bad.proofs");
        let expected: &[&str] = match order.len() {
            2 => &["the program digest in the statement of shard"],
            _ => &["proofs, the model has 2 shards"],
        };
        user.refused(&verify("bad.proofs"), expected);
    }
}

/// Every part of a proof and of what it states.
fn altered(user: &User) {
    let good = File::read(user, "p.proofs");
    let refused = |change: &dyn Fn(&mut File), expected: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.write(user, "bad.proofs");
        user.refused(&verify("bad.proofs"), &[expected]);
    };
    refused(&|f| f.digest.0 += Fr::ONE, "with digest");
    for shard in 0..2 {
        let named = format!("shard {shard}");
        refused(&|f| f.statement(shard)[0] += Fr::ONE, "program digest");
        refused(&|f| f.statement(shard)[1] += Fr::ONE, "weight commitment");
        refused(&|f| f.statement(shard)[2] += Fr::ONE, &named);
        refused(&|f| f.statement(shard)[3] += Fr::ONE, "boundary");
        refused(&|f| f.statement(shard).push(Fr::ONE), "fields, expected");
        refused(&|f| f.shards[shard].proof.digest += Fr::ONE, &named);
        for byte in [0, 700, 2100] {
            refused(&|f| f.shards[shard].proof.proof[byte] ^= 1, &named);
        }
        refused(&|f| f.shards[shard].proof.proof.truncate(2112), &named);
        refused(
            &|f| f.shards[shard].proof.public.deferred.generator += Fr::ONE,
            &named,
        );
        refused(
            &|f| f.shards[shard].proof.public.deferred.terms[0].0 += Fr::ONE,
            &named,
        );
        refused(
            &|f| f.shards[shard].setup[0] ^= 1,
            "another reference string",
        );
        refused(&|f| f.shards[shard].vk_digest[0] ^= 1, "verifying key");
        refused(
            &|f| f.shards[shard].program_digest.0 += Fr::ONE,
            "no verifying key",
        );
        refused(&|f| f.shards[shard].output.values += 1, "altered");
        refused(
            &|f| f.shards[shard].fold = FoldMode::Off,
            "no verifying key",
        );
    }
    // Both ends of the boundary, so that they agree.
    refused(
        &|f| {
            for (shard, field) in [(0, 3), (1, 3)] {
                f.statement(shard)[field] += Fr::ONE;
            }
        },
        "shard 0",
    );
    // Another token, fed and chosen.
    refused(
        &|f| {
            f.statement(0)[4] += Fr::ONE;
            f.statement(1)[4] += Fr::ONE;
        },
        "shard 0",
    );
    refused(&|f| f.statement(0)[4] += Fr::ONE, "token 3");
    // One byte of the file.
    let mut bytes = std::fs::read(user.path("p.proofs")).expect("file");
    bytes[500] ^= 1;
    user.write("bad.proofs", &bytes);
    user.refused(&verify("bad.proofs"), &["altered"]);
}

/// Shards of two runs, each of which holds.
fn runs(user: &User) {
    let (good, other) = (
        File::read(user, "p.proofs"),
        File::read(user, "other.proofs"),
    );
    for shard in 0..2 {
        let mut mixed = good.clone();
        mixed.shards[shard] = other.shards[shard].clone();
        mixed.write(user, "bad.proofs");
        user.refused(&verify("bad.proofs"), &["boundary commitments differ"]);
        mixed.statement(1)[3] = mixed.statement(0)[3];
        mixed.write(user, "bad.proofs");
        // Its proof states another boundary; or the tokens differ already.
        let output = user.run(&verify("bad.proofs"));
        assert!(!output.status.success());
    }
}

/// No contract compares statements of shards.
fn chain(user: &User) {
    let (node, whole) = (
        ["--rpc-url", "http://127.0.0.1:1"],
        "without --shard-layers",
    );
    let one = "the statement of a shard means something only beside";
    for dir in ["m", "m/shard-000"] {
        user.refused(&["verifier", dir, "-o", "v"], &[one, whole]);
        user.refused(&[["register", dir], node].concat(), &[one, whole]);
    }
    user.refused(&[["deploy", "m"], node].concat(), &[one, whole]);
    for command in ["submit", "check"] {
        user.refused(&[[command, "p.proofs"], node].concat(), &[one, whole]);
    }
    // The proof of one shard in a file of its own.
    let proof = File::read(user, "p.proofs").shards.remove(1);
    let bytes = artifact::encode(Kind::Proof, true, &proof).expect("file");
    user.write("one.proof", &bytes);
    for command in ["submit", "check"] {
        user.refused(&[[command, "one.proof"], node].concat(), &[one, whole]);
    }
    user.refused(&["verify", "one.proof"], &["the proof of one shard"]);
    user.refused(&verify("one.proof"), &["the file of all shards"]);
    let one = ["verify", "one.proof", "--dir", "m/shard-001"];
    user.refused(&one, &["the proof of one shard"]);
}

/// Commitment proofs beside the inference.
fn weights(user: &User) {
    let proven = user.accepted(&["prove-weights", "m", "-o", "w.proofs"]);
    assert_eq!(proven["shards"].as_array().expect("shards").len(), 2);
    let folded = ["prove-weights", "m", "--folded-only", "w.folded"];
    user.accepted(&[&folded, ["--dev-srs"].as_slice()].concat());
    let with = |weights: &'static str| {
        let more = ["--weight-proof", weights];
        [&verify("p.proofs"), more.as_slice()].concat()
    };
    for more in [
        with("w.proofs"),
        [with("w.folded"), vec!["--dev-srs"]].concat(),
    ] {
        assert_eq!(user.accepted(&more)["weights_checked"], true);
    }
    let good = File::read(user, "w.proofs");
    let refused = |file: &File, expected: &str| {
        file.write(user, "bad.proofs");
        user.refused(&with("bad.proofs"), &["bad.proofs", expected]);
    };
    refused(&good.list(&[0]), "1 commitment proofs, 2 shards");
    refused(&good.list(&[0, 1, 1]), "3 commitment proofs, 2 shards");
    refused(&good.list(&[1, 0]), "in the statement of shard 0");
    refused(&good.list(&[0, 0]), "in the statement of shard 1");
    let mut forged = good.clone();
    forged.shards[1].proof.proof[700] ^= 1;
    refused(&forged, "shard 1");
    let mut foreign = good.clone();
    foreign.digest.0 += Fr::ONE;
    refused(&foreign, "with digest");
    user.refused(&with("other.proofs"), &["the proofs of an inference"]);
    user.refused(&with("m/shards.json"), &["not a Laminate file"]);
    user.refused(
        &with("m/shard-000/program.lam"),
        &["program file", "sharded proof"],
    );
    user.refused(
        &verify("w.proofs"),
        &["commitment proofs", "--weight-proof"],
    );
}

/// Proofs of another commitment.
fn foreign(user: &User) {
    user.accepted(&["commit", "m", "--dev-srs", "--force"]);
    let expected = ["weight commitment", "shard 0"];
    user.refused(&verify("p.proofs"), &expected);
    // One shard's proof of the new commitment among the old: needs no proof, its statement tells.
    user.refused(
        &[
            &verify("p.proofs"),
            ["--weight-proof", "w.proofs"].as_slice(),
        ]
        .concat(),
        &expected,
    );
}

/// The commitment proof of a whole model, beside its inference.
#[test]
fn a_weight_proof_shows_what_an_inference_leaves_open() {
    let user = User::new();
    for (out, more) in [("m", &[] as &[&str]), ("n", &["--prompt-public"])] {
        let compile = [
            &["compile", "tiny.bin", "-o", out],
            OPTIONS.as_slice(),
            more,
        ];
        user.accepted(&compile.concat());
        user.accepted(&["commit", out, "--dev-srs"]);
    }
    let generate = ["generate", "m", "--prompt-ids", "1,2,3", "-o", "input.json"];
    user.accepted(&generate);
    let prove = ["prove", "m", "--input", "input.json", "--dev-srs"];
    user.accepted(&[&prove, ["--folded-only", "p.folded"].as_slice()].concat());
    for (dir, out) in [("m", "w.folded"), ("n", "n.folded")] {
        user.accepted(&["prove-weights", dir, "--dev-srs", "--folded-only", out]);
    }
    user.accepted(&["setup", "m", "--dev-srs"]);
    user.accepted(&["prove-weights", "m", "-o", "w.proof"]);

    let inference = ["verify", "p.folded", "--dev-srs"];
    let with = |weights: &'static str| {
        let more = ["--dir", "m", "--weight-proof", weights];
        [&inference, more.as_slice()].concat()
    };
    let alone = [&inference, ["--dir", "m"].as_slice()].concat();
    let found = user.ended(&alone, 3);
    assert_eq!(
        (&found["valid"], &found["weights_checked"]),
        (&json!(true), &json!(false))
    );
    let unchecked = [alone.as_slice(), &["--weights-unchecked"]].concat();
    assert_eq!(user.accepted(&unchecked)["weights_checked"], false);
    // A commitment proof shows it itself.
    let itself = ["verify", "w.folded", "--dir", "m", "--dev-srs"];
    assert_eq!(user.accepted(&itself)["weights_checked"], true);
    for weights in ["w.folded", "w.proof"] {
        assert_eq!(user.accepted(&with(weights))["weights_checked"], true);
    }
    user.refused(
        &[&inference, ["--weight-proof", "w.proof"].as_slice()].concat(),
        &["--dir"],
    );
    // The same weights under another salt, an inference, no proof at all, a proof in the other's place.
    user.refused(&with("n.folded"), &["n.folded", "is of weights"]);
    user.refused(&with("p.folded"), &["the proof of an inference"]);
    user.refused(&with("m/program.lam"), &["program file", "prove-weights"]);
    let swapped = ["verify", "w.folded", "--dir", "m", "--dev-srs"];
    user.refused(
        &[&swapped, ["--weight-proof", "w.proof"].as_slice()].concat(),
        &["commitment proof itself"],
    );
    let good = std::fs::read(user.path("w.proof")).expect("proof");
    let mut forged: Proof = artifact::decode(Kind::Proof, &good).expect("proof").1;
    forged.proof.proof[900] ^= 1;
    let bytes = artifact::encode(Kind::Proof, true, &forged).expect("file");
    user.write("bad.proof", &bytes);
    user.refused(&with("bad.proof"), &["bad.proof"]);
    // A model that needs none.
    let options = &OPTIONS[..6];
    let every = [&["compile", "tiny.bin", "-o", "every"], options].concat();
    user.accepted(&every);
    user.accepted(&["commit", "every", "--dev-srs"]);
    let prove = ["prove", "every", "--input", "input.json", "--dev-srs"];
    user.accepted(&[&prove, ["--folded-only", "every.folded"].as_slice()].concat());
    let verify = ["verify", "every.folded", "--dir", "every", "--dev-srs"];
    assert_eq!(user.accepted(&verify)["weights_checked"], true);
    user.refused(
        &[&verify, ["--weight-proof", "w.proof"].as_slice()].concat(),
        &["leave --weight-proof out"],
    );
}
