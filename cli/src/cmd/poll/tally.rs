//! `laminate poll tally`: what a poll is held by, and its votes.

use alloy::primitives::{Address, B256, U256};
use clap::Args;
use serde::Serialize;

use super::Place;
use crate::chain::contracts::CredentialRoots;
use crate::files::hex_scalar;
use crate::output::Output;

/// Show a poll's votes, and what a proof for it has to state.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate poll tally --rpc-url http://127.0.0.1:8545\n  laminate poll tally --sender 0x… --rpc-url http://127.0.0.1:8545   (contexts of votes that this account sends)"
)]
pub struct PollTally {
    /// Who will send the vote, for its context; anyone may if it is left out.
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<Address>,
    #[command(flatten)]
    pub place: Place,
}

/// A choice in the report.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    pub(crate) votes: u64,
    /// What `prove --context` takes for it.
    pub(crate) context: String,
}

/// What `poll tally` reports.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    chain_id: u64,
    poll: Address,
    model_id: B256,
    roots: Address,
    /// The newest root that the issuer posted, and whether it is valid now.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_root: Option<B256>,
    root_valid: bool,
    least_output: i16,
    deadline: u64,
    pub(crate) open: bool,
    /// What `prove --scope` takes.
    pub(crate) scope: String,
    pub(crate) choices: Vec<Choice>,
}

impl PollTally {
    /// Runs the command.
    ///
    /// # Errors
    /// A record without a poll, a wrong chain, or other code there.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let report = self.report().await?;
        out.result(&human(&report), &report)
    }

    /// What it finds, without the printing.
    pub(crate) async fn report(&self) -> eyre::Result<Report> {
        let (manifest, mut chain) = self.place.open(None).await?;
        let (poll, roots) = (self.place.poll(&manifest)?, self.place.roots(&manifest)?);
        let at = roots.contract.address;
        let latest = chain.read(at, &CredentialRoots::latestCall {}).await?;
        let valid = CredentialRoots::isValidCall { root: latest };
        let root_valid = chain.read(at, &valid).await?;
        let votes = poll.votes(&mut chain).await?;
        let sender = self.sender.unwrap_or(Address::ZERO);
        let choices = votes.into_iter().zip(0..).map(|(votes, choice)| Choice {
            votes,
            context: hex_scalar(&poll.context(manifest.chain_id, sender, choice)),
        });
        Ok(Report {
            chain_id: manifest.chain_id,
            poll: poll.contract.address,
            model_id: poll.terms.model_id,
            roots: at,
            latest_root: (latest != U256::ZERO).then(|| latest.into()),
            root_valid,
            least_output: poll.terms.least_output,
            deadline: poll.terms.deadline,
            open: chain.timestamp().await? < poll.terms.deadline,
            scope: hex_scalar(&poll.scope(manifest.chain_id)),
            choices: choices.collect(),
        })
    }
}

fn human(report: &Report) -> String {
    let mut table = crate::table::new(&["choice", "votes", "context"]);
    for (choice, row) in report.choices.iter().enumerate() {
        table.add_row(vec![
            choice.to_string(),
            row.votes.to_string(),
            row.context.clone(),
        ]);
    }
    let root = match report.latest_root {
        None => "none posted yet".to_owned(),
        Some(root) => format!(
            "{root}{}",
            if report.root_valid {
                ""
            } else {
                " (not valid)"
            }
        ),
    };
    format!(
        "{table}\n\npoll   {} on chain {}, {} until {} (seconds since 1970)\nmodel  {}, outputs of {} or more\nroots  {}, newest root {root}\nscope  {}",
        report.poll,
        report.chain_id,
        if report.open { "open" } else { "closed" },
        report.deadline,
        report.model_id,
        report.least_output,
        report.roots,
        report.scope
    )
}
