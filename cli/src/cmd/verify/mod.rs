//! `laminate verify`: check a proof natively.

mod sharded;
mod weights;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::OutputFormat;
use laminate_model::artifact::{self, Kind};
use laminate_model::binding::Column;
use laminate_model::statement::Statement;
use serde::Serialize;

use super::join::prove as join;
use super::setup::FoldedSrs;
use crate::bound::{BoundReport, Element, hidden, input_line, public_columns, public_input};
use crate::exit::Exit;
use crate::files::{self, FoldedFile, ModelDir, ProofFile, hex_scalar};
use crate::joins::{ChildOutput, JoinDir};
use crate::llm;
use crate::measure::{peak_bytes, size};
use crate::output::Output;
use crate::pipeline;
use crate::reading::Reading;
use crate::shards;
use crate::subject::{Range, Subject};

/// Verify a proof natively, with the checks the contract makes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate verify fraud.proof --weight-commitment 0x…\n  laminate verify text.folded --dir story --dev-srs\n  laminate verify story.proof --dir story --weight-proof story-weights.proof\n\nKeys are found by program digest in the cache (LAMINATE_CACHE). The proof shows that *some* weights and *some*\ninput were used; --weight-commitment and --input-commitment say which. A folded proof (`prove --folded-only`) is checked against\nthe program in --dir, the proofs of a model in shards against all programs there.\n\nExit codes: 0 valid; 1 refused, or it cannot be checked; 2 wrong usage; 3 valid, but the inference leaves it to\na commitment proof that the weights are in range, and none was given (--weights-unchecked makes it 0)."
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
    /// Commitment proof of the weights (`laminate prove-weights`): where inferences do not show that they are in range,
    /// it does. Needs --dir.
    #[arg(long, value_name = "FILE")]
    pub weight_proof: Option<PathBuf>,
    /// Exit with 0 although nothing shows that the weights are in range; say so only if somebody else checks it.
    #[arg(long, conflicts_with = "weight_proof")]
    pub weights_unchecked: bool,
    /// Refuse a proof of another program.
    #[arg(long)]
    pub program_digest: Option<String>,
    /// Refuse a proof of another input (`laminate input show` prints its commitment).
    #[arg(long, value_name = "X")]
    pub input_commitment: Option<String>,
    /// Refuse a proof for anything else (`laminate context`).
    #[arg(long, value_name = "NUMBER")]
    pub context: Option<Element>,
    /// Refuse a proof of a credential in another tree.
    #[arg(long, value_name = "NUMBER")]
    pub root: Option<Element>,
    /// Refuse a proof of a credential that is used for something else (`laminate credential scope`).
    #[arg(long, value_name = "NUMBER")]
    pub scope: Option<Element>,
    /// Show the output that the proof hides: the file that `prove --keep-output` wrote. Refuses one that does not open the
    /// proof's commitment.
    #[arg(long, value_name = "FILE")]
    pub opening: Option<PathBuf>,
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
    /// Context, and what is said of a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<BoundReport>,
    /// The input, if it is public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Reading>,
    /// Columns of the input that are public, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_columns: Option<Vec<Column>>,
    /// Output; of a hidden one its commitment, or what --opening shows.
    pub output: Reading,
    /// The commitment to a hidden output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_commitment: Option<String>,
    /// Whether the commitment to the weights has no salt, so that it follows from the model's files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub weights_public: bool,
    /// What each proof of a joined batch says, with the folder of the join in --dir.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<ChildOutput>>,
    /// Text of the generated tokens, if the model folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the proof, or the commitment proof beside it, shows that the weights are in range.
    pub weights_checked: bool,
    /// Whether it is a folded proof, which holds the input and is not to be published.
    pub folded: bool,
    /// Wall time of the verification.
    pub seconds: f64,
    /// Peak resident memory of this process.
    pub peak_bytes: u64,
    /// Whether the keys depend on a development reference string.
    pub development: bool,
}

