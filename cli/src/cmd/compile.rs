//! `laminate compile`: model file to program and weights; language models in `llm`, trees in `trees`.

mod cost;
mod decision;
mod llm;
mod raw;
mod record;
mod shards;
mod trees;
mod useful;

use std::path::PathBuf;

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_front::onnx;
use laminate_front::predict::{self, Predict, Threshold};
use laminate_front::quant::detail::Detail;
use laminate_front::quant::{
    self, Compiled, Fidelity, LayerRounding, NodeBound, Options, Perplexity, Rounding,
};
use laminate_front::rows;
use laminate_model::program::{Program, WeightFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use llm::{LlmArgs, WeightsArg, tokenizer};
pub use raw::InputScale;
pub use record::{CompileRecord, Source};

use cost::CostReport;
pub use decision::DecisionReport;
use decision::PredictArg;
use useful::Floor;

use crate::bound::BindingArgs;
use crate::destination;
use crate::exit::Exit;
use crate::files::{Lock, ModelDir, hex_scalar, own};
use crate::input;
use crate::llm::is_llm;
use crate::output::Output;
use crate::printable::printable;

/// Quantise a model and write its program and weights.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(
    after_help = "Examples:\n  laminate compile models/fraud/fraud.onnx --calibration models/fraud/calibration.csv -o fraud\n  laminate compile models/fraud/ternary.onnx --weights ternary --calibration models/fraud/calibration.csv -o ternary\n  laminate compile fraud.onnx --calibration rows.csv --threshold 0.5 -o decision\n  laminate compile fraud.onnx --calibration rows.npy --cost -o fraud\n  laminate compile smollm2.gguf --tokens 16 --prompt-tokens 5 -o smollm2\n  laminate compile credit.json --evaluation rows.csv --predictions predictions.csv -o credit\n\nModels of trees are read by their content: XGBoost (JSON, UBJSON, old binary), LightGBM (text), CatBoost (JSON) and\nONNX-ML (scikit-learn through skl2onnx). They need no calibration.\n\nA language model's proof has --tokens positions: the prompt and what is generated but the last token, which is\nshown, too.\n\nExit code 4: the program is written, but it is not the model, as the report and a warning say (--min-agreement,\n--min-column-bits)."
)]
pub struct Compile {
    /// The model: ONNX; trees of XGBoost, LightGBM, CatBoost or ONNX-ML; or a language model, as .gguf, .safetensors, folder of Hugging Face or .bin of llama2.c.
    #[serde(skip)]
    pub model: PathBuf,
    /// Rows (CSV, JSON, .npy or .npz) that show the range of every value. For language models a text, or lists of token ids
    /// (.json); texts sampled from the model itself by default.
    #[arg(long)]
    #[serde(skip)]
    pub calibration: Option<PathBuf>,
    /// Rows for the fidelity report; the calibration rows by default.
    #[arg(long)]
    #[serde(skip)]
    pub evaluation: Option<PathBuf>,
    /// What the library predicts for the evaluation rows, for the fidelity report of a model of trees (CSV, JSON, .npy or .npz):
    /// a column for each output, before or after the link function, or one column of classes.
    #[arg(long)]
    #[serde(skip)]
    pub predictions: Option<PathBuf>,
    /// What the program gives: margins (sums of leaves, logits), the response (what the last function makes of them:
    /// probabilities, expectations) or the index of the class [default: what the model gives, of trees the library's
    /// predict].
    #[arg(long, value_enum)]
    pub predict: Option<PredictArg>,
    /// The same as --predict class: the index of the largest of several outputs, the first of equal ones.
    #[arg(long, conflicts_with = "predict")]
    pub argmax: bool,
    /// Give 1 where the response is at least T, else 0, and nothing of the response; of two outputs behind a softmax that of
    /// the second. With --predict margin T is on what is before the last function.
    #[arg(
        long,
        value_name = "T",
        allow_negative_numbers = true,
        conflicts_with = "argmax"
    )]
    pub threshold: Option<f64>,
    /// Fix what an integer of the input stands for: the integer of a number x is x·2^N, so with 0 inputs are whole numbers
    /// from -32768 to 32767. Whoever commits to inputs or signs them then knows it whatever the calibration [default:
    /// from calibration]. With COLUMN=N,… for columns, by their names or numbers, inputs are raw (--raw-inputs).
    #[arg(long, value_name = "N|COLUMN=N,…", allow_hyphen_values = true)]
    pub input_scale: Option<InputScale>,
    /// Take inputs as 32-bit integers, each column at a scale of its own, so that amounts stand beside ratios; an offset and a
    /// factor for each column, proven and hidden, bring them to the network's 16 bits.
    #[arg(long)]
    #[serde(default)]
    pub raw_inputs: bool,
    /// Move values that leave their range to its ends, instead of refusing inputs outside the calibrated range; the report
    /// counts the rows.
    #[arg(long)]
    #[serde(default)]
    pub saturate: bool,
    /// Name of the program, of which its digest is, too [default: that of the model's file].
    #[arg(long)]
    pub name: Option<String>,
    /// Inputs to a proof; rounded up to a power of two.
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// How far beyond its calibrated range a value may go [default: 2, language models 1.5].
    #[arg(long)]
    pub headroom: Option<f64>,
    /// Least share of decisions (likeliest tokens of language models) that agree with the float model, in percent;
    /// of a model that gives one number, the share of its variance that the integer program explains. Below it the
    /// exit code is 4 [default: 99, language models 90, trees 100].
    #[arg(long, value_name = "PERCENT")]
    #[serde(skip)]
    pub min_agreement: Option<f64>,
    /// Least bits of the largest calibrated value of every input column whose values are not whole numbers of the
    /// input's unit; exit code 4 below it. 0 for no such check.
    #[arg(long, value_name = "BITS", default_value_t = useful::COLUMN_BITS)]
    #[serde(skip)]
    pub min_column_bits: u32,
    /// The folder to write: a new or an empty one, or one that holds a compiled model.
    #[arg(short, long)]
    #[serde(skip)]
    pub output: PathBuf,
    /// Lay out the circuit, too, and say what it takes, before any key is made: its cells and rows, and how long a reference
    /// string has to be. For a large language model that takes minutes.
    #[arg(long)]
    #[serde(skip)]
    pub cost: bool,
    /// Overwrite a folder with a weight commitment, whose secret is lost.
    #[arg(long)]
    #[serde(skip)]
    pub force: bool,
    #[command(flatten)]
    pub binding: BindingArgs,
    #[command(flatten)]
    pub llm: LlmArgs,
}

