//! Golden artifacts: bytes that must not change unseen, because commitments, statements and files that
//! others keep depend on them.

use std::fmt::Write as _;

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::PrimeField;
use laminate_engine::backend::{Native, point_scalars};
use laminate_engine::fold::FoldMode;
use laminate_engine::transcript::{Domain, Transcript, hash};
use laminate_model::artifact::{self, Kind};
use laminate_model::program::Program;
use laminate_model::statement::{Packing, input_commitment, pack, weight_commitment};
use laminate_tests::fuzz::{ProofFile, native, stored};
use laminate_tests::{Proven, TestSrs, committed, every_op, golden, prove_case};
use sha2::{Digest, Sha256};

fn hex(value: &Fr) -> String {
    hex::encode(value.to_repr())
}

/// Transcript, commitments and encodings of small messages, scalars as little-endian hex.
#[test]
fn hash_vectors_are_stable() {
    let mut text = String::new();
    let mut line =
        |name: &str, value: &Fr| writeln!(text, "{name} {}", hex(value)).expect("a string");
    let numbers: Vec<Fr> = (0..7).map(Fr::from).collect();
    for length in 0..numbers.len() {
        line(
            &format!("hash main 0..{length}"),
            &hash(&mut Native, Domain::Main, &numbers[..length]),
        );
    }
    for domain in [
        Domain::Fork,
        Domain::WeightCommitment,
        Domain::InputCommitment,
        Domain::Identity,
        Domain::Credential,
        Domain::CredentialNode,
        Domain::Nullifier,
        Domain::OutputCommitment,
    ] {
        line(
            &format!("hash {domain:?} 0..3"),
            &hash(&mut Native, domain, &numbers[..3]),
        );
    }
    let mut transcript = Transcript::<Native>::fork(&mut Native, &Fr::from(9), 2);
    transcript.absorb("a", &numbers[..4]);
    for (i, c) in transcript
        .challenges(&mut Native, "c", 5)
        .iter()
        .enumerate()
    {
        line(&format!("fork 9 2, absorb 0..4, challenge {i}"), c);
    }
    line("then one more", &transcript.challenge(&mut Native, "d"));
    let points: Vec<G1Affine> = vec![G1Affine::generator(), -G1Affine::generator()];
    for (i, scalar) in point_scalars(&points[1]).iter().enumerate() {
        line(&format!("encoding of -G, {i}"), scalar);
    }
    line(
        "weight commitment of salt 3, G, -G",
        &weight_commitment(&mut Native, &Fr::from(3), &points),
    );
    let values: Vec<Fr> = (0..17).map(|i| Fr::from(i) - Fr::from(8)).collect();
    line(
        "input commitment of salt 3, -8..9",
        &input_commitment(&mut Native, Packing::Short, &Fr::from(3), &values),
    );
    for (i, word) in pack(&mut Native, Packing::Short, &values)
        .iter()
        .enumerate()
    {
        line(&format!("packed word {i} of -8..9"), word);
    }
    golden::check("hashes.txt", text.as_bytes());
}

fn proven() -> (Proven, TestSrs) {
    let srs = TestSrs::new(b"golden", 14);
    (prove_case(&every_op(1, 0), &srs, FoldMode::On, 1), srs)
}

fn proof_file(proven: &Proven) -> Vec<u8> {
    let file: ProofFile = (stored(&proven.statement), proven.proof.to_stored());
    artifact::encode(Kind::FoldedProof, true, &file).expect("encode")
}

/// Digests of a program, its files and its proof.
#[test]
fn artifacts_are_stable() {
    let case = every_op(1, 0);
    let (proven, _) = proven();
    let mut text = format!(
        "program digest {}\n",
        hex(&case.program.digest().expect("digest"))
    );
    let mut line = |name: &str, bytes: &[u8]| {
        writeln!(
            text,
            "{name} {} bytes, sha256 {}",
            bytes.len(),
            hex::encode(Sha256::digest(bytes))
        )
        .expect("a string");
    };
    line(
        "program file",
        &artifact::encode(Kind::Program, false, &case.program).expect("encode"),
    );
    line(
        "weights file",
        &artifact::encode(Kind::Weights, false, &case.weights).expect("encode"),
    );
    line(
        "weight secret file",
        &artifact::encode(Kind::WeightSecret, true, &proven.secret).expect("encode"),
    );
    let layer = proven.model.verifier.layer(&proven.proof.to_stored(), 3);
    let layer = layer.expect("a node");
    line(
        "layer proof file",
        &artifact::encode(Kind::LayerProof, false, &layer).expect("encode"),
    );
    line("folded proof file", &proof_file(&proven));
    line(
        "committed input file",
        &artifact::encode(Kind::Input, false, &committed(&case)).expect("encode"),
    );
    golden::check("artifacts.txt", text.as_bytes());
}

/// A proof that was stored by an earlier build still decodes and verifies.
#[test]
fn stored_proof_verifies() {
    let (proven, srs) = proven();
    golden::check("every_op_1.folded", &proof_file(&proven));
    let bytes = std::fs::read(golden::path("every_op_1.folded")).expect("read");
    let (header, (statement, proof)): (_, ProofFile) =
        artifact::decode(Kind::FoldedProof, &bytes).expect("decode");
    assert!(header.development);
    let verdict =
        proven
            .model
            .verifier
            .verify_native(&native(&statement), &proof.to_native(), &srs.tau_g2);
    assert_eq!(verdict, Ok(()));
}

/// The program a stored file names is the one that is read back.
#[test]
fn program_round_trips() {
    let case = every_op(1, 0);
    let bytes = artifact::encode(Kind::Program, false, &case.program).expect("encode");
    let (_, read): (_, Program) = artifact::decode(Kind::Program, &bytes).expect("decode");
    assert_eq!(read, case.program);
    assert_eq!(read.digest(), case.program.digest());
}
