//! `laminate join prove`: proofs into one.

use std::path::PathBuf;

use clap::Args;
use eyre::{ensure, eyre};
use laminate_aggregator::prove::Target;
use laminate_model::artifact::Kind;
use serde::Serialize;

use crate::destination;
use crate::files::{self, hex_scalar};
use crate::joins::{self, ChildOutput, JoinDir};
use crate::llm;
use crate::measure::{self, Measured, Stages};
use crate::output::Output;
use crate::reading::Reading;

/// Join proofs into one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate join prove story-join story.proofs -o story.proof\n  laminate join prove day monday.proof tuesday.proof ternary.proof -o day.proof\n\nThe proofs are those that `laminate prove --for-join`, `laminate prove` of a model in shards or `laminate join\nprove --for-join` wrote, in the order of `laminate join setup`. Nothing private is needed."
)]
pub struct JoinProve {
    /// Folder made by `laminate join setup`.
    pub dir: PathBuf,
    /// Proof files, in the order of the folders that are joined. A file of a model in shards counts as its shards.
    #[arg(required = true)]
    pub proofs: Vec<PathBuf>,
    /// The proof to write.
    #[arg(short, long)]
    pub output: PathBuf,
    /// Make a proof that `laminate join` takes again, instead of one for a contract.
    #[arg(long)]
    pub for_join: bool,
    /// Join the commitment proofs (`laminate prove-weights --for-join`) of what DIR joins.
    #[arg(long)]
    pub weights: bool,
}

/// What `join prove` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// Published statement.
    program_digest: String,
    /// Published statement.
    weight_commitment: String,
    /// Published statement.
    input_commitment: String,
    /// Public output.
    output: Reading,
    /// What each proof of a batch says, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Vec<ChildOutput>>,
    /// Text of the tokens, if the folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Bytes of the KZG proof.
    proof_bytes: usize,
    /// Points that are left to the verifier.
    terms: usize,
    /// Stages.
    stages: Vec<Measured>,
}

impl JoinProve {
    /// Runs the command.
    ///
    /// # Errors
    /// Proofs that are not those of the join in its order, do not verify or are not of one run; missing keys.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        ensure!(
            !self.proofs.contains(&self.output),
            "{} is to be joined and to be written; give another output",
            self.output.display()
        );
        destination::result(&self.output)?;
        let mut dir = JoinDir::require(&self.dir)?;
        if self.weights {
            dir.subject()?.weight_program()?;
            dir = dir.weights()?.ok_or_else(|| {
                eyre!(
                    "{} joins proofs that show that their weights are in range; leave --weights out",
                    self.dir.display()
                )
            })?;
        }
        let given = joins::read(&self.proofs, dir.file.run.as_ref())?;
        let target = match self.for_join {
            true => Target::Join,
            false => Target::Contract,
        };
        let mut stages = Stages::default();
        let (proof, development) = joins::prove(&dir, &given, target, &mut stages, out)?;
        files::write(Kind::Proof, development, &proof, &self.output)?;
        let fields = &proof.proof.public.statement;
        let field = |i: usize| fields.get(i).map(hex_scalar).unwrap_or_default();
        let output = proof.reading();
        let report = Report {
            program_digest: field(0),
            weight_commitment: field(1),
            input_commitment: field(2),
            outputs: dir.file.outputs(fields),
            text: llm::text(&dir.model_dir(), std::slice::from_ref(&output))?,
            output,
            proof_bytes: proof.proof.proof.len(),
            terms: proof.proof.public.deferred.terms.len(),
            stages: stages.rows,
        };
        out.result(&human(&report), &report)
    }
}

fn human(report: &Report) -> String {
    let text = report.text.as_ref();
    let text = text.map_or_else(String::new, |text| format!("\ntext              {text:?}"));
    format!(
        "{}\n{}{text}\nprogram           {}\nweight commitment {}\ninput commitment  {}",
        measure::table(&report.stages),
        outputs(&report.output, report.outputs.as_deref()),
        report.program_digest,
        report.weight_commitment,
        report.input_commitment
    )
}

/// The outputs of a batch line by line, or the one output.
pub fn outputs(output: &Reading, outputs: Option<&[ChildOutput]>) -> String {
    match outputs {
        Some(outputs) if outputs.len() > 1 => {
            let lines = outputs.iter().enumerate();
            let lines = lines.map(|(i, o)| format!("output {i:<10} {} ({})", o.output, o.name));
            lines.collect::<Vec<String>>().join("\n")
        }
        _ => format!("output            {output}"),
    }
}
