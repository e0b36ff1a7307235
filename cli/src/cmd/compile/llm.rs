//! Compilation of language models.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eyre::Context;
use laminate_front::llama::{self, FloatLlama, FloatRun, Tokenizer, TokenizerSource};
use laminate_front::quant::{self, Compiled, Options, QuantError, Tokens, WeightChoice};
use laminate_model::layout::Layout;
use serde::{Deserialize, Serialize};

use super::useful::{self, Floor};
use super::{BoundReport, Compile, FidelityReport, Finished, model_name, parameters};
use crate::cmd::setup::Fold;
use crate::files::hex_scalar;
use crate::llm;
use crate::measure::{Measured, Stages, table};
use crate::output::Output;

/// Tokens of a proof's input if not told.
const TOKENS: usize = 16;

/// Options of language models.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Language models")]
pub struct LlmArgs {
    /// Tokens of a proof's input: the prompt, and what is generated but the last token [default: 16].
    #[arg(long, value_name = "N")]
    pub tokens: Option<usize>,
    /// How many of them are the prompt; every prompt must have as many [default: half of them].
    #[arg(long, value_name = "N")]
    pub prompt_tokens: Option<usize>,
    /// Show the prompt with every proof, before the generated tokens; otherwise only a commitment to it.
    #[arg(long)]
    pub prompt_public: bool,
    /// Integers of the weights (of a language model's blocks) [default: int8]. Ternary layers of an ONNX model are taken
    /// as they are; others are made ternary after training: expect the results to suffer. Proofs show that ternary weights
    /// are ternary.
    #[arg(long, value_enum, help_heading = "Options")]
    pub weights: Option<WeightsArg>,
    /// Prove equal blocks together (on, the default) or each on its own (off, the baseline). Both compute the same.
    #[arg(long, value_enum)]
    pub fold: Option<Fold>,
    /// Text or lists of token ids (.json) for the fidelity report; by default the
    /// calibration texts, or others sampled from the model where those were sampled.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub fidelity: Option<PathBuf>,
    /// Tokenizer (tokenizer.json), where the model came without one.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub tokenizer: Option<PathBuf>,
    /// Compile to shards of N blocks each: programs of their own, to be proven one after another and
    /// verified together.
    #[arg(long, value_name = "N", conflicts_with = "fidelity")]
    pub shard_layers: Option<usize>,
    /// Where it is shown that the weights are in range: in every proof, or once by `laminate prove-weights`, which
    /// large models need [default: every for up to 2^20 weights].
    #[arg(long, value_enum)]
    pub weight_check: Option<WeightCheck>,
    /// log2 of the row length of commitments; chosen by size if not given. Longer rows are fewer points, each some 7,500 gas,
    /// and take the prover more time and memory and a longer reference string.
    #[arg(long, value_name = "LOG", help_heading = "Options")]
    pub row_log: Option<u8>,
}

/// `--weight-check every|once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightCheck {
    /// In every proof.
    Every,
    /// Once, by a commitment proof.
    Once,
}

/// `--weights int8|ternary|auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightsArg {
    /// -127 to 127, one unit a row.
    Int8,
    /// -1, 0, 1, one unit a matrix, or a row if the model's are so.
    Ternary,
    /// Ternary for layers that are ternary in the model, int8 for the others; ONNX only.
    Auto,
}

impl WeightsArg {
    /// The quantiser's name.
    pub fn choice(self) -> WeightChoice {
        match self {
            Self::Int8 => WeightChoice::Int8,
            Self::Ternary => WeightChoice::Ternary,
            Self::Auto => WeightChoice::Auto,
        }
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Auto => "ternary or int8, by layer",
            Self::Ternary => "ternary, made after training",
        }
    }
}

