//! `laminate prove`: input to published proof.

mod record;

use std::path::PathBuf;

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_aggregator::keys::OutputFormat;
use laminate_aggregator::prove::Target;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;
use laminate_model::binding::Column;
use laminate_model::program::Program;
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use serde::Serialize;

use super::setup::{Fold, FoldedSrs, commitment_k};
use crate::bound::{BoundArgs, BoundReport, hidden, input_line, public_columns, public_input};
use crate::destination;
use crate::files::{self, FoldedFile, ModelDir, ProofFile, hex_scalar};
use crate::given::InputArgs;
use crate::llm;
use crate::measure::{self, Measured, Stages};
use crate::output::Output;
use crate::pipeline::{self, Folded, Purpose};
use crate::reading::Reading;
use crate::run_record::Recorder;
use crate::shards::{self, ShardDir, ShardReport};

/// Prove a model's inference on one batch of inputs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate prove fraud --input models/fraud/fraud.csv -o fraud.proof\n  laminate prove digits --image three.png -o three.proof\n\nThe folder needs `commit` and `setup` first. The proof file is public: it shows the output and hides\nweights and input. A layer folder or folded proof is private: it holds both.\nWhichever contract checks it (`verifier --mode`), the proof is the same."
)]
pub struct Prove {
    /// Folder with program, weights, commitment and keys.
    pub dir: PathBuf,
    #[command(flatten)]
    pub input: InputArgs,
    /// Join all layers in one opening, or prove each on its own: a baseline for --folded-only, as published proofs
    /// have one opening.
    #[arg(long, value_enum, default_value_t = Fold::On)]
    pub fold: Fold,
    /// Write each layer's proof into this folder (private).
    #[arg(long)]
    pub keep_layers: Option<PathBuf>,
    /// Write the folded proof and stop before aggregation (private).
    #[arg(long, conflicts_with = "output", required_unless_present = "output")]
    pub folded_only: Option<PathBuf>,
    #[command(flatten)]
    pub bound: BoundArgs,
    /// Write the output, which the proof hides, with what opens its commitment (private): for `verify --opening`. For models
    /// compiled with --output-hidden.
    #[arg(long, value_name = "FILE")]
    pub keep_output: Option<PathBuf>,
    #[command(flatten)]
    pub srs: FoldedSrs,
    /// Make a proof that `laminate join` takes, instead of one for a contract. Those of shards are always so.
    #[arg(long, conflicts_with = "folded_only")]
    pub for_join: bool,
    /// Record the run in this file, for `laminate report`: stages, memory, circuit, sizes, gas, fidelity and statement.
    /// Nothing private is in it; measuring takes some seconds more, after the proof.
    #[arg(long = "report", value_name = "FILE")]
    pub record: Option<PathBuf>,
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
    /// Context, and what is said of a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<BoundReport>,
    /// The input, if it is public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Reading>,
    /// Columns of the input that are public, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_columns: Option<Vec<Column>>,
    /// Public outputs, row by row: real numbers, or one row of generated tokens. Of a hidden output its commitment.
    pub output: Vec<Reading>,
    /// Text of the generated tokens, if the model folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Bytes of the KZG proof; none if only folded.
    pub proof_bytes: Option<usize>,
    /// Stages.
    pub stages: Vec<Measured>,
}

