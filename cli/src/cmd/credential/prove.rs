//! `laminate credential prove`: that a credential is in a tree.

use std::path::PathBuf;

use clap::Args;
use eyre::{WrapErr, ensure};
use laminate_engine::backend::Native;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;
use laminate_model::credential::{self, Membership};
use serde::Serialize;

use crate::bound::{Issued, Member, read_identity, read_tree};
use crate::destination;
use crate::files::{self, hex_scalar};
use crate::output::Output;

/// Find a credential's way up to the root of a tree, for `prove --credential`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate credential prove --identity me.identity --credential me.credential --tree group.tree -o me.member\n  laminate prove vote --input me.csv --credential me.member --scope 0x… -o vote.proof\n\nThe file is private: it holds the secret. It is of one tree: make it again for a newer one."
)]
pub struct CredentialProve {
    /// The secret, from `credential identity`.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The credential, from `credential issue`.
    #[arg(long, value_name = "FILE")]
    pub credential: PathBuf,
    /// The tree, from `credential tree`.
    #[arg(long, value_name = "FILE")]
    pub tree: PathBuf,
    /// The file to write (private).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// What `credential prove` reports.
#[derive(Debug, Serialize)]
struct Report {
    root: String,
    depth: u8,
}

impl CredentialProve {
    /// Runs the command.
    ///
    /// # Errors
    /// A credential of another identity, or a tree that does not hold it.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::result(&self.output)?;
        let secret = read_identity(&self.identity)?.secret;
        let (_, issued): (_, Issued) = files::read(Kind::Credential, &self.credential)?;
        let own = credential::identity(&mut Native, &secret.0);
        ensure!(
            issued.identity.0 == own,
            "{} is attested to identity {}, that of {} is {}; give the identity that the issuer was given",
            self.credential.display(),
            hex_scalar(&issued.identity.0),
            self.identity.display(),
            hex_scalar(&own)
        );
        let tree = read_tree(&self.tree)?;
        let membership = tree
            .membership(secret.0, &issued.leaf.0)
            .wrap_err_with(|| self.tree.display().to_string())?;
        let stored = |all: Vec<_>| all.into_iter().map(Scalar).collect();
        let member = Member {
            leaf: issued.leaf,
            root: Scalar(tree.root()),
            membership: Membership {
                secret,
                siblings: stored(membership.siblings),
                right: stored(membership.right),
            },
        };
        files::write(Kind::Membership, false, &member, &self.output)?;
        let report = Report {
            root: hex_scalar(&member.root.0),
            depth: tree.depth,
        };
        out.result(&report.root, &report)
    }
}
