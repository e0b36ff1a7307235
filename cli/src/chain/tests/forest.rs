//! Forests down to the chain: real keys, real proofs, the generated verifier on the embedded EVM; int32 at both ends, and a
//! model of fraud whose scores settle payments.

use alloy::primitives::{Address, B256, U256, address};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_front::trees::{self, head, program};
use laminate_model::ops::Forest;
use laminate_model::ops::forest::{MISS, Nodes, Row};
use laminate_model::program::{Node, Op, Program, Tensor, Weights};
use laminate_prover::input::{CommittedInput, Input};
use rand::rngs::OsRng;

use super::super::Chain;
use super::super::contracts::FraudScreen;
use super::super::deploy::{Plan, deploy};
use super::super::manifest::Manifest;
use super::super::registry::{NewModel, Registry, Submission, decode_output, word};
use super::super::universal::Mode;
use super::fixture::OUT;
use super::{name, wait, workspace};
use crate::cmd::commit::commit;
use crate::cmd::setup::{commitment_k, dev_path, development};
use crate::cmd::verifier::{Keys, make};
use crate::files::{ModelDir, ProofFile};
use crate::input::{Given, first_rows};
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

/// A program that is set up for contracts.
pub(super) struct Ready {
    folder: tempfile::TempDir,
    dir: ModelDir,
    pub(super) program: Program,
    srs: Srs,
}

const PAYEE: Address = address!("0x00000000000000000000000000000000000beef1");
const MODE: FoldMode = FoldMode::On;

impl Ready {
    pub(super) fn new((program, weights): (Program, Weights)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = ModelDir::create(&folder.path().join("model")).unwrap();
        dir.write_compiled(&program, &weights).unwrap();
        let k = pipeline::circuit_k(&program, MODE)
            .unwrap()
            .max(commitment_k(&program));
        let srs = development(k.max(17), OUT).unwrap();
        commit(&dir, &srs, None).unwrap();
        let keys = pipeline::setup(&program, MODE, &srs, (Opening::Shplonk, &srs)).unwrap();
        pipeline::link_srs(&keys, &dev_path(srs.k())).unwrap();
        Self {
            folder,
            dir,
            program,
            srs,
        }
    }

    /// An input that is committed to, in a file.
    fn input(&self, name: &str, input: &Input) -> (Given, CommittedInput) {
        let committed = CommittedInput::new(&self.program, input, &mut OsRng).unwrap();
        let path = self.folder.path().join(name);
        let kind = laminate_model::artifact::Kind::Input;
        crate::files::write_new(kind, false, &committed, &path).unwrap();
        (Given::read(&path, &self.program).unwrap(), committed)
    }

    pub(super) fn prove(&self, given: &Given) -> ProofFile {
        let mut stages = Stages::default();
        let (program, srs) = (&self.program, &self.srs);
        let folded = pipeline::fold(&self.dir, given, srs, MODE, &mut stages, OUT).unwrap();
        let purpose = Purpose::Contract(Opening::Shplonk);
        let proof = pipeline::aggregate(program, &folded, srs, purpose, &mut stages, OUT).unwrap();
        pipeline::verify(&proof).unwrap();
        proof
    }

    /// The contracts, and the model's number in the registry.
    pub(super) async fn deployed(&self, screen: bool) -> (Chain, Manifest, Registry, U256) {
        let subject = Subject::of(&self.program).unwrap();
        let (digest, opening) = (subject.digest, Opening::Shplonk);
        let key = pipeline::load_verifying_key(digest, MODE, &self.srs, opening).unwrap();
        let keys = Keys {
            mode: Mode::Universal,
            ..Keys::of(&key)
        };
        let weights = word(&self.dir.commitment().unwrap().commitment.0);
        let made = make(&subject, keys, &self.srs, Some(weights), OUT).unwrap();
        let mut chain = Chain::embedded();
        let plan = Plan {
            screen,
            ..Plan::default()
        };
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
        let registered = registry.register(&mut chain, &model).await.unwrap();
        (chain, manifest, registry, registered.model_id)
    }
}

#[test]
fn a_forest_is_submitted_like_any_other_program() {
    let ready = Ready::new(forest());
    // The missing value goes left in the first tree, right in the second.
    let input = Input::Rows(vec![vec![i32::MIN, MISS]]);
    let proof = ready.prove(&ready.input("row.input", &input).0);
    let outputs = [-1_000_000, 2];
    assert_eq!(proof.outputs(), outputs);
    // What is written is read back, int32 outputs too.
    let file = ready.folder.path().join("row.proof");
    crate::files::write_new(laminate_model::artifact::Kind::Proof, false, &proof, &file).unwrap();
    let read = crate::files::read_publishable(&file).unwrap();
    assert_eq!(
        (&read.output, read.outputs()),
        (&proof.output, proof.outputs())
    );
    wait(async {
        let (mut chain, manifest, registry, id) = ready.deployed(false).await;
        let honest = Submission::of_inference(&proof.proof, &manifest).unwrap();
        let count = manifest.output_count;
        let decoded = decode_output(
            &honest.output,
            &manifest.output_lead,
            manifest.output_packing,
            count,
        );
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

/// Payments are put into escrow against rows of raw columns; the score that settles one is XGBoost's probability.
#[test]
fn payments_settle_by_the_score_of_a_forest() {
    let models = workspace().join("models/fraud-trees");
    let ensemble = trees::read(&models.join("xgboost.json")).unwrap();
    let lowered = trees::lower(&ensemble).unwrap();
    let (predict, _) = head::usual(&ensemble);
    let made = head::head(&ensemble, &lowered, predict).unwrap();
    let compiled = program::program(&lowered.machine, &made.head, "fraud", 1, None).unwrap();
    let ready = Ready::new(compiled);
    let rows = ["legit.csv", "fraud.csv"].map(|file| {
        let given = first_rows(&models.join(file), &ready.program, 1).unwrap();
        ready.input(&file.replace("csv", "input"), &given.input)
    });
    wait(async {
        let (mut chain, manifest, _, model) = ready.deployed(true).await;
        assert_eq!((manifest.output_count, manifest.output_scale), (1, 14));
        let screen = manifest.fraud_screen.as_ref().unwrap().address;
        let deadline = chain.timestamp().await.unwrap() + 3600;
        // The commitment is all that is needed; nothing is proven yet.
        for (_, committed) in &rows {
            let create = FraudScreen::createPaymentCall {
                payee: PAYEE,
                modelId: model,
                inputCommitment: word(&committed.commitment.0),
                threshold: 1 << 13,
                deadline,
            };
            let paid = chain.write(screen, &create, U256::from(1000)).await;
            paid.unwrap();
        }
        for (at, (given, _)) in rows.iter().enumerate() {
            let proof = ready.prove(given);
            let [score] = proof.outputs()[..] else {
                panic!("one score");
            };
            assert_eq!(score > 1 << 13, at == 1, "{score}");
            let submission = Submission::of_inference(&proof.proof, &manifest).unwrap();
            let settle = FraudScreen::settleCall {
                paymentId: U256::from(at + 1),
                output: submission.output,
                proof: submission.proof,
            };
            let settled = chain.write(screen, &settle, U256::ZERO).await;
            match at {
                0 => drop(settled.unwrap()),
                _ => assert_eq!(name(settled), "ScoreNotBelowThreshold"),
            }
        }
    });
}
