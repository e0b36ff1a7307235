//! `laminate verify`: check a proof natively.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::OutputFormat;
use laminate_protocol::artifact::{self, Kind};
use laminate_protocol::statement::{Statement, unpack};
use serde::Serialize;

use super::setup::{FoldedSrs, commitment_k};
use crate::files::{self, FoldedFile, ModelDir, ProofFile, hex_scalar};
use crate::llm;
use crate::measure::{peak_bytes, size};
use crate::output::Output;
use crate::pipeline;
use crate::reading::Reading;
use crate::shards::{self, ShardDir, ShardReport, ShardsFile};

/// Verify a proof natively, with the checks the contract makes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate verify fraud.proof --weight-commitment 0x…\n  laminate verify text.folded --dir story --dev-srs\n\nKeys are found by program digest in the cache (LAMINATE_CACHE). The proof shows that *some* weights\nwere used; --weight-commitment says which. A folded proof (`prove --folded-only`) is checked against\nthe program in --dir."
)]
pub struct Verify {
    /// Proof file, published or folded.
    pub proof: PathBuf,
    /// Model folder: the program of a folded proof; its tokenizer shows the text of tokens.
    #[arg(long)]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub srs: FoldedSrs,
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
    pub output: Reading,
    /// Text of the generated tokens, if the model folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the proof shows that the weights are in range; otherwise a commitment proof must. Unknown for a
    /// published proof without --dir.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_checked: Option<bool>,
    /// Whether it is a folded proof, which holds the input and is not to be published.
    pub folded: bool,
    /// Wall time of the verification.
    pub seconds: f64,
    /// Peak resident memory of this process.
    pub peak_bytes: u64,
    /// Whether the keys depend on a development reference string.
    pub development: bool,
}

/// What `verify` reports of a model in shards.
#[derive(Debug, Serialize)]
struct ShardsReport {
    valid: bool,
    /// Of the model.
    digest: String,
    /// What each shard's proof states.
    shards: Vec<ShardReport>,
    /// Public tokens.
    output: Reading,
    /// Their text, if the model folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Whether the proofs show that all weights are in range; otherwise commitment proofs must.
    weights_checked: bool,
    seconds: f64,
    peak_bytes: u64,
    development: bool,
}

