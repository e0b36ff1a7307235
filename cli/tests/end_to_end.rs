//! The whole path as a user walks it: one small model from compilation to a record on a real anvil, with
//! a real proof, and what is refused on the way.

#[path = "../src/chain/tests/anvil.rs"]
mod anvil;
mod auditor;
mod tiny;
mod user;

use std::path::PathBuf;

use alloy::primitives::{B256, Bytes, U256, keccak256};
use anvil::Anvil;
use serde_json::{Value, json};
use user::{User, workspace};

/// Order of the scalar field.
const SCALARS: &str =
    "21888242871839275222246405745257275088548364400416034343698204186575808495617";

/// A file of the user's folder.
fn path(user: &User, name: &str) -> PathBuf {
    user.dir.path().join(name)
}

/// Flips one byte of a file, runs the command that must refuse it, and mends the file.
fn altered(user: &User, name: &str, at: usize, args: &[&str], expected: &str) {
    let path = path(user, name);
    let good = std::fs::read(&path).expect("file");
    let mut bad = good.clone();
    let at = at.min(bad.len() - 1);
    bad[at] ^= 1;
    std::fs::write(&path, &bad).expect("write");
    user.refused(args, expected);
    std::fs::write(&path, &good[..good.len() / 2]).expect("write");
    user.refused(args, "truncated");
    std::fs::write(&path, &good).expect("write");
}

/// The run's record says what `prove` said, and `report` draws all of it.
fn reported(user: &User, proven: &Value) {
    let text = std::fs::read_to_string(path(user, "run.json")).expect("record");
    let record: Value = serde_json::from_str(&text).expect("JSON");
    let run = &record["content"];
    let stages = run["stages"].as_array().expect("stages");
    let told = proven["stages"].as_array().expect("stages");
    assert_eq!(stages.len(), told.len());
    for (stage, told) in stages.iter().zip(told) {
        assert_eq!(stage["name"], told["stage"]);
        let [begin, end] = [0, 1].map(|at| stage["spans"][0][at].as_f64().expect("time"));
        assert!(begin <= end, "{stage}");
    }
    let row = |list: &str, name: &str| -> Value {
        let rows = run[list].as_array().expect(list);
        let found = rows.iter().find(|row| row["name"] == name);
        found
            .unwrap_or_else(|| panic!("{name} in {rows:?}"))
            .clone()
    };
    assert_eq!(row("sizes", "KZG proof")["bytes"], proven["proof_bytes"]);
    let code = row("sizes", "code of Halo2UniversalVerifier");
    assert!(code["bytes"].as_u64() <= code["limit"].as_u64(), "{code}");
    let gas = row("gas", "submit the proof")["gas"].as_u64().expect("gas");
    assert!((200_000..1_000_000).contains(&gas), "{gas}");
    let circuit = &run["circuit"];
    let counts = ["base_rows", "poseidon_rows", "range_rows", "unusable_rows"];
    let rows: u64 = counts
        .iter()
        .map(|c| circuit[c].as_u64().expect("rows"))
        .sum();
    assert_eq!(rows, 1 << circuit["k"].as_u64().expect("k"));
    assert_eq!(run["statement"]["fields"][2][1], proven["input_commitment"]);
    assert_eq!(run["development"], true);
    let detail = &run["fidelity"]["detail"];
    let decided = detail["confusion"].as_array().expect("decisions").iter();
    let decided: u64 = decided
        .flat_map(|row| row.as_array().expect("row"))
        .map(|n| n.as_u64().expect("count"))
        .sum();
    assert_eq!(Some(decided), run["fidelity"]["rows"].as_u64());

    let drawn = user.accepted(&[
        "report",
        "run.json",
        "--baseline",
        "run.json",
        "-o",
        "report.html",
    ]);
    assert_eq!(drawn["sections"].as_array().expect("sections").len(), 7);
    let html = std::fs::read_to_string(path(user, "report.html")).expect("report");
    let x = proven["input_commitment"].as_str().expect("commitment");
    assert!(html.contains(x) && html.contains(&gas.to_string()) && html.contains("DEV."));
    altered(
        user,
        "run.json",
        900,
        &["report", "run.json", "-o", "other.html"],
        "run.json",
    );
    assert!(!path(user, "other.html").exists());
    user.refused(
        &["report", "row.input", "-o", "other.html"],
        "expected a run record",
    );
}

