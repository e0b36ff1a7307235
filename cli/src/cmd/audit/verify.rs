//! `laminate audit verify`: the model's files give the commitment that is registered.

use std::path::{Path, PathBuf};

use alloy::primitives::B256;
use clap::Args;
use eyre::{Context, bail, ensure, eyre};
use laminate_aggregator::keys::CIRCUIT_VERSION;
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Point;
use laminate_prover::prove::Model;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::opening::{Opening, Part};
use super::public;
use crate::chain::registry::word;
use crate::cmd::compile::{CompileRecord, Source};
use crate::cmd::setup::{SrsArgs, commitment_k};
use crate::destination;
use crate::files::{ModelDir, hex_scalar};
use crate::output::Output;
use crate::sealed::{self, Record};
use crate::shards::ShardDir;

/// Files that a program and its weights follow from, and the options they are given with.
const SHAPING: [&str; 3] = ["model", "calibration", "tokenizer"];
/// Rows of the weight polynomial that are named.
const NAMED: usize = 4;

/// Verify that a model's files give a weight commitment, with an opening.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate audit verify --model fraud.onnx --calibration calibration.csv --opening opening.lam --commitment 0x… --dev-srs\n  laminate audit verify --dir open-model --commitment 0x… --dev-srs\n\nThe model is compiled again with the options that the opening records and committed to with its salt. Take the\ncommitment from the chain (`laminate check`, `laminate audit log`) or from a proof, not from whoever gave the\nopening, and read the options in the report: they are part of what is confirmed.\nWhere the weights are public (compile --weights-public), program.lam and weights.lam of the folder are enough. The exit code is not zero if\nanything differs."
)]
pub struct AuditVerify {
    /// The model's file, as for `compile`.
    #[arg(long, value_name = "PATH", required_unless_present = "dir")]
    pub model: Option<PathBuf>,
    /// The calibration rows or texts, if the model was compiled with such.
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// The tokenizer, if the model was compiled with one beside it.
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// What `laminate audit open` wrote.
    #[arg(long, value_name = "FILE", required_unless_present = "dir")]
    pub opening: Option<PathBuf>,
    /// Folder of a model whose weights are public, which needs no opening: its weights are committed to again.
    #[arg(long, conflicts_with_all = ["model", "calibration", "tokenizer", "opening", "output"])]
    pub dir: Option<PathBuf>,
    /// The weight commitment; of a model in shards one for each, in their order.
    #[arg(long, value_name = "HEX", required = true, num_args = 1..)]
    pub commitment: Vec<B256>,
    #[command(flatten)]
    pub srs: SrsArgs,
    /// Write the report into a file with a digest, too.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The files give the commitment.
    Matches,
    /// They do not.
    Differs,
}

/// What `audit verify` reports.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The outcome.
    pub verdict: Verdict,
    /// What differs.
    pub differences: Vec<String>,
    /// Version of this program, and of its circuits.
    pub laminate: String,
    /// Version of the circuits.
    pub circuit_version: u32,
    /// Version that the model was compiled with.
    pub compiled_with: String,
    /// SHA-256 of the opening's content, as in its header.
    pub opening: String,
    /// Files.
    pub sources: Vec<SourceReport>,
    /// The options of `compile` that are recorded.
    pub options: Value,
    /// The reference string; none if it was not needed.
    pub reference_string: Option<SrsReport>,
    /// Program and commitment, one a shard.
    pub parts: Vec<PartReport>,
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceReport {
    /// Option that it was given with.
    pub role: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of it.
    pub sha256: String,
    /// SHA-256 that is recorded.
    pub recorded: String,
}

/// The reference string.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SrsReport {
    /// Identity of its secret.
    pub setup: String,
    /// Whether the secret is public.
    pub development: bool,
}

/// What came of one program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartReport {
    /// Program digest of the opening.
    pub program_digest: String,
    /// Of the files.
    pub compiled_program_digest: Option<String>,
    /// As asked about.
    pub weight_commitment: String,
    /// Of the opening.
    pub opened_weight_commitment: String,
    /// Of the files.
    pub compiled_weight_commitment: Option<String>,
}

impl Record for Report {
    const MAGIC: &'static str = "laminate audit report";
    const VERSION: u32 = 1;
}

