//! The native verifier and the circuit run the same code: on random programs both come to the same
//! public values, and transcripts agree (a different challenge anywhere would change a scalar).

use laminate_engine::fold::FoldMode;
use laminate_model::program::{DenseShape, DenseWeights, Program, WeightFormat, Weights};
use laminate_prover::exec::Trace;
use laminate_tests::circuit::assert_agreement;
use laminate_tests::{
    TestSrs, along, every_op, mlp, prove_case, prove_trace, random, recurrent, views,
};

/// A commitment proof of several pieces and both formats.
#[test]
fn commitment_proofs_agree() {
    let srs = TestSrs::new(b"native and circuit", 14);
    let mut program = Program::empty("weights", 0, 4);
    let shape = |format| DenseShape {
        format,
        bias: false,
        ..DenseShape::new(40, 50)
    };
    program.weights = [WeightFormat::Ternary, WeightFormat::Int8]
        .map(shape)
        .into();
    let layer = |bound: i32| DenseWeights {
        weight: (0..2000)
            .map(|i| (i * i % (2 * bound + 1) - bound) as i8)
            .collect(),
        bias: vec![],
        multiplier: vec![0x01_0203; 40],
    };
    let weights = Weights {
        dense: vec![layer(1), layer(127)],
    };
    for mode in [FoldMode::On, FoldMode::Off] {
        let nothing = Trace::default();
        let proven = prove_trace((&program, &weights), &nothing, &srs, mode, 1);
        let verifier = &proven.model.verifier;
        assert!(verifier.trees.len() > 4);
        assert!(verifier.trees.iter().any(|tree| tree.pack() == 2));
        assert_eq!(
            verifier.verify_native(&proven.statement, &proven.proof, &srs.tau_g2),
            Ok(())
        );
        assert_agreement(verifier, &proven.statement, &proven.proof);
    }
}

#[test]
fn accumulators_and_statements_agree() {
    let srs = TestSrs::new(b"native and circuit", 14);
    let mut cases = vec![
        every_op(1, 0),
        every_op(2, 2),
        mlp(3, 0, &[5, 3, 2]),
        mlp(4, 1, &[1, 1]),
    ];
    cases.extend((0..6).map(|seed| random::program(seed, (seed % 3) as u8, 12)));
    let views = (0..12).map(views::random);
    cases.extend(views.filter(|case| case.program.check().is_ok()).take(4));
    cases.push(along::case(8));
    cases.push(recurrent::lstm(3, 8, recurrent::ODD));
    let mut compared = 0;
    for (i, case) in cases.iter().enumerate() {
        for mode in [FoldMode::On, FoldMode::Off] {
            let proven = prove_case(case, &srs, mode, i as u64);
            let verifier = &proven.model.verifier;
            assert_agreement(verifier, &proven.statement, &proven.proof);
            compared += 1;
        }
    }
    println!("{compared} proofs: native and in-circuit verifier agree");
}