#[test]
fn from_model_to_chain() {
    let Some(user) = User::new() else { return };
    let Some(anvil) = Anvil::start(31337) else {
        return;
    };
    let models = workspace().join("models/fraud");
    let file = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (model, calibration, input) = (
        file("fraud.onnx"),
        file("calibration.csv"),
        file("fraud.csv"),
    );

    user.refused(
        &["compile", &input, "--calibration", &calibration, "-o", "m"],
        "fraud.csv",
    );
    user.refused(
        &["prove", "m", "--input", &input, "-o", "p.proof"],
        "laminate compile",
    );
    let compiled = user.accepted(&["compile", &model, "--calibration", &calibration, "-o", "m"]);
    assert!(
        compiled["fidelity"]["agreement"]
            .as_f64()
            .expect("agreement")
            >= 0.995
    );
    user.refused(&["setup", "m", "--srs", "m/program.lam"], "program.lam");
    user.accepted(&["commit", "m", "--dev-srs"]);
    user.refused(
        &["prove", "m", "--input", &input, "-o", "p.proof"],
        "laminate setup",
    );
    let keys = user.accepted(&["setup", "m", "--dev-srs"]);
    assert_eq!(keys["opening"], "packed");

    // Committed to first: the proof for the chain and every later one state that commitment.
    let commit = ["input", "commit", "m", "--input", &input, "-o", "row.input"];
    let committed = user.accepted(&commit);
    let prove = ["prove", "m", "--input", "row.input", "-o", "p.proof"];
    altered(&user, "m/program.lam", 200, &prove, "altered");
    altered(&user, "m/weights.lam", 300, &prove, "altered");
    altered(&user, "m/weight_secret.lam", 80, &prove, "altered");
    assert!(!path(&user, "p.proof").exists());
    user.refused(
        &[&prove[..4], &["--fold", "off", "-o", "off.proof"]].concat(),
        "--folded-only",
    );
    let proven = user.accepted(&[&prove[..], &["--report", "run.json"]].concat());
    assert!(proven["output"][0][0].as_f64().expect("score") > 0.9);
    reported(&user, &proven);
    assert_eq!(proven["input_commitment"], committed["input_commitment"]);
    let x = committed["input_commitment"].as_str().expect("commitment");
    user.accepted(&["verify", "p.proof", "--input-commitment", x]);
    user.refused(
        &["verify", "p.proof", "--input-commitment", "0x01"],
        "another input",
    );

    let commitment = proven["weight_commitment"]
        .as_str()
        .expect("commitment")
        .to_owned();
    assert_eq!(
        user.accepted(&["verify", "p.proof", "--weight-commitment", &commitment])["valid"],
        true
    );
    user.refused(
        &["verify", "p.proof", "--weight-commitment", "0x01"],
        "weight commitment",
    );
    altered(&user, "p.proof", 600, &["verify", "p.proof"], "altered");
    refuses_another_reading_of_the_output(&user);
    keys_of_both_openings_stay(&user, &keys);
    user.refused(&["commit", "m", "--dev-srs"], "--force");
    user.refused(
        &["compile", &model, "--calibration", &calibration, "-o", "m"],
        "--force",
    );

    auditor::rebuilds_the_commitment(&user, &model, &calibration, &commitment);

    let trapped = trap(&user);
    let made = user.accepted(&["verifier", "m", "-o", "v", "--mode", "direct"]);
    assert!(made["contract_bytes"].as_u64().expect("bytes") <= 24_576);
    assert!(!trapped.exists(), "ran a program of the working folder");
    let url = ["--rpc-url", anvil.url.as_str()];
    let on_chain = |args: &[&str]| user.accepted(&[args, &url].concat());
    on_chain(&["deploy", "v", "--screen"]);
    user.refused(&["submit", "p.proof", url[0], url[1]], "laminate register");
    on_chain(&["register", "m"]);
    assert_eq!(
        on_chain(&["submit", "p.proof", "--dry-run"])["accepted"],
        true
    );
    let submitted = on_chain(&["submit", "p.proof"]);
    println!(
        "submission: {} gas, {} calldata bytes",
        submitted["gas"], submitted["calldata_bytes"]
    );
    let again = on_chain(&["submit", "p.proof"]);
    assert_eq!(again["already_recorded"], true);
    assert_eq!(again["statement_hash"], submitted["statement_hash"]);
    on_chain(&["check", "p.proof"]);
    user.refused(
        &["check", "p.proof", "--rpc-url", "http://127.0.0.1:1"],
        "127.0.0.1",
    );
    refuses_a_verifier_that_accepts_everything(&user, url);
    one_contract_verifies_two_programs(&user, url);
}

