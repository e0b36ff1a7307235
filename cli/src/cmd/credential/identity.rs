//! `laminate credential identity`: a secret, and the identity that issuers attest to.

use std::path::PathBuf;

use clap::Args;
use eyre::ensure;
use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;
use laminate_model::credential;
use rand::rngs::OsRng;
use serde::Serialize;

use crate::bound::{Identity, read_identity};
use crate::destination;
use crate::files::{self, hex_scalar};
use crate::output::Output;

/// Make a secret; prints the identity to give to an issuer.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate credential identity -o me.identity\n  laminate credential identity --of me.identity\n\nThe file is private, and the only way to use what is attested to the identity: keep it, and give it to nobody."
)]
pub struct CredentialIdentity {
    /// Print the identity of a secret that there is.
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub of: Option<PathBuf>,
    /// The file to write (private).
    #[arg(short, long, value_name = "FILE", required_unless_present = "of")]
    pub output: Option<PathBuf>,
}

/// What `credential identity` reports.
#[derive(Debug, Serialize)]
struct Report {
    identity: String,
}

impl CredentialIdentity {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that is there already, or cannot be written or read.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let made = match &self.of {
            Some(path) => read_identity(path)?,
            None => Identity {
                secret: Scalar(Fr::random(OsRng)),
            },
        };
        if let Some(path) = &self.output {
            destination::file(path)?;
            ensure!(
                std::fs::symlink_metadata(path).is_err(),
                "{} exists; if it holds a secret, nothing that is attested to it can be used without it: use another name",
                path.display()
            );
            files::write_new(Kind::Identity, false, &made, path)?;
            out.line(&format!(
                "{} is private, and what is attested to this identity is of no use without it",
                path.display()
            ));
        }
        let identity = credential::identity(&mut Native, &made.secret.0);
        let report = Report {
            identity: hex_scalar(&identity),
        };
        out.result(&report.identity, &report)
    }
}
