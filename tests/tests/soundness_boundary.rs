//! The claimed input and output values are the trace's: a forger who picks them after seeing the
//! challenges, among the values that pack to the same words, must be refused.
//!
//! Packing maps up to fifteen field elements to one; only values below 2^16 make it injective, or
//! values that are fixed before the point at which they are compared with the trace.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::field::pow2;
use laminate_engine::fold::FoldMode;
use laminate_engine::poly::eq;
use laminate_model::statement::{self, Packing, VALUE_BITS};
use laminate_tests::forger::Forger;
use laminate_tests::{TestSrs, every_op, mlp};

/// `eq(point, ·)` at each of the unpadded values of a `(slots, width)` tensor.
fn selectors(point: &[Fr], width: usize) -> Vec<Fr> {
    let table = eq::table(point);
    table
        .chunks(width.next_power_of_two())
        .flat_map(|row| row[..width].to_vec())
        .collect()
}

/// Changes the first two values of a word so that their packing stays and their extension moves by
/// `delta`.
fn shift_extension(values: &mut [Fr], selectors: &[Fr], delta: Fr) {
    let step = pow2(VALUE_BITS);
    // (a, b) += (-2^16·t, t) keeps a + 2^16·b.
    let t = delta
        * (selectors[1] - step * selectors[0])
            .invert()
            .expect("not zero");
    values[0] -= step * t;
    values[1] += t;
}

#[test]
fn input_commitment_to_another_input_is_refused() {
    let srs = TestSrs::new(b"boundary", 14);
    let mut tried = 0;
    for seed in 0..4 {
        let case = mlp(seed, (seed % 2) as u8, &[5, 4, 2]);
        let mut forger = Forger::new(&case, &srs);
        let honest = forger.input.clone();
        // The commitment is to an input that differs in one value from what the model ran on.
        forger.input[2] += Fr::ONE;
        forger.restate();
        let proof = forger.prove_with(&srs, FoldMode::On, |proof, known| {
            let weights = selectors(&known.points[0], 5);
            let delta: Fr = honest
                .iter()
                .zip(&proof.input)
                .zip(&weights)
                .map(|((h, v), w)| (*h - v) * w)
                .sum();
            shift_extension(&mut proof.input, &weights, delta);
        });
        let committed = statement::input_commitment(
            &mut Native,
            Packing::Short,
            &proof.input_salt,
            &proof.input,
        );
        assert_eq!(
            committed, forger.statement.input_commitment,
            "the forger's own algebra"
        );
        let verdict = forger
            .verifier
            .verify_native(&forger.statement, &proof, &srs.tau_g2);
        assert!(
            verdict.is_err(),
            "SOUNDNESS: an input commitment to an input that was not run is accepted"
        );
        tried += 1;
    }
    println!("input commitment: {tried} tried, 0 accepted");
}

#[test]
fn output_words_of_another_output_are_refused() {
    let srs = TestSrs::new(b"boundary", 14);
    let mut tried = 0;
    for seed in 0..4 {
        let case = mlp(seed, 1, &[3, 4, 2]);
        let mut forger = Forger::new(&case, &srs);
        let honest = forger.output.clone();
        forger.output[0] = Fr::from(12_345 + seed);
        forger.restate();
        let proof = forger.prove_with(&srs, FoldMode::On, |proof, known| {
            let weights = selectors(&known.points[1], 2);
            let delta: Fr = honest
                .iter()
                .zip(&proof.output)
                .zip(&weights)
                .map(|((h, v), w)| (*h - v) * w)
                .sum();
            shift_extension(&mut proof.output, &weights, delta);
        });
        assert_eq!(
            statement::pack(&mut Native, Packing::Short, &proof.output),
            forger.statement.output_words
        );
        let verdict = forger
            .verifier
            .verify_native(&forger.statement, &proof, &srs.tau_g2);
        assert!(
            verdict.is_err(),
            "SOUNDNESS: output words that the model did not compute are accepted"
        );
        tried += 1;
    }
    println!("output words: {tried} tried, 0 accepted");
}

/// The claimed input is free after the batching challenge too, so it can pay for any other false
/// claim: here one score of a batch of one.
#[test]
fn input_values_cannot_pay_for_a_false_output() {
    let srs = TestSrs::new(b"boundary", 14);
    let mut tried = 0;
    for seed in 0..4 {
        let case = mlp(seed, 0, &[20, 6, 1]);
        let mut forger = Forger::new(&case, &srs);
        let error = Fr::from(1 + seed);
        forger.output[0] += error;
        forger.restate();
        let proof = forger.prove_with(&srs, FoldMode::On, |proof, known| {
            // η^(before+1)·error + η^before·delta = 0
            let weights = selectors(&known.points[0], 20);
            shift_extension(&mut proof.input, &weights, -(known.eta * error));
        });
        assert_eq!(
            statement::pack(&mut Native, Packing::Short, &proof.output),
            forger.statement.output_words
        );
        let verdict = forger
            .verifier
            .verify_native(&forger.statement, &proof, &srs.tau_g2);
        assert!(
            verdict.is_err(),
            "SOUNDNESS: a forged score is accepted for a batch of one"
        );
        tried += 1;
    }
    println!("false output paid by the input: {tried} tried, 0 accepted");
}

/// Values that pack to the same words without being int16: `(a, b) -> (a - 2^16·t, b + t)`.
#[test]
fn other_values_of_the_same_words_are_refused() {
    let srs = TestSrs::new(b"boundary", 14);
    let forger = Forger::new(&every_op(3, 1), &srs);
    let proof = forger.prove(&srs, FoldMode::On);
    assert!(
        forger
            .verifier
            .verify_native(&forger.statement, &proof, &srs.tau_g2)
            .is_ok(),
        "the honest proof"
    );
    let mut tried = 0;
    for t in [
        Fr::ONE,
        -Fr::ONE,
        Fr::from(1 << 40),
        Fr::from(5).invert().expect("not zero"),
    ] {
        for at in 1..forger.input.len() {
            let mut altered = proof.clone();
            altered.input[at - 1] -= pow2(VALUE_BITS) * t;
            altered.input[at] += t;
            assert!(
                forger
                    .verifier
                    .verify_native(&forger.statement, &altered, &srs.tau_g2)
                    .is_err(),
                "{at}"
            );
            tried += 1;
        }
    }
    println!("same words, other values: {tried} tried, 0 accepted");
}