/// Keys of the other opening are made, used and left: proofs of both verify, each with its own, and the first keys are as they were.
fn keys_of_both_openings_stay(user: &User, packed: &Value) {
    let setup = ["setup", "m", "--dev-srs", "--opening"];
    let shplonk = user.accepted(&[&setup[..], &["shplonk"]].concat());
    assert_eq!(shplonk["opening"], "shplonk");
    assert_ne!(shplonk["vk_digest"], packed["vk_digest"]);
    user.accepted(&["prove", "m", "--input", "row.input", "-o", "s.proof"]);
    let key = |proof: &str| user.accepted(&["inspect", proof])["content"]["verifying_key"].clone();
    assert_eq!(key("s.proof"), shplonk["vk_digest"]);
    assert_eq!(key("p.proof"), packed["vk_digest"]);
    for proof in ["p.proof", "s.proof"] {
        assert_eq!(user.accepted(&["verify", proof])["valid"], true);
    }
    // The proof of one opening that names the key of the other.
    use laminate_model::artifact::{self, Kind};
    let digest =
        |keys: &Value| hex::decode(keys["vk_digest"].as_str().expect("digest")).expect("hex");
    let [short, long] = [digest(&shplonk), digest(packed)];
    for (proof, own, other) in [("s.proof", &short, &long), ("p.proof", &long, &short)] {
        let good = std::fs::read(path(user, proof)).expect("proof");
        let (header, payload) = artifact::open(Kind::Proof, &good).expect("artifact");
        let mut forged = payload.to_vec();
        let at = forged
            .windows(32)
            .position(|word| word == own)
            .expect("digest");
        forged[at..at + 32].copy_from_slice(other);
        let head = artifact::header(Kind::Proof, header.development, &forged);
        let forged = [head.as_slice(), &forged].concat();
        std::fs::write(path(user, "forged.proof"), forged).expect("write");
        user.refused(&["verify", "forged.proof"], "bytes");
    }
    let again = user.accepted(&setup[..3]);
    assert_eq!(again["vk_digest"], packed["vk_digest"]);
}

/// A compiler where an earlier version looked for it; the file that it makes when it runs.
fn trap(user: &User) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (solc, trapped) = (path(user, "scripts/solc"), path(user, "trapped"));
    std::fs::create_dir(path(user, "scripts")).expect("folder");
    let script = format!("#!/bin/sh\necho run > {}\n", trapped.display());
    std::fs::write(&solc, script).expect("write");
    std::fs::set_permissions(&solc, PermissionsExt::from_mode(0o755)).expect("mode");
    trapped
}