impl Compile {
    /// A model into a folder, as without any option; warnings of poor columns are left out.
    pub fn of(model: PathBuf, output: PathBuf) -> Self {
        Self {
            model,
            calibration: None,
            evaluation: None,
            predictions: None,
            predict: None,
            argmax: false,
            threshold: None,
            input_scale: None,
            raw_inputs: false,
            saturate: false,
            name: None,
            batch: 1,
            headroom: None,
            min_agreement: None,
            min_column_bits: 0,
            output,
            cost: false,
            force: false,
            binding: BindingArgs::default(),
            llm: LlmArgs::default(),
        }
    }
}

/// What `compile` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Program digest.
    pub program_digest: String,
    /// Number of weights and biases.
    pub parameters: usize,
    /// Batch slots.
    pub slots: usize,
    /// log2 of the weight and trace polynomials.
    pub polynomial_logs: [usize; 2],
    /// Integers of every dense layer's weights.
    pub weights: Vec<WeightsReport>,
    /// What the output decides, if it is a decision.
    pub decides: Option<DecisionReport>,
    /// Scale of each column of a raw input; none of another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input_scales: Vec<i8>,
    /// Number of nodes that saturate.
    pub saturates: usize,
    /// Agreement with the float model.
    pub fidelity: FidelityReport,
    /// Static bound of every node.
    pub bounds: Vec<BoundReport>,
    /// Why the program is not the model.
    pub warnings: Vec<String>,
}

/// Integers of one dense layer's weights.
#[derive(Debug, Serialize)]
pub struct WeightsReport {
    /// Node.
    pub node: String,
    /// Format, shown by proofs.
    pub format: WeightFormat,
    /// Whether ternary weights were made after training instead of being those of the model.
    pub after_training: bool,
    /// Both in words.
    pub what: &'static str,
}

