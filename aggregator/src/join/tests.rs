use std::time::Instant;

use halo2_base::halo2_proofs::dev::MockProver;
use laminate_protocol::fold::FoldMode;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use snark_verifier_sdk::CircuitExt;

use super::*;
use crate::circuit::AggregationCircuit;
use crate::keys::{OutputFormat, ProvingKey};
use crate::prove::{self as aggregation, AggregationProof, Target};
use crate::snark::{Key, Template};
use crate::srs::Srs;
use crate::testing::{perceptron, sample};

/// Keys of a small model, and a proof of it.
struct Made {
    srs: Srs,
    keys: ProvingKey,
    words: Key<
        halo2_base::halo2_proofs::halo2curves::bn256::Fr,
        halo2_base::halo2_proofs::halo2curves::bn256::G1Affine,
    >,
    proof: AggregationProof,
}

fn made(srs: &Srs, widths: &[u32], seed: u64) -> Made {
    let sample = sample(perceptron(widths, 0), FoldMode::On, srs, seed);
    let verifier = &sample.model.verifier;
    let keys = ProvingKey::derive(verifier, FoldMode::On, srs).unwrap();
    let cut = srs.truncated(keys.meta.k()).unwrap();
    let pinning = &keys.meta.pinning;
    let circuit =
        AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof).unwrap();
    let proof = aggregation::prove(&keys, &cut, circuit, Target::Join).unwrap();
    let words = Key::of(&cut, keys.pk.get_vk()).unwrap();
    Made {
        srs: cut,
        keys,
        words,
        proof,
    }
}

fn child(made: &Made) -> Child {
    Child {
        key: laminate_protocol::field::Scalar(
            made.words.digest(&mut laminate_protocol::backend::Native),
        ),
        program: laminate_protocol::field::Scalar(made.proof.public.statement[0]),
        public: made.keys.meta.public,
        boundary_in: false,
        boundary_out: false,
    }
}

#[test]
fn proofs_of_two_models_join_and_joins_join() {
    let srs = Srs::development(19).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let parts = [made(&srs, &[3, 4, 1], 1), made(&srs, &[2, 3, 2], 2)];
    let template = Template::of(&parts[0].srs, parts[0].keys.pk.get_vk()).unwrap();
    let plan = Plan {
        mode: Mode::Batch,
        children: parts.iter().map(child).collect(),
        row_log: 17,
    };
    let join = Join::new(plan, template).unwrap();
    let start = Instant::now();
    let shown: Vec<Part<'_>> = parts
        .iter()
        .map(|made| Part {
            key: &made.words,
            proof: &made.proof,
        })
        .collect();
    let witness = prove(&join, &shown, srs.powers(), &mut rng).unwrap();
    println!("witness: {:?}", start.elapsed());
    let start = Instant::now();
    let output = OutputFormat {
        values: 0,
        width: 0,
        scale: 0,
        tokens: None,
    };
    let keys = ProvingKey::derive_join(&join, output, &srs).unwrap();
    println!(
        "keys: {:?}, {:?}",
        start.elapsed(),
        keys.meta.pinning.params
    );
    let params = keys.meta.pinning.params;
    let (circuit, report) = AggregationCircuit::mock_join(&join, params, &witness).unwrap();
    println!("{report:?}");
    let instances = circuit.instances();
    MockProver::run(params.k as u32, &circuit, instances)
        .unwrap()
        .assert_satisfied();
    let start = Instant::now();
    let circuit = AggregationCircuit::prover_join(&join, &keys.meta.pinning, &witness).unwrap();
    let cut = srs.truncated(keys.meta.k()).unwrap();
    let proof = aggregation::prove(&keys, &cut, circuit, Target::Contract).unwrap();
    println!("join: {:?}", start.elapsed());
    aggregation::verify(&keys.verifying_key(), &cut, &proof).unwrap();
    assert_eq!(proof.public.statement[0], join.plan.digest());
}
