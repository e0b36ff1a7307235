//! `laminate prove`: input to published proof.

use std::path::PathBuf;

use clap::Args;
use eyre::{Context, eyre};
use laminate_protocol::artifact::Kind;
use laminate_protocol::field::Scalar;
use laminate_protocol::statement::Statement;
use serde::Serialize;

use super::setup::Fold;
use crate::files::{self, FoldedFile, ModelDir, ProofFile, hex_scalar};
use crate::measure::{Measured, Stages, size};
use crate::output::Output;
use crate::pipeline::{self, Folded};

/// Prove a model's inference on one batch of inputs.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate prove fraud --input models/fraud/fraud.csv -o fraud.proof\n\nThe folder needs `commit` and `setup` first. The proof file is public: it shows the output and hides\nweights and input. A layer folder or folded proof is private: it holds both."
)]
pub struct Prove {
    /// Folder with program, weights, commitment and keys.
    pub dir: PathBuf,
    /// Rows (CSV or JSON), at most the batch; unused slots repeat the last row.
    #[arg(long)]
    pub input: PathBuf,
    /// Join all layers in one opening, or prove each on its own.
    #[arg(long, value_enum, default_value_t = Fold::On)]
    pub fold: Fold,
    /// Write each layer's proof into this folder (private).
    #[arg(long)]
    pub keep_layers: Option<PathBuf>,
    /// Write the folded proof and stop before aggregation (private).
    #[arg(long, conflicts_with = "output", required_unless_present = "output")]
    pub folded_only: Option<PathBuf>,
    /// The proof to write.
    #[arg(short, long, required_unless_present = "folded_only")]
    pub output: Option<PathBuf>,
}

/// What `prove` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Published statement.
    pub program_digest: String,
    /// Published statement.
    pub weight_commitment: String,
    /// Published statement.
    pub input_commitment: String,
    /// Public outputs as real numbers, row by row.
    pub output: Vec<Vec<f64>>,
    /// Bytes of the KZG proof; none if only folded.
    pub proof_bytes: Option<usize>,
    /// Stages.
    pub stages: Vec<Measured>,
}

impl Prove {
    /// Runs the command.
    ///
    /// # Errors
    /// Missing or altered files, an input out of range, or keys of another program.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let dir = ModelDir::open(&self.dir)?;
        let mut stages = Stages::default();
        let setup = dir.setup()?;
        let srs = pipeline::load_setup_srs(&setup)?;
        let folded =
            pipeline::fold_input(&dir, &self.input, &srs, self.fold.into(), &mut stages, out)?;
        if let Some(layers) = &self.keep_layers {
            self.write_layers(layers, &folded)?;
        }
        let program = dir.program()?;
        if let Some(path) = &self.folded_only {
            let file = FoldedFile {
                statement: stored(&folded.statement),
                proof: folded.proof.to_stored(),
            };
            files::write(Kind::FoldedProof, setup.development, &file, path)?;
            return self.report(&program, &folded, None, stages, out);
        }
        let proof = pipeline::aggregate(&program, &folded, &srs, &mut stages, out)?;
        let path = self
            .output
            .as_ref()
            .ok_or_else(|| eyre!("no --output given"))?;
        files::write(Kind::Proof, setup.development, &proof, path)?;
        self.report(&program, &folded, Some(&proof), stages, out)
    }

    fn write_layers(&self, folder: &std::path::Path, folded: &Folded) -> eyre::Result<()> {
        std::fs::create_dir_all(folder)
            .wrap_err_with(|| format!("cannot create {}", folder.display()))?;
        let stored = folded.proof.to_stored();
        for (index, layer) in stored.layers.iter().enumerate() {
            let name = folded.names.get(index).map_or("layer", String::as_str);
            let safe: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            files::write(
                Kind::LayerProof,
                false,
                layer,
                &folder.join(format!("{index:03}-{safe}.layer")),
            )?;
        }
        Ok(())
    }

    fn report(
        &self,
        program: &laminate_protocol::program::Program,
        folded: &Folded,
        proof: Option<&ProofFile>,
        stages: Stages,
        out: Output,
    ) -> eyre::Result<()> {
        let report = Report {
            program_digest: hex_scalar(&folded.statement.program_digest),
            weight_commitment: hex_scalar(&folded.statement.weight_commitment),
            input_commitment: hex_scalar(&folded.statement.input_commitment),
            output: pipeline::real_outputs(program, &folded.outputs),
            proof_bytes: proof.map(|p| p.proof.len()),
            stages: stages.rows,
        };
        let mut table = crate::table::new(&["stage", "seconds", "peak memory", "size"]);
        for row in &report.stages {
            table.add_row(vec![
                row.stage.clone(),
                format!("{:.2}", row.seconds),
                size(row.peak_bytes),
                row.bytes.map(size).unwrap_or_default(),
            ]);
        }
        let shown: Vec<String> = report
            .output
            .iter()
            .take(8)
            .map(|row| format!("{row:?}"))
            .collect();
        let more = if report.output.len() > 8 { " …" } else { "" };
        let human = format!(
            "{table}\noutput            {}{more}\nweight commitment {}\ninput commitment  {}",
            shown.join(" "),
            report.weight_commitment,
            report.input_commitment
        );
        out.result(&human, &report)
    }
}

/// The serialisable form of a statement.
pub fn stored(statement: &Statement<halo2curves_axiom::bn256::Fr>) -> Statement<Scalar> {
    Statement {
        program_digest: Scalar(statement.program_digest),
        weight_commitment: Scalar(statement.weight_commitment),
        input_commitment: Scalar(statement.input_commitment),
        output_words: statement.output_words.iter().map(|w| Scalar(*w)).collect(),
    }
}