impl Prove {
    fn target(&self) -> Target {
        if self.for_join {
            Target::Join
        } else {
            Target::Contract
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Missing or altered files, an input out of range, or keys of another program.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        if self.srs.is_given() && self.folded_only.is_none() {
            return Err(eyre!(
                "--srs and --dev-srs are of --folded-only; a published proof uses the reference string of `laminate setup`"
            ));
        }
        if self.fold == Fold::Off && self.folded_only.is_none() {
            return Err(eyre!(
                "--fold off is of --folded-only: a published proof has one opening, whose points its blinds hide"
            ));
        }
        self.check_outputs()?;
        let recorder = Recorder::begin(self.record.as_deref())?;
        if let Some(shards) = ShardDir::open(&self.dir)? {
            return self.shards(&shards, recorder, out);
        }
        let dir = ModelDir::open(&self.dir)?;
        let mut stages = Stages::default();
        let program = dir.program()?;
        hidden::require_file(&program, self.keep_output.as_deref())?;
        let mut given = self.input.read(&program)?;
        given.bound = self.bound.read(&program, &given)?;
        let srs = match self.folded_only {
            None => pipeline::load_setup_srs(&dir.setup()?)?,
            Some(_) => self.srs.load(&dir, &program, out)?,
        };
        let development = srs.origin().is_development();
        let folded = pipeline::fold(&dir, &given, &srs, self.fold.into(), &mut stages, out)?;
        if let Some(layers) = &self.keep_layers {
            write_layers(layers, &program, &folded)?;
        }
        if let Some(path) = &self.folded_only {
            self.keep_output(&program, &folded)?;
            let file = FoldedFile {
                statement: stored(&folded.statement),
                proof: folded.proof.to_stored(),
            };
            files::write(Kind::FoldedProof, development, &file, path)?;
            self.write_record(recorder, &dir, (&folded, None), &stages, out)?;
            return self.report(&dir, &folded, None, stages, out);
        }
        let purpose = Purpose::of(self.target(), dir.setup()?.opening);
        let proof = pipeline::aggregate(&program, &folded, &srs, purpose, &mut stages, out)?;
        let path = self
            .output
            .as_ref()
            .ok_or_else(|| eyre!("no --output given"))?;
        self.keep_output(&program, &folded)?;
        files::write(Kind::Proof, development, &proof, path)?;
        self.write_record(recorder, &dir, (&folded, Some(&proof)), &stages, out)?;
        self.report(&dir, &folded, Some(&proof), stages, out)
    }

    /// Everything that will be written, before anything is proven.
    fn check_outputs(&self) -> eyre::Result<()> {
        let files = self.output.iter().chain(&self.folded_only);
        for path in files.chain(&self.keep_output) {
            destination::result(path)?;
        }
        if let Some(path) = &self.keep_output {
            ensure!(
                std::fs::symlink_metadata(path).is_err(),
                "{} exists; give --keep-output another name",
                path.display()
            );
        }
        self.keep_layers
            .as_deref()
            .map_or(Ok(()), destination::folder)
    }

    /// The opening of a hidden output, before the proof: no proof is without.
    fn keep_output(&self, program: &Program, folded: &Folded) -> eyre::Result<()> {
        let path = self.keep_output.as_deref();
        path.map_or(Ok(()), |path| hidden::keep(program, folded, path))
    }

    /// Proves all shards of a model.
    fn shards(
        &self,
        shards: &ShardDir,
        recorder: Option<Recorder>,
        out: Output,
    ) -> eyre::Result<()> {
        ensure!(
            self.keep_layers.is_none(),
            "--keep-layers is for models that are proven as a whole; leave it out"
        );
        ensure!(
            !self.bound.is_given(),
            "statements of shards are bound to nothing; leave --context and --credential out"
        );
        ensure!(
            self.keep_output.is_none(),
            "--keep-output is for models that are proven as a whole; leave it out"
        );
        let (dir, programs) = (shards.model_dir(), shards.programs()?);
        let first = programs.first();
        let first = first.ok_or_else(|| eyre!("{} holds no shards", self.dir.display()))?;
        let given = self.input.read(first)?;
        let widest = programs.iter().max_by_key(|p| commitment_k(p));
        let program = widest.ok_or_else(|| eyre!("{} holds no shards", self.dir.display()))?;
        let srs = match self.folded_only {
            None => {
                let srs = pipeline::load_setup_srs(&dir.setup()?)?;
                shards::require_keys(&programs, &srs)?;
                srs
            }
            Some(_) => self.srs.load(&dir, program, out)?,
        };
        let development = srs.origin().is_development();
        let mut stages = Stages::default();
        let (file, set) = shards.prove(&given, &srs, self.fold.into(), &mut stages, out)?;
        let mut proof_bytes = None;
        if let Some(path) = &self.folded_only {
            files::write(Kind::ShardProofs, development, &file, path)?;
        } else if let Some(path) = &self.output {
            let places = set.verifiers().iter().enumerate();
            let proof = shards::aggregate(places, &file, &srs, &mut stages, out)?;
            files::write(Kind::ShardedProof, development, &proof, path)?;
            proof_bytes = Some(proof.proof_bytes());
        }
        let statements = file.statements();
        let output = shards::reading(&set, &statements);
        let report = ShardsReport {
            digest: hex_scalar(&set.digest()),
            input_commitment: shards::input_commitment(&statements),
            shards: shards::reports(&statements),
            text: llm::text(&dir, std::slice::from_ref(&output))?,
            output,
            proof_bytes,
            stages: stages.rows,
        };
        if let Some(recorder) = recorder {
            let ran = record::of_shards(&self.dir, &programs, &report, development)?;
            recorder.stop().write(ran, &report.stages)?;
        }
        let table = measure::table(&report.stages);
        let text = report.text.as_ref();
        let text = text.map_or_else(String::new, |text| format!("\ntext   {text:?}"));
        let human = format!(
            "{table}\noutput {}{text}\ndigest {} of {} shards\ninput commitment {}",
            report.output,
            report.digest,
            report.shards.len(),
            report.input_commitment
        );
        out.result(&human, &report)
    }

    /// Records a run that is over, if it is to be.
    fn write_record(
        &self,
        recorder: Option<Recorder>,
        dir: &ModelDir,
        (folded, proof): (&Folded, Option<&ProofFile>),
        stages: &Stages,
        out: Output,
    ) -> eyre::Result<()> {
        let Some(recorder) = recorder else {
            return Ok(());
        };
        let stopped = recorder.stop();
        let ran = record::of(dir, folded, proof, out)
            .wrap_err("the proof is written, its run could not be recorded")?;
        stopped.write(ran, &stages.rows)
    }

    fn report(
        &self,
        dir: &ModelDir,
        folded: &Folded,
        proof: Option<&ProofFile>,
        stages: Stages,
        out: Output,
    ) -> eyre::Result<()> {
        let format = OutputFormat::of(&dir.program()?);
        let words = &folded.statement.output_words;
        let report = Report {
            binding: BoundReport::of(&format, words),
            input: public_input(&format, words),
            input_columns: public_columns(&format),
            program_digest: hex_scalar(&folded.statement.program_digest),
            weight_commitment: hex_scalar(&folded.statement.weight_commitment),
            input_commitment: hex_scalar(&folded.statement.input_commitment),
            text: llm::text(dir, &folded.outputs)?,
            output: match format.commitment(words) {
                Some(commitment) => vec![Reading::hidden(commitment)],
                None => folded.outputs.clone(),
            },
            proof_bytes: proof.map(|p| p.proof.proof.len()),
            stages: stages.rows,
        };
        let table = measure::table(&report.stages);
        let rows = report.output.iter().take(8);
        let shown: Vec<String> = rows.map(ToString::to_string).collect();
        let more = if report.output.len() > 8 { " …" } else { "" };
        let text = report.text.as_ref();
        let text = text.map_or_else(String::new, |text| format!("\ntext              {text:?}"));
        let input = input_line(report.input.as_ref(), report.input_columns.as_deref());
        let bound = report.binding.as_ref().map(BoundReport::lines);
        let human = format!(
            "{table}{input}\noutput            {}{more}{text}\nweight commitment {}\ninput commitment  {}{}",
            shown.join(" "),
            report.weight_commitment,
            report.input_commitment,
            bound.unwrap_or_default()
        );
        out.result(&human, &report)
    }
}

/// What `prove` reports of a model in shards.
#[derive(Debug, Serialize)]
struct ShardsReport {
    /// Of the model.
    digest: String,
    /// Of the tokens, which the first shard reads.
    input_commitment: String,
    /// What each shard's proof states.
    shards: Vec<ShardReport>,
    /// Public tokens.
    output: Reading,
    /// Their text, if the model folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Bytes of the KZG proofs; none if only folded.
    proof_bytes: Option<usize>,
    /// Stages.
    stages: Vec<Measured>,
}

/// The serialisable form of a statement.
pub fn stored(statement: &Statement<halo2curves_axiom::bn256::Fr>) -> Statement<Scalar> {
    Statement {
        program_digest: Scalar(statement.program_digest),
        weight_commitment: Scalar(statement.weight_commitment),
        input_commitment: Scalar(statement.input_commitment),
        boundary_in: None,
        boundary_out: None,
        output_words: statement.output_words.iter().map(|w| Scalar(*w)).collect(),
    }
}

/// Writes each node's part of a folded proof.
fn write_layers(folder: &std::path::Path, program: &Program, folded: &Folded) -> eyre::Result<()> {
    std::fs::create_dir_all(folder)
        .wrap_err_with(|| format!("cannot create {}", folder.display()))?;
    let verifier = Verifier::new(program.clone())?;
    let stored = folded.proof.to_stored();
    for (index, node) in program.nodes.iter().enumerate() {
        let safe: String = node
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        files::write(
            Kind::LayerProof,
            false,
            &verifier.layer(&stored, index)?,
            &folder.join(format!("{index:03}-{safe}.layer")),
        )?;
    }
    Ok(())
}