impl From<&LayerRounding> for WeightsReport {
    fn from(layer: &LayerRounding) -> Self {
        Self {
            node: layer.node.clone(),
            format: layer.rounding.format(),
            after_training: layer.rounding == Rounding::TernaryAbsmean,
            what: layer.rounding.name(),
        }
    }
}

/// Agreement with the float model.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FidelityReport {
    /// Rows compared; of a language model, positions of texts.
    pub rows: usize,
    /// Rows that leave the calibrated range.
    pub refused: usize,
    /// Compared rows on which a value was moved to an end of its range.
    pub clamped: usize,
    /// Mean absolute output error.
    pub mean_error: f64,
    /// Largest absolute output error.
    pub max_error: f64,
    /// Share of rows with the same decision; of a language model, with the same likeliest token.
    pub agreement: Option<f64>,
    /// Share of the float output's variance that is explained, of a model that gives one number.
    pub determination: Option<f64>,
    /// Of a language model on the texts.
    pub perplexity: Option<PerplexityReport>,
}

/// Perplexity on texts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PerplexityReport {
    /// Of the float model.
    pub float: f64,
    /// Of the integer program.
    pub integer: f64,
}

impl From<Perplexity> for PerplexityReport {
    fn from(p: Perplexity) -> Self {
        Self {
            float: p.float,
            integer: p.integer,
        }
    }
}

/// Static bound of one node.
#[derive(Debug, Serialize)]
pub struct BoundReport {
    /// Node.
    pub node: String,
    /// Op.
    pub op: &'static str,
    /// Largest calibrated absolute value.
    pub calibrated: f64,
    /// Largest accepted absolute value.
    pub accepted: f64,
    /// Bits of the largest intermediate; the field has 254.
    pub bits: u32,
}

impl From<&Fidelity> for FidelityReport {
    fn from(f: &Fidelity) -> Self {
        Self {
            rows: f.rows,
            refused: f.refused,
            clamped: f.clamped,
            mean_error: f.mean_error,
            max_error: f.max_error,
            agreement: f.agreement(),
            determination: f.determination,
            perplexity: f.perplexity.map(Into::into),
        }
    }
}

impl From<&NodeBound> for BoundReport {
    fn from(b: &NodeBound) -> Self {
        Self {
            node: b.name.clone(),
            op: b.op,
            calibrated: b.calibrated,
            accepted: b.accepted,
            bits: b.bits(),
        }
    }
}

/// Number of weights and biases of a program.
pub fn parameters(program: &Program) -> usize {
    let shapes = program.weights.iter();
    shapes
        .map(|s| s.stack as usize * s.row_count() * (s.col_count() + usize::from(s.bias)))
        .sum()
}

/// Name of a program: the one given, or that of the model's file without its ending.
fn model_name(args: &Compile) -> String {
    if let Some(name) = &args.name {
        return name.clone();
    }
    let stem = args.model.file_stem();
    stem.map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned())
}

/// Imports and quantises; also used by `demo` and `bench`.
///
/// # Errors
/// Anything wrong with the model or the rows.
pub fn compile(args: &Compile) -> eyre::Result<(Compiled, Fidelity)> {
    network(args).map(|(compiled, fidelity, _)| (compiled, fidelity))
}

/// A model over rows, how close it is, and the threshold that it decides by, if it does.
fn network(args: &Compile) -> eyre::Result<(Compiled, Fidelity, Option<Threshold>)> {
    if let Some(option) = args.llm.given() {
        return Err(eyre!(
            "{option} is for language models; {} is not one by its name (.gguf, .safetensors, .bin or a folder)",
            args.model.display()
        ));
    }
    let calibration = args.calibration.as_deref().ok_or_else(|| {
        eyre!("no calibration rows: give inputs of the model with --calibration FILE (CSV, JSON, .npy or .npz)")
    })?;
    let model = || args.model.display().to_string();
    let graph = onnx::read(&args.model).wrap_err_with(model)?;
    let headed = predict::network(graph, args.predict(), args.threshold).wrap_err_with(model)?;
    let graph = headed.graph;
    let columns = graph.width(graph.input());
    let rows = rows::read(calibration, columns)?;
    let mut options = Options::rows(model_name(args), args.batch);
    options.row_log = args.llm.row_log;
    options.headroom = args.headroom.unwrap_or(options.headroom);
    options.weights = args.llm.weights.unwrap_or(WeightsArg::Int8).choice();
    options.inputs.input_scale = args.common_scale();
    options.inputs.saturate = args.saturate;
    let compiled = match args.is_raw() {
        false => quant::compile(&graph, &rows, &options),
        true => {
            let given = args.column_scales(calibration, columns)?;
            quant::compile_raw(&graph, &rows, &options, &given)
        }
    };
    let mut compiled = compiled.map_err(|error| input::of_column(error, calibration))?;
    let names = |column: usize| rows::column_name(calibration, column);
    args.binding.apply(&mut compiled.program, &names)?;
    let fidelity = match (&args.evaluation, &compiled.fidelity) {
        (None, Some(measured)) => measured.clone(),
        (path, _) => {
            let path = path.as_deref().unwrap_or(calibration);
            let rows = rows::read(path, columns)?;
            quant::fidelity(&graph, &compiled.program, &compiled.weights, &rows)?
        }
    };
    Ok((compiled, fidelity, headed.threshold))
}