impl Verify {
    /// Runs the command.
    ///
    /// # Errors
    /// A refused proof, or missing keys.
    pub fn run(&self, out: Output) -> eyre::Result<Exit> {
        let head = files::read_head(&self.proof, artifact::HEADER)?;
        let header =
            artifact::read_header(&head).wrap_err_with(|| self.proof.display().to_string())?;
        if matches!(header.kind, Kind::ShardProofs | Kind::ShardedProof) {
            return self.shards(header.kind, out);
        }
        if let Some(dir) = self.dir.as_deref().filter(|dir| shards::is_sharded(dir)) {
            return Err(eyre!(
                "{} is one {}, {} is a model in shards, whose proofs are one file; give the file of all shards that `laminate prove` made",
                self.proof.display(),
                header.kind.name(),
                dir.display()
            ));
        }
        let given = self.dir.as_deref().map(Subject::open).transpose()?;
        let dir = given.as_ref().map(|(dir, _)| dir);
        let mut checked = if header.kind == Kind::FoldedProof {
            self.folded(dir, out)?
        } else {
            self.published(out)?
        };
        let statement = &checked.statement;
        if let Some(path) = &self.opening {
            let of = (&statement.program_digest, &statement.output_words[..]);
            checked.output = hidden::open(path, &checked.format, of)?;
        }
        if let Some((dir, subject)) = &given {
            let of_weights = subject.range == Range::Apart(statement.program_digest);
            ensure!(
                of_weights || statement.program_digest == subject.digest,
                "{} is of program {}, {} holds another; leave --dir out or give the model's folder",
                self.proof.display(),
                hex_scalar(&statement.program_digest),
                dir.root().display()
            );
        }
        let mut weights_checked = checked.weights_shown;
        if let Some(path) = &self.weight_proof {
            self.weights(path, given.as_ref(), statement, checked.setup, out)?;
            weights_checked = true;
        }
        let (mut text, mut outputs) = (None, None);
        if let Some(dir) = dir {
            text = llm::text(dir, std::slice::from_ref(&checked.output))?;
            let join = JoinDir::open(dir.root())?;
            outputs = join.and_then(|join| join.file.outputs(&statement.fields()));
        }
        let report = Report {
            valid: true,
            weights_checked,
            program_digest: hex_scalar(&statement.program_digest),
            weight_commitment: hex_scalar(&statement.weight_commitment),
            input_commitment: hex_scalar(&statement.input_commitment),
            binding: BoundReport::of(&checked.format, &statement.output_words),
            input: public_input(&checked.format, &statement.output_words),
            input_columns: public_columns(&checked.format),
            output: checked.output,
            output_commitment: checked
                .format
                .commitment(&statement.output_words)
                .map(hex_scalar),
            weights_public: checked.format.lead.binding.weights_public,
            outputs,
            text,
            folded: header.kind == Kind::FoldedProof,
            seconds: checked.seconds,
            peak_bytes: peak_bytes(),
            development: checked.development,
        };
        out.result(&human(&report, self.weight_proof.as_deref()), &report)?;
        Ok(self.exit(report.weights_checked))
    }

    /// How to end with a valid proof.
    fn exit(&self, weights_checked: bool) -> Exit {
        match weights_checked || self.weights_unchecked {
            true => Exit::Done,
            false => Exit::WeightsUnchecked,
        }
    }

    fn published(&self, out: Output) -> eyre::Result<Checked> {
        let (_, proof): (_, ProofFile) = files::read(Kind::Proof, &self.proof)?;
        self.refuse_srs()?;
        let statement = statement(&self.proof, &proof)?;
        self.expect(&statement)?;
        self.expect_bound(&proof.output, &statement)?;
        let start = Instant::now();
        let verdict = {
            let _stage = out.stage("Verifying");
            pipeline::verify(&proof)?
        };
        Ok(Checked {
            statement,
            output: proof.reading(),
            format: proof.output,
            seconds: start.elapsed().as_secs_f64(),
            setup: proof.setup,
            weights_shown: verdict.weights_shown,
            development: verdict.development,
        })
    }

    /// Refuses a reference string beside published proofs, unless it is for a folded commitment proof.
    fn refuse_srs(&self) -> eyre::Result<()> {
        ensure!(
            !self.srs.is_given() || self.weight_proof.is_some(),
            "--srs and --dev-srs are for folded proofs; {} is a published one, its key names the reference string",
            self.proof.display()
        );
        Ok(())
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
        // Either the program's, or that of its commitment proofs.
        let statement_of_weights = statement.program_digest != program.digest()?;
        let format = match statement_of_weights {
            true => OutputFormat::of(&program.weights_program()),
            false => OutputFormat::of(&program),
        };
        self.expect_bound(&format, &statement)?;
        let output = Reading::of_words(&format, &statement.output_words);
        Ok(Checked {
            statement,
            output: output.unwrap_or_else(|| Reading::of(&format, &[])),
            format,
            seconds,
            setup: srs.setup_id(),
            weights_shown: program.check_weights || statement_of_weights,
            development: srs.origin().is_development(),
        })
    }

