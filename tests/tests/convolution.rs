//! The convolutional network of `models/digits`, from its file to a verified proof.

use std::path::Path;

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_front::quant::{Options, compile, quantise_input};
use laminate_front::{onnx, rows};
use laminate_tests::{Case, TestSrs, prove_case};

#[test]
fn digits_are_classified_and_proven() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits");
    let graph = onnx::read(&folder.join("digits.onnx")).expect("a model");
    let width = graph.width(graph.input());
    let calibration = rows::read(&folder.join("calibration.csv"), width).expect("rows");
    let options = Options::rows("digits", 1).in_rows_of(12);
    let compiled = compile(&graph, &calibration, &options).expect("a program");
    // One image, nested.
    let image = rows::read(&folder.join("image.json"), width).expect("an image");
    let inputs = quantise_input(&compiled.program, &image).expect("in range");
    let case = Case {
        program: compiled.program,
        weights: compiled.weights,
        inputs,
    };
    let srs = TestSrs::new(b"digits", 16);
    let proven = prove_case(&case, &srs, FoldMode::On, 1);
    let verifier = &proven.model.verifier;
    let verify = |statement: &_| verifier.verify_native(statement, &proven.proof, &srs.tau_g2);
    assert_eq!(verify(&proven.statement), Ok(()));
    for word in 0..proven.statement.output_words.len() {
        let mut other = proven.statement.clone();
        other.output_words[word] += Fr::from(1);
        assert!(verify(&other).is_err(), "output word {word}");
    }
    let mut other = proven.statement.clone();
    other.input_commitment += Fr::from(1);
    assert!(verify(&other).is_err(), "another input");
}
