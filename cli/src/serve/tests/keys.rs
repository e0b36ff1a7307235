//! API keys.

use sha2::{Digest, Sha256};

use super::super::http::{OPENAPI, ROUTES};
use super::super::keys::Keys;
use super::super::models::named;

fn read(text: &str) -> eyre::Result<Keys> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    std::fs::write(&path, text).unwrap();
    Keys::read(&path)
}

fn line(name: &str, key: &str) -> String {
    format!("{name} {}\n", hex::encode(Sha256::digest(key)))
}

#[test]
fn a_key_is_its_owners() {
    let text = format!(
        "# ours\n\n{}{}",
        line("one", "first"),
        line("two", "second")
    );
    let keys = read(&text).unwrap();
    assert!(keys.are_asked_for());
    assert_eq!(keys.owner(b"first"), Some("one"));
    assert_eq!(keys.owner(b"second"), Some("two"));
    let hash = hex::encode(Sha256::digest("first"));
    for wrong in ["", "firs", "first ", "one", &hash] {
        assert_eq!(keys.owner(wrong.as_bytes()), None, "{wrong}");
    }
    assert!(!Keys::default().are_asked_for());
    assert_eq!(Keys::default().owner(b""), None);
}

#[test]
fn malformed_keys_are_refused_without_being_shown() {
    let twice = line("one", "first") + &line("one", "second");
    let same = line("one", "first") + &line("two", "first");
    let second = format!("{}a/b {}", line("one", "first"), "0".repeat(64));
    for (text, expected) in [
        ("", "has no keys"),
        ("# none\n", "has no keys"),
        ("one s3cret", "line 1"),
        ("s3cret", "line 1"),
        (second.as_str(), "line 2"),
        (twice.as_str(), "line 2"),
        (same.as_str(), "line 2"),
    ] {
        let error = format!("{:#}", read(text).unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn models_have_names() {
    let of = |text: &str| named(text).map(|(name, dir)| (name, dir.display().to_string()));
    let pair = |name: &str, dir: &str| (name.to_owned(), dir.to_owned());
    assert_eq!(of("models/fraud").unwrap(), pair("fraud", "models/fraud"));
    assert_eq!(of("models/fraud/").unwrap(), pair("fraud", "models/fraud/"));
    assert_eq!(of("a=b=c").unwrap(), pair("a", "b=c"));
    for bad in ["=dir", "a b=dir", "../x y", "/", "é=x"] {
        assert!(
            format!("{:#}", of(bad).unwrap_err()).contains("no name of a model"),
            "{bad}"
        );
    }
}

/// What the description lists is what is routed; which methods each takes is asked of a running server.
#[test]
fn the_description_has_every_route() {
    let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let mut described: Vec<&str> = paths.keys().map(String::as_str).collect();
    let mut routed = ROUTES.map(|(path, _)| path).to_vec();
    described.sort_unstable();
    routed.sort_unstable();
    assert_eq!(described, routed);
}
