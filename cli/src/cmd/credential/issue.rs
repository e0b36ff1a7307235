//! `laminate credential issue`: a row attested to an identity.

use std::path::PathBuf;

use clap::Args;
use eyre::{WrapErr, ensure};
use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Native;
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_model::artifact::Kind;
use laminate_model::credential;
use laminate_model::statement::Packing;
use serde::Serialize;

use crate::bound::{Element, Issued};
use crate::destination;
use crate::files::{self, ModelDir, hex_scalar};
use crate::input;
use crate::output::Output;

/// Attest a row to an identity; prints the credential's leaf.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate credential issue vote --input alice.csv --identity 0x… -o alice.credential\n\nOnly DIR/program.lam is needed, which is public. The file is private: it holds the row. The leaf is a hash that\ntells nothing of the row to who does not know the identity."
)]
pub struct CredentialIssue {
    /// Folder with the program, compiled with --credential.
    pub dir: PathBuf,
    /// The row (CSV, JSON, .npy or .npz).
    #[arg(long)]
    pub input: PathBuf,
    /// To whom: what `credential identity` printed.
    #[arg(long, value_name = "NUMBER")]
    pub identity: Element,
    /// The file to write (private).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// What `credential issue` reports.
#[derive(Debug, Serialize)]
struct Report {
    leaf: String,
    identity: String,
    /// Number of values.
    values: usize,
}

impl CredentialIssue {
    /// Runs the command.
    ///
    /// # Errors
    /// A program that takes no credentials, or a row that does not fit it.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::result(&self.output)?;
        let program = ModelDir::open(&self.dir)?.program()?;
        ensure!(
            program.binding.credential.is_some(),
            "{} was compiled without --credential: its statements are of no credential",
            self.dir.display()
        );
        ensure!(
            !input::is_artifact(&self.input)?,
            "{} is a Laminate file, expected a row",
            self.input.display()
        );
        let given = input::read_values(&self.input, &program)?;
        let values = given
            .values(&program)
            .wrap_err_with(|| self.input.display().to_string())?;
        let scalars: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let packing = Packing::of_input(&program);
        let leaf = credential::leaf(&mut Native, &self.identity.0, packing, &scalars);
        let issued = Issued {
            program_digest: Scalar(program.digest()?),
            identity: Scalar(self.identity.0),
            values,
            leaf: Scalar(leaf),
        };
        files::write(Kind::Credential, false, &issued, &self.output)?;
        let report = Report {
            leaf: hex_scalar(&leaf),
            identity: hex_scalar(&self.identity.0),
            values: issued.values.len(),
        };
        out.result(&report.leaf, &report)
    }
}