impl LlmArgs {
    /// The first option that is given and not for other models.
    pub fn given(&self) -> Option<&'static str> {
        let all = [
            ("--tokens", self.tokens.is_some()),
            ("--prompt-tokens", self.prompt_tokens.is_some()),
            ("--prompt-public", self.prompt_public),
            ("--fold", self.fold.is_some()),
            ("--weight-check", self.weight_check.is_some()),
            ("--fidelity", self.fidelity.is_some()),
            ("--tokenizer", self.tokenizer.is_some()),
            ("--shard-layers", self.shard_layers.is_some()),
        ];
        all.into_iter().find(|(_, given)| *given).map(|o| o.0)
    }

    /// The quantiser's options.
    ///
    /// # Errors
    /// Weights that are not for language models.
    pub fn options(
        &self,
        name: impl Into<String>,
        headroom: Option<f64>,
    ) -> Result<Options<Tokens>, QuantError> {
        let tokens = self.tokens.unwrap_or(TOKENS);
        let prompt = self.prompt_tokens.unwrap_or(tokens.div_ceil(2));
        let mut options = Options::tokens(name, tokens, prompt);
        options.row_log = self.row_log;
        options.check_weights = self.weight_check.map(|check| check == WeightCheck::Every);
        options.inputs.public = self.prompt_public;
        options.headroom = headroom.unwrap_or(options.headroom);
        options.fold = self.fold != Some(Fold::Off);
        options.weights = self.weights.unwrap_or(WeightsArg::Int8).choice();
        match options.weights {
            WeightChoice::Auto => Err(QuantError::Auto),
            _ => Ok(options),
        }
    }
}

/// What `compile` reports of a language model.
#[derive(Debug, Serialize)]
struct Report {
    program_digest: String,
    /// Weights of the model's file.
    parameters: u64,
    /// Weights of the program: more where the head is split from the embedding.
    program_parameters: usize,
    tokens: usize,
    prompt_tokens: usize,
    /// Whether the prompt is shown, too.
    prompt_public: bool,
    generated_tokens: usize,
    slots: usize,
    weights: &'static str,
    /// Whether equal blocks are proven together.
    fold: bool,
    tokenizer: bool,
    polynomial_logs: [usize; 2],
    row_log: usize,
    calibration: String,
    fidelity: FidelityReport,
    bounds: Vec<BoundReport>,
    stages: Vec<Measured>,
    /// What the model's files leave open and how it was read.
    notes: Vec<String>,
    /// Why the program is not the model.
    warnings: Vec<String>,
}

/// What came of a compilation beside the program.
struct Outcome {
    tokenizer: bool,
    calibration: String,
    fidelity: FidelityReport,
    stages: Vec<Measured>,
}

/// Compiles the language model that the arguments name.
///
/// # Errors
/// Anything wrong with the model, the texts or the folder.
pub fn run(args: &Compile, out: Output) -> eyre::Result<Finished> {
    let mut stages = Stages::default();
    let floor = Floor::new(args, useful::AGREEMENT_OF_TOKENS)?;
    let model = read(&args.model, out)?;
    let tokenizer = tokenizer(args.llm.tokenizer.as_deref(), &model, out)?;
    let options = args.llm.options(name(&model, args), args.headroom)?;
    let float = FloatRun::new(&model)?;
    let sampled = {
        let _stage = out.stage("Reading or sampling calibration texts");
        let path = args.calibration.as_deref();
        let texts = || llm::calibration(path, &model, tokenizer.as_ref(), options.inputs.count);
        stages.run("calibration texts", texts, |_| None)?
    };
    let mut compiled = {
        let _stage = out.stage("Quantising the model");
        stages.run(
            "quantise",
            || Ok(quant::compile(&float, &sampled.calibration, &options)?),
            |_| None,
        )?
    };
    args.binding.apply(&mut compiled.program, &|_| None)?;
    let texts = match &args.llm.fidelity {
        Some(path) => {
            let length = llm::piece_length(&model, options.inputs.count);
            llm::read_sequences(path, tokenizer.as_ref(), length)?
        }
        None => sampled.fidelity,
    };
    let fidelity = {
        let _stage = out.stage("Comparing with the float model");
        let compare = || {
            Ok(quant::fidelity(
                &float,
                &compiled.program,
                &compiled.weights,
                &texts,
            )?)
        };
        stages.run("compare with the float model", compare, |_| None)?
    };
    let (dir, _lock) = args.folder()?;
    dir.write_compiled(&compiled.program, &compiled.weights)?;
    if let Some(tokenizer) = &tokenizer {
        dir.write_tokenizer(&tokenizer.to_json()?)?;
    }
    let measured = Outcome {
        tokenizer: tokenizer.is_some(),
        calibration: sampled.source,
        fidelity: (&fidelity).into(),
        stages: stages.rows,
    };
    let mut report = report(&args.llm, &model, &compiled, &options, measured)?;
    report.warnings = floor.of(&fidelity, &compiled.columns);
    let programs = [&compiled.program];
    Finished::new(
        args,
        &programs,
        human(&report, &args.output),
        (&report, Some(&fidelity.detail)),
        &report.warnings,
        out,
    )
}

