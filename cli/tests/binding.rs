//! Statements bound to a context, a public input and a credential, as issuer and holder make them.

use std::path::Path;

use serde_json::Value;

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

/// What a refusal says.
fn refused(user: &User, args: &[&str], says: &str) {
    let output = user.run(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} was accepted");
    assert!(error.contains(says), "{args:?}: {error}");
}

/// Issuer and two holders; both rows are attested.
fn issued(user: &User) -> [String; 2] {
    let rows = [fraud("legit.csv"), fraud("fraud.csv")];
    let names = ["alice", "bob"];
    let mut identities = vec![];
    for (name, row) in names.iter().zip(&rows) {
        let file = |kind: &str| format!("{name}.{kind}");
        let made = user.accepted(&["credential", "identity", "-o", &file("identity")]);
        let identity = text(&made, "identity");
        let again = user.accepted(&["credential", "identity", "--of", &file("identity")]);
        assert_eq!(text(&again, "identity"), identity);
        let issue = ["credential", "issue", MODEL, "--input", row];
        let to = ["--identity", &identity, "-o", &file("credential")];
        let leaf = text(&user.accepted(&[&issue[..], &to].concat()), "leaf");
        user.write(&file("leaf"), format!("{leaf}\n").as_bytes());
        identities.push(identity);
    }
    identities.try_into().expect("two")
}

