//! A trained ternary model, from its ONNX file to a verified proof.

use std::path::PathBuf;

use laminate_engine::fold::FoldMode;
use laminate_front::onnx;
use laminate_front::quant::{self, Compiled, Options, Rounding, WeightChoice};
use laminate_front::rows;
use laminate_model::program::WeightFormat;
use laminate_prover::exec;
use laminate_tests::{TestSrs, prove_trace};

fn fraud(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../models/fraud")
        .join(file)
}

fn compile(model: &str, weights: WeightChoice) -> Compiled {
    let graph = onnx::read(&fraud(model)).expect("model");
    let columns = graph.width(graph.input());
    let calibration = rows::read(&fraud("calibration.csv"), columns).expect("rows");
    let options = Options {
        weights,
        ..Options::rows(model, 2).in_rows_of(12)
    };
    let mut compiled = quant::compile(&graph, &calibration, &options).expect("compile");
    let rows = rows::read(&fraud("evaluation.csv"), columns).expect("rows");
    let measured = quant::fidelity(&graph, &compiled.program, &compiled.weights, &rows);
    compiled.fidelity = Some(measured.expect("fidelity"));
    compiled
}

/// What the integers of the layers' weights are, in order.
fn roundings(compiled: &Compiled) -> Vec<Rounding> {
    compiled.layers.iter().map(|l| l.rounding).collect()
}

#[test]
fn a_ternary_model_is_taken_as_it_is_and_proven() {
    let compiled = compile("ternary.onnx", WeightChoice::Ternary);
    assert_eq!(roundings(&compiled), [Rounding::TernaryExact; 3]);
    assert_eq!(
        compile("ternary.onnx", WeightChoice::Auto).program.weights,
        compiled.program.weights
    );
    let Compiled {
        program,
        weights,
        fidelity,
        ..
    } = compiled;
    for (shape, dense) in program.weights.iter().zip(&weights.dense) {
        assert_eq!(shape.format, WeightFormat::Ternary);
        assert!(dense.multiplier.windows(2).all(|m| m[0] == m[1]));
    }
    let fidelity = fidelity.expect("measured");
    assert!(
        fidelity.agreement() >= Some(0.995) && fidelity.mean_error < 1e-3,
        "{fidelity:?}"
    );

    let rows = rows::read(&fraud("samples.csv"), 29).expect("rows");
    let inputs = quant::quantise_input(&program, &rows[..2]).expect("input");
    let trace = exec::run(&program, &weights, &inputs).expect("run");
    let srs = TestSrs::new(b"ternary", 13);
    let proven = prove_trace((&program, &weights), &trace, &srs, FoldMode::On, 1);
    let verdict =
        proven
            .model
            .verifier
            .verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
    assert_eq!(verdict, Ok(()));
}

#[test]
fn a_float_model_is_ternary_only_if_asked_to_and_says_so() {
    let int8 = compile("fraud.onnx", WeightChoice::Int8);
    let auto = compile("fraud.onnx", WeightChoice::Auto);
    assert_eq!(roundings(&auto), [Rounding::Int8; 3]);
    assert_eq!(auto, int8);
    let forced = compile("fraud.onnx", WeightChoice::Ternary);
    assert_eq!(roundings(&forced), [Rounding::TernaryAbsmean; 3]);
    // Not trained for it: the loss shows in what is reported.
    let error = |compiled: Compiled| compiled.fidelity.expect("measured").mean_error;
    assert!(error(forced) > 10.0 * error(int8));
}