impl Verify {
    /// Runs the command.
    ///
    /// # Errors
    /// A refused proof, or missing keys.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let head = files::read_head(&self.proof, artifact::HEADER)?;
        let header =
            artifact::read_header(&head).wrap_err_with(|| self.proof.display().to_string())?;
        if header.kind == Kind::ShardProofs {
            return self.shards(out);
        }
        let dir = self.dir.as_deref().map(ModelDir::open).transpose()?;
        let checked = if header.kind == Kind::FoldedProof {
            self.folded(dir.as_ref(), out)?
        } else {
            self.published(out)?
        };
        let statement = &checked.statement;
        let checks = |dir: &ModelDir| -> eyre::Result<bool> {
            let program = dir.program()?;
            let of_weights = !program.check_weights
                && statement.program_digest == program.weights_program().digest()?;
            ensure!(
                of_weights || statement.program_digest == program.digest()?,
                "{} is of program {}, {} holds another; leave --dir out or give the model's folder",
                self.proof.display(),
                hex_scalar(&statement.program_digest),
                dir.root().display()
            );
            Ok(program.check_weights || of_weights)
        };
        let weights_checked = dir.as_ref().map(checks).transpose()?;
        let text = match &dir {
            Some(dir) => llm::text(dir, std::slice::from_ref(&checked.output))?,
            None => None,
        };
        let report = Report {
            valid: true,
            weights_checked,
            program_digest: hex_scalar(&statement.program_digest),
            weight_commitment: hex_scalar(&statement.weight_commitment),
            input_commitment: hex_scalar(&statement.input_commitment),
            output: checked.output,
            text,
            folded: header.kind == Kind::FoldedProof,
            seconds: checked.seconds,
            peak_bytes: peak_bytes(),
            development: checked.development,
        };
        out.result(&human(&report), &report)
    }

    /// The folded proofs of all shards of a model.
    fn shards(&self, out: Output) -> eyre::Result<()> {
        let (_, file): (_, ShardsFile) = files::read(Kind::ShardProofs, &self.proof)?;
        let path = self.dir.as_deref().ok_or_else(|| {
            eyre!(
                "{} holds the folded proofs of a model's shards, which are checked against its programs; give the model folder with --dir DIR",
                self.proof.display()
            )
        })?;
        let shards = ShardDir::open(path)?.ok_or_else(|| {
            eyre!(
                "{} is not a model in shards, {} holds the proofs of one; give the folder that `laminate compile --shard-layers` made",
                path.display(),
                self.proof.display()
            )
        })?;
        ensure!(
            self.weight_commitment.is_none(),
            "--weight-commitment names one; each shard has its own, which is compared with {}/shard-000/commitment.lam and so on",
            path.display()
        );
        let set = shards.set()?;
        let digest = hex_scalar(&set.digest());
        expect("digest", self.program_digest.as_deref(), &digest)?;
        let widest = set.verifiers().iter().map(|v| &v.program);
        let widest = widest.max_by_key(|p| commitment_k(p));
        let program = widest.ok_or_else(|| eyre!("{} holds no shards", path.display()))?;
        let dir = shards.model_dir();
        let srs = self.srs.load(&dir, program, out)?;
        let start = Instant::now();
        let statements = {
            let _stage = out.stage("Verifying");
            shards::verify(&set, &file, &srs)?
        };
        let output = shards::reading(&set, &statements);
        let report = ShardsReport {
            valid: true,
            digest,
            shards: shards::reports(&statements),
            text: llm::text(&dir, std::slice::from_ref(&output))?,
            output,
            weights_checked: set.verifiers().iter().all(|v| v.program.check_weights),
            seconds: start.elapsed().as_secs_f64(),
            peak_bytes: peak_bytes(),
            development: srs.origin().is_development(),
        };
        let dev = if report.development {
            "\nDEV reference string: proves nothing to others"
        } else {
            ""
        };
        let text = report.text.as_ref();
        let text = text.map_or_else(String::new, |text| format!("\ntext   {text:?}"));
        let weights = unchecked(!report.weights_checked);
        let human = format!(
            "valid: {} shards of one run, checked in {:.3} s with {} of memory\ndigest {}\noutput {}{text}{weights}\nfolded proofs: they hold the input and are not to be published{dev}",
            report.shards.len(),
            report.seconds,
            size(report.peak_bytes),
            report.digest,
            report.output
        );
        out.result(&human, &report)
    }

    fn published(&self, out: Output) -> eyre::Result<Checked> {
        let (_, proof): (_, ProofFile) = files::read(Kind::Proof, &self.proof)?;
        if self.srs.is_given() {
            return Err(eyre!(
                "--srs and --dev-srs are for folded proofs; {} is a published one, its key names the reference string",
                self.proof.display()
            ));
        }
        let statement = proof.statement().ok_or_else(|| {
            eyre!(
                "{}: {} public values are too few for a statement; make the proof again",
                self.proof.display(),
                proof.proof.public.statement.len()
            )
        })?;
        self.expect(&statement)?;
        let start = Instant::now();
        let development = {
            let _stage = out.stage("Verifying");
            pipeline::verify(&proof)?
        };
        Ok(Checked {
            statement,
            output: proof.reading(),
            seconds: start.elapsed().as_secs_f64(),
            development,
        })
    }

    fn folded(&self, dir: Option<&ModelDir>, out: Output) -> eyre::Result<Checked> {
        let dir = dir.ok_or_else(|| {
            eyre!(
                "{} is a folded proof, which is checked against its program; give the model folder with --dir DIR",
                self.proof.display()
            )
        })?;
        let (_, file): (_, FoldedFile) = files::read(Kind::FoldedProof, &self.proof)?;
        let program = dir.program()?;
        let srs = self.srs.load(dir, &program, out)?;
        let start = Instant::now();
        let statement = {
            let _stage = out.stage("Verifying");
            pipeline::verify_folded(&program, &file, &srs)?
        };
        let seconds = start.elapsed().as_secs_f64();
        self.expect(&statement)?;
        let format = OutputFormat::of(&program);
        let values = unpack(
            format.packing(),
            &statement.output_words,
            format.values as usize,
        );
        Ok(Checked {
            statement,
            output: Reading::of(&format, &values.unwrap_or_default()),
            seconds,
            development: srs.origin().is_development(),
        })
    }

    /// Refuses a proof of another program or of other weights than asked for.
    fn expect(&self, statement: &Statement<Fr>) -> eyre::Result<()> {
        let program = hex_scalar(&statement.program_digest);
        expect("program digest", self.program_digest.as_deref(), &program)?;
        let weights = hex_scalar(&statement.weight_commitment);
        expect(
            "weight commitment",
            self.weight_commitment.as_deref(),
            &weights,
        )
    }
}

/// A proof that holds.
struct Checked {
    statement: Statement<Fr>,
    output: Reading,
    seconds: f64,
    development: bool,
}

/// What a proof of a large model leaves to its commitment proof.
fn unchecked(unchecked: bool) -> &'static str {
    if unchecked {
        "\nnot shown here: that the committed weights are in range; ask for the commitment proof (`laminate prove-weights`) of this weight commitment"
    } else {
        ""
    }
}

fn human(report: &Report) -> String {
    let text = report.text.as_ref();
    let text = text.map_or_else(String::new, |text| format!("\ntext              {text:?}"));
    let folded = if report.folded {
        "\nfolded proof: it holds the input and is not to be published"
    } else {
        ""
    };
    let folded = format!(
        "{}{folded}",
        unchecked(report.weights_checked == Some(false))
    );
    let dev = if report.development {
        "\nDEV reference string: proves nothing to others"
    } else {
        ""
    };
    format!(
        "valid, checked in {:.3} s with {} of memory\nprogram           {}\nweight commitment {}\ninput commitment  {}\noutput            {}{text}{folded}{dev}",
        report.seconds,
        size(report.peak_bytes),
        report.program_digest,
        report.weight_commitment,
        report.input_commitment,
        report.output
    )
}

fn expect(what: &str, wanted: Option<&str>, found: &str) -> eyre::Result<()> {
    match wanted {
        Some(wanted) if !wanted.eq_ignore_ascii_case(found) => Err(eyre!(
            "{what} of the proof is {found}, expected {wanted}: it was made with another model"
        )),
        _ => Ok(()),
    }
}