/// Reads a model and tells what its files leave open.
///
/// # Errors
/// As the importer.
pub(super) fn read(path: &Path, out: Output) -> eyre::Result<FloatLlama> {
    let model = llama::read(path)?;
    for note in &model.notes {
        out.line(&format!("warning: {note}"));
    }
    Ok(model)
}

/// The name given, or the model's own, or the one of its path.
pub(super) fn name(model: &FloatLlama, args: &Compile) -> String {
    match (&args.name, model.name.as_str()) {
        (None, own) if !own.is_empty() => own.into(),
        _ => model_name(args),
    }
}

/// The tokenizer: the one named, else the model's. One that cannot be built is left out, since token ids do, too.
pub fn tokenizer(
    given: Option<&Path>,
    model: &FloatLlama,
    out: Output,
) -> eyre::Result<Option<Tokenizer>> {
    if let Some(path) = given {
        let tokenizer = TokenizerSource::Json(path.to_path_buf()).load();
        return Ok(Some(
            tokenizer.wrap_err_with(|| path.display().to_string())?,
        ));
    }
    let loaded = model.tokenizer.as_ref().map(TokenizerSource::load);
    Ok(loaded.and_then(|loaded| {
        loaded
            .inspect_err(|error| {
                out.line(&format!(
                    "warning: no text, only token ids: the model's tokenizer cannot be used ({error})"
                ));
            })
            .ok()
    }))
}

fn report(
    args: &LlmArgs,
    model: &FloatLlama,
    compiled: &Compiled,
    options: &Options<Tokens>,
    outcome: Outcome,
) -> eyre::Result<Report> {
    let program = &compiled.program;
    let layout = Layout::new(program);
    Ok(Report {
        program_digest: hex_scalar(&program.digest()?),
        parameters: model.config.weights(),
        program_parameters: parameters(program),
        tokens: options.inputs.count,
        prompt_tokens: options.inputs.prompt,
        prompt_public: options.inputs.public,
        generated_tokens: program.sequence.map_or(0, |s| s.generated()),
        slots: program.slots(),
        weights: args.weights.unwrap_or(WeightsArg::Int8).name(),
        fold: options.fold,
        tokenizer: outcome.tokenizer,
        polynomial_logs: [layout.geometry.weight_log, layout.geometry.trace_log],
        row_log: layout.geometry.row_log,
        calibration: outcome.calibration,
        fidelity: outcome.fidelity,
        bounds: compiled.report.iter().map(BoundReport::from).collect(),
        stages: outcome.stages,
        notes: model.notes.clone(),
        warnings: vec![],
    })
}

fn human(report: &Report, folder: &Path) -> String {
    let f = &report.fidelity;
    let perplexity = f
        .perplexity
        .map_or((f64::NAN, f64::NAN), |p| (p.float, p.integer));
    let fold = if report.fold {
        "equal blocks proven together"
    } else {
        "every block proven on its own (--fold off)"
    };
    let tokenizer = if report.tokenizer {
        ", with its tokenizer"
    } else {
        "; without tokenizer, so that prompts are token ids"
    };
    format!(
        "{}\nprogram     {}\nparameters  {} ({} in the program), weights {}\ntokens      {}, of which {} are the prompt{}; {} generated ones are shown\nproof       {fold}\ncalibration {}\nfidelity    over {} positions: {:.2} % choose the same token; perplexity {:.4} in floats, {:.4} in integers; largest logit error {:.4}, refused {}\nwritten to {}{tokenizer}",
        table(&report.stages),
        report.program_digest,
        report.parameters,
        report.program_parameters,
        report.weights,
        report.tokens,
        report.prompt_tokens,
        if report.prompt_public { ", shown" } else { "" },
        report.generated_tokens,
        report.calibration,
        f.rows,
        100.0 * f.agreement.unwrap_or(f64::NAN),
        perplexity.0,
        perplexity.1,
        f.max_error,
        f.refused,
        folder.display()
    )
}
