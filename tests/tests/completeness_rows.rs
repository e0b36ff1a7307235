//! Honest proofs of polynomials of several commitment rows are accepted, and mutations of them refused.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_model::proof::NativeProof;
use laminate_prover::exec;
use laminate_prover::prove::{Model, prove};
use laminate_tests::fields::{count, with_point};
use laminate_tests::{TestSrs, every_op, prove_case};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Rows of zeros are committed like all others: their blinds make them points.
#[test]
fn rows_of_zeros_are_accepted() {
    let srs = TestSrs::new(b"rows", 14);
    let mut case = every_op(3, 1);
    case.program.row_log = 6;
    let proven = prove_case(&case, &srs, FoldMode::On, 1);
    let rows = proven.proof.weight_rows.len() + proven.proof.trace_rows.len();
    assert!(rows > 20, "{rows}");
    let verifier = &proven.model.verifier;
    assert_eq!(
        verifier.verify_native(&proven.statement, &proven.proof, &srs.tau_g2),
        Ok(())
    );
}

/// The same weights and input give other rows every time: blinds and salts are fresh.
#[test]
fn rows_are_blinded_afresh() {
    let srs = TestSrs::new(b"rows", 14);
    let mut case = every_op(3, 1);
    case.program.row_log = 8;
    let [a, b] = [1, 2].map(|seed| prove_case(&case, &srs, FoldMode::On, seed).proof);
    for (a, b) in a.trace_rows.iter().zip(&b.trace_rows) {
        assert_ne!(a, b);
    }
    for (a, b) in a.weight_rows.iter().zip(&b.weight_rows) {
        assert_ne!(a, b);
    }
    assert_ne!(a.transcript_salt, b.transcript_salt);
    assert_ne!(a.openings[0].evaluations, b.openings[0].evaluations);
}

/// Several rows.
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

/// Programs of one model for other batches have one weight commitment, whatever the length of their
/// traces: the blind of a short weight polynomial stands inside the long rows.
#[test]
fn batches_share_a_weight_commitment() {
    let srs = TestSrs::new(b"rows", 16);
    let cases = [0, 5].map(|batch| every_op(3, batch));
    let models = cases
        .each_ref()
        .map(|case| Model::new(case.program.clone(), &cases[0].weights).expect("model"));
    let lengths = models.each_ref().map(Model::required_log);
    assert!(lengths[0] < lengths[1], "{lengths:?}");
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let secret = models[0].commit(&srs.powers, &mut rng).expect("commit");
    let again = models[1].commit_salted(&srs.powers, secret.salt.0);
    assert_eq!(again.expect("commit"), secret);
    for (case, model) in cases.iter().zip(&models) {
        let trace = exec::run(&case.program, &cases[0].weights, &case.inputs).expect("run");
        let mode = FoldMode::On;
        let powers = &srs.powers;
        let (statement, proof) =
            prove(model, &secret, &trace, powers, mode, &mut rng, &|_| {}).expect("prove");
        assert_eq!(statement.weight_commitment, secret.commitment());
        let verdict = model
            .verifier
            .verify_native(&statement, &proof, &srs.tau_g2);
        assert_eq!(verdict, Ok(()));
    }
}
