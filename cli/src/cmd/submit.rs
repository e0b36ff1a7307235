//! `laminate submit`: a proof into the registry.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256};
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;

use crate::chain::code::require_recorded;
use crate::chain::manifest::Manifest;
use crate::chain::registry::{Recorded, Registry, Submission};
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::submitting::{Attempt, Sent};
use crate::chain::{Chain, Cost, RpcChain};
use crate::files;
use crate::output::Output;
use crate::printable::printable;
use crate::reading::Reading;

/// Submit a proof to the registry, to be checked and recorded.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate submit fraud.proof --rpc-url http://127.0.0.1:8545 --keystore ~/.foundry/keystores/me\n  laminate submit fraud.proof --rpc-url http://127.0.0.1:8545 --dry-run\n\nA statement is recorded once; the proof itself may be shown to other contracts any number of times. If\nsomebody else was faster with the same statement, it stands: the command says who recorded it and where,\nsends nothing and succeeds."
)]
pub struct Submit {
    /// Proof file.
    pub proof: PathBuf,
    /// Id of the model; by default the one registered with the proof's weight commitment.
    #[arg(long, value_name = "ID")]
    pub model: Option<U256>,
    /// Only find out whether it would be accepted; needs no key and costs nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub signer: SignerArgs,
    /// Record made by `laminate deploy`.
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    pub deployment: PathBuf,
}

/// What `submit` reports.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) accepted: bool,
    /// Whether the statement stood in the registry before, so that nothing was sent.
    pub(crate) already_recorded: bool,
    /// Who recorded it, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded: Option<Recording>,
    dry_run: bool,
    pub(crate) statement_hash: B256,
    model_id: B256,
    registry: Address,
    input_commitment: B256,
    output: Reading,
    #[serde(flatten)]
    pub(crate) cost: Option<Cost>,
}

/// The transaction that recorded a statement.
#[derive(Debug, Serialize)]
pub(crate) struct Recording {
    /// Who called the registry.
    pub(crate) caller: Address,
    pub(crate) block: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction: Option<B256>,
}

impl Submit {
    /// Runs the command.
    ///
    /// # Errors
    /// An altered proof file, an unknown model, no key, a wrong chain, or a refusal by the registry.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let report = self.report(out).await?;
        out.result(&human(&report), &report)
    }

    /// What it does, without the printing.
    pub(crate) async fn report(&self, out: Output) -> eyre::Result<Report> {
        let proof = files::read_publishable(&self.proof)?;
        let manifest = Manifest::read(&self.deployment)?;
        let submission = Submission::of_inference(&proof.proof, &manifest)?;
        let model_id = model_id(&manifest, self.model, &submission)?;
        let signer = if self.dry_run {
            None
        } else {
            Some(self.signer.signer()?)
        };
        let rpc = RpcChain::connect(&self.node, signer).await?;
        manifest.require_chain(rpc.chain_id())?;
        let mut chain = Chain::Rpc(rpc.with_legacy(self.signer.legacy));
        require_recorded(&mut chain, &manifest).await?;

        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let statement_hash = registry
            .statement_hash(&mut chain, model_id, &submission)
            .await?;
        let attempt = Attempt {
            registry,
            model_id,
            submission: &submission,
            statement_hash,
        };
        let sent = match self.dry_run {
            true => attempt.dry_run(&mut chain).await?,
            false => attempt.send(&mut chain, None, &mut ()).await?,
        };
        let mut report = Report {
            accepted: true,
            already_recorded: matches!(sent, Sent::Standing),
            recorded: None,
            dry_run: self.dry_run,
            statement_hash,
            model_id: model_id.into(),
            registry: registry.address,
            input_commitment: submission.input_commitment,
            output: proof.reading(),
            cost: None,
        };
        match sent {
            Sent::Nothing => {}
            Sent::Recorded(receipt) => {
                report.recorded = Some(Recording {
                    caller: chain.sender()?,
                    block: receipt.block,
                    transaction: receipt.tx_hash,
                });
                report.cost = Some(Cost::from(&receipt));
            }
            Sent::Standing => {
                let stage = out.stage("looking for who recorded the statement");
                let found = registry
                    .find(&mut chain, statement_hash, manifest.block)
                    .await;
                drop(stage);
                match found {
                    Ok(found) => report.recorded = found.map(Recording::from),
                    Err(error) => out.line(&format!("its event was not found: {error:#}")),
                }
            }
        }
        Ok(report)
    }
}

impl From<Recorded> for Recording {
    fn from(recorded: Recorded) -> Self {
        Self {
            caller: recorded.event.caller,
            block: recorded.block,
            transaction: recorded.transaction,
        }
    }
}

fn human(report: &Report) -> String {
    let mut text = match &report.cost {
        None if report.already_recorded => {
            let by = report.recorded.as_ref().map(|by| {
                let transaction = by.transaction.map(|hash| format!(", transaction {hash}"));
                format!(
                    " by {} in block {}{}",
                    by.caller,
                    by.block,
                    transaction.unwrap_or_default()
                )
            });
            format!("already recorded{} (nothing sent)", by.unwrap_or_default())
        }
        None => "would be accepted (nothing sent)".to_string(),
        Some(cost) => {
            let hash = cost
                .transaction
                .map(|hash| format!("\ntransaction {hash}"))
                .unwrap_or_default();
            format!(
                "accepted{hash}\ngas {}, calldata {} bytes, block {}",
                cost.gas, cost.calldata_bytes, cost.block
            )
        }
    };
    text.push_str(&format!(
        "\nstatement {}\nmodel {}\noutput {}",
        report.statement_hash, report.model_id, report.output
    ));
    text
}

/// The model a proof is for.
///
/// # Errors
/// If none is given and none is registered with the proof's weights, or the proof is of another program.
pub(crate) fn model_id(
    manifest: &Manifest,
    given: Option<U256>,
    submission: &Submission,
) -> eyre::Result<U256> {
    if let Some(id) = given {
        return Ok(id);
    }
    ensure!(
        submission.program_digest == manifest.program_digest,
        "the proof is of program {}, the deployment verifies {} ({})",
        submission.program_digest,
        manifest.program_digest,
        printable(&manifest.program_name)
    );
    let model = manifest.model(submission.weight_commitment).ok_or_else(|| {
        eyre!(
            "no model with the proof's weight commitment {} is registered here; run `laminate register DIR`, or give --model ID",
            submission.weight_commitment
        )
    })?;
    Ok(model.model_id.into())
}
