//! `laminate srs`: reference strings.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use laminate_aggregator::srs::Srs;
use serde::Serialize;

use crate::cmd::setup::development;
use crate::destination;
use crate::output::Output;
use crate::pipeline;

/// Make, import and check structured reference strings.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate srs import powersOfTau28_hez_final_19.ptau -o hez19.srs\n  laminate srs check hez19.srs\n  laminate srs dev -k 18 -o dev18.srs"
)]
pub struct SrsCommand {
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make a development reference string: its secret is public, never use it for value.
    Dev {
        /// log2 of the number of powers.
        #[arg(short)]
        k: u32,
        /// The file to write.
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Import a ceremony's file (.ptau, halo2 raw, Aztec Ignition), with every check.
    Import {
        /// The ceremony's file.
        file: PathBuf,
        /// The file to write.
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Check a file of any of these formats, ours included: generator, curve, consecutive powers,
    /// Lagrange form.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// What the actions report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// log2 of the number of powers.
    pub k: u32,
    /// Where it comes from.
    pub origin: String,
    /// Whether its secret is public.
    pub development: bool,
    /// Digest.
    pub digest: String,
}

impl Report {
    fn new(srs: &Srs) -> Self {
        Self {
            k: srs.k(),
            origin: srs.origin().to_string(),
            development: srs.origin().is_development(),
            digest: hex::encode(srs.digest()),
        }
    }

    fn human(&self, done: &str) -> String {
        let dev = if self.development {
            "\nDEV: its secret is public; only for local chains"
        } else {
            ""
        };
        format!(
            "{done}: k = {}, {}\ndigest {}{dev}",
            self.k, self.origin, self.digest
        )
    }
}

impl SrsCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that cannot be read or fails a check.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        if let Action::Dev { output, .. } | Action::Import { output, .. } = &self.action {
            destination::result(output)?;
        }
        let (srs, done) = match &self.action {
            Action::Dev { k, output } => (dev(*k, output, out)?, "made"),
            Action::Import { file, output } => {
                let _stage = out.stage("Importing and checking the reference string");
                let srs = Srs::import(file)?;
                srs.save(output)?;
                pipeline::remember_checked(&srs);
                (srs, "imported")
            }
            Action::Check { file } => {
                let _stage = out.stage("Checking the reference string");
                let srs = Srs::import(file)?;
                pipeline::remember_checked(&srs);
                (srs, "passes every check")
            }
        };
        let report = Report::new(&srs);
        out.result(&report.human(done), &report)
    }
}

fn dev(k: u32, output: &Path, out: Output) -> eyre::Result<Srs> {
    let srs = development(k, out)?;
    srs.save(output)?;
    Ok(srs)
}
