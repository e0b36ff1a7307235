//! Submissions of a server that is killed at any point: what it sends next, and that nothing is sent twice.

use std::fs;

use alloy::primitives::B256;
use halo2curves_axiom::bn256::Fr;
use serde_json::{Value, json};

use super::super::manifest::Manifest;
use super::super::{Chain, Revert, Signed};
use super::anvil::KEY;
use super::fixture::{Fixture, wait};
use super::node::{connect, node};
use super::proxy::ask;
use crate::serve::job::{Job, NewJob, Proven, State, new_id};
use crate::serve::store::{Inserted, Store};
use crate::serve::submitter::{Destination, ended};

/// Account of [`KEY`].
const SENDER: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";

struct Prover {
    fixture: Fixture,
    store: Store,
}

impl Prover {
    /// With a registered model.
    async fn new() -> Option<Self> {
        let fixture = Fixture::new()?;
        fixture.deploy(&[]).await.unwrap();
        fixture.register(&[]).await.unwrap();
        let store = Store::open(&fixture.path("jobs.db")).unwrap();
        Some(Self { fixture, store })
    }

    /// A process: what it knows is on the disk and on the chain.
    async fn start(&self) -> Destination {
        let node = node(&self.fixture.anvil.url, None, 30);
        let manifest = Manifest::read(&self.fixture.path("deployment.json")).unwrap();
        Destination {
            chain: Chain::Rpc(connect(&node, Some(KEY)).await.unwrap()),
            deployments: vec![manifest],
        }
    }

    /// A proven job with this proof.
    fn proven(&self, proof: &str) -> String {
        let job = NewJob {
            id: new_id(),
            owner: String::new(),
            idempotency: None,
            model: "m".into(),
            input_commitment: "0x03".into(),
            context: None,
            scope: None,
            submit: true,
        };
        assert!(matches!(
            self.store.insert(&job, 9).unwrap(),
            Inserted::New(_)
        ));
        self.store.claim(&["m".into()]).unwrap().unwrap();
        let proven = Proven {
            proof: fs::read(self.fixture.path(proof)).unwrap(),
            output: json!(0),
            weight_commitment: "0x02".into(),
        };
        self.store.proven(&job.id, &proven).unwrap();
        job.id
    }

    /// One attempt of a process, whose end is not stored: it is killed with the receipt in its hands.
    async fn attempt(&self) -> eyre::Result<Option<u64>> {
        let (job, proof) = self.store.next_submission().unwrap().unwrap();
        let mut process = self.start().await;
        process.settle(&self.store, &job, &proof).await
    }

    /// One attempt, with its end.
    async fn finish(&self) -> Job {
        let (job, _) = self.store.next_submission().unwrap().unwrap();
        let settled = self.attempt().await;
        ended(&self.store, &job, settled).unwrap().0
    }

    fn ask(&self, method: &str, params: &Value) -> Value {
        ask(&self.fixture.anvil.url, method, params)["result"].clone()
    }

    /// Transactions of the account that are in a block.
    fn sent(&self) -> u64 {
        let count = self.ask("eth_getTransactionCount", &json!([SENDER, "latest"]));
        u64::from_str_radix(count.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }
}

#[test]
fn a_killed_server_finds_its_transaction() {
    wait(async {
        let Some(prover) = Prover::new().await else {
            return;
        };
        let id = prover.proven("proof");
        let before = prover.sent();
        let block = prover.attempt().await.unwrap().unwrap();
        assert_eq!(prover.sent(), before + 1);
        // Killed before it could say so, twice.
        for _ in 0..2 {
            let (job, _) = prover.store.next_submission().unwrap().unwrap();
            assert_eq!((&job.id, job.state), (&id, State::Submitting));
            assert_eq!(prover.attempt().await.unwrap(), Some(block));
        }
        let job = prover.finish().await;
        assert_eq!(
            (job.state, job.block),
            (State::Submitted, Some(block as i64))
        );
        assert_eq!(prover.sent(), before + 1, "one transaction");
        let hash = json!([job.signed.unwrap().hash]);
        assert_eq!(
            prover.ask("eth_getTransactionReceipt", &hash)["status"],
            "0x1"
        );
        assert_eq!(prover.store.next_submission().unwrap(), None);

        // Another job with the same statement succeeds without sending anything.
        prover.proven("proof");
        let job = prover.finish().await;
        assert_eq!((job.state, job.already_recorded), (State::Submitted, true));
        assert_eq!((job.block, job.signed), (None, None));
        assert_eq!(prover.sent(), before + 1);
    });
}

#[test]
fn a_transaction_that_was_signed_and_not_sent_is_replaced() {
    wait(async {
        let Some(prover) = Prover::new().await else {
            return;
        };
        let before = prover.sent();
        for expected in [before, before + 1] {
            // Killed between signing and sending; the second time another one took the nonce meanwhile.
            let input = 3 + (expected - before);
            prover.fixture.proof_with("proof", 2, |proof| {
                proof.public.statement = [1, 2, input, 40_000].map(Fr::from).to_vec();
                proof.digest = proof.public.digest();
            });
            let id = prover.proven("proof");
            prover.store.submitting(&id, B256::ZERO).unwrap();
            let lost = Signed {
                hash: B256::repeat_byte(7),
                nonce: before,
                contract: None,
            };
            prover.store.sending(&id, &lost).unwrap();
            let job = prover.finish().await;
            assert_eq!(job.state, State::Submitted, "{:?}", job.error);
            let signed = job.signed.unwrap();
            assert_ne!(signed.hash, lost.hash);
            assert_eq!(signed.nonce, expected);
            assert_eq!(prover.sent(), expected + 1);
        }
    });
}

/// What a contract refuses it refuses for ever; a node that does not answer is asked again.
#[test]
fn refusals_end_a_job_and_failures_do_not() {
    wait(async {
        let Some(prover) = Prover::new().await else {
            return;
        };
        let id = prover.proven("proof");
        let (job, proof) = prover.store.next_submission().unwrap().unwrap();
        let mut process = prover.start().await;
        process.deployments.clear();
        let settled = process.settle(&prover.store, &job, &proof).await;
        let (job, done) = ended(&prover.store, &job, settled).unwrap();
        assert!(!done && job.state == State::Proven);
        assert!(job.error.unwrap().contains("no deployment"));

        let (job, _) = prover.store.next_submission().unwrap().unwrap();
        let refused = Err(eyre::Report::from(Revert::decode(&[])));
        let (job, done) = ended(&prover.store, &job, refused).unwrap();
        assert!(done && job.state == State::Failed && job.id == id);
        assert_eq!(prover.store.next_submission().unwrap(), None);
    });
}
