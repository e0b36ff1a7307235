//! A forest down to the chain: real keys, a real proof, the generated verifier on the embedded EVM, int32 at both ends.

use alloy::primitives::B256;
use laminate_aggregator::packed::Opening;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::Forest;
use laminate_model::ops::forest::{MISS, Nodes, Row};
use laminate_model::program::{Node, Op, Program, Tensor, Weights};
use laminate_prover::input::{CommittedInput, Input};
use rand::rngs::OsRng;

use super::super::Chain;
use super::super::deploy::{Plan, deploy};
use super::super::registry::{NewModel, Registry, Submission, decode_output, word};
use super::super::universal::Mode;
use super::fixture::OUT;
use super::{name, wait};
use crate::cmd::commit::commit;
use crate::cmd::setup::{commitment_k, dev_path, development};
use crate::cmd::verifier::{Keys, make};
use crate::files::ModelDir;
use crate::input::Given;
use crate::measure::Stages;
use crate::pipeline::{self, Purpose};
use crate::subject::Subject;

/// Two outputs of a stump each, on a feature that may be missing: 1,000,000 or -7 from -2,000,000 on, 1 or 2.
fn forest() -> (Program, Weights) {
    let leaf = |value: i32| Row {
        child: 6,
        value,
        ..Row::default()
    };
    let split = |kind: usize, threshold: i32, child: u32| Row {
        variant: Forest::variant(kind, 1, 2) as u32,
        threshold,
        child,
        value: 0,
    };
    let rows = [
        split(Forest::MISSING_LOW, 3, 2),
        split(Forest::PLAIN, 3, 4),
        leaf(1_000_000),
        leaf(-7),
        leaf(1),
        leaf(2),
        leaf(0),
    ];
    let nodes = Nodes::of_chains(&rows, &[0, 1], &[-2_000_000, 0]).unwrap();
    let mut program = Program::empty("stumps", 0, 17);
    program.limb_bits = 16;
    let wide = |name: &str, scale: i8| Tensor {
        bits: 32,
        ..Tensor::new(name, 2, scale)
    };
    program.tensors = vec![wide("keys", 0), wide("sums", 0)];
    program.weights = vec![nodes.shape()];
    program.nodes = vec![Node {
        name: "forest".into(),
        op: Op::Forest(Forest {
            weight: 0,
            chains: 2,
            steps: 2,
            missing: true,
        }),
        inputs: vec![0],
        output: 1,
    }];
    program.output = 1;
    let weights = Weights {
        dense: vec![nodes.weights()],
    };
    (program, weights)
}

#[test]
fn a_forest_is_submitted_like_any_other_program() {
    let folder = tempfile::tempdir().unwrap();
    let dir = ModelDir::create(&folder.path().join("model")).unwrap();
    let (program, weights) = forest();
    dir.write_compiled(&program, &weights).unwrap();
    let mode = FoldMode::On;
    let k = pipeline::circuit_k(&program, mode)
        .unwrap()
        .max(commitment_k(&program));
    let srs = development(k.max(17), OUT).unwrap();
    commit(&dir, &srs, None).unwrap();
    let keys = pipeline::setup(&program, mode, &srs, (Opening::Shplonk, &srs)).unwrap();
    pipeline::link_srs(&keys, &dev_path(srs.k())).unwrap();
    // The missing value goes left in the first tree, right in the second.
    let input = Input::Rows(vec![vec![i32::MIN, MISS]]);
    let committed = CommittedInput::new(&program, &input, &mut OsRng).unwrap();
    let path = folder.path().join("row.input");
    crate::files::write_new(
        laminate_model::artifact::Kind::Input,
        false,
        &committed,
        &path,
    )
    .unwrap();
    let given = Given::read(&path, &program).unwrap();
    let mut stages = Stages::default();
    let folded = pipeline::fold(&dir, &given, &srs, mode, &mut stages, OUT).unwrap();
    let purpose = Purpose::Contract(Opening::Shplonk);
    let proof = pipeline::aggregate(&program, &folded, &srs, purpose, &mut stages, OUT).unwrap();
    pipeline::verify(&proof).unwrap();
    let outputs = [-1_000_000, 2];
    assert_eq!(proof.outputs(), outputs);
    // What is written is read back, int32 outputs too.
    let file = folder.path().join("row.proof");
    crate::files::write_new(laminate_model::artifact::Kind::Proof, false, &proof, &file).unwrap();
    let read = crate::files::read_publishable(&file).unwrap();
    assert_eq!(
        (read.output, read.outputs()),
        (proof.output, proof.outputs())
    );

    let subject = Subject::of(&program).unwrap();
    let key = pipeline::load_verifying_key(subject.digest, mode, &srs, Opening::Shplonk).unwrap();
    let keys = Keys {
        mode: Mode::Universal,
        ..Keys::of(&key)
    };
    let weights = word(&dir.commitment().unwrap().commitment.0);
    let made = make(&subject, keys, &srs, Some(weights), OUT).unwrap();
    wait(async {
        let mut chain = Chain::embedded();
        let plan = Plan::default();
        let manifest = deploy(&mut chain, &made.bundle, plan, |_| ())
            .await
            .unwrap();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let model = NewModel {
            program_digest: manifest.registered_digest(),
            weight_commitment: weights,
            verifier: manifest.inference_verifier.address,
            metadata_hash: B256::ZERO,
            weight_proof: None,
        };
        let id = registry
            .register(&mut chain, &model)
            .await
            .unwrap()
            .model_id;
        let honest = Submission::of_inference(&proof.proof, &manifest).unwrap();
        let count = manifest.output_count;
        let decoded = decode_output(&honest.output, manifest.output_packing, count);
        assert_eq!(decoded, Some(outputs.to_vec()));
        // Another sum in the statement.
        let mut other = honest.clone();
        let mut bytes = other.output.to_vec();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        other.output = bytes.into();
        let refused = registry.verify(&mut chain, id, &other).await;
        assert_eq!(name(refused), "InvalidProof");
        registry.submit(&mut chain, id, &honest).await.unwrap();
    });
}