impl AuditVerify {
    /// Runs the command.
    ///
    /// # Errors
    /// A missing or altered file, a model that does not compile; and, after the report, whatever differs.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        if let Some(path) = &self.output {
            destination::result(path)?;
        }
        if let Some(path) = &self.srs.srs {
            ensure!(path.exists(), "no reference string {}", path.display());
        }
        if let Some(dir) = &self.dir {
            return public::verify(dir, &self.commitment, &self.srs, out);
        }
        let path = self.opening.as_deref();
        let path = path.ok_or_else(|| eyre!("no --opening given"))?;
        let (header, opening, record) = Opening::read(path)?;
        let mut report = self.begin(&opening, &record)?;
        report.opening = hex::encode(header.digest);
        // What is not the opening of these commitments says nothing, whatever the files give.
        if report.differences.is_empty() {
            ensure!(
                header.development || !self.srs.dev_srs,
                "the commitment was made with a ceremony's reference string, not with the development one; give that string with --srs FILE"
            );
            self.sources(&record, &mut report)?;
            let folder = tempfile::tempdir().wrap_err("cannot make a temporary folder")?;
            let dirs = self.compile(&record, folder.path(), out)?;
            let srs = self.reference_string(&dirs, header.development, out)?;
            commit(&opening, &dirs, &srs, &mut report, out)?;
        }
        report.verdict = match report.differences.is_empty() {
            true => Verdict::Matches,
            false => Verdict::Differs,
        };
        if let Some(path) = &self.output {
            sealed::write(&report, path)?;
        }
        out.result(&human(&report), &report)?;
        match report.verdict {
            Verdict::Matches => Ok(()),
            Verdict::Differs => bail!(
                "the files are not shown to be what was committed to: {}",
                report.differences.join("; ")
            ),
        }
    }

    /// Compares the commitments opened with those asked about.
    fn begin(&self, opening: &Opening, record: &CompileRecord) -> eyre::Result<Report> {
        ensure!(
            self.commitment.len() == opening.parts.len(),
            "{} commitments given, the opening opens {}; give one for each shard, in their order",
            self.commitment.len(),
            opening.parts.len()
        );
        let mut differences = vec![];
        let parts = opening.parts.iter().zip(&self.commitment);
        let parts = parts.map(|(part, asked)| {
            let opened = part.secret.commitment();
            if word(&opened) != *asked {
                differences.push(format!(
                    "the opening opens weight commitment {}, not {asked}: it is of another model or of another run of `laminate commit`, or it is altered",
                    hex_scalar(&opened)
                ));
            }
            PartReport {
                program_digest: hex_scalar(&part.program_digest.0),
                compiled_program_digest: None,
                weight_commitment: asked.to_string(),
                opened_weight_commitment: hex_scalar(&opened),
                compiled_weight_commitment: None,
            }
        });
        let parts = parts.collect();
        Ok(Report {
            verdict: Verdict::Differs,
            differences,
            laminate: env!("CARGO_PKG_VERSION").into(),
            circuit_version: CIRCUIT_VERSION,
            compiled_with: record.laminate.clone(),
            opening: String::new(),
            sources: vec![],
            options: record.options.clone(),
            reference_string: None,
            parts,
        })
    }

    fn given(&self, role: &str) -> Option<&Path> {
        match role {
            "model" => self.model.as_deref(),
            "calibration" => self.calibration.as_deref(),
            _ => self.tokenizer.as_deref(),
        }
    }

    /// Compares the files with those recorded.
    fn sources(&self, record: &CompileRecord, report: &mut Report) -> eyre::Result<()> {
        for role in SHAPING {
            let (path, recorded) = match (self.given(role), record.source(role)) {
                (None, None) => continue,
                (Some(path), Some(recorded)) => (path, recorded),
                (None, Some(recorded)) => {
                    return Err(eyre!(
                        "the model was compiled with {} (sha256 {}); give it with --{role}",
                        recorded.name,
                        recorded.sha256
                    ));
                }
                (Some(path), None) => {
                    return Err(eyre!(
                        "the opening records that the model was compiled without --{role}; leave {} out",
                        path.display()
                    ));
                }
            };
            let given = Source::of(role, path)?;
            if given.sha256 != recorded.sha256 {
                report.differences.push(format!(
                    "{role}: {} has sha256 {}, the opening records {} ({})",
                    path.display(),
                    given.sha256,
                    recorded.sha256,
                    recorded.name
                ));
            }
            report.sources.push(SourceReport {
                role: given.role,
                name: given.name,
                sha256: given.sha256,
                recorded: recorded.sha256.clone(),
            });
        }
        Ok(())
    }

    /// Compiles as recorded; the folders of the programs.
    fn compile(
        &self,
        record: &CompileRecord,
        folder: &Path,
        out: Output,
    ) -> eyre::Result<Vec<ModelDir>> {
        let mut arguments = record.arguments()?;
        if let Some(model) = &self.model {
            arguments.model.clone_from(model);
        }
        arguments.calibration.clone_from(&self.calibration);
        arguments.llm.tokenizer.clone_from(&self.tokenizer);
        arguments.output = folder.join("model");
        let _stage = out.stage("Compiling the model again");
        let made = arguments.make(out);
        made.wrap_err("the model does not compile with the recorded options")?;
        Ok(match ShardDir::open(&arguments.output)? {
            Some(shards) => shards.dirs().to_vec(),
            None => vec![ModelDir::open(&arguments.output)?],
        })
    }

    /// The reference string, long enough for all programs.
    fn reference_string(
        &self,
        dirs: &[ModelDir],
        development: bool,
        out: Output,
    ) -> eyre::Result<Srs> {
        let logs = dirs.iter().map(|dir| Ok(commitment_k(&dir.program()?)));
        let logs: Vec<u32> = logs.collect::<eyre::Result<_>>()?;
        let (_, srs) = self.srs.load(logs.into_iter().max().unwrap_or(0), out)?;
        ensure!(
            srs.origin().is_development() == development,
            "the commitment was made with the development reference string, this is a ceremony's; give --dev-srs"
        );
        Ok(srs)
    }
}