/// A folder whose generated verifier accepts every proof, as whoever hands one on could make it.
fn refuses_a_verifier_that_accepts_everything(user: &User, url: [&str; 2]) {
    use laminate_aggregator::{evm::secret_words, srs::development_s_g2};
    let url = &url[..];
    let text = |name: &str| std::fs::read_to_string(path(user, name)).expect("file");
    let write = |name: &str, text: &str| std::fs::write(path(user, name), text).expect("write");
    std::fs::create_dir(path(user, "forged")).expect("folder");
    for entry in std::fs::read_dir(path(user, "v")).expect("folder") {
        let entry = entry.expect("entry");
        let to = path(user, "forged").join(entry.file_name());
        std::fs::copy(entry.path(), to).expect("copy");
    }
    // STOP, and for the flag's sake a word of the development string's secret behind it.
    let secret = secret_words(&development_s_g2())[0];
    let forged = format!("6021600c60003960216000f300{}", hex::encode(secret));
    write("forged/Halo2Verifier.bin", &forged);
    let deploy = ["deploy", "forged", "-o", "forged.json"];
    let with =
        |args: &[&'static str], more: &[&'static str]| -> Vec<&str> { [args, more, url].concat() };
    user.refused(&with(&deploy, &[]), "not what its source compiles to");
    user.refused(
        &with(&deploy, &["--dir", "m"]),
        "Halo2Verifier.bin is not what",
    );
    assert!(!path(user, "forged.json").exists());
    // The flag alone, and another of our contracts.
    let record = text("forged/verifier.json");
    let flag = ["\"developmentSrs\": true", "\"developmentSrs\": false"];
    assert!(record.contains(flag[0]));
    write("forged/verifier.json", &record.replace(flag[0], flag[1]));
    user.refused(
        &with(&deploy, &[]),
        "holds the development reference string",
    );
    write("forged/verifier.json", &record);
    let registry = text("forged/ModelRegistry.bin");
    write("forged/ModelRegistry.bin", &forged);
    user.refused(&with(&deploy, &[]), "not this build's ModelRegistry");
    write("forged/ModelRegistry.bin", &registry);

    // Without a source it is deployed as given; whoever derives the code finds it.
    std::fs::remove_file(path(user, "forged/Halo2Verifier.sol")).expect("remove");
    user.accepted(&with(&deploy, &[]));
    let deployment = ["--deployment", "forged.json"];
    user.accepted(&with(&["register", "m"], &deployment));
    user.accepted(&with(&["submit", "p.proof"], &deployment));
    let check = ["check", "p.proof", "--deployment", "forged.json"];
    let found = user.accepted(&with(&check, &["--verifier-dir", "forged"]));
    for contract in found["contracts"].as_array().expect("contracts") {
        assert!(contract.get("derived").is_none() && contract["given"].is_string());
    }
    let expected = "not the code it must be";
    user.refused(&with(&check, &["--dir", "m"]), expected);
    let both = ["--dir", "m", "--verifier-dir", "forged"];
    user.refused(&with(&check, &both), "Halo2Verifier.bin is not what");
    let found = user.accepted(&with(
        &["check", "p.proof"],
        &["--dir", "m", "--verifier-dir", "v"],
    ));
    for contract in found["contracts"].as_array().expect("contracts") {
        assert!(contract["derived"].is_string() && contract["given"].is_string());
    }
}

/// Two programs through one universal verifier; the proof of the first is the one that its own contract took above.
fn one_contract_verifies_two_programs(user: &User, url: [&str; 2]) {
    let models = workspace().join("models/fraud");
    let file = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (model, calibration, input) = (
        file("ternary.onnx"),
        file("calibration.csv"),
        file("fraud.csv"),
    );
    user.accepted(&[
        "compile",
        &model,
        "--weights",
        "ternary",
        "--calibration",
        &calibration,
        "-o",
        "t",
    ]);
    user.accepted(&["commit", "t", "--dev-srs"]);
    user.accepted(&["setup", "t", "--dev-srs"]);
    user.accepted(&["prove", "t", "--input", &input, "-o", "t.proof"]);
    user.refused(&["verify", "t.proof", "--dir", "m"], "holds another");
    let verified = user.accepted(&["verify", "t.proof", "--dir", "t"]);
    assert_eq!(verified["weights_checked"], true);
    for (dir, folder) in [("m", "um"), ("t", "ut")] {
        let made = user.accepted(&["verifier", dir, "-o", folder]);
        println!(
            "universal verifier from {dir}: {} bytes",
            made["contract_bytes"]
        );
    }
    let text = |path: &str| std::fs::read_to_string(user.dir.path().join(path)).expect(path);
    for name in ["Halo2UniversalVerifier.sol", "Halo2UniversalVerifier.bin"] {
        assert!(
            text(&format!("um/{name}")) == text(&format!("ut/{name}")),
            "{name} depends on the program"
        );
    }

    refuses_another_universal_verifier(user, url);
    let on_chain = |args: &[&str]| user.accepted(&[args, &url].concat());
    let deployed = on_chain(&["deploy", "um", "-o", "um.json", "--screen"]);
    println!("universal deployment: {} gas", deployed["total_gas"]);
    let universal = deployed["contracts"][1]["address"]
        .as_str()
        .expect("address");
    let registry = deployed["registry"].as_str().expect("registry");
    let second = ["deploy", "ut", "-o", "ut.json", "--universal", universal];
    let second = on_chain(&[&second[..], &["--registry", registry]].concat());
    println!("second program's: {} gas", second["total_gas"]);
    let all = [
        ("m", "p.proof", "um", "um.json"),
        ("t", "t.proof", "ut", "ut.json"),
    ];
    refuses_to_register_another_key(user, url);
    let mut ids = Vec::new();
    for (dir, _, folder, record) in all {
        let model = on_chain(&["register", dir, "--deployment", record]);
        ids.push(model["model_id"].as_str().expect("id").to_owned());
        let check = ["check", "--dir", dir, "--verifier-dir", folder];
        on_chain(&[&check[..], &["--deployment", record]].concat());
    }
    for (own, (dir, proof, _, record)) in all.into_iter().enumerate() {
        let (other_dir, other_proof, _, _) = all[1 - own];
        let refused = |args: &[&str], expected: &str| {
            user.refused(&[args, &["--deployment", record], &url].concat(), expected);
        };
        // Under the other's digest; with the other's key; with the other's circuit and this one's key.
        refused(
            &["submit", proof, "--model", &ids[1 - own]],
            "ProgramDigestMismatch",
        );
        refused(
            &["submit", other_proof, "--model", &ids[own]],
            "ProgramDigestMismatch",
        );
        refused(&["submit", other_proof], "the proof is of program");
        refused(&["check", "--dir", other_dir], "the deployment is not of");
        let submitted = on_chain(&["submit", proof, "--deployment", record]);
        println!(
            "{dir} through the universal verifier: {} gas, {} calldata bytes",
            submitted["gas"], submitted["calldata_bytes"]
        );
        on_chain(&["check", proof, "--dir", dir, "--deployment", record]);
    }
}

