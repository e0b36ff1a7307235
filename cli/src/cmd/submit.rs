//! `laminate submit`: a proof into the registry.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256};
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;

use crate::chain::manifest::Manifest;
use crate::chain::registry::{Registry, Submission, Submitted};
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::{Chain, Cost, RpcChain};
use crate::files;
use crate::output::Output;
use crate::reading::Reading;

/// Submit a proof to the registry, to be checked and recorded.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate submit fraud.proof --rpc-url http://127.0.0.1:8545 --keystore ~/.foundry/keystores/me\n  laminate submit fraud.proof --rpc-url http://127.0.0.1:8545 --dry-run\n\nA statement is recorded once; the proof itself may be shown to other contracts any number of times."
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
struct Report {
    accepted: bool,
    dry_run: bool,
    statement_hash: B256,
    model_id: B256,
    registry: Address,
    input_commitment: B256,
    output: Reading,
    #[serde(flatten)]
    cost: Option<Cost>,
}

impl Submit {
    /// Runs the command.
    ///
    /// # Errors
    /// An altered proof file, an unknown model, no key, a wrong chain, or a refusal by the registry.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
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
        let mut chain = Chain::Rpc(rpc);

        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let (statement_hash, cost) = if self.dry_run {
            (
                registry.dry_run(&mut chain, model_id, &submission).await?,
                None,
            )
        } else {
            let Submitted {
                statement_hash,
                receipt,
            } = registry.submit(&mut chain, model_id, &submission).await?;
            (statement_hash, Some(Cost::from(&receipt)))
        };
        let report = Report {
            accepted: true,
            dry_run: self.dry_run,
            statement_hash,
            model_id: model_id.into(),
            registry: registry.address,
            input_commitment: submission.input_commitment,
            output: proof.reading(),
            cost,
        };
        out.result(&human(&report), &report)
    }
}

fn human(report: &Report) -> String {
    let mut text = match &report.cost {
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
pub(super) fn model_id(
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
        manifest.program_name
    );
    let model = manifest.model(submission.weight_commitment).ok_or_else(|| {
        eyre!(
            "no model with the proof's weight commitment {} is registered here; run `laminate register DIR`, or give --model ID",
            submission.weight_commitment
        )
    })?;
    Ok(model.model_id.into())
}
