//! Forests: the executor against an interpreter of trees, and proofs of them in both modes and in the circuit.

use std::path::Path;

use laminate_engine::fold::FoldMode;
use laminate_front::trees::{self, Predict, head, program};
use laminate_model::ops::{Dense, Forest};
use laminate_model::program::{DenseShape, DenseWeights, Node, Op, Tensor};
use laminate_prover::exec;
use laminate_prover::prove::{Model, prove_weights};
use laminate_tests::circuit::assert_agreement;
use laminate_tests::forest::{Shape, Trees, case};
use laminate_tests::{Case, TestSrs, prove_case};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn shapes() -> Vec<Shape> {
    let small = Shape::SMALL;
    vec![
        small,
        Shape {
            features: 1,
            outputs: 1,
            trees: 1,
            depth: 0,
            missing: false,
            batch_log: 0,
        },
        Shape {
            features: 5,
            outputs: 3,
            trees: 3,
            depth: 4,
            ..small
        },
        Shape {
            features: 4,
            outputs: 1,
            missing: false,
            batch_log: 2,
            ..small
        },
        Shape {
            outputs: 5,
            batch_log: 1,
            ..small
        },
    ]
}

#[test]
fn runs_are_those_of_the_trees() {
    let mut rows = 0;
    for (i, shape) in shapes().iter().enumerate() {
        for seed in 0..40 {
            let (case, trees) = case(100 * i as u64 + seed, shape);
            let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("a run");
            for (x, y) in case.inputs.iter().zip(trace.outputs(&case.program)) {
                assert_eq!(y, trees.values(x), "{shape:?}, seed {seed}");
                rows += 1;
            }
        }
    }
    println!("{rows} rows");
}

#[test]
fn proofs_verify_natively_and_in_the_circuit() {
    let srs = TestSrs::new(b"forest", 17);
    for (i, shape) in shapes().iter().enumerate() {
        let (case, trees) = case(7 + i as u64, shape);
        for mode in [FoldMode::On, FoldMode::Off] {
            let proven = prove_case(&case, &srs, mode, 3);
            let verifier = &proven.model.verifier;
            let verified = verifier.verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
            assert_eq!(verified, Ok(()), "{shape:?} {mode:?}");
            assert_agreement(verifier, &proven.statement, &proven.proof);
            let words = &proven.statement.output_words;
            let packing = laminate_model::statement::Packing::of_output(&case.program);
            let count = case.program.output_len();
            let outputs = laminate_model::statement::unpack(packing, words, count);
            let expected: Vec<i32> = case.inputs.iter().flat_map(|x| trees.values(x)).collect();
            assert_eq!(outputs, Some(expected));
        }
    }
}

/// A dense layer before a forest: bytes and words in one weight polynomial, int16 in and int32 out. `checked`: whether every
/// proof shows the range of the bytes.
/// What follows margins that no synthetic case has: logits, and the softmax of networks behind them.
#[test]
fn probabilities_of_several_classes_are_proven() {
    let srs = TestSrs::new(b"softmax of trees", 17);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../front/tests/trees/models");
    let ensemble = trees::read(&models.join("xgb_classes.json")).expect("the model");
    let lowered = trees::lower(&ensemble).expect("lowers");
    let made = head::head(&ensemble, &lowered, Predict::Response).expect("probabilities");
    let machine = &lowered.machine;
    let built = program::program(machine, &made.head, "classes", 2, None);
    let (program, weights) = built.expect("a program");
    let rows = [vec![0.25, -1.5, 3.0, 0.0, 1.0, f32::NAN], vec![-0.5; 6]];
    let inputs = rows.iter().map(|row| program::keys_of(row)).collect();
    let case = Case {
        program,
        weights,
        inputs,
    };
    for mode in [FoldMode::On, FoldMode::Off] {
        let proven = prove_case(&case, &srs, mode, 3);
        let verifier = &proven.model.verifier;
        let verified = verifier.verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
        assert_eq!(verified, Ok(()), "{mode:?}");
        assert_agreement(verifier, &proven.statement, &proven.proof);
        let packing = laminate_model::statement::Packing::of_output(&case.program);
        let (words, count) = (&proven.statement.output_words, case.program.output_len());
        let outputs = laminate_model::statement::unpack(packing, words, count).expect("outputs");
        for (row, found) in rows.iter().zip(outputs.chunks_exact(3)) {
            let margins = ensemble.margins(row).expect("margins");
            for (found, exact) in found.iter().zip(ensemble.predictions(&margins)) {
                let found = f64::from(*found) / f64::from(1 << 14);
                assert!((found - exact).abs() < made.worst_error, "{found} {exact}");
            }
        }
    }
}

