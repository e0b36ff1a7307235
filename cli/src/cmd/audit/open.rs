//! `laminate audit open`: what an auditor needs to rebuild a weight commitment.

use std::path::PathBuf;

use clap::Args;
use eyre::ensure;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;
use serde::Serialize;

use super::opening::{Opening, Part};
use crate::cmd::compile::{CompileRecord, Source};
use crate::destination;
use crate::files::{self, ModelDir};
use crate::output::Output;
use crate::pipeline::check_secret;
use crate::shards::ShardDir;

/// Write the opening of a model's weight commitment, for an auditor who has the model's files.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate audit open fraud -o opening.lam\n\nThe opening has the commitment's salt, compile's options and the SHA-256 of its files, but no weights. It is\nprivate: give it to nobody but the auditor, with the model's file and the calibration rows. Who has it can tell\nwhether a guess of the weights is right, and can prove nothing without them."
)]
pub struct AuditOpen {
    /// Folder of a model or of a model in shards, with a weight commitment.
    pub dir: PathBuf,
    /// The file to write (private).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// What `audit open` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// What is opened, one a shard.
    weight_commitments: Vec<String>,
    /// The programs.
    program_digests: Vec<String>,
    /// Files that the auditor needs, among them.
    sources: Vec<Source>,
    /// Whether the commitment depends on a development reference string.
    development: bool,
    output: PathBuf,
}

impl AuditOpen {
    /// Runs the command.
    ///
    /// # Errors
    /// No commitment, no record of the compilation, or files that do not belong together.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::result(&self.output)?;
        let dirs = match ShardDir::open(&self.dir)? {
            Some(shards) => shards.dirs().to_vec(),
            None => vec![ModelDir::open(&self.dir)?],
        };
        let mut parts = vec![];
        let mut development = false;
        for dir in &dirs {
            let (header, secret) = dir.secret()?;
            let program = dir.program()?;
            check_secret(dir, &program, &secret)?;
            development |= header.development;
            parts.push(Part {
                program_digest: Scalar(program.digest()?),
                secret,
            });
        }
        let record = CompileRecord::read(&self.dir)?;
        let opening = Opening::new(&record, parts)?;
        let report = Report {
            weight_commitments: opening.commitments().collect(),
            program_digests: record.programs.clone(),
            sources: record.sources.clone(),
            development,
            output: self.output.clone(),
        };
        let found = dirs
            .iter()
            .map(|dir| Ok(files::hex_scalar(&dir.program()?.digest()?)));
        let found: Vec<String> = found.collect::<eyre::Result<_>>()?;
        ensure!(
            found == record.programs,
            "{}: compile.json is of other programs than the folder holds; compile the model again",
            self.dir.display()
        );
        files::write(Kind::Opening, development, &opening, &self.output)?;
        out.line(&format!(
            "{} is private: it is for the auditor alone, with the files below",
            self.output.display()
        ));
        out.result(&human(&report), &report)
    }
}

fn human(report: &Report) -> String {
    let mut lines: Vec<String> = report
        .weight_commitments
        .iter()
        .map(|commitment| format!("opens weight commitment {commitment}"))
        .collect();
    lines.extend(
        report
            .sources
            .iter()
            .map(|s| format!("{:<12} {}  sha256 {}", s.role, s.name, s.sha256)),
    );
    if report.development {
        lines.push("DEV reference string".into());
    }
    lines.push(format!("written to {}", report.output.display()));
    lines.join("\n")
}
