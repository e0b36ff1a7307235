//! Forests: the executor against an interpreter of trees, and proofs of them in both modes and in the circuit.

use laminate_engine::fold::FoldMode;
use laminate_prover::exec;
use laminate_tests::circuit::assert_agreement;
use laminate_tests::forest::{Shape, case};
use laminate_tests::{TestSrs, prove_case};

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
            let packing = laminate_model::statement::Packing::of(&case.program);
            let count = case.program.output_len();
            let outputs = laminate_model::statement::unpack(packing, words, count);
            let expected: Vec<i32> = case.inputs.iter().flat_map(|x| trees.values(x)).collect();
            assert_eq!(outputs, Some(expected));
        }
    }
}
