//! What this build says of altered proof files, for the TypeScript client, which must say the same. `scripts/make_client_fixtures.sh`
//! makes the files; `LAMINATE_BLESS=1` writes the verdicts.

use std::path::{Path, PathBuf};

use halo2curves_axiom::bn256::{Fq, Fr};
use halo2curves_axiom::ff::{Field, PrimeField};
use laminate_aggregator::keys::VerifyingKey;
use laminate_aggregator::srs::Srs;
use laminate_model::artifact::{self, Kind};
use serde_json::{Value, json};

use super::verify_with;
use crate::files::ProofFile;

/// Proofs of either opening, and of a join, and how far apart what is altered is: bytes of the halo2 proof, of the rest, and words.
const PROOFS: [(&str, [usize; 3]); 3] = [
    ("packed", [5, 1, 1]),
    ("shplonk", [92, 35, 4]),
    ("join", [92, 33, 4]),
];
const WORD: usize = 32;

/// A part of a payload in whose place others stand.
struct Altered {
    at: usize,
    removed: usize,
    inserted: Vec<u8>,
}

impl Altered {
    fn apply(&self, payload: &[u8]) -> Vec<u8> {
        let (before, rest) = payload.split_at(self.at);
        [before, &self.inserted, &rest[self.removed..]].concat()
    }
}

/// `word + other` modulo 2^256, most significant byte first.
fn plus(word: &[u8], mut other: [u8; WORD], one: u16) -> Vec<u8> {
    other.reverse();
    let mut carry = one;
    let bytes = word.iter().zip(other).rev().map(|(a, b)| {
        carry += u16::from(*a) + u16::from(b);
        let byte = carry as u8;
        carry >>= 8;
        byte
    });
    let mut bytes: Vec<u8> = bytes.collect();
    bytes.reverse();
    bytes
}

/// Bytes of a payload, and each word of the halo2 proof in several ways; the first changes nothing.
fn alterations(payload: &[u8], proof: usize, strides: [usize; 3]) -> Vec<Altered> {
    let change = |at: usize, removed: usize, inserted: Vec<u8>| Altered {
        at,
        removed,
        inserted,
    };
    let start = payload.len() - proof;
    let mut all = vec![change(0, 0, vec![])];
    let [of_proof, of_rest, of_words] = strides;
    let bytes = (0..start).step_by(of_rest);
    for at in bytes.chain((start..payload.len()).step_by(of_proof)) {
        all.push(change(at, 1, vec![payload[at] ^ 1 << (at % 8)]));
    }
    let moduli = [(-Fr::ONE).to_repr(), (-Fq::ONE).to_repr()];
    for at in (start..payload.len()).step_by(WORD * of_words) {
        let word = &payload[at..at + WORD];
        all.push(change(at, WORD, vec![0; WORD]));
        all.push(change(at, WORD, plus(word, [0; WORD], 1)));
        // The same residue, not canonical.
        all.extend(moduli.map(|largest| change(at, WORD, plus(word, largest, 1))));
        if at + 2 * WORD <= payload.len() {
            let next = &payload[at + WORD..at + 2 * WORD];
            all.push(change(at, 2 * WORD, [next, word].concat()));
            all.push(change(at, 2 * WORD, vec![0; 2 * WORD]));
        }
    }
    all.push(change(payload.len() - 1, 1, vec![]));
    all.push(change(payload.len(), 0, vec![0]));
    all
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/test/fixtures")
}

/// As `laminate verify`, with one key in the cache.
fn accepts(key: &VerifyingKey, srs: &Srs, honest: &ProofFile, payload: &[u8]) -> bool {
    let header = artifact::header(Kind::Proof, true, payload);
    let bytes = [&header, payload].concat();
    let Ok((_, file)) = artifact::decode::<ProofFile>(Kind::Proof, &bytes) else {
        return false;
    };
    let identity = &key.meta.identity;
    let found = (file.program_digest, file.fold, file.setup);
    let of_key = found == (identity.program, identity.mode, identity.setup);
    let accepted = of_key
        && file.vk_digest == key.digest()
        && file.statement().is_some()
        && verify_with(key, srs, &file).is_ok();
    // What is not proven may differ; what is proven does not.
    assert!(!accepted || file.proof.public.statement == honest.proof.public.statement);
    accepted
}

fn verdicts(name: &str, strides: [usize; 3]) -> Value {
    let bytes = std::fs::read(fixtures().join(format!("{name}.proof"))).unwrap();
    let (_, honest): (_, ProofFile) = artifact::decode(Kind::Proof, &bytes).unwrap();
    let key = VerifyingKey::load(&fixtures().join(format!("{name}.vkey")), None).unwrap();
    let srs = Srs::development(key.meta.k()).unwrap();
    let payload = &bytes[artifact::HEADER..];
    let all = alterations(payload, honest.proof.proof.len(), strides);
    let mut accepted = 0;
    let verdicts = all.iter().map(|altered| {
        let verdict = accepts(&key, &srs, &honest, &altered.apply(payload));
        accepted += usize::from(verdict);
        json!([
            altered.at,
            altered.removed,
            hex::encode(&altered.inserted),
            verdict
        ])
    });
    let verdicts: Vec<Value> = verdicts.collect();
    assert_eq!(verdicts[0][3], true, "{name}: the honest proof");
    // The program's name, and nothing else.
    assert!(
        accepted <= 1 + honest.program_name.len(),
        "{name}: {accepted}"
    );
    println!("{name}: {} files, {accepted} accepted", verdicts.len());
    verdicts.into()
}

#[test]
fn the_client_has_this_builds_verdicts() {
    let all: serde_json::Map<String, Value> = PROOFS
        .iter()
        .map(|(name, strides)| ((*name).to_owned(), verdicts(name, *strides)))
        .collect();
    let total: usize = all
        .values()
        .filter_map(|list| Some(list.as_array()?.len()))
        .sum();
    assert!(total > 1500, "{total}");
    let text = serde_json::to_string(&all).unwrap().replace("],[", "],\n[") + "\n";
    let path = fixtures().join("verdicts.json");
    if std::env::var_os("LAMINATE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "{} is not what this build says; run scripts/make_client_fixtures.sh",
        path.display()
    );
}
