//! `laminate card`: what a model is for, how good it is and which program and weights it is, in one hashed file.

mod content;
mod hub;
mod make;
mod onchain;

use std::path::PathBuf;

use alloy::primitives::B256;
use clap::Args;
use eyre::ensure;
use serde::Serialize;

use crate::destination;
use crate::files::write_bytes;
use crate::output::Output;

pub use content::Card;
#[cfg(test)]
pub(crate) use content::tests::example;
pub use make::Fields;
pub use onchain::CardReport;

/// Write the card of a model: JSON that `register --card` puts the hash of on chain.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate card fraud -o card.json --card-version 1.0 --owner \"Example Bank\" --licence MIT --intended-use \"Screening of card payments; not for credit decisions\"\n  laminate register fraud --card card.json --rpc-url http://127.0.0.1:8545\n  laminate card card.json --hf README.md\n\nProgram, weight commitment, files and fidelity are taken from the folder; the rest is what its owner says, and\nproven by nothing. The file is canonical JSON (RFC 8785), and its hash keccak-256 of its bytes: who changes a\nbyte has another card."
)]
pub struct CardCommand {
    /// Folder of a model with a weight commitment; or a card, to write --hf of.
    pub source: PathBuf,
    /// The card to write.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the card as README.md of a Hugging Face repository, too.
    #[arg(long, value_name = "FILE")]
    pub hf: Option<PathBuf>,
    #[command(flatten)]
    pub fields: Fields,
}

/// What `card` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// keccak-256 of the card: the metadata hash of its model.
    card_hash: B256,
    program_digest: B256,
    weight_commitment: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hf: Option<PathBuf>,
}

impl CardCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// No commitment, no record of the compilation, a field that is missing, or a file that is no card.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        ensure!(
            self.output.is_some() || self.hf.is_some(),
            "nothing to write: give -o FILE for the card, --hf FILE for a README.md, or both"
        );
        for path in self.output.iter().chain(&self.hf) {
            destination::result(path)?;
        }
        let card = if self.source.is_dir() {
            make::card(&self.source, &self.fields)?
        } else {
            if let Some(field) = self.fields.given() {
                eyre::bail!(
                    "{} is a card, which has its fields; {field} is for a new one, of a model folder",
                    self.source.display()
                );
            }
            Card::read(&self.source)?
        };
        let bytes = card.bytes()?;
        if let Some(path) = &self.output {
            write_bytes(path, &bytes, false)?;
        }
        if let Some(path) = &self.hf {
            write_bytes(path, hub::readme(&card)?.as_bytes(), false)?;
        }
        let report = Report {
            card_hash: card.hash()?,
            program_digest: card.program.digest,
            weight_commitment: card.weights.commitment,
            output: self.output.clone(),
            hf: self.hf.clone(),
        };
        let written = self.output.iter().chain(&self.hf);
        let written: Vec<String> = written.map(|p| p.display().to_string()).collect();
        let human = format!(
            "card hash  {}\nprogram    {}\ncommitment {}\nwritten to {}",
            report.card_hash,
            report.program_digest,
            report.weight_commitment,
            written.join(", ")
        );
        out.result(&human, &report)
    }
}