/// Commits again with the salts of the opening, and tells what differs.
fn commit(
    opening: &Opening,
    dirs: &[ModelDir],
    srs: &Srs,
    report: &mut Report,
    out: Output,
) -> eyre::Result<()> {
    report.reference_string = Some(SrsReport {
        setup: hex::encode(srs.setup_id()),
        development: srs.origin().is_development(),
    });
    if dirs.len() != opening.parts.len() {
        report.differences.push(format!(
            "program: the files give {} programs, the opening is of {}",
            dirs.len(),
            opening.parts.len()
        ));
    }
    for ((dir, part), shown) in dirs.iter().zip(&opening.parts).zip(&mut report.parts) {
        let model = Model::new(dir.program()?, &dir.weights()?)?;
        let digest = hex_scalar(&model.verifier.digest);
        if digest != shown.program_digest {
            report.differences.push(format!(
                "program: with the recorded options the files give {digest}, the opening is of {}",
                shown.program_digest
            ));
        }
        shown.compiled_program_digest = Some(digest);
        let _stage = out.stage("Committing to the weights");
        let again = model.commit_salted(srs.powers(), part.secret.salt.0)?;
        shown.compiled_weight_commitment = Some(hex_scalar(&again.commitment()));
        report.differences.extend(rows(part, &again.rows));
    }
    Ok(())
}

/// What differs between the rows that were committed to and those that the files give.
fn rows(part: &Part, again: &[Point]) -> Option<String> {
    let was = &part.secret.rows;
    if was.len() != again.len() {
        return Some(format!(
            "weights: the files give {} rows of the weight polynomial, {} were committed to",
            again.len(),
            was.len()
        ));
    }
    let pairs = was.iter().zip(again).enumerate();
    let differing: Vec<usize> = pairs
        .filter(|(_, (was, is))| was != is)
        .map(|(index, _)| index)
        .collect();
    let first: Vec<String> = differing.iter().take(NAMED).map(usize::to_string).collect();
    let more = if differing.len() > NAMED { ", …" } else { "" };
    (!differing.is_empty()).then(|| {
        format!(
            "weights: {} of {} rows of the weight polynomial differ ({}{more}): other weights, another salt or another reference string",
            differing.len(),
            was.len(),
            first.join(", ")
        )
    })
}

fn human(report: &Report) -> String {
    let mut lines = vec![];
    for source in &report.sources {
        let SourceReport {
            role, name, sha256, ..
        } = source;
        lines.push(format!("{role:<12} {name}  sha256 {sha256}"));
    }
    lines.push(format!("{:<12} {}", "options", report.options));
    for part in &report.parts {
        lines.push(format!("{:<12} {}", "program", part.program_digest));
        lines.push(format!("{:<12} {}", "commitment", part.weight_commitment));
    }
    lines.extend(
        report
            .differences
            .iter()
            .map(|d| format!("DIFFERS      {d}")),
    );
    if report.verdict == Verdict::Matches {
        lines.push("the files give this program and this weight commitment".into());
    }
    if report
        .reference_string
        .as_ref()
        .is_some_and(|s| s.development)
    {
        lines.push("DEV reference string".into());
    }
    lines.join("\n")
}
