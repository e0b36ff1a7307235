//! `laminate input show`: what an input is committed to.

use std::path::PathBuf;

use clap::Args;
use laminate_model::artifact::Kind;
use laminate_prover::input::CommittedInput;
use serde::Serialize;

use crate::files::{self, hex_scalar};
use crate::output::Output;

/// Print the commitment X of an input that `input commit` wrote.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate input show row.input\n  laminate input show row.input --reveal --json"
)]
pub struct InputShow {
    /// The file.
    pub file: PathBuf,
    /// Show the values too: integers as the program takes them (tokens as id - 32768).
    #[arg(long)]
    pub reveal: bool,
}

/// What `input show` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// X.
    input_commitment: String,
    /// Digest of the program that it was made for.
    program_digest: String,
    /// The values, with --reveal.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<i32>>,
}

impl InputShow {
    /// Runs the command.
    ///
    /// # Errors
    /// Another file, or an altered one.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let (_, committed): (_, CommittedInput) = files::read(Kind::Input, &self.file)?;
        let report = Report {
            input_commitment: hex_scalar(&committed.commitment.0),
            program_digest: hex_scalar(&committed.program_digest.0),
            values: self.reveal.then_some(committed.values),
        };
        let human = match &report.values {
            Some(values) => format!("{}\n{values:?}", report.input_commitment),
            None => report.input_commitment.clone(),
        };
        out.result(&human, &report)
    }
}