#[test]
fn a_credential_is_proven_with_its_row_and_nothing_else() {
    let user = User::new();
    let bound = ["--context", "--input-public", "--credential", "20"];
    let digest = compile(&user, &bound, MODEL);
    assert_ne!(compile(&user, &[], "plain"), digest);
    issued(&user);
    #[cfg(unix)]
    for file in ["alice.identity", "alice.credential"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = user
            .path(file)
            .metadata()
            .expect("file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    refused(
        &user,
        &["credential", "identity", "-o", "alice.identity"],
        "exists",
    );

    // From credentials, from leaves, and grown from a tree: one root.
    let tree = |of: &[&str], out: &str| {
        let made = user.accepted(&[&["credential", "tree"], of, &["-o", out]].concat());
        assert_eq!(made["depth"], 20);
        text(&made, "root")
    };
    let root = tree(&["alice.credential", "bob.credential"], "group.tree");
    assert_eq!(tree(&["alice.leaf", "bob.leaf"], "leaves.tree"), root);
    let first = tree(&["alice.credential"], "first.tree");
    assert_eq!(tree(&["first.tree", "bob.credential"], "grown.tree"), root);
    assert_ne!(
        tree(&["bob.credential", "alice.credential"], "other.tree"),
        root
    );
    let twice = [
        "credential",
        "tree",
        "group.tree",
        "bob.leaf",
        "-o",
        "twice.tree",
    ];
    refused(&user, &twice, "are the same");

    let member = |identity: &str, tree: &str| {
        let prove = ["credential", "prove", "--credential", "alice.credential"];
        let of = ["--identity", identity, "--tree", tree, "-o", "alice.member"];
        prove
            .iter()
            .chain(&of)
            .map(|s| (*s).to_owned())
            .collect::<Vec<_>>()
    };
    let args = |owned: &[String]| -> Vec<String> { owned.to_vec() };
    let run =
        |owned: &[String]| user.accepted(&owned.iter().map(String::as_str).collect::<Vec<_>>());
    let refuse = |owned: &[String], says: &str| {
        refused(
            &user,
            &owned.iter().map(String::as_str).collect::<Vec<_>>(),
            says,
        );
    };
    tree(&["bob.leaf"], "without.tree");
    refuse(
        &args(&member("bob.identity", "group.tree")),
        "is attested to identity",
    );
    refuse(
        &args(&member("alice.identity", "without.tree")),
        "does not hold",
    );
    assert_eq!(
        text(&run(&member("alice.identity", "group.tree")), "root"),
        root
    );

    user.accepted(&["commit", MODEL, "--dev-srs"]);
    user.accepted(&["commit", "plain", "--dev-srs"]);
    let row = fraud("legit.csv");
    let scope = ["credential", "scope", "--chain-id", "31337", "--contract"];
    let contract = "0x1111111111111111111111111111111111111111";
    let scope = text(&user.accepted(&[&scope[..], &[contract]].concat()), "scope");
    let context = ["context", "--chain-id", "31337", "--contract", contract];
    let context = |sender: &[&str]| {
        let args = [&context[..], &["--choice", "3"], sender].concat();
        text(&user.accepted(&args), "context")
    };
    let sender = ["--sender", "0x2222222222222222222222222222222222222222"];
    let (anyone, context) = (context(&[]), context(&sender));
    assert_ne!(anyone, context);
    assert_eq!(
        context,
        "0x25e3415ff3267a934368a84c484698e3ac8165c1496da6eef007bfdff1c8ddab"
    );

    let prove = |dir: &str, row: &str, options: &[&str]| {
        let prove = [
            "prove",
            dir,
            "--dev-srs",
            "--input",
            row,
            "--folded-only",
            "a.folded",
        ];
        [&prove[..], options]
            .concat()
            .iter()
            .map(|s| (*s).to_owned())
            .collect::<Vec<_>>()
    };
    let all = [
        "--context",
        &context,
        "--credential",
        "alice.member",
        "--scope",
        &scope,
    ];
    let made = run(&prove(MODEL, &row, &all));
    let binding = &made["binding"];
    assert_eq!(text(binding, "root"), root);
    assert_eq!(text(binding, "scope"), scope);
    assert_eq!(text(binding, "context"), context);
    assert_eq!(made["input"].as_array().expect("public").len(), 29);

    let verify = ["verify", "a.folded", "--dir", MODEL, "--dev-srs"];
    let verify = |options: &[&str]| [&verify[..], options].concat();
    let wanted = ["--context", &context, "--root", &root, "--scope", &scope];
    let verified = user.accepted(&verify(&wanted));
    assert_eq!(verified["binding"], made["binding"]);
    assert_eq!(
        (&verified["input"], &verified["output"]),
        (&made["input"], &made["output"][0])
    );
    refused(
        &user,
        &verify(&["--context", &anyone]),
        "made for something else",
    );
    refused(
        &user,
        &verify(&["--root", &first]),
        "made for something else",
    );
    refused(&user, &verify(&["--scope", "5"]), "made for something else");

    // The same person leaves the same in a scope, and another nullifier in another.
    let nullifier = |scope: &str| {
        let all = [
            "--context",
            "1",
            "--credential",
            "alice.member",
            "--scope",
            scope,
        ];
        text(&run(&prove(MODEL, &row, &all))["binding"], "nullifier")
    };
    assert_eq!(nullifier(&scope), text(binding, "nullifier"));
    assert_ne!(nullifier("5"), text(binding, "nullifier"));

    let order = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    for (dir, row, options, says) in [
        (
            MODEL,
            &row,
            &["--context", &context][..],
            "need --credential",
        ),
        (MODEL, &row, &all[2..], "need --context"),
        (MODEL, &row, &["--context", order][..], "not below"),
        (MODEL, &fraud("fraud.csv"), &all[..], "attests other values"),
        (
            "plain",
            &row,
            &["--context", &context][..],
            "take no --context",
        ),
        ("plain", &row, &all[2..], "take no --credential"),
    ] {
        refuse(&prove(dir, row, options), says);
    }
    refused(
        &user,
        &[
            "compile",
            &fraud("fraud.onnx"),
            "--calibration",
            &fraud("calibration.csv"),
            "--batch",
            "2",
            "--credential",
            "20",
            "-o",
            "b",
        ],
        "rows of a credential",
    );
    refused(
        &user,
        &[
            "credential",
            "issue",
            "plain",
            "--input",
            &row,
            "--identity",
            "5",
            "-o",
            "x",
        ],
        "without --credential",
    );
}
