//! A statement into the registry, at most once: whoever else submits it, and whatever became of an earlier attempt.

use alloy::primitives::{B256, U256};
use eyre::ensure;

use super::registry::{Registry, Submission};
use super::{Chain, Receipt, Watch, refusal};

/// A submission with the hash that its statement has on the chain.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Where to.
    pub registry: Registry,
    /// The model that the statement is of.
    pub model_id: U256,
    /// The proof.
    pub submission: &'a Submission,
    /// The statement's replay key.
    pub statement_hash: B256,
}

/// What came of a submission.
#[derive(Debug)]
pub enum Sent {
    /// It would be accepted.
    Nothing,
    /// It was.
    Recorded(Receipt),
    /// The statement was recorded before.
    Standing,
}

impl Attempt<'_> {
    /// Finds out whether it would be accepted.
    ///
    /// # Errors
    /// [`super::Revert`] if not, or a failure of the chain.
    pub async fn dry_run(&self, chain: &mut Chain) -> eyre::Result<Sent> {
        if self.is_standing(chain).await? {
            return self.standing(chain).await;
        }
        let run = self.registry.dry_run(chain, self.model_id, self.submission);
        let result = run.await.map(|_| Sent::Nothing);
        self.unless_replayed(chain, result).await
    }

    /// Sends it unless the statement stands, with an earlier attempt's nonce or the next one, under a watch.
    ///
    /// # Errors
    /// [`super::Revert`] if it is refused, or a failure of the chain, the account or the watch.
    pub async fn send(
        &self,
        chain: &mut Chain,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<Sent> {
        if self.is_standing(chain).await? {
            return self.standing(chain).await;
        }
        let submitted = self
            .registry
            .submit_watched(chain, self.model_id, self.submission, nonce, watch)
            .await;
        let result = submitted.and_then(|submitted| {
            let (found, expected) = (submitted.statement_hash, self.statement_hash);
            ensure!(
                found == expected,
                "the registry at {} recorded statement {found}, expected {expected}",
                self.registry.address
            );
            Ok(Sent::Recorded(submitted.receipt))
        });
        self.unless_replayed(chain, result).await
    }

    async fn is_standing(&self, chain: &mut Chain) -> eyre::Result<bool> {
        self.registry.is_submitted(chain, self.statement_hash).await
    }

    /// Somebody may have been faster between the question and the block.
    async fn unless_replayed(
        &self,
        chain: &mut Chain,
        result: eyre::Result<Sent>,
    ) -> eyre::Result<Sent> {
        match result {
            Err(error) if is_refusal(&error, "StatementReplayed") => self.standing(chain).await,
            result => result,
        }
    }

    /// The statement stands; that this proof shows it is looked at all the same.
    async fn standing(&self, chain: &mut Chain) -> eyre::Result<Sent> {
        let verified = self.registry.verify(chain, self.model_id, self.submission);
        match verified.await {
            Err(error) if refusal(&error).is_some() && !is_refusal(&error, "ModelIsRetired") => {
                Err(error.wrap_err(format!(
                    "statement {} is recorded, but not by this proof",
                    self.statement_hash
                )))
            }
            _ => Ok(Sent::Standing),
        }
    }
}

fn is_refusal(error: &eyre::Report, name: &str) -> bool {
    refusal(error).is_some_and(|refusal| refusal.name == name)
}
