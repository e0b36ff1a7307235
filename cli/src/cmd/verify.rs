//! `laminate verify`: check a proof natively.

use std::path::PathBuf;

use clap::Args;
use eyre::eyre;
use laminate_protocol::artifact::Kind;
use serde::Serialize;

use crate::files::{self, ProofFile, hex_scalar};
use crate::output::Output;
use crate::pipeline;

/// Verify a proof natively, with the checks the contract makes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate verify fraud.proof --weight-commitment 0x…\n\nKeys are found by program digest in the cache (LAMINATE_CACHE). The proof shows that *some* weights\nwere used; --weight-commitment says which."
)]
pub struct Verify {
    /// Proof file.
    pub proof: PathBuf,
    /// Refuse a proof of other weights.
    #[arg(long)]
    pub weight_commitment: Option<String>,
    /// Refuse a proof of another program.
    #[arg(long)]
    pub program_digest: Option<String>,
}

/// What `verify` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always true; a refused proof is an error.
    pub valid: bool,
    /// Digest of the program.
    pub program_digest: String,
    /// Weights that were used.
    pub weight_commitment: String,
    /// Input that was used.
    pub input_commitment: String,
    /// Output.
    pub output: Vec<f64>,
    /// Whether the keys depend on a development reference string.
    pub development: bool,
}

impl Verify {
    /// Runs the command.
    ///
    /// # Errors
    /// A refused proof, or missing keys.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let (_, proof): (_, ProofFile) = files::read(Kind::Proof, &self.proof)?;
        let statement = proof.statement().ok_or_else(|| {
            eyre!(
                "{}: {} instances are too few for a statement; make the proof again",
                self.proof.display(),
                proof.instances.len()
            )
        })?;
        let program_digest = hex_scalar(&statement.program_digest);
        let weight_commitment = hex_scalar(&statement.weight_commitment);
        expect(
            "program digest",
            self.program_digest.as_deref(),
            &program_digest,
        )?;
        expect(
            "weight commitment",
            self.weight_commitment.as_deref(),
            &weight_commitment,
        )?;
        let development = {
            let _stage = out.stage("Verifying");
            pipeline::verify(&proof)?
        };
        let report = Report {
            valid: true,
            program_digest,
            weight_commitment,
            input_commitment: hex_scalar(&statement.input_commitment),
            output: proof.real_output(),
            development,
        };
        let dev = if development {
            "\nDEV reference string: proves nothing to others"
        } else {
            ""
        };
        let human = format!(
            "valid\nprogram           {}\nweight commitment {}\ninput commitment  {}\noutput            {:?}{dev}",
            report.program_digest, report.weight_commitment, report.input_commitment, report.output
        );
        out.result(&human, &report)
    }
}

fn expect(what: &str, wanted: Option<&str>, found: &str) -> eyre::Result<()> {
    match wanted {
        Some(wanted) if !wanted.eq_ignore_ascii_case(found) => Err(eyre!(
            "{what} of the proof is {found}, expected {wanted}: it was made with another model"
        )),
        _ => Ok(()),
    }
}
