//! `laminate poll deploy`: a poll, and roots of credentials for it.

use alloy::primitives::{Address, B256, U256};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use serde::Serialize;

use super::Place;
use crate::chain::bundle::Contract;
use crate::chain::manifest::Manifest;
use crate::chain::poll::{OUTPUT_COUNT, PollRecord, PollTerms, RootsRecord, RootsTerms};
use crate::chain::registry::Registry;
use crate::chain::signer::SignerArgs;
use crate::chain::{Chain, Cost, Created};
use crate::cmd::check::foreign;
use crate::destination;
use crate::files::{Lock, hex_scalar};
use crate::output::Output;
use crate::printable::printable;

/// Deploy a poll of those whom a registered model finds eligible, and roots of credentials for it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate poll deploy --choices 3 --open-for 604800 --rpc-url http://127.0.0.1:8545\n\nThe roots that the record has are used again; --roots takes an issuer's that are on the chain already.\nBoth contracts are recorded, and `laminate check` compares them."
)]
pub struct PollDeploy {
    /// Id of the model; by default the one registered last.
    #[arg(long, value_name = "ID")]
    pub model: Option<U256>,
    /// Number of choices, which are counted from 0.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub choices: u32,
    /// Seconds for which votes are taken, from now on (604800 is a week).
    #[arg(long, value_name = "SECONDS", required_unless_present = "deadline")]
    pub open_for: Option<u64>,
    /// No vote is taken from this time on, seconds since 1970.
    #[arg(long, value_name = "TIME", conflicts_with = "open_for")]
    pub deadline: Option<u64>,
    /// The least output that is eligible, as the program's integer [default: 1, of a program that decides].
    #[arg(long, value_name = "INTEGER", allow_negative_numbers = true)]
    pub least_output: Option<i16>,
    /// Roots of credentials that are on the chain, instead of those of the record or new ones.
    #[arg(long, value_name = "ADDRESS")]
    pub roots: Option<Address>,
    /// New roots: who posts them [default: the sender].
    #[arg(long, value_name = "ADDRESS", conflicts_with = "roots")]
    pub issuer: Option<Address>,
    /// New roots: seconds for which a root stays valid once there is a newer one [default: 3600].
    #[arg(long, value_name = "SECONDS", conflicts_with = "roots")]
    pub grace: Option<u64>,
    /// Replace the poll that the record has; it stays on the chain.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub signer: SignerArgs,
}

/// Seconds for which a root stays valid, if nothing else is said: proofs that are under way still arrive.
const GRACE: u64 = 3600;

/// One contract in the report.
#[derive(Debug, Serialize)]
struct Row {
    contract: Contract,
    address: Address,
    /// What it cost; none of one that was there.
    #[serde(flatten)]
    cost: Option<Cost>,
}

/// What `poll deploy` reports.
#[derive(Debug, Serialize)]
struct Report {
    chain_id: u64,
    contracts: [Row; 2],
    model_id: B256,
    issuer: Address,
    grace: u64,
    choices: u32,
    least_output: i16,
    deadline: u64,
    scope: String,
}