fn behind_a_layer(checked: bool) -> (Case, Trees) {
    let shape = Shape {
        missing: false,
        batch_log: 1,
        ..Shape::SMALL
    };
    let (forest, trees) = case(77, &shape);
    let mut program = forest.program;
    program.check_weights = checked;
    let tensor = |name: &str| Tensor::new(name, 3, 0);
    program.tensors = vec![tensor("x"), tensor("y"), program.tensors[1].clone()];
    program.weights.insert(0, DenseShape::new(3, 3));
    let mut last = program.nodes.remove(0);
    last.op = match last.op {
        Op::Forest(op) => Op::Forest(Forest { weight: 1, ..op }),
        other => other,
    };
    (last.inputs, last.output) = (vec![1], 2);
    let dense = Op::Dense(Dense {
        weight: 0,
        shift: 16,
    });
    program.nodes = vec![
        Node {
            name: "dense".into(),
            op: dense,
            inputs: vec![0],
            output: 1,
        },
        last,
    ];
    program.output = 2;
    let mut weights = forest.weights;
    let layer = DenseWeights {
        weight: vec![3, -1, 2, 0, 5, -4, 1, 1, 1],
        bias: vec![2, -3, 0],
        multiplier: vec![1 << 15; 3],
    };
    weights.dense.insert(0, layer);
    let case = Case {
        program,
        weights,
        inputs: vec![vec![1, -2, 3], vec![0, 4, -5]],
    };
    (case, trees)
}

#[test]
fn bytes_and_words_are_committed_together() {
    let srs = TestSrs::new(b"forest", 17);
    for checked in [true, false] {
        let (case, trees) = behind_a_layer(checked);
        let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("a run");
        let between = trace.tensors[1].chunks(4);
        for (x, y) in between.zip(trace.outputs(&case.program)) {
            assert_eq!(y, trees.values(x));
        }
        let proven = prove_case(&case, &srs, FoldMode::On, 5);
        let verifier = &proven.model.verifier;
        let verified = verifier.verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
        assert_eq!(verified, Ok(()), "checked: {checked}");
        assert_agreement(verifier, &proven.statement, &proven.proof);
        if checked {
            continue;
        }
        // The commitment proof is of the same commitment, and about the bytes.
        let program = case.program.weights_program();
        assert_eq!(program.check(), Ok(()));
        let model = Model::new(program, &case.weights).expect("a model");
        let salt = proven.secret.salt.0;
        let secret = model
            .commit_salted(&srs.powers, salt)
            .expect("a commitment");
        assert_eq!(secret.commitment(), proven.secret.commitment());
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let (statement, proof) =
            prove_weights(&model, &secret, &srs.powers, rng, &|_| {}).expect("a proof");
        let verified = model
            .verifier
            .verify_native(&statement, &proof, &srs.tau_g2);
        assert_eq!(verified, Ok(()));
    }
    // Of words alone there is nothing to show.
    let (case, _) = case(1, &Shape::SMALL);
    let refused = case.program.weights_program().check();
    assert!(refused.is_err(), "{refused:?}");
}
