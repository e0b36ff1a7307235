//! The chain commands as a program: what they print, and what they must never print.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

#[path = "../src/chain/tests/anvil.rs"]
mod anvil;

use anvil::{Anvil, KEY};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `laminate` without anything of this process's environment that it reads.
fn laminate() -> Command {
    let mut command = Command::cargo_bin("laminate").unwrap();
    for name in [
        "ETH_RPC_URL",
        "ETH_KEYSTORE",
        "LAMINATE_PRIVATE_KEY",
        "LAMINATE_KEYSTORE_PASSWORD",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs and requires that nothing of `secrets` is in what it prints.
fn run(command: &mut Command, secrets: &[&str]) -> (Output, String) {
    let output = command.output().unwrap();
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    for secret in secrets {
        assert!(!text.contains(secret), "{text}");
    }
    (output, text)
}

fn refused(command: &mut Command, secrets: &[&str], expected: &str) {
    let (output, text) = run(command, secrets);
    assert!(
        !output.status.success() && text.contains(expected),
        "expected {expected:?} in {text}"
    );
    assert!(!text.contains("panicked"), "{text}");
}

/// A verifier's folder around a contract that accepts everything.
fn verifier(dir: &Path) {
    let embedded = std::fs::read(workspace().join("cli/embedded/contracts.json")).unwrap();
    let embedded: serde_json::Value = serde_json::from_slice(&embedded).unwrap();
    std::fs::create_dir_all(dir).unwrap();
    for name in ["InferenceVerifier", "ModelRegistry", "FraudScreen"] {
        let creation = embedded["contracts"][name]["creation"].as_str().unwrap();
        std::fs::write(dir.join(format!("{name}.bin")), creation).unwrap();
    }
    // Returns one byte of code: STOP.
    std::fs::write(dir.join("Halo2Verifier.bin"), "6001600c60003960016000f300").unwrap();
    let word = format!("0x{:064x}", 1);
    let info = serde_json::json!({
        "version": 5, "programName": "stand-in", "programDigest": word, "weightCommitment": word, "outputCount": 1, "outputWidth": 1, "fold": "on",
        "outputWords": 1, "outputScale": 14, "terms": 1, "proofLength": 64, "developmentSrs": false,
        "srsDigest": word, "vkDigest": word, "solcVersion": "0.8.19",
    });
    std::fs::write(dir.join("verifier.json"), info.to_string()).unwrap();
}

#[test]
fn help_has_an_example_and_never_a_key_argument() {
    for command in ["deploy", "register", "submit", "check"] {
        let (output, text) = run(
            laminate()
                .args([command, "--help"])
                .env("ETH_RPC_URL", "http://node/s3cret"),
            &["s3cret"],
        );
        assert!(output.status.success());
        assert!(
            text.contains("Example:\n  laminate ") && text.contains("--rpc-url"),
            "{text}"
        );
        assert!(
            !text.contains("--private-key") && !text.contains("--password "),
            "{text}"
        );
    }
    refused(
        laminate().args([
            "deploy",
            "dir",
            "--rpc-url",
            "http://127.0.0.1:1",
            "--private-key",
            KEY,
        ]),
        &[],
        "unexpected argument",
    );
}

#[test]
fn deploys_and_registers_without_showing_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let verifier_dir = dir.path().join("verifier");
    verifier(&verifier_dir);
    let Some(anvil) = Anvil::start(31337) else {
        return;
    };
    let command = |name: &str| {
        let mut command = laminate();
        command
            .current_dir(dir.path())
            .args([name, "--json", "--rpc-url", &anvil.url]);
        command
    };
    let folder = verifier_dir.to_str().unwrap();

    refused(command("deploy").arg(folder), &[], "--keystore");
    let short = &KEY[..63];
    refused(
        command("deploy")
            .arg(folder)
            .env("LAMINATE_PRIVATE_KEY", short),
        &[&KEY[..8]],
        "64 hex digits",
    );
    refused(
        command("deploy")
            .args([folder, "--chain-id", "1"])
            .env("LAMINATE_PRIVATE_KEY", KEY),
        &[&KEY[..8]],
        "expected 1",
    );
    assert!(!dir.path().join("deployment.json").exists());

    let (output, text) = run(
        command("deploy")
            .args([folder, "--screen"])
            .env("LAMINATE_PRIVATE_KEY", KEY),
        &[&KEY[..8]],
    );
    assert!(output.status.success(), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["contracts"].as_array().unwrap().len(), 4);
    assert!(report["total_gas"].as_u64().unwrap() > 500_000, "{report}");

    let (output, text) = run(
        command("register").env("LAMINATE_PRIVATE_KEY", KEY),
        &[&KEY[..8]],
    );
    assert!(output.status.success(), "{text}");
    let (output, text) = run(command("check").args(["--verifier-dir", folder]), &[]);
    assert!(output.status.success(), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["holds"], true);
}

/// A record from elsewhere is printed without anything that a terminal would act on.
#[test]
fn names_in_foreign_records_do_not_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let verifier_dir = dir.path().join("verifier");
    let Some(anvil) = Anvil::start(31337) else {
        return;
    };
    verifier(&verifier_dir);
    let command = |name: &str| {
        let mut command = laminate();
        command
            .current_dir(dir.path())
            .args([name, "--rpc-url", &anvil.url])
            .env("LAMINATE_PRIVATE_KEY", KEY);
        command
    };
    let (output, text) = run(command("deploy").arg("verifier"), &[]);
    assert!(output.status.success(), "{text}");
    let record = dir.path().join("deployment.json");
    let good = std::fs::read_to_string(&record).unwrap();
    let control = ["\u{1b}", "\u{9b}", "\u{202e}", "\u{7}"];
    for name in ["\"programName\": \"", "\"halo2Verifier"] {
        let bad = format!("{name}x\\u001b]0;owned\\u0007\u{9b}2J\u{202e}\\nerror: none");
        assert!(good.contains(name));
        std::fs::write(&record, good.replace(name, &bad)).unwrap();
        for json in [&[][..], &["--json"]] {
            let mut register = command("register");
            register.args(["--weight-proof", "none"]).args(json);
            let (output, text) = run(&mut register, &control);
            assert!(!output.status.success());
            assert!(text.contains("owned") && text.contains(r"\u{1b}"), "{text}");
        }
    }
}

#[test]
fn a_wrong_password_and_a_missing_node_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let verifier_dir = dir.path().join("verifier");
    verifier(&verifier_dir);
    let key = hex::decode(KEY).unwrap();
    let mut rng = rand::thread_rng();
    alloy::signers::local::PrivateKeySigner::encrypt_keystore(
        dir.path(),
        &mut rng,
        key,
        "correct horse",
        Some("key"),
    )
    .unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let command = |password: &str| {
        let mut command = laminate();
        command
            .current_dir(dir.path())
            .args(["deploy", "verifier", "--keystore", "key"]);
        command
            .args(["--rpc-url", &format!("http://{closed}/k3y")])
            .env("LAMINATE_KEYSTORE_PASSWORD", password);
        command
    };
    let secrets = ["horse", "staple", "k3y", &KEY[..8]];
    refused(&mut command("battery staple"), &secrets, "wrong password");
    refused(&mut command("correct horse"), &secrets, "no node answers");
    refused(
        command("").env_remove("LAMINATE_KEYSTORE_PASSWORD"),
        &secrets,
        "--password-file",
    );
    assert!(!dir.path().join("deployment.json").exists());
}