/// A record with another verifying key, and a digest that fits it: what is registered follows from the model's keys.
fn refuses_to_register_another_key(user: &User, url: [&str; 2]) {
    let text = std::fs::read_to_string(path(user, "um.json")).expect("record");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    let circuit = record["programDigest"].as_str().expect("digest").to_owned();
    let inference = &mut record["universal"]["inference"];
    let word = |text: &str| -> B256 { text.parse().expect("word") };
    let key: Bytes = serde_json::from_value(inference["verifyingKey"].clone()).expect("key");
    let mut key = key.to_vec();
    let length = U256::from(key.len());
    let code = word(inference["halo2CodeHash"].as_str().expect("hash"));
    let proof = U256::from(inference["proofLength"].as_u64().expect("length"));
    let domain = keccak256("laminate.universal-selector.v1");
    let identity = keccak256([domain, code, length.into(), proof.into()].concat());
    let domain = keccak256("laminate.universal-program.v2");
    let mut digest = |key: &[u8]| {
        let parts = [domain, identity, keccak256(key), word(&circuit)];
        let modulus: U256 = SCALARS.parse().expect("number");
        let digest = U256::from_be_bytes(keccak256(parts.concat()).0) % modulus;
        inference["programDigest"] = json!(B256::from(digest));
        inference["verifyingKey"] = json!(Bytes::copy_from_slice(key));
        inference["programDigest"].clone()
    };
    let own = digest(&key);
    let last = key.len() - 1;
    key[last] ^= 1;
    let other = digest(&key);
    assert!(text.contains(own.as_str().expect("text")) && own != other);
    std::fs::write(path(user, "forged.json"), record.to_string()).expect("write");
    let register = ["register", "m", "--deployment", "forged.json"];
    user.refused(&[&register[..], &url].concat(), "other verifying keys");
}

/// The code of all programs' verifier is known without its program.
fn refuses_another_universal_verifier(user: &User, url: [&str; 2]) {
    let file = path(user, "um/Halo2UniversalVerifier.bin");
    let good = std::fs::read_to_string(&file).expect("code");
    let deploy = ["deploy", "um", "-o", "um.json", url[0], url[1]];
    let middle = good.len() / 2;
    let digit = if &good[middle..=middle] == "0" {
        "1"
    } else {
        "0"
    };
    let altered = [&good[..middle], digit, &good[middle + 1..]].concat();
    for (code, expected) in [
        (&*altered, "not this build's universal verifier"),
        (
            "6001600c60003960016000f300",
            "does not hold the development",
        ),
    ] {
        std::fs::write(&file, code).expect("write");
        user.refused(&deploy, expected);
    }
    std::fs::write(&file, good).expect("write");
}

