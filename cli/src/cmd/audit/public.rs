//! `laminate audit verify --dir`: public weights, whose commitment follows from the folder alone.

use std::path::Path;

use alloy::primitives::B256;
use eyre::{bail, ensure, eyre};
use laminate_prover::prove::Model;
use rand::rngs::OsRng;
use serde::Serialize;

use super::verify::{SrsReport, Verdict};
use crate::chain::registry::word;
use crate::cmd::setup::{SrsArgs, commitment_k};
use crate::files::{ModelDir, hex_scalar};
use crate::output::Output;

/// What `audit verify --dir` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether the folder's weights give the commitment.
    verdict: Verdict,
    /// Digest of the program, which names the weights public.
    program_digest: String,
    /// As asked about.
    weight_commitment: String,
    /// Of the folder.
    computed_weight_commitment: String,
    reference_string: SrsReport,
}

/// Commits to the weights of a folder again, without its commitment and without a secret.
///
/// # Errors
/// A folder without program or weights, a program whose weights are hidden; and, after the report, another commitment.
pub fn verify(root: &Path, asked: &[B256], srs: &SrsArgs, out: Output) -> eyre::Result<()> {
    let [asked] = asked else {
        return Err(eyre!(
            "{} commitments given, {} is one model; give one",
            asked.len(),
            root.display()
        ));
    };
    let dir = ModelDir::open(root)?;
    let program = dir.program()?;
    ensure!(
        program.binding.weights_public,
        "the weights of {} are hidden, so that their commitment has a salt; verify it with --model and --opening, or compile with --weights-public",
        root.display()
    );
    let (_, srs) = srs.load(commitment_k(&program), out)?;
    let model = Model::new(program, &dir.weights()?)?;
    let found = {
        let _stage = out.stage("Committing to the weights");
        model.commit(srs.powers(), &mut OsRng)?.commitment()
    };
    let report = Report {
        verdict: match word(&found) == *asked {
            true => Verdict::Matches,
            false => Verdict::Differs,
        },
        program_digest: hex_scalar(&model.verifier.digest),
        weight_commitment: asked.to_string(),
        computed_weight_commitment: hex_scalar(&found),
        reference_string: SrsReport {
            setup: hex::encode(srs.setup_id()),
            development: srs.origin().is_development(),
        },
    };
    let dev = match report.reference_string.development {
        true => "\nDEV reference string",
        false => "",
    };
    let human = format!(
        "{:<12} {}\n{:<12} {}{dev}",
        "program", report.program_digest, "commitment", report.computed_weight_commitment
    );
    out.result(&human, &report)?;
    match report.verdict {
        Verdict::Matches => Ok(()),
        Verdict::Differs => bail!(
            "the weights of {} give commitment {}, expected {asked}: other weights, or another reference string",
            root.display(),
            report.computed_weight_commitment
        ),
    }
}
