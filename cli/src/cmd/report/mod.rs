//! `laminate report`: a run record as one HTML file.

mod chart;
mod difference;
mod fidelity;
mod page;
mod sections;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use clap::Args;
use eyre::{Context, ensure};
use serde::Serialize;

use crate::destination;
use crate::files::{read_at_most, write_bytes};
use crate::measure::size;
use crate::output::Output;
use crate::run_record::RunRecord;
use crate::sealed;

/// Draw a recorded run as one HTML file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate prove fraud --input legit.csv -o legit.proof --report run.json\n  laminate report run.json -o report.html\n  laminate bench --report new.json && laminate report new.json --baseline old.json -o report.html\n\nThe file has no script and asks nothing of the network. Every chart has its table. It shows what the record says:\na record is not signed, and a report proves nothing."
)]
pub struct ReportCommand {
    /// What `laminate prove --report` or `laminate bench --report` wrote.
    pub file: PathBuf,
    /// An earlier record of the same command, to show what changed since.
    #[arg(long)]
    pub baseline: Option<PathBuf>,
    /// The HTML file to write.
    #[arg(short, long)]
    pub output: PathBuf,
}

/// What `report` reports.
#[derive(Debug, Serialize)]
struct Written {
    /// The file.
    output: String,
    /// Its size.
    bytes: usize,
    /// Titles of its sections.
    sections: Vec<String>,
}

impl ReportCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that is no run record or altered, a baseline of another command, or a file that cannot be written.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::result(&self.output)?;
        let there = read_at_most(&self.output, sealed::MAX_BYTES);
        ensure!(
            !there.is_ok_and(|bytes| sealed::is_of::<RunRecord>(&bytes)),
            "{} is a run record and would be replaced by a report; give another name",
            self.output.display()
        );
        let record = read(&self.file)?;
        let baseline = self.baseline.as_deref().map(read).transpose()?;
        if let Some(baseline) = &baseline {
            ensure!(
                baseline.command == record.command,
                "{} is of `{}`, expected a baseline of `{}` as {} is",
                self.baseline.as_deref().unwrap_or(&self.file).display(),
                baseline.command,
                record.command,
                self.file.display()
            );
        }
        let page = sections::page(&record, baseline.as_ref());
        let html = page.render()?;
        write_bytes(&self.output, html.as_bytes(), false)?;
        let written = Written {
            output: self.output.display().to_string(),
            bytes: html.len(),
            sections: page.titles(),
        };
        let human = format!(
            "{} ({}): {}",
            written.output,
            size(written.bytes as u64),
            written.sections.join(", ")
        );
        out.result(&human, &written)
    }
}

fn read(path: &Path) -> eyre::Result<RunRecord> {
    sealed::read(path).wrap_err(
        "expected a run record, which `laminate prove --report` and `laminate bench --report` write",
    )
}
