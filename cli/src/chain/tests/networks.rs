//! Every network of `models/` that no other test brings onto a chain: from its file to a record in the registry, by a real
//! proof that the generated verifier checks on the embedded EVM. How faithful programs are, `front/tests/carried.rs` tells.

use std::path::PathBuf;

use alloy::primitives::Bytes;

use super::super::registry::{Submission, decode_output};
use super::forest::Ready;
use super::{name, wait, workspace};
use crate::cmd::compile::{Compile, compile};
use crate::input::first_rows;

/// A model's file, and the rows that it is compiled and proven with.
struct Carried {
    model: &'static str,
    calibration: &'static str,
    row: &'static str,
    threshold: Option<f64>,
}

fn file(name: &str) -> PathBuf {
    workspace().join("models").join(name)
}

/// Compiles a model, proves a row and records the proof; what the proof shows.
fn recorded(carried: &Carried) -> Vec<i32> {
    let folder = tempfile::tempdir().unwrap();
    let (compiled, _) = compile(&Compile {
        calibration: Some(file(carried.calibration)),
        threshold: carried.threshold,
        ..Compile::of(file(carried.model), folder.path().to_path_buf())
    })
    .unwrap();
    let ready = Ready::new((compiled.program, compiled.weights));
    let given = first_rows(&file(carried.row), &ready.program, 1).unwrap();
    let proof = ready.prove(&given);
    wait(async {
        let (mut chain, manifest, registry, id) = ready.deployed(false).await;
        let honest = Submission::of_inference(&proof.proof, &manifest).unwrap();
        let (lead, packing) = (&manifest.output_lead, manifest.output_packing);
        let shown = decode_output(&honest.output, lead, packing, manifest.output_count);
        assert_eq!(shown, Some(proof.outputs()));
        // Another output in the statement.
        let mut bytes = honest.output.to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let other = Submission {
            output: Bytes::from(bytes),
            ..honest.clone()
        };
        let refused = registry.verify(&mut chain, id, &other).await;
        assert_eq!(name(refused), "InvalidProof", "{}", carried.model);
        registry.submit(&mut chain, id, &honest).await.unwrap();
    });
    proof.outputs()
}

#[test]
fn an_autoencoder_finds_what_is_unusual() {
    for (row, unusual) in [("fraud/legit.csv", 0), ("fraud/fraud.csv", 1)] {
        let carried = Carried {
            model: "fraud-autoencoder/autoencoder.onnx",
            calibration: "fraud/calibration.csv",
            row,
            threshold: Some(1.19),
        };
        assert_eq!(recorded(&carried), [unusual]);
    }
}

#[test]
fn a_generator_draws_an_image() {
    let carried = Carried {
        model: "digits-gan/generator.onnx",
        calibration: "digits-gan/calibration.csv",
        row: "digits-gan/latent.npy",
        threshold: None,
    };
    let image = recorded(&carried);
    assert_eq!(image.len(), 64);
}

#[test]
fn a_transformer_tells_the_language() {
    let carried = Carried {
        model: "languages/languages.onnx",
        calibration: "languages/calibration.csv",
        row: "languages/sentence.csv",
        threshold: None,
    };
    // English is the first of eight.
    let logits = recorded(&carried);
    assert_eq!((logits.len(), logits.iter().max()), (8, logits.first()));
}

#[test]
fn pipelines_of_scikit_learn_say_what_a_patient_is_to_expect() {
    let logistic = Carried {
        model: "diabetes/logistic.onnx",
        calibration: "diabetes/calibration.csv",
        row: "diabetes/patient.csv",
        threshold: Some(0.5),
    };
    assert_eq!(recorded(&logistic), [1]);
    let ridge = Carried {
        model: "diabetes/ridge.onnx",
        threshold: None,
        ..logistic
    };
    assert_eq!(recorded(&ridge).len(), 1);
}

/// The two that other tests prove, but not down to a chain.
#[test]
fn a_convolutional_network_and_an_lstm_are_recorded() {
    let digits = Carried {
        model: "digits/digits.onnx",
        calibration: "digits/calibration.csv",
        row: "digits/image.json",
        threshold: None,
    };
    assert_eq!(recorded(&digits).len(), 10);
    let sunspots = Carried {
        model: "sunspots/sunspots.onnx",
        calibration: "sunspots/calibration.csv",
        row: "sunspots/evaluation.csv",
        threshold: None,
    };
    assert_eq!(recorded(&sunspots).len(), 1);
}
