//! `laminate poll`: an anonymous poll of those whom a model finds eligible, on a chain.

mod deploy;
mod roots;
mod tally;
mod vote;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eyre::eyre;

use crate::chain::code::require_recorded;
use crate::chain::manifest::Manifest;
use crate::chain::poll::{PollRecord, RootsRecord};
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::{Chain, RpcChain};
use crate::output::Output;

pub use deploy::PollDeploy;
pub use roots::{PollPost, PollRevoke};
pub use tally::PollTally;
pub use vote::PollVote;

/// Hold a poll of those whom a registered model finds eligible, without telling who votes.
#[derive(Debug, Args)]
#[command(
    after_help = "1. Whoever holds the poll deploys it for a registered model:    poll deploy --choices 3 --open-for 604800\n2. The issuer posts the root of each tree of credentials:       poll post group.tree --valid-for 2592000\n3. A voter asks for the poll's scope and contexts:              poll tally --sender 0x…\n   proves the model on the attested row:                        prove DIR --credential me.member --scope 0x… --context 0x…\n   and votes, or has anyone send it who may:                    poll vote vote.proof --choice 1\n\nThe model is compiled with --context --credential LEVELS, and gives one number (--threshold for a decision)."
)]
pub struct PollCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Deploy(PollDeploy),
    Post(PollPost),
    Revoke(PollRevoke),
    Vote(PollVote),
    Tally(PollTally),
}

impl PollCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// See the subcommands.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        match self.command {
            Command::Deploy(command) => command.run(out).await,
            Command::Post(command) => command.run(out).await,
            Command::Revoke(command) => command.run(out).await,
            Command::Vote(command) => command.run(out).await,
            Command::Tally(command) => command.run(out).await,
        }
    }
}

/// Which deployment, and how to reach it.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    node: NodeArgs,
    /// Record made by `laminate deploy`.
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    deployment: PathBuf,
}

impl Place {
    /// The record, and its chain after a comparison of the code there; without a signer for reading only.
    async fn open(&self, signer: Option<&SignerArgs>) -> eyre::Result<(Manifest, Chain)> {
        let manifest = Manifest::read(&self.deployment)?;
        let key = signer.map(SignerArgs::signer).transpose()?;
        let rpc = RpcChain::connect(&self.node, key).await?;
        manifest.require_chain(rpc.chain_id())?;
        let legacy = signer.is_some_and(|signer| signer.legacy);
        let mut chain = Chain::Rpc(rpc.with_legacy(legacy));
        require_recorded(&mut chain, &manifest).await?;
        Ok((manifest, chain))
    }

    fn roots(&self, manifest: &Manifest) -> eyre::Result<RootsRecord> {
        manifest.credential_roots.ok_or_else(|| self.none("roots"))
    }

    fn poll(&self, manifest: &Manifest) -> eyre::Result<PollRecord> {
        manifest.eligibility_poll.ok_or_else(|| self.none("poll"))
    }

    fn none(&self, what: &str) -> eyre::Report {
        eyre!(
            "{} records no {what}; make them with `laminate poll deploy`, or give --deployment FILE of one who did",
            self.deployment.display()
        )
    }
}
