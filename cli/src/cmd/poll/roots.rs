//! `laminate poll post` and `laminate poll revoke`: what an issuer does.

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;

use super::Place;
use crate::bound::{Element, read_tree};
use crate::chain::Cost;
use crate::chain::signer::SignerArgs;
use crate::files::hex_scalar;
use crate::output::Output;
use crate::printable::printable;

/// Post the root of a tree of credentials, as its issuer.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate poll post group.tree --valid-for 2592000 --uri ipfs://… --rpc-url http://127.0.0.1:8545\n\nThe root before stays valid for the grace that the contract was made with. A credential is revoked by a tree\nwithout it, and at once by `laminate poll revoke` of the roots with it."
)]
pub struct PollPost {
    /// The tree, from `laminate credential tree`.
    pub tree: PathBuf,
    /// Seconds for which the root is valid at most, from the chain's newest block on (2592000 are 30 days).
    #[arg(long, value_name = "SECONDS")]
    pub valid_for: u64,
    /// Where the tree is published, so that everybody can make its root again.
    #[arg(long, default_value = "")]
    pub uri: String,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub signer: SignerArgs,
}

/// What `poll post` and `poll revoke` report.
#[derive(Debug, Serialize)]
struct Report {
    root: String,
    roots: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<u64>,
    #[serde(flatten)]
    cost: Cost,
}

impl PollPost {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that is no tree, a record without roots, a sender who is not the issuer, or a root posted before.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let tree = read_tree(&self.tree)?;
        let root = {
            let _stage = out.stage("Hashing the tree");
            tree.root()
        };
        let (manifest, mut chain) = self.place.open(Some(&self.signer)).await?;
        let roots = self.place.roots(&manifest)?;
        let levels = manifest.output_lead.binding.credential;
        ensure!(
            levels.is_none_or(|levels| levels == tree.depth),
            "{} has {} levels, proofs of {} take a tree of {}; make it with `laminate credential tree --depth {3}`",
            self.tree.display(),
            tree.depth,
            printable(&manifest.program_name),
            levels.unwrap_or_default()
        );
        let now = chain.now().await?;
        let end = now.checked_add(self.valid_for);
        let end = end.ok_or_else(|| eyre!("--valid-for is beyond the end of time"))?;
        let leaves = tree.leaves.len() as u64;
        let receipt = roots
            .post(&mut chain, &root, leaves, end, &self.uri)
            .await?;
        let report = Report {
            root: hex_scalar(&root),
            roots: roots.contract.address,
            leaves: Some(leaves),
            valid_until: Some(end),
            cost: Cost::from(&receipt),
        };
        let human = format!(
            "root {} of {leaves} credentials, valid until {end} (seconds since 1970)\nroots {}, {} gas",
            report.root, report.roots, report.cost.gas
        );
        out.result(&human, &report)
    }
}

/// End a root at once, as its issuer.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate poll revoke 0x… --rpc-url http://127.0.0.1:8545\n\nA revoked root is never posted again: proofs of everybody in its tree are of no use from now on. Post a tree of those\nwho stay first."
)]
pub struct PollRevoke {
    /// The root, as `laminate credential tree` printed it.
    #[arg(value_name = "ROOT")]
    pub root: Element,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub signer: SignerArgs,
}

impl PollRevoke {
    /// Runs the command.
    ///
    /// # Errors
    /// A record without roots, a sender who is not the issuer, or a root that is not valid.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let (manifest, mut chain) = self.place.open(Some(&self.signer)).await?;
        let roots = self.place.roots(&manifest)?;
        let receipt = roots.revoke(&mut chain, &self.root.0).await?;
        let report = Report {
            root: hex_scalar(&self.root.0),
            roots: roots.contract.address,
            leaves: None,
            valid_until: None,
            cost: Cost::from(&receipt),
        };
        let human = format!(
            "root {} is revoked\nroots {}, {} gas",
            report.root, report.roots, report.cost.gas
        );
        out.result(&human, &report)
    }
}