impl PollDeploy {
    /// Runs the command.
    ///
    /// # Errors
    /// A model whose statements are of another shape or that is not of this deployment, a poll that is recorded already, no
    /// key, a wrong chain, or a failed deployment.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let path = &self.place.deployment;
        destination::file(path)?;
        let _lock = Lock::beside(path)?;
        let (mut manifest, mut chain) = self.place.open(Some(&self.signer)).await?;
        if let (Some(poll), false) = (&manifest.eligibility_poll, self.force) {
            bail!(
                "{} records a poll at {}; give --force to replace it in the record",
                path.display(),
                poll.contract.address
            );
        }
        let terms = self.terms(&mut chain, &manifest).await?;
        let (roots, of_roots) = self.roots(&mut chain, &manifest).await?;
        if manifest.credential_roots != Some(roots) {
            // A poll that is recorded counts by the roots that were.
            manifest.eligibility_poll = None;
            manifest.credential_roots = Some(roots);
            manifest.write(path).wrap_err_with(|| {
                format!(
                    "the roots at {} are not recorded; go on with --roots {0}",
                    roots.contract.address
                )
            })?;
        }
        let registry = manifest.model_registry.address;
        let (poll, of_poll) = PollRecord::deploy(&mut chain, registry, &roots, terms).await?;
        manifest.eligibility_poll = Some(poll);
        manifest
            .write(path)
            .wrap_err_with(|| format!("the poll is deployed, but not recorded: {manifest:?}"))?;
        let row = |contract, address, created: Option<&Created>| Row {
            contract,
            address,
            cost: created.map(|created| Cost::from(&created.receipt)),
        };
        let report = Report {
            chain_id: manifest.chain_id,
            contracts: [
                row(
                    Contract::CredentialRoots,
                    roots.contract.address,
                    of_roots.as_ref(),
                ),
                row(
                    Contract::EligibilityPoll,
                    poll.contract.address,
                    Some(&of_poll),
                ),
            ],
            model_id: terms.model_id,
            issuer: roots.terms.issuer,
            grace: roots.terms.grace,
            choices: terms.choices,
            least_output: terms.least_output,
            deadline: terms.deadline,
            scope: hex_scalar(&poll.scope(manifest.chain_id)),
        };
        out.result(&human(&report), &report)
    }

    /// What the poll is held by, compared with the model on the chain.
    async fn terms(&self, chain: &mut Chain, manifest: &Manifest) -> eyre::Result<PollTerms> {
        let binding = &manifest.output_lead.binding;
        let name = printable(&manifest.program_name);
        ensure!(
            binding.context && binding.credential.is_some() && !binding.input.is_public(),
            "statements of {name} have no context or no credential, or show the input: compile the model with --context --credential LEVELS"
        );
        ensure!(
            manifest.output_count == OUTPUT_COUNT,
            "{name} gives more than one number; a poll takes one, as of a model compiled with --threshold"
        );
        let least_output = match (self.least_output, manifest.output_scale) {
            (Some(least), _) => least,
            (None, 0) => 1,
            (None, scale) => bail!(
                "{name} gives scores (of 2^-{scale} each): from which on is somebody eligible? give --least-output INTEGER, or compile the model with --threshold"
            ),
        };
        let model_id: B256 = match self.model {
            Some(id) => id.into(),
            None => {
                let newest = manifest.models.last();
                let none = || eyre!("no model is registered here; run `laminate register DIR`");
                newest.ok_or_else(none)?.model_id
            }
        };
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let model = registry.model(chain, model_id.into()).await?;
        if let Some(reason) = foreign(&model, manifest) {
            bail!("model {model_id} is of no use here: {reason}");
        }
        let now = chain.now().await?;
        let deadline = match (self.deadline, self.open_for) {
            (Some(deadline), _) => Some(deadline),
            (None, seconds) => now.checked_add(seconds.unwrap_or_default()),
        };
        let deadline = deadline.ok_or_else(|| eyre!("--open-for is beyond the end of time"))?;
        Ok(PollTerms {
            model_id,
            choices: self.choices,
            least_output,
            deadline,
        })
    }

    /// The roots that the poll takes: given, recorded or new.
    async fn roots(
        &self,
        chain: &mut Chain,
        manifest: &Manifest,
    ) -> eyre::Result<(RootsRecord, Option<Created>)> {
        if let Some(address) = self.roots {
            return Ok((RootsRecord::at(chain, address).await?, None));
        }
        let sender = chain.sender()?;
        let wanted = RootsTerms {
            issuer: self.issuer.unwrap_or(sender),
            grace: self.grace.unwrap_or(GRACE),
        };
        match manifest.credential_roots {
            // Options that say otherwise ask for new ones.
            Some(roots)
                if self
                    .issuer
                    .is_none_or(|issuer| issuer == roots.terms.issuer)
                    && self.grace.is_none_or(|grace| grace == roots.terms.grace) =>
            {
                Ok((roots, None))
            }
            _ => {
                let (roots, created) = RootsRecord::deploy(chain, wanted).await?;
                Ok((roots, Some(created)))
            }
        }
    }
}

fn human(report: &Report) -> String {
    let mut lines = vec![];
    for row in &report.contracts {
        let cost = row.cost.as_ref().map_or_else(
            || "was there".to_owned(),
            |cost| format!("{} gas", cost.gas),
        );
        let name = row.contract.name();
        lines.push(format!("{name:<18}{}  {cost}", row.address));
    }
    lines.push(format!(
        "issuer            {} (roots stay valid for {} s after a newer one)",
        report.issuer, report.grace
    ));
    lines.push(format!("model             {}", report.model_id));
    lines.push(format!(
        "choices           0 to {}, until {} (seconds since 1970), of outputs of {} or more",
        report.choices - 1,
        report.deadline,
        report.least_output
    ));
    lines.push(format!("scope             {}", report.scope));
    lines.join("\n")
}
