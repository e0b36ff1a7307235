//! The fuzz targets over seeded mutations of valid files: none may panic, hang, or accept a forgery.

use std::time::Instant;

use laminate_engine::fold::FoldMode;
use laminate_model::artifact::{self, HEADER, Kind};
use laminate_model::program::Program;
use laminate_tests::fuzz::{self, ProofFile, stored};
use laminate_tests::{TestSrs, committed, every_op, prove_case};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// One to four random edits of `seed`: flips, interesting values, cuts, repeats and splices.
fn mutate(rng: &mut ChaCha20Rng, seed: &[u8]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..rng.gen_range(1..=4) {
        if out.is_empty() {
            return vec![rng.r#gen()];
        }
        // Structure lies at the ends, numbers in between.
        let at = match rng.gen_range(0..4) {
            0 => rng.gen_range(0..out.len().min(600)),
            1 => out.len() - 1 - rng.gen_range(0..out.len().min(400)),
            _ => rng.gen_range(0..out.len()),
        };
        match rng.gen_range(0..7) {
            0 => out[at] ^= 1 << rng.gen_range(0..8),
            1 => {
                out[at] = *[0x00, 0x01, 0x7f, 0x80, 0xff]
                    .get(rng.gen_range(0..5))
                    .unwrap_or(&0)
            }
            2 => out.truncate(at),
            3 => drop(out.drain(at..(at + rng.gen_range(1..32)).min(out.len()))),
            4 => {
                let end = (at + rng.gen_range(1..64)).min(out.len());
                let piece = out[at..end].to_vec();
                let to = rng.gen_range(0..=out.len());
                drop(out.splice(to..to, piece));
            }
            5 => drop(out.splice(at..at, (0..rng.gen_range(1..10)).map(|_| 0xff))),
            _ => out[at] = rng.r#gen(),
        }
    }
    out
}

/// Runs `target` on `count` mutations of every seed.
fn run(name: &str, seeds: &[Vec<u8>], count: usize, mut target: impl FnMut(&[u8])) {
    let mut rng = ChaCha20Rng::seed_from_u64(0xf022);
    let begin = Instant::now();
    let mut slowest = 0;
    for seed in seeds {
        target(seed);
        for _ in 0..count {
            let data = mutate(&mut rng, seed);
            let start = Instant::now();
            target(&data);
            slowest = slowest.max(start.elapsed().as_millis());
        }
    }
    let tried = seeds.len() * (count + 1);
    println!(
        "fuzz {name}: {tried} inputs, no panic, slowest {slowest} ms, {} ms in all",
        begin.elapsed().as_millis()
    );
}

fn model(path: &str) -> Vec<u8> {
    let path = format!("{}/../models/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn payload(kind: Kind, value: &impl serde::Serialize) -> Vec<u8> {
    artifact::encode(kind, false, value).expect("encode")[HEADER..].to_vec()
}

#[test]
fn onnx_reader() {
    let seed = model("fraud/fraud.onnx");
    assert!(fuzz::onnx(&seed), "the seed");
    let mut read = 0;
    run("onnx", &[seed, vec![], vec![0x3a, 0x00]], 4000, |data| {
        read += usize::from(fuzz::onnx(data))
    });
    println!("onnx: {read} mutations are still models");
}

#[test]
fn artifact_container() {
    let file = artifact::encode(Kind::Program, true, &every_op(1, 0).program).expect("encode");
    run(
        "artifact",
        &[file[..HEADER + 40].to_vec(), file],
        2000,
        fuzz::artifact,
    );
}

#[test]
fn program_decoder() {
    let mut seeds: Vec<Vec<u8>> = (0..3)
        .map(|i| payload(Kind::Program, &every_op(i, i as u8).program))
        .collect();
    // Without its tables nearly every mutation hits the structure.
    let mut small: Program = laminate_tests::mlp(1, 1, &[3, 2, 2]).program;
    small.name.clear();
    seeds.push(payload(Kind::Program, &small));
    run("program", &seeds, 2000, fuzz::program);
}

#[test]
fn decoders_of_private_files() {
    let case = every_op(3, 0);
    let proven = prove_case(&case, &TestSrs::new(b"fuzz", 14), FoldMode::On, 1);
    run(
        "weights",
        &[payload(Kind::Weights, &case.weights)],
        3000,
        |data| fuzz::weights(&case.program, data),
    );
    run(
        "weight secret",
        &[payload(Kind::WeightSecret, &proven.secret)],
        2000,
        fuzz::weight_secret,
    );
    run(
        "committed input",
        &[payload(Kind::Input, &committed(&case))],
        3000,
        |data| fuzz::committed_input(&case.program, data),
    );
}

#[test]
fn proof_decoders() {
    let srs = TestSrs::new(b"fuzz", 14);
    let case = every_op(3, 0);
    let proven = prove_case(&case, &srs, FoldMode::On, 1);
    let file: ProofFile = (stored(&proven.statement), proven.proof.to_stored());
    let seed = payload(Kind::FoldedProof, &file);
    let verifier = &proven.model.verifier;
    assert_eq!(
        fuzz::folded_proof(verifier, &srs.tau_g2, &seed),
        Some(true),
        "the seed"
    );
    let (mut decoded, mut accepted) = (0, 0);
    run("folded proof", std::slice::from_ref(&seed), 3000, |data| {
        if data == seed {
            return;
        }
        match fuzz::folded_proof(verifier, &srs.tau_g2, data) {
            Some(true) => accepted += 1,
            Some(false) => decoded += 1,
            None => {}
        }
    });
    assert_eq!(accepted, 0, "a mutated proof is accepted");
    println!("folded proof: {decoded} mutations decoded and were verified, 0 accepted");
    let layer = verifier.layer(&file.1, 3).expect("a node");
    run(
        "layer proof",
        &[payload(Kind::LayerProof, &layer)],
        3000,
        fuzz::layer_proof,
    );
}
