//! Language models: honest proofs verify, folded and unrolled.

use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::Scores;
use laminate_model::program::Op;
use laminate_model::verify::Verifier;
use laminate_prover::prove::{Model, prove};
use laminate_tests::TestSrs;
use laminate_tests::sequence::{self, SequenceCase, Shape};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn verify(case: &SequenceCase, srs: &TestSrs, mode: FoldMode) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let model = Model::new(case.program.clone(), &case.weights).expect("model");
    let secret = model.commit(&srs.powers, &mut rng).expect("commit");
    let (statement, proof) = prove(
        &model,
        &secret,
        &case.trace,
        &srs.powers,
        mode,
        &mut rng,
        &|_| {},
    )
    .expect("prove");
    model
        .verifier
        .verify_native(&statement, &proof, &srs.tau_g2)
        .expect("verify");
}

#[test]
fn honest_runs_verify() {
    let srs = TestSrs::new(b"sequence", 18);
    let shapes = [
        Shape::SMALL,
        Shape {
            blocks: 1,
            groups: 1,
            queries: 4,
            ..Shape::SMALL
        },
        Shape {
            blocks: 4,
            queries: 1,
            prompt: 6,
            ..Shape::SMALL
        },
    ];
    for (seed, shape) in shapes.iter().enumerate() {
        for stacked in [true, false] {
            let case = sequence::case(seed as u64, shape, stacked);
            verify(&case, &srs, FoldMode::On);
        }
    }
}

/// Folded blocks leave fewer messages to hash and claims to open; the circuits hold in one shape.
#[test]
fn folded_blocks_cost_the_circuit_less() {
    let cost = |stacked: bool| {
        let case = sequence::case(1, &Shape::SMALL, stacked);
        let verifier = Verifier::new(case.program).expect("verifier");
        let (report, params) = AggregationCircuit::cost(&verifier, FoldMode::On).expect("cost");
        params.expect("a shape that holds the circuit");
        report.total()
    };
    let (folded, unrolled) = (cost(true), cost(false));
    assert!(folded.poseidon_rows < unrolled.poseidon_rows);
    assert!(folded.cells < unrolled.cells);
}

/// A target divided by zero would bind nothing.
#[test]
fn scores_without_a_factor_are_refused() {
    let mut program = sequence::case(1, &Shape::SMALL, true).program;
    for node in &mut program.nodes {
        if let Op::Scores(Scores { multiplier, .. }) = &mut node.op {
            *multiplier = 0;
        }
    }
    let error = program.check().expect_err("accepted").to_string();
    assert!(error.contains("multiplier is 0"), "{error}");
}
