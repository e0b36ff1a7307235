//! Brings proofs to the registry, each statement once, on a thread of its own.
//!
//! Before a transaction is sent its hash and nonce are stored. Whoever goes on after a crash looks for it first: one that
//! is in a block, or gets there, is the submission; where another has taken its nonce, it never will be; and where the node
//! does not know it, the next has the same nonce, so that at most one of both can be. A statement that stands is a success,
//! whoever submitted it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eyre::{ensure, eyre};
use laminate_model::artifact::{self, Kind};
use tokio::runtime::Handle;

use super::Server;
use super::job::Job;
use super::store::Store;
use crate::chain::manifest::Manifest;
use crate::chain::registry::{Registry, Submission};
use crate::chain::rpc::Earlier;
use crate::chain::submitting::{Attempt, Sent};
use crate::chain::{Chain, Signed, Watch, refusal};
use crate::cmd::submit::model_id;
use crate::files::ProofFile;
use crate::output::sentence;

/// Shortest and longest pause after a failure of the node.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long it waits at most for somebody to wake it.
const LOOK: Duration = Duration::from_secs(5);

/// Where proofs go.
pub struct Destination {
    /// The chain, with who signs.
    pub chain: Chain,
    /// What is deployed there, one for every program.
    pub deployments: Vec<Manifest>,
}

/// Works until the server stops; the node is waited for on `runtime`.
pub fn work(server: &Arc<Server>, mut destination: Destination, runtime: &Handle) {
    let mut pause = FIRST_PAUSE;
    while !server.is_stopping() {
        let seen = server.rung();
        let found = server.store.next_submission();
        let Ok(Some((job, proof))) = found else {
            if let Err(error) = found {
                let text = format!("cannot look for proofs to submit: {}", sentence(&error));
                server.out.warning(&text);
            }
            server.wait(seen, LOOK);
            continue;
        };
        let settled = runtime.block_on(destination.settle(&server.store, &job, &proof));
        match ended(&server.store, &job, settled) {
            Ok((job, true)) => {
                pause = FIRST_PAUSE;
                server.changed(&job);
            }
            Ok((job, false)) => {
                let text = job.error.unwrap_or_default();
                let text = format!("job {} is not submitted yet: {text}", job.id);
                server.out.warning(&text);
                server.sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => {
                let text = format!("cannot keep what became of job {}: ", job.id);
                server.out.warning(&(text + &sentence(&error)));
                server.sleep(pause);
            }
        }
    }
}

/// Stores what came of an attempt; whether that is the end. What a contract refuses it refuses for ever; anything else
/// is tried again.
///
/// # Errors
/// If it cannot be stored.
pub fn ended(
    store: &Store,
    job: &Job,
    settled: eyre::Result<Option<u64>>,
) -> eyre::Result<(Job, bool)> {
    match settled {
        Ok(block) => Ok((store.submitted(&job.id, block)?, true)),
        Err(error) if refusal(&error).is_some() => {
            Ok((store.fail(&job.id, &sentence(&error))?, true))
        }
        Err(error) => Ok((store.retry(&job.id, &sentence(&error))?, false)),
    }
}

impl Destination {
    /// The deployment that takes proofs of a program.
    pub fn of(&self, program_digest: &str) -> Option<&Manifest> {
        let mut all = self.deployments.iter();
        all.find(|manifest| manifest.program_digest.to_string() == program_digest)
    }

    /// Submits a job's proof; the block of its transaction, or none if the statement stood before.
    ///
    /// # Errors
    /// [`crate::chain::Revert`] if it is refused, a failure of the chain, or of the store, without which nothing is sent.
    pub async fn settle(
        &mut self,
        store: &Store,
        job: &Job,
        proof: &[u8],
    ) -> eyre::Result<Option<u64>> {
        let (_, file): (_, ProofFile) = artifact::decode(Kind::Proof, proof)?;
        let digest = crate::files::hex_scalar(&file.program_digest.0);
        let manifest = self.of(&digest).ok_or_else(|| {
            eyre!("no deployment of --deployment takes proofs of program {digest}")
        })?;
        let submission = Submission::of_inference(&file.proof, manifest)?;
        let model_id = model_id(manifest, None, &submission)?;
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let chain = &mut self.chain;
        let statement_hash = registry
            .statement_hash(chain, model_id, &submission)
            .await?;
        store.submitting(&job.id, statement_hash)?;
        let nonce = match &job.signed {
            None => None,
            Some(signed) => match chain.earlier(signed, 0).await? {
                Earlier::Mined(receipt) => {
                    let stands = registry.is_submitted(chain, statement_hash).await?;
                    ensure!(
                        stands,
                        "transaction {} is in block {}, but the registry does not have statement {statement_hash}; another node may lag",
                        signed.hash,
                        receipt.block
                    );
                    return Ok(Some(receipt.block));
                }
                Earlier::Gone => None,
                Earlier::Unsent => Some(signed.nonce),
            },
        };
        let attempt = Attempt {
            registry,
            model_id,
            submission: &submission,
            statement_hash,
        };
        let mut account = Account { store, id: &job.id };
        Ok(match attempt.send(chain, nonce, &mut account).await? {
            Sent::Recorded(receipt) => Some(receipt.block),
            Sent::Standing | Sent::Nothing => None,
        })
    }
}

/// Writes transactions down before they are sent.
struct Account<'a> {
    store: &'a Store,
    id: &'a str,
}

impl Watch for Account<'_> {
    fn sending(&mut self, signed: &Signed) -> eyre::Result<()> {
        self.store.sending(self.id, signed).map(drop)
    }

    fn refused(&mut self) -> eyre::Result<()> {
        self.store.unsent(self.id).map(drop)
    }
}

impl Server {
    /// Waits, unless the server stops.
    fn sleep(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while !self.is_stopping() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.wait(self.rung(), left);
        }
    }
}