/// A folder that is written, and what to say of it.
#[derive(Debug)]
pub struct Finished {
    human: String,
    report: Value,
    warnings: Vec<String>,
}

impl Finished {
    /// Records in the folder what it was made of and with which options.
    fn new<T: Serialize>(
        args: &Compile,
        programs: &[&Program],
        mut human: String,
        (report, detail): (&T, Option<&Detail>),
        warnings: &[String],
        out: Output,
    ) -> eyre::Result<Self> {
        let mut report = serde_json::to_value(report)?;
        if args.cost {
            let _stage = out.stage("Laying out the circuit");
            let costs = programs.iter().map(|program| CostReport::of(program));
            let costs = costs.collect::<eyre::Result<Vec<_>>>()?;
            for cost in &costs {
                human = format!("{human}\n{}", cost.lines());
            }
            report["cost"] = serde_json::to_value(costs)?;
        }
        let _stage = out.stage("Recording what the model was compiled from");
        CompileRecord::new(args, programs, report.clone(), detail)?.write(&args.output)?;
        Ok(Self {
            human,
            report,
            warnings: warnings.to_vec(),
        })
    }
}

impl Compile {
    /// What the program is to give, if it is said.
    fn predict(&self) -> Option<Predict> {
        match self.argmax {
            true => Some(Predict::Class),
            false => self.predict.map(Into::into),
        }
    }

    /// The folder, for this command alone. Quantising takes minutes, in which a commitment may have been made there.
    fn folder(&self) -> eyre::Result<(ModelDir, Lock)> {
        let dir = ModelDir::create(&self.output)?;
        let lock = dir.lock()?;
        shards::keep_commitments(self)?;
        Ok((dir, lock))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Anything wrong with the model, the rows or the folder.
    pub fn run(&self, out: Output) -> eyre::Result<Exit> {
        let finished = self.make(out)?;
        out.result(&finished.human, &finished.report)?;
        Ok(useful::end(&finished.warnings, out))
    }

    /// Writes the folder; what is to be said of it comes back.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn make(&self, out: Output) -> eyre::Result<Finished> {
        destination::folder(&self.output)?;
        own::claim(&self.output)?;
        shards::keep_commitments(self)?;
        // By content: a model of trees may have any name, that of a language model among them.
        if self.model.is_file()
            && let Some(ensemble) = laminate_front::trees::read_if_trees(&self.model)
                .wrap_err_with(|| self.model.display().to_string())?
        {
            return trees::run(self, &ensemble, out);
        }
        ensure!(
            self.predictions.is_none(),
            "--predictions is for models of trees; {} is none",
            self.model.display()
        );
        if is_llm(&self.model) {
            let given = [
                ("--predict", self.predict.is_some()),
                ("--argmax", self.argmax),
                ("--threshold", self.threshold.is_some()),
                ("--input-scale", self.input_scale.is_some()),
                ("--raw-inputs", self.raw_inputs),
                ("--saturate", self.saturate),
            ];
            for (option, given) in given {
                ensure!(
                    !given,
                    "{option} is for models over rows; {} is a language model, whose program gives the likeliest tokens",
                    self.model.display()
                );
            }
            ensure!(
                self.batch == 1 && self.evaluation.is_none(),
                "--batch and --evaluation are for models over rows; a language model has --tokens and --fidelity"
            );
            let bound = self.binding.given();
            return match self.llm.shard_layers {
                Some(_) if bound.is_some() => Err(eyre!(
                    "{} is for models that are proven as a whole, not in shards; leave it or --shard-layers out",
                    bound.unwrap_or_default()
                )),
                Some(layers) => shards::run(self, layers, out),
                None => llm::run(self, out),
            };
        }
        let floor = Floor::new(self, useful::AGREEMENT)?;
        let (compiled, fidelity, threshold) = {
            let _stage = out.stage("Importing and quantising the model");
            network(self)?
        };
        let (dir, _lock) = self.folder()?;
        dir.write_compiled(&compiled.program, &compiled.weights)?;
        let warnings = floor.of(&fidelity, &compiled.columns);
        let decides = DecisionReport::of(&compiled.program, threshold);
        let report = report(&compiled, (&fidelity, decides), warnings)?;
        let text = human(&report, &self.output);
        Finished::new(
            self,
            &[&compiled.program],
            text,
            (&report, Some(&fidelity.detail)),
            &report.warnings,
            out,
        )
    }
}