/// The proof does not bind how its output words read; `verify` takes that from the key.
fn refuses_another_reading_of_the_output(user: &User) {
    use laminate_model::artifact::{self, Kind};
    let good = std::fs::read(path(user, "p.proof")).expect("proof");
    let (header, payload) = artifact::open(Kind::Proof, &good).expect("proof");
    // name, program digest, mode, setup and vk digest precede the format: values, width, scale.
    let format = 1 + "fraud".len() + 32 + 1 + 32 + 32;
    assert_eq!(&payload[format..format + 3], &[1, 1, 14]);
    for (field, value) in [
        (0, 0u8),
        (0, 15),
        (0, 127),
        (1, 2),
        (2, 6),
        (2, 0x80),
        (3, 1),
    ] {
        let mut forged = payload.to_vec();
        forged[format + field] = value;
        let head = artifact::header(Kind::Proof, header.development, &forged);
        std::fs::write(
            path(user, "forged.proof"),
            [head.as_slice(), &forged].concat(),
        )
        .expect("write");
        user.refused(&["verify", "forged.proof"], "altered");
    }
}

/// A model whose weights are shown in range once: both its proofs through one universal verifier, behind a router.
#[test]
fn commitment_proofs_go_through_the_universal_verifier() {
    let Some(user) = User::new() else { return };
    let Some(anvil) = Anvil::start(31337) else {
        return;
    };
    std::fs::write(path(&user, "tiny.bin"), tiny::checkpoint()).expect("write");
    let compile = [
        "compile",
        "tiny.bin",
        "--tokens",
        "4",
        "--prompt-tokens",
        "2",
    ];
    let options = ["--headroom", "4", "--weight-check", "once"];
    user.accepted(&[&compile[..], &options, &["-o", "m"]].concat());
    user.accepted(&["generate", "m", "--prompt-ids", "1,2", "-o", "input.json"]);
    user.accepted(&["commit", "m", "--dev-srs"]);
    user.accepted(&["setup", "m", "--dev-srs"]);
    user.accepted(&["prove", "m", "--input", "input.json", "-o", "p.proof"]);
    user.accepted(&["prove-weights", "m", "-o", "w.proof"]);
    verify_tells_what_it_has_not_seen(&user);
    user.accepted(&["verifier", "m", "-o", "v"]);

    let url = ["--rpc-url", anvil.url.as_str()];
    let on_chain = |args: &[&str]| user.accepted(&[args, &url].concat());
    on_chain(&["deploy", "v", "--router"]);
    user.refused(&["register", "m", url[0], url[1]], "prove-weights");
    let other = ["register", "m", "--weight-proof", "p.proof"];
    user.refused(&[&other[..], &url].concat(), "ProgramDigestMismatch");
    let registered = on_chain(&["register", "m", "--weight-proof", "w.proof"]);
    let submitted = on_chain(&["submit", "p.proof"]);
    println!(
        "language model through router and universal verifier: register {} gas, submit {} gas, {} calldata bytes",
        registered["gas"], submitted["gas"], submitted["calldata_bytes"]
    );
    on_chain(&["check", "p.proof", "--dir", "m", "--verifier-dir", "v"]);
}

/// A valid proof of weights that nobody has shown to be in range ends otherwise than one that leaves nothing open.
fn verify_tells_what_it_has_not_seen(user: &User) {
    for more in [&[] as &[&str], &["--dir", "m"]] {
        let verify = [&["verify", "p.proof"], more].concat();
        let verified = user.ended(&verify, 3);
        assert_eq!(
            (&verified["valid"], &verified["weights_checked"]),
            (&true.into(), &false.into())
        );
        let unchecked = [&verify[..], &["--weights-unchecked"]].concat();
        assert_eq!(user.accepted(&unchecked)["weights_checked"], false);
    }
    let with = [
        "verify",
        "p.proof",
        "--dir",
        "m",
        "--weight-proof",
        "w.proof",
    ];
    assert_eq!(user.accepted(&with)["weights_checked"], true);
    assert_eq!(
        user.accepted(&["verify", "w.proof"])["weights_checked"],
        true
    );
    let wrong = user.run(&[&with[..], &["--weights-unchecked"]].concat());
    assert_eq!(wrong.status.code(), Some(2), "one or the other");
}