    /// Refuses a proof that is bound to something else than asked for, or to nothing.
    fn expect_bound(&self, format: &OutputFormat, statement: &Statement<Fr>) -> eyre::Result<()> {
        let bound = BoundReport::of(format, &statement.output_words);
        let bound = bound.as_ref();
        for (what, wanted, found) in [
            (
                "context",
                &self.context,
                bound.and_then(|b| b.context.as_ref()),
            ),
            ("root", &self.root, bound.and_then(|b| b.root.as_ref())),
            ("scope", &self.scope, bound.and_then(|b| b.scope.as_ref())),
        ] {
            let Some(wanted) = wanted else { continue };
            let wanted = hex_scalar(&wanted.0);
            let found = found.ok_or_else(|| {
                eyre!(
                    "the proof has no {what}, expected {wanted}: its model was compiled without one"
                )
            })?;
            ensure!(
                *found == wanted,
                "{what} of the proof is {found}, expected {wanted}: it was made for something else"
            );
        }
        Ok(())
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
        )?;
        let input = hex_scalar(&statement.input_commitment);
        let wanted = self.input_commitment.as_deref();
        expect_of("input commitment", wanted, &input, "input")
    }
}

/// A proof that holds.
struct Checked {
    statement: Statement<Fr>,
    output: Reading,
    /// How its output words read.
    format: OutputFormat,
    seconds: f64,
    /// Identity of its reference string's ceremony.
    setup: [u8; 32],
    /// Whether it shows by itself that the weights are in range.
    weights_shown: bool,
    development: bool,
}

/// The statement of a published proof.
fn statement(path: &Path, proof: &ProofFile) -> eyre::Result<Statement<Fr>> {
    proof.statement().ok_or_else(|| {
        eyre!(
            "{}: {} fields of a statement are not those of a whole model with the output that the file tells: the file is altered, or the proof of one shard, which says nothing without the others; make it again, or verify the file of all shards that `laminate prove` made",
            path.display(),
            proof.proof.public.statement.len()
        )
    })
}

/// What a proof of a large model leaves to its commitment proof.
fn unchecked(unchecked: bool) -> &'static str {
    if unchecked {
        "\nnot shown: that the committed weights are in range; ask for the commitment proof (`laminate prove-weights`) and give it with --weight-proof"
    } else {
        ""
    }
}

fn human(report: &Report, weight_proof: Option<&Path>) -> String {
    let text = report.text.as_ref();
    let text = text.map_or_else(String::new, |text| format!("\ntext              {text:?}"));
    let folded = if report.folded {
        "\nfolded proof: it holds the input and is not to be published"
    } else {
        ""
    };
    let weights = match weight_proof {
        Some(path) => format!("\nweights in range, by {}", path.display()),
        None => unchecked(!report.weights_checked).into(),
    };
    let folded = format!("{weights}{folded}");
    let dev = if report.development {
        "\nDEV reference string: proves nothing to others"
    } else {
        ""
    };
    let input = input_line(report.input.as_ref(), report.input_columns.as_deref());
    let hidden = report.output_commitment.as_ref();
    let hidden = hidden.map_or_else(String::new, |commitment| {
        format!("\noutput commitment {commitment}")
    });
    let salt = match report.weights_public {
        true => " (of public weights, no salt)",
        false => "",
    };
    let bound = report.binding.as_ref().map(BoundReport::lines);
    let bound = bound.unwrap_or_default();
    format!(
        "{}, checked in {:.3} s with {} of memory\nprogram           {}\nweight commitment {}{salt}\ninput commitment  {}{hidden}{bound}{input}\n{}{text}{folded}{dev}",
        valid(report.weights_checked),
        report.seconds,
        size(report.peak_bytes),
        report.program_digest,
        report.weight_commitment,
        report.input_commitment,
        join::outputs(&report.output, report.outputs.as_deref())
    )
}

fn expect(what: &str, wanted: Option<&str>, found: &str) -> eyre::Result<()> {
    expect_of(what, wanted, found, "model")
}

fn expect_of(what: &str, wanted: Option<&str>, found: &str, made: &str) -> eyre::Result<()> {
    match wanted {
        Some(wanted) if !wanted.eq_ignore_ascii_case(found) => Err(eyre!(
            "{what} of the proof is {found}, expected {wanted}: it was made with another {made}"
        )),
        _ => Ok(()),
    }
}

/// How a report on a valid proof begins.
fn valid(weights_checked: bool) -> &'static str {
    match weights_checked {
        true => "valid",
        false => "valid, but the range of the weights is not shown",
    }
}
