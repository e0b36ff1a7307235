//! `laminate compile`: model file to program and weights.

use std::path::PathBuf;

use clap::Args;
use eyre::Context;
use laminate_prover::import;
use laminate_prover::quant::{self, CompileOptions, Compiled, Fidelity};
use serde::Serialize;

use crate::files::{ModelDir, hex_scalar};
use crate::output::Output;

/// log2 of the default commitment row: one row for models of up to 262,144 weights, so that the
/// circuit handles one point for each polynomial.
const ROW_LOG: u8 = 18;

/// Quantise a model and write its program and weights.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate compile models/fraud/fraud.onnx --calibration models/fraud/calibration.csv -o fraud"
)]
pub struct Compile {
    /// The model (ONNX).
    pub model: PathBuf,
    /// Rows (CSV or JSON) that show the range of every value.
    #[arg(long)]
    pub calibration: PathBuf,
    /// Rows for the fidelity report; the calibration rows by default.
    #[arg(long)]
    pub evaluation: Option<PathBuf>,
    /// Inputs to a proof; rounded up to a power of two.
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// How far beyond its calibrated range a value may go.
    #[arg(long, default_value_t = 2.0)]
    pub headroom: f64,
    /// The folder to write.
    #[arg(short, long)]
    pub output: PathBuf,
    /// Overwrite a folder with a weight commitment, whose secret is lost.
    #[arg(long)]
    pub force: bool,
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
    /// Agreement with the float model.
    pub fidelity: FidelityReport,
    /// Static bound of every node.
    pub bounds: Vec<BoundReport>,
}

/// Agreement with the float model.
#[derive(Debug, Serialize)]
pub struct FidelityReport {
    /// Rows compared.
    pub rows: usize,
    /// Rows that leave the calibrated range.
    pub refused: usize,
    /// Mean absolute output error.
    pub mean_error: f64,
    /// Largest absolute output error.
    pub max_error: f64,
    /// Share of rows with the same decision.
    pub agreement: Option<f64>,
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
            mean_error: f.mean_error,
            max_error: f.max_error,
            agreement: f.agreement(),
        }
    }
}

/// Imports and quantises; also used by `demo` and `bench`.
///
/// # Errors
/// Anything wrong with the model or the rows.
pub fn compile(args: &Compile) -> eyre::Result<(Compiled, Fidelity)> {
    let graph = import::read(&args.model).wrap_err_with(|| args.model.display().to_string())?;
    let columns = graph.width(graph.input());
    let rows = quant::read_rows(&args.calibration, columns)?;
    let name = args
        .model
        .file_stem()
        .map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned());
    let mut options = CompileOptions::new(name, args.batch, ROW_LOG);
    options.headroom = args.headroom;
    let compiled = quant::compile(&graph, &rows, options)?;
    let fidelity = match &args.evaluation {
        None => compiled.fidelity.clone(),
        Some(path) => {
            let rows = quant::read_rows(path, columns)?;
            quant::fidelity(&graph, &compiled.program, &compiled.weights, &rows)?
        }
    };
    Ok((compiled, fidelity))
}

impl Compile {
    /// Runs the command.
    ///
    /// # Errors
    /// Anything wrong with the model, the rows or the folder.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        ModelDir::at(&self.output).keep_commitment(self.force)?;
        let (compiled, fidelity) = {
            let _stage = out.stage("Importing and quantising the model");
            compile(self)?
        };
        let dir = ModelDir::create(&self.output)?;
        dir.write_compiled(&compiled.program, &compiled.weights)?;
        let report = report(&compiled, &fidelity)?;
        out.result(&human(&report, &self.output), &report)
    }
}

fn report(compiled: &Compiled, fidelity: &Fidelity) -> eyre::Result<Report> {
    let layout = laminate_protocol::layout::Layout::new(&compiled.program);
    let parameters = compiled
        .program
        .weights
        .iter()
        .map(|s| s.rows as usize * (s.cols as usize + 1))
        .sum();
    let bounds = compiled.report.iter().map(|b| BoundReport {
        node: b.name.clone(),
        op: b.op,
        calibrated: b.calibrated,
        accepted: b.accepted,
        bits: b.bits(),
    });
    Ok(Report {
        program_digest: hex_scalar(&compiled.program.digest()?),
        parameters,
        slots: compiled.program.slots(),
        polynomial_logs: [layout.weight_log, layout.trace_log],
        fidelity: fidelity.into(),
        bounds: bounds.collect(),
    })
}

fn human(report: &Report, folder: &std::path::Path) -> String {
    let mut table = crate::table::new(&["node", "op", "calibrated", "accepted", "bits of bound"]);
    for b in &report.bounds {
        table.add_row(vec![
            b.node.clone(),
            b.op.into(),
            format!("{:.3}", b.calibrated),
            format!("{:.3}", b.accepted),
            b.bits.to_string(),
        ]);
    }
    let f = &report.fidelity;
    let agreement = f.agreement.map_or_else(String::new, |a| {
        format!(", decisions agree on {:.2} %", 100.0 * a)
    });
    format!(
        "{table}\nprogram   {}\nparameters {}, batch slots {}\nfidelity over {} rows: mean error {:.6}, max {:.6}{agreement}, refused {}\nwritten to {}",
        report.program_digest,
        report.parameters,
        report.slots,
        f.rows,
        f.mean_error,
        f.max_error,
        f.refused,
        folder.display()
    )
}
