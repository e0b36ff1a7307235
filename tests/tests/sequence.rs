//! Language models: honest proofs verify, folded and unrolled.

use laminate_protocol::fold::FoldMode;
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

#[test]
fn circuit_cost_of_folded_and_unrolled_blocks() {
    for stacked in [true, false] {
        let case = sequence::case(1, &Shape::SMALL, stacked);
        let verifier = laminate_protocol::verify::Verifier::new(case.program).expect("verifier");
        let (report, params) =
            laminate_aggregator::circuit::AggregationCircuit::cost(&verifier, FoldMode::On)
                .expect("cost");
        println!("stacked {stacked}: {params:?}");
        for (part, cost) in &report.parts {
            println!(
                "  {part:?}: {} cells, {} lookups, {} Poseidon rows",
                cost.cells, cost.lookups, cost.poseidon_rows
            );
        }
    }
}
