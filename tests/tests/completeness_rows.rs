//! Honest proofs of polynomials of several commitment rows are accepted, and mutations of them refused.

use halo2curves_axiom::bn256::Fr;
use laminate_protocol::fold::FoldMode;
use laminate_protocol::proof::NativeProof;
use laminate_prover::exec;
use laminate_prover::prove::{Model, ProveError, prove};
use laminate_tests::fields::{count, with_point};
use laminate_tests::{TestSrs, every_op, prove_case};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A row of zeros has no encodable commitment: a clear error, and no proof.
#[test]
fn rows_of_zeros_are_named() {
    let srs = TestSrs::new(b"rows", 14);
    let mut case = every_op(3, 1);
    case.program.row_log = 6;
    let model = Model::new(case.program.clone(), &case.weights).expect("model");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let error = model.commit(&srs.powers, &mut rng).and_then(|secret| {
        let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
        prove(
            &model,
            &secret,
            &trace,
            &srs.powers,
            FoldMode::On,
            &mut rng,
            &|_| {},
        )
        .map(|_| ())
    });
    assert!(
        matches!(error, Err(ProveError::EmptyRow { .. })),
        "{error:?}"
    );
}

/// Several rows, none of them all zero.
#[test]
fn two_rows_are_accepted_and_bound() {
    let srs = TestSrs::new(b"rows", 14);
    let mut case = every_op(3, 1);
    case.program.row_log = 12;
    let proven = prove_case(&case, &srs, FoldMode::On, 1);
    assert!(proven.proof.trace_rows.len() > 1);
    let verify = |proof: &NativeProof| {
        proven
            .model
            .verifier
            .verify_native(&proven.statement, proof, &srs.tau_g2)
    };
    assert_eq!(verify(&proven.proof), Ok(()));
    let mut swapped = proven.proof.clone();
    swapped.trace_rows.swap(0, 1);
    assert!(verify(&swapped).is_err(), "swapped rows");
    let (_, points) = count(&proven.proof);
    for i in 0..points {
        assert!(
            verify(&with_point(&proven.proof, i, |p| (p * Fr::from(2)).into())).is_err(),
            "{i}"
        );
    }
    println!("two rows: {} mutations tried, 0 accepted", points + 1);
}
