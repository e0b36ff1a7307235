//! The sentences of `revert.rs` as a table for the TypeScript client, which says the same. `LAMINATE_BLESS=1` writes it.

use std::collections::BTreeMap;
use std::path::Path;

use alloy::primitives::{hex, keccak256};
use serde_json::{Value, json};

use super::super::revert::Revert;
use super::*;

const FILE: &str = "../client/src/reverts.ts";
/// States of a payment, the only argument whose values have words, and one of none.
const STATE: &str = "state";
const CASES: u64 = 5;

/// Name, then name and type of each argument, of every error of our contracts.
fn errors() -> BTreeMap<String, Vec<(String, String)>> {
    let mut errors = BTreeMap::new();
    let modes = [Mode::Direct, Mode::Universal].map(|mode| Contract::all(mode, true));
    let applications = Contract::OF_POLLS.into_iter().chain([Contract::FeeHook]);
    let own = modes.concat().into_iter().chain(applications);
    for contract in own.filter(|c| !c.is_generated()) {
        let abi = artifacts::of(contract).unwrap().abi.as_array().unwrap();
        for entry in abi.iter().filter(|entry| entry["type"] == "error") {
            let inputs = entry["inputs"].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let inputs = inputs
                .map(|i| (text(&i["name"]), text(&i["type"])))
                .collect();
            errors.insert(text(&entry["name"]), inputs);
        }
    }
    errors
}

/// A word for an argument, unlike all others, and what stands for it in a sentence.
fn sentinel(place: usize, kind: &str) -> ([u8; 32], Vec<(String, &'static str)>) {
    let mut word = [0; 32];
    let number = 7_654_321 + 1_111 * place as u64;
    match kind {
        "address" => {
            word[12..].fill(0xa0 + place as u8);
            let shown = Address::from_slice(&word[12..]).to_string();
            (word, vec![(shown, "")])
        }
        "bytes4" => {
            word[..4].fill(0xb0 + place as u8);
            (word, vec![(hex::encode_prefixed(&word[..4]), "")])
        }
        "bytes32" => {
            word.fill(0xc0 + place as u8);
            (word, vec![(hex::encode_prefixed(word), "")])
        }
        "int8" | "uint8" => {
            word[31] = 101 + place as u8;
            (word, vec![(word[31].to_string(), "")])
        }
        "int16" => {
            let number = 4_321 + 111 * place as u64;
            word[24..].copy_from_slice(&number.to_be_bytes());
            (word, vec![(number.to_string(), "")])
        }
        _ => {
            word[24..].copy_from_slice(&number.to_be_bytes());
            let forms = vec![
                (format!("{number:#066x}"), ":id"),
                (format!("{number:#x}"), ":hex"),
                (number.to_string(), ""),
            ];
            (word, forms)
        }
    }
}

/// The sentence of an error, with the arguments' names in the places of their values.
fn template(name: &str, inputs: &[(String, String)], case: Option<(usize, u64)>) -> String {
    let types: Vec<&str> = inputs.iter().map(|(_, kind)| &**kind).collect();
    let hash = keccak256(format!("{name}({})", types.join(",")));
    let mut data = hash[..4].to_vec();
    let mut marks = vec![];
    for (place, (argument, kind)) in inputs.iter().enumerate() {
        let (mut word, forms) = sentinel(place, kind);
        match case {
            Some((at, value)) if at == place => word = B256::with_last_byte(value as u8).0,
            _ => marks.extend(
                forms
                    .into_iter()
                    .map(|(text, form)| (text, format!("{{{argument}{form}}}"))),
            ),
        }
        data.extend(word);
    }
    let revert = Revert::decode(&data);
    assert_eq!(revert.name, name);
    assert!(!revert.message.contains(['{', '}']), "{}", revert.message);
    marks
        .into_iter()
        .fold(revert.message, |text, (shown, mark)| {
            text.replace(&shown, &mark)
        })
}

#[test]
fn the_client_says_what_this_program_says() {
    let mut table = vec![];
    for (name, inputs) in errors() {
        let types: Vec<&str> = inputs.iter().map(|(_, kind)| &**kind).collect();
        let selector = &keccak256(format!("{name}({})", types.join(",")))[..4];
        let case = inputs.iter().position(|(name, _)| name == STATE);
        let sentences: Vec<String> = match case {
            None => vec![template(&name, &inputs, None)],
            Some(at) => (0..CASES)
                .map(|value| template(&name, &inputs, Some((at, value))))
                .collect(),
        };
        let mut entry = json!({
            "selector": hex::encode_prefixed(selector),
            "name": name,
            "inputs": inputs,
            "sentences": sentences,
        });
        if let Some(at) = case {
            entry["cases"] = json!(inputs[at].0);
        }
        table.push(entry);
    }
    assert!(table.len() > 50, "{}", table.len());
    let text = format!(
        "// Generated from the command line's sentences; do not edit. LAMINATE_BLESS=1 cargo test --release -p laminate sentences\nexport const REVERTS = {} as const;\n",
        serde_json::to_string_pretty(&table).unwrap()
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("LAMINATE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "{FILE} is not what revert.rs says; run this test with LAMINATE_BLESS=1"
    );
}