fn report(
    compiled: &Compiled,
    (fidelity, decides): (&Fidelity, Option<DecisionReport>),
    warnings: Vec<String>,
) -> eyre::Result<Report> {
    let layout = laminate_model::layout::Layout::new(&compiled.program);
    let bounds = compiled.report.iter().map(BoundReport::from);
    Ok(Report {
        program_digest: hex_scalar(&compiled.program.digest()?),
        parameters: parameters(&compiled.program),
        slots: compiled.program.slots(),
        weights: compiled.layers.iter().map(WeightsReport::from).collect(),
        polynomial_logs: [layout.geometry.weight_log, layout.geometry.trace_log],
        decides,
        input_scales: compiled.program.input_scales.clone(),
        saturates: quant::saturate::count(&compiled.program),
        fidelity: fidelity.into(),
        bounds: bounds.collect(),
        warnings,
    })
}

/// How many layers have which integers, and what that cost if they were not trained for them.
fn weights(layers: &[WeightsReport]) -> String {
    let mut counts: Vec<(&str, usize)> = vec![];
    for layer in layers {
        match counts.iter_mut().find(|(what, _)| *what == layer.what) {
            Some((_, count)) => *count += 1,
            None => counts.push((layer.what, 1)),
        }
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(what, count)| match count {
            1 => format!("{what} (1 layer)"),
            _ => format!("{what} ({count} layers)"),
        })
        .collect();
    let after = layers.iter().any(|l| l.after_training);
    let note = if after {
        "; the model was not trained for it, see its fidelity"
    } else {
        ""
    };
    format!("{}{note}", parts.join(", "))
}

fn human(report: &Report, folder: &std::path::Path) -> String {
    let mut table = crate::table::new(&["node", "op", "calibrated", "accepted", "bits of bound"]);
    for b in &report.bounds {
        table.add_row(vec![
            printable(&b.node).into_owned(),
            b.op.into(),
            format!("{:.3}", b.calibrated),
            format!("{:.3}", b.accepted),
            b.bits.to_string(),
        ]);
    }
    let f = &report.fidelity;
    let agreement = match (f.agreement, f.determination) {
        (Some(share), _) => format!(", decisions agree on {:.2} %", 100.0 * share),
        (None, Some(share)) => format!(", {:.2} % of the variance explained", 100.0 * share),
        (None, None) => String::new(),
    };
    let decides = match &report.decides {
        Some(decides) => format!("decides   {}\n", decides.what),
        None => String::new(),
    };
    let clamped = match report.saturates {
        0 => String::new(),
        nodes => format!(", clamped {} ({nodes} nodes saturate)", f.clamped),
    };
    let columns = match report.input_scales.as_slice() {
        [] => String::new(),
        scales => format!("input     int32, columns at scales {scales:?}\n"),
    };
    format!(
        "{table}\nprogram   {}\nparameters {}, batch slots {}\nweights   {}\n{columns}{decides}fidelity over {} rows: mean error {:.6}, max {:.6}{agreement}, refused {}{clamped}\nwritten to {}",
        report.program_digest,
        report.parameters,
        report.slots,
        weights(&report.weights),
        f.rows,
        f.mean_error,
        f.max_error,
        f.refused,
        folder.display()
    )
}
