//! Fuzz targets: functions of untrusted bytes that must return, whatever the bytes. Run in-tree over
//! seeded mutations (`tests/fuzz_targets.rs`) and by cargo-fuzz (`tests/fuzz`).

use halo2curves_axiom::bn256::{Fr, G2Affine};
use laminate_engine::field::Scalar;
use laminate_engine::joint::JointProof;
use laminate_front::onnx;
use laminate_model::artifact::{self, HEADER, Kind};
use laminate_model::program::{Program, Weights};
use laminate_model::proof::StoredProof;
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use laminate_prover::exec;
use laminate_prover::input::CommittedInput;
use laminate_prover::prove::WeightSecret;
use serde::de::DeserializeOwned;

/// The ONNX reader; whether it accepts.
pub fn onnx(data: &[u8]) -> bool {
    onnx::decode(data.to_vec()).is_ok()
}

/// A whole file of any kind, digest included.
pub fn artifact(data: &[u8]) {
    let _ = artifact::read_header(data);
    for kind in Kind::ALL {
        let _ = artifact::open(kind, data);
    }
}

/// Decodes `data` as the payload of a file whose digest is right: what an attacker can hand in.
fn payload<T: DeserializeOwned>(kind: Kind, data: &[u8]) -> Option<T> {
    let file = [artifact::header(kind, false, data).as_slice(), data].concat();
    debug_assert_eq!(file.len(), HEADER + data.len());
    artifact::decode(kind, &file).ok().map(|(_, value)| value)
}

/// Program decoder, its checks, its layout, and the executor on zero inputs.
pub fn program(data: &[u8]) {
    let Some(program) = payload::<Program>(Kind::Program, data) else {
        return;
    };
    let Ok(verifier) = Verifier::new(program) else {
        return;
    };
    // A refused run is as good as a run; only small programs are tried.
    if verifier.layout.geometry.max_log() <= 16 {
        let rows = vec![vec![
            0;
            verifier.program.tensor_width(verifier.program.input)
        ]];
        let _ = exec::run(&verifier.program, &Weights { dense: vec![] }, &rows);
    }
}

/// Weights decoder, and their check against a fixed program.
pub fn weights(program: &Program, data: &[u8]) {
    let Some(weights) = payload::<Weights>(Kind::Weights, data) else {
        return;
    };
    let _ = exec::check_weights(program, &weights);
}

/// Weight secret decoder.
pub fn weight_secret(data: &[u8]) {
    if let Some(secret) = payload::<WeightSecret>(Kind::WeightSecret, data) {
        let _ = secret.commitment();
    }
}

/// Committed input decoder, and its check against a fixed program.
pub fn committed_input(program: &Program, data: &[u8]) {
    if let Some(input) = payload::<CommittedInput>(Kind::Input, data) {
        let _ = input.open(program);
    }
}

/// Layer proof decoder.
pub fn layer_proof(data: &[u8]) {
    let _ = payload::<JointProof<Scalar>>(Kind::LayerProof, data);
}

/// A folded proof with its statement, as it is kept in a file.
pub type ProofFile = (Statement<Scalar>, StoredProof);

/// Folded proof decoder and the whole verifier; `Some(true)` if it decodes and is accepted.
pub fn folded_proof(verifier: &Verifier, tau_g2: &G2Affine, data: &[u8]) -> Option<bool> {
    let (statement, proof) = payload::<ProofFile>(Kind::FoldedProof, data)?;
    let statement = native(&statement);
    Some(
        verifier
            .verify_native(&statement, &proof.to_native(), tau_g2)
            .is_ok(),
    )
}

/// [`folded_proof`] against an arbitrary point, for fuzzers without a reference string.
pub fn folded_proof_of_nobody(verifier: &Verifier, data: &[u8]) {
    assert_ne!(
        folded_proof(verifier, &G2Affine::generator(), data),
        Some(true),
        "a proof for τ = 1"
    );
}

/// The statement over field elements.
pub fn native(statement: &Statement<Scalar>) -> Statement<Fr> {
    Statement {
        program_digest: statement.program_digest.0,
        weight_commitment: statement.weight_commitment.0,
        input_commitment: statement.input_commitment.0,
        boundary_in: None,
        boundary_out: None,
        output_words: statement.output_words.iter().map(|w| w.0).collect(),
    }
}

/// The statement as it is stored.
pub fn stored(statement: &Statement<Fr>) -> Statement<Scalar> {
    Statement {
        program_digest: Scalar(statement.program_digest),
        weight_commitment: Scalar(statement.weight_commitment),
        input_commitment: Scalar(statement.input_commitment),
        boundary_in: None,
        boundary_out: None,
        output_words: statement.output_words.iter().map(|w| Scalar(*w)).collect(),
    }
}
