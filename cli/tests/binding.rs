//! Statements bound to a context, a public input and a credential, as issuer and holder make them.

use std::path::Path;

use serde_json::Value;

#[allow(dead_code, reason = "token ids are for language models")]
mod author;
mod tiny;

use author::User;

const MODEL: &str = "m";

fn fraud(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    folder.join(name).to_string_lossy().into_owned()
}

fn compile(user: &User, options: &[&str], out: &str) -> String {
    let (model, calibration) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let compile = ["compile", &model, "--calibration", &calibration, "-o", out];
    let made = user.accepted(&[&compile[..], options].concat());
    text(&made, "program_digest")
}

fn text(value: &Value, name: &str) -> String {
    let text = value[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {value}"))
        .into()
}

/// Runs what must succeed.
fn run(user: &User, args: &[String]) -> Value {
    user.accepted(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Arguments in a row.
fn line(parts: &[&[&str]]) -> Vec<String> {
    parts
        .concat()
        .iter()
        .map(|part| (*part).to_owned())
        .collect()
}

/// Runs what must be refused, and say so.
fn refuse(user: &User, args: &[String], says: &str) {
    user.refused(
        &args.iter().map(String::as_str).collect::<Vec<_>>(),
        &[says],
    );
}

/// A model with everything that there is to be bound to, and one without.
fn models(user: &User) {
    let bound = ["--context", "--input-public", "--credential", "20"];
    let digest = compile(user, &bound, MODEL);
    assert_ne!(compile(user, &[], "plain"), digest);
}

/// Two holders, to whom a row each is attested: `alice.*` and `bob.*`.
fn issue(user: &User) {
    let rows = [fraud("legit.csv"), fraud("fraud.csv")];
    for (name, row) in ["alice", "bob"].iter().zip(&rows) {
        let file = |kind: &str| format!("{name}.{kind}");
        let made = user.accepted(&["credential", "identity", "-o", &file("identity")]);
        let identity = text(&made, "identity");
        let again = user.accepted(&["credential", "identity", "--of", &file("identity")]);
        assert_eq!(text(&again, "identity"), identity);
        let issue = ["credential", "issue", MODEL, "--input", row];
        let to = ["--identity", &identity, "-o", &file("credential")];
        let leaf = text(&user.accepted(&[&issue[..], &to].concat()), "leaf");
        user.write(&file("leaf"), format!("{leaf}\n").as_bytes());
    }
}

/// Puts leaves into a tree; its root.
fn tree(user: &User, of: &[&str], out: &str) -> String {
    let made = user.accepted(&[&["credential", "tree"], of, &["-o", out]].concat());
    assert_eq!(made["depth"], 20);
    text(&made, "root")
}

/// How Alice, or who says to be her, finds the way up a tree.
fn member(identity: &str, tree: &str) -> Vec<String> {
    let of = ["--identity", identity, "--tree", tree];
    let own = ["--credential", "alice.credential", "-o", "alice.member"];
    line(&[&["credential", "prove"], &of, &own])
}

#[test]
fn credentials_are_issued_and_stand_in_trees() {
    let user = User::new();
    models(&user);
    issue(&user);
    #[cfg(unix)]
    for file in ["alice.identity", "alice.credential"] {
        use std::os::unix::fs::PermissionsExt;
        let data = user.path(file).metadata().expect("file");
        assert_eq!(data.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let again = ["credential", "identity", "-o", "alice.identity"];
    user.refused(&again, &["exists"]);

    // From credentials, from leaves, and grown from a tree: one root.
    let root = tree(&user, &["alice.credential", "bob.credential"], "group.tree");
    assert_eq!(
        tree(&user, &["alice.leaf", "bob.leaf"], "leaves.tree"),
        root
    );
    let first = tree(&user, &["alice.credential"], "first.tree");
    assert_ne!(first, root);
    let grown = tree(&user, &["first.tree", "bob.credential"], "grown.tree");
    assert_eq!(grown, root);
    let turned = tree(
        &user,
        &["bob.credential", "alice.credential"],
        "turned.tree",
    );
    assert_ne!(turned, root);
    let twice = ["credential", "tree", "group.tree", "bob.leaf", "-o", "x"];
    user.refused(&twice, &["are the same"]);
    user.write("nobody.txt", b"\n");
    let nobody = ["credential", "tree", "nobody.txt", "-o", "x"];
    user.refused(&nobody, &["no credentials in nobody.txt"]);
    // Only the issuer can make a credential again.
    for out in ["alice.credential", "alice.identity"] {
        let over = ["credential", "tree", "alice.leaf", "-o", out];
        user.refused(&over, &["holds a secret"]);
    }

    tree(&user, &["bob.leaf"], "without.tree");
    let foreign = member("bob.identity", "group.tree");
    refuse(&user, &foreign, "is attested to identity");
    let without = member("alice.identity", "without.tree");
    refuse(&user, &without, "does not hold");
    let own = run(&user, &member("alice.identity", "group.tree"));
    assert_eq!(text(&own, "root"), root);

    let row = fraud("legit.csv");
    let plain = ["credential", "issue", "plain", "--input", &row];
    let plain = line(&[&plain, &["--identity", "5", "-o", "x"]]);
    refuse(&user, &plain, "without --credential");
    let (model, calibration) = (fraud("fraud.onnx"), fraud("calibration.csv"));
    let batch = [
        "compile",
        &model,
        "--calibration",
        &calibration,
        "--batch",
        "2",
    ];
    let batch = line(&[&batch, &["--credential", "20", "-o", "b"]]);
    refuse(&user, &batch, "rows of a credential");
}

/// Context for a sender and for anyone, and scope, of a contract.
fn uses(user: &User) -> [String; 3] {
    let of = [
        "--chain-id",
        "31337",
        "--contract",
        "0x1111111111111111111111111111111111111111",
    ];
    let sender = ["--sender", "0x2222222222222222222222222222222222222222"];
    let context = line(&[&["context", "--choice", "3"], &of, &sender]);
    let anyone = line(&[&["context", "--choice", "3"], &of]);
    let scope = line(&[&["credential", "scope"], &of]);
    [
        text(&run(user, &context), "context"),
        text(&run(user, &anyone), "context"),
        text(&run(user, &scope), "scope"),
    ]
}

fn prove(dir: &str, row: &str, options: &[&str]) -> Vec<String> {
    let to = ["--dev-srs", "--folded-only", "a.folded"];
    line(&[&["prove", dir, "--input", row], &to, options])
}

#[test]
fn a_proof_is_of_one_use_and_one_row() {
    let user = User::new();
    models(&user);
    issue(&user);
    let root = tree(&user, &["alice.credential", "bob.credential"], "group.tree");
    let first = tree(&user, &["alice.credential"], "first.tree");
    run(&user, &member("alice.identity", "group.tree"));
    user.accepted(&["commit", MODEL, "--dev-srs"]);
    user.accepted(&["commit", "plain", "--dev-srs"]);
    let [context, anyone, scope] = uses(&user);
    // As Context.sol computes it.
    assert_eq!(
        context,
        "0x25e3415ff3267a934368a84c484698e3ac8165c1496da6eef007bfdff1c8ddab"
    );
    assert_ne!(anyone, context);

    let row = fraud("legit.csv");
    let of = ["--credential", "alice.member", "--scope", &scope];
    let all = [&["--context", &context][..], &of].concat();
    let made = run(&user, &prove(MODEL, &row, &all));
    let binding = &made["binding"];
    assert_eq!(text(binding, "root"), root);
    assert_eq!(text(binding, "scope"), scope);
    assert_eq!(text(binding, "context"), context);
    assert_eq!(made["input"].as_array().expect("public").len(), 29);

    let verify = |options: &[&str]| {
        line(&[
            &["verify", "a.folded", "--dir", MODEL, "--dev-srs"],
            options,
        ])
    };
    let wanted = ["--context", &context, "--root", &root, "--scope", &scope];
    let verified = run(&user, &verify(&wanted));
    assert_eq!(verified["binding"], made["binding"]);
    assert_eq!(verified["input"], made["input"]);
    assert_eq!(verified["output"], made["output"][0]);
    for other in [["--context", &anyone], ["--root", &first], ["--scope", "5"]] {
        refuse(&user, &verify(&other), "made for something else");
    }

    // The same person leaves the same in a scope, and another nullifier in another.
    let nullifier = |scope: &str| {
        let of = [
            "--context",
            "1",
            "--credential",
            "alice.member",
            "--scope",
            scope,
        ];
        text(
            &run(&user, &prove(MODEL, &row, &of))["binding"],
            "nullifier",
        )
    };
    assert_eq!(nullifier(&scope), text(binding, "nullifier"));
    assert_ne!(nullifier("5"), text(binding, "nullifier"));

    let order = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    let wrong = prove(MODEL, &row, &["--context", order]);
    let wrong = user.run(&wrong.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("not below"));
    let other = fraud("fraud.csv");
    for (dir, row, options, says) in [
        (
            MODEL,
            &row,
            &["--context", &context][..],
            "need --credential",
        ),
        (MODEL, &row, &of, "need --context"),
        (MODEL, &other, &all, "attests other values"),
        ("plain", &row, &["--context", &context], "take no --context"),
        ("plain", &row, &of, "take no --credential"),
    ] {
        refuse(&user, &prove(dir, row, options), says);
    }
}
