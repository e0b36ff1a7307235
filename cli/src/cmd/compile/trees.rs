//! `laminate compile` of tree models: exact, without calibration.

use std::path::Path;

use eyre::{Context, ensure, eyre};
use laminate_front::predict::PredictError;
use laminate_front::rows::{self, Missing, RowsError};
use laminate_front::trees::agreement::{self, Against, Agreement};
use laminate_front::trees::head::{self, Made};
use laminate_front::trees::{self, Decision, Ensemble, Lowered, Machine, Predict, program};
use laminate_model::layout::Layout;
use laminate_model::program::{Program, Weights};
use serde::Serialize;

use super::decision::ThresholdReport;
use super::useful::Floor;
use super::{Compile, Finished, model_name};
use crate::files::hex_scalar;
use crate::output::Output;
use crate::printable::printable;

/// Least share of equal decisions, in percent: comparisons are exact.
const AGREEMENT: f64 = 100.0;

/// What `compile` reports of a tree model.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Program digest.
    pub program_digest: String,
    /// Library whose file it is.
    pub format: String,
    /// Trees of the file.
    pub trees: usize,
    /// Rows of the node table, public as a number.
    pub nodes: usize,
    /// Steps of every chain, public.
    pub steps: u32,
    /// Features of a row.
    pub features: usize,
    /// Outputs of a row.
    pub outputs: usize,
    /// What they are: margin, response or class.
    pub predict: &'static str,
    /// Bits after the point of an output.
    pub fraction: i32,
    /// Largest possible difference of a margin from the exact sum of the leaves.
    pub worst_error: f64,
    /// Largest difference of an output from the link function of the margin that the program computes.
    pub response_error: f64,
    /// The same, relative to the output.
    pub response_relative: f64,
    /// How outputs decide.
    pub decision: String,
    /// The threshold that was asked for, in margins.
    pub threshold: Option<ThresholdReport>,
    /// Class labels.
    pub labels: Vec<String>,
    /// Batch slots.
    pub slots: usize,
    /// log2 of the weight and trace polynomials.
    pub polynomial_logs: [usize; 2],
    /// Agreement with the library, where there are rows.
    pub fidelity: Option<FidelityReport>,
    /// How the file was read.
    pub notes: Vec<String>,
    /// Why the program is not the model.
    pub warnings: Vec<String>,
}

/// Agreement with the library.
#[derive(Debug, Serialize)]
pub struct FidelityReport {
    /// What the program is compared with.
    pub against: &'static str,
    /// Rows compared.
    pub rows: usize,
    /// Mean absolute error.
    pub mean_error: f64,
    /// Largest absolute error.
    pub max_error: f64,
    /// Share of rows with the same class.
    pub agreement: Option<f64>,
}

impl From<&Agreement> for FidelityReport {
    fn from(a: &Agreement) -> Self {
        let share = |agreeing: usize| agreeing as f64 / a.rows.max(1) as f64;
        Self {
            against: a.against.name(),
            rows: a.rows,
            mean_error: a.mean_error,
            max_error: a.max_error,
            agreement: a.agreeing.map(share),
        }
    }
}

/// Compiles trees into the folder of the arguments.
///
/// # Errors
/// Anything wrong with the options, the rows or the folder, or a forest that no program holds.
pub fn run(args: &Compile, ensemble: &Ensemble, out: Output) -> eyre::Result<Finished> {
    if let Some(option) = args.llm.given() {
        return Err(eyre!("{option} is not for models of trees"));
    }
    ensure!(
        !args.raw_inputs && !args.saturate,
        "--raw-inputs and --saturate are not for models of trees: they take every float32 number as it is, and nothing leaves a range"
    );
    ensure!(
        args.input_scale.is_none(),
        "--input-scale is not for models of trees: they take every float32 number as it is"
    );
    ensure!(
        args.headroom.is_none() && args.llm.weights.is_none(),
        "--headroom and --weights are not for models of trees: they are exact"
    );
    let floor = Floor::new(args, AGREEMENT)?;
    let _stage = out.stage("Lowering the trees");
    let lowered = trees::lower(ensemble)?;
    let machine = &lowered.machine;
    let (made, why) = head(args, ensemble, &lowered)?;
    let predict = made.predict;
    let name = model_name(args);
    let (mut program, weights) =
        program::program(machine, &made.head, name, args.batch, args.llm.row_log)?;
    // What the model calls its features, or else the rows that it is recorded with.
    let names = |column: usize| match (ensemble.names.get(column), &args.calibration) {
        (Some(name), _) => Some(name.clone()),
        (None, Some(path)) => rows::column_name(path, column),
        (None, None) => None,
    };
    args.binding.apply(&mut program, &names)?;
    let fidelity = fidelity(args, (ensemble, &made), &program, &weights)?;
    drop(_stage);
    let (dir, _lock) = args.folder()?;
    dir.write_compiled(&program, &weights)?;
    let warnings = fidelity.as_ref().and_then(|f| floor.of_trees(f));
    let layout = Layout::new(&program);
    let threshold = threshold(ensemble, &made, machine);
    let report = Report {
        program_digest: hex_scalar(&program.digest()?),
        format: ensemble.format.to_string(),
        trees: ensemble.trees.len(),
        nodes: machine.rows.len(),
        steps: machine.steps,
        features: ensemble.features,
        outputs: program.tensor_width(program.output),
        predict: predict.name(),
        fraction: program
            .tensors
            .get(program.output)
            .map_or(0, |t| t.scale.into()),
        worst_error: lowered.worst_error,
        response_error: made.worst_error,
        response_relative: made.worst_relative,
        decision: decision(ensemble, (&made, threshold.as_ref()), &program),
        threshold,
        labels: ensemble.labels.clone(),
        slots: program.slots(),
        polynomial_logs: [layout.geometry.weight_log, layout.geometry.trace_log],
        fidelity: fidelity.as_ref().map(FidelityReport::from),
        notes: why
            .map(str::to_owned)
            .into_iter()
            .chain(ensemble.notes.clone())
            .collect(),
        warnings: warnings.into_iter().collect(),
    };
    let text = human(&report, &args.output);
    let detail = fidelity.as_ref().map(|f| &f.detail);
    Finished::new(
        args,
        &[&program],
        text,
        (&report, detail),
        &report.warnings,
        out,
    )
}

/// What follows the margins, and why if that was not asked for.
fn head(
    args: &Compile,
    ensemble: &Ensemble,
    lowered: &Lowered,
) -> eyre::Result<(Made, Option<&'static str>)> {
    if let Some(least) = args.threshold {
        ensure!(args.predict() != Some(Predict::Class), PredictError::Both);
        let predict = args.predict().unwrap_or_default();
        return Ok((head::threshold(ensemble, lowered, predict, least)?, None));
    }
    let (predict, why) = match args.predict() {
        Some(predict) => (predict, None),
        None => head::usual(ensemble),
    };
    Ok((head::head(ensemble, lowered, predict)?, why))
}

/// The threshold that was asked for, as the program has it.
fn threshold(ensemble: &Ensemble, made: &Made, machine: &Machine) -> Option<ThresholdReport> {
    let asked = made.asked?;
    let linked = |margin: f64| {
        ensemble
            .predictions(&[margin])
            .first()
            .copied()
            .unwrap_or(0.0)
    };
    let scale = machine.fraction;
    Some(ThresholdReport::new(
        asked.least,
        scale,
        "margin",
        Some(asked.threshold),
        linked,
    ))
}

/// How outputs decide, in the integers that a contract sees.
fn decision(
    ensemble: &Ensemble,
    (made, asked): (&Made, Option<&ThresholdReport>),
    program: &Program,
) -> String {
    if let Some(asked) = asked {
        return asked.words();
    }
    if made.predict == Predict::Class {
        let labels = ensemble.labels.iter().enumerate();
        let labels: Vec<String> = labels
            .map(|(at, label)| format!("{at} is {label}"))
            .collect();
        return format!("the output is the class: {}", labels.join(", "));
    }
    match (ensemble.decision, made.threshold) {
        (Decision::Above(_), Some(t)) => {
            let scale = program.tensors.get(program.output).map_or(0, |t| t.scale);
            let threshold = t * f64::from(scale).exp2();
            let label = ensemble.labels.last().map_or("1", String::as_str);
            format!(
                "class {label} where the output is above {t} (integer {})",
                threshold.floor()
            )
        }
        (Decision::ArgMax, _) => "the class of the greatest output".into(),
        _ => "a number".into(),
    }
}

fn fidelity(
    args: &Compile,
    (ensemble, made): (&Ensemble, &Made),
    program: &Program,
    weights: &Weights,
) -> eyre::Result<Option<Agreement>> {
    let Some(path) = args.evaluation.as_ref().or(args.calibration.as_ref()) else {
        ensure!(
            args.predictions.is_none(),
            "--predictions needs the rows that they are for: --evaluation FILE"
        );
        return Ok(None);
    };
    let rows = rows::read_with(path, ensemble.features, Missing::Allowed)?;
    let found = agreement::outputs(program, weights, &rows)?;
    let Some(table_path) = &args.predictions else {
        let expected = rows.iter().map(|row| ensemble.margins(row));
        let expected = expected.collect::<Result<Vec<_>, _>>()?;
        let compared = agreement::with_margins(ensemble, made, Against::Floats, &found, &expected);
        return Ok(Some(compared));
    };
    let table = table(table_path, ensemble.outputs())?;
    let compared = agreement::with_table(ensemble, made, &found, &table).ok_or_else(|| {
        eyre!(
            "{} has {} rows, and {} has {}; expected one for each",
            table_path.display(),
            table.len(),
            path.display(),
            rows.len()
        )
    })?;
    Ok(Some(compared))
}

/// Predictions of the library: a column for each output, both probabilities of two classes, or one column of classes.
fn table(path: &Path, outputs: usize) -> eyre::Result<Vec<Vec<f32>>> {
    let mut widths = vec![outputs];
    if outputs == 1 {
        widths.push(2);
    } else {
        widths.push(1);
    }
    let mut problem = None;
    for columns in widths {
        match rows::read(path, columns) {
            Ok(table) => return Ok(table),
            // Of a table of this width the cells are wrong: that says more than that another width is.
            Err(error) => match (&problem, &error) {
                (Some(_), RowsError::LineColumns { .. }) => {}
                _ => problem = Some(error),
            },
        }
    }
    let error = problem.map_or_else(|| eyre!("no columns"), eyre::Report::from);
    Err(error).wrap_err("predictions: expected a column for each output, or one of classes")
}

fn human(report: &Report, folder: &Path) -> String {
    let fidelity = match &report.fidelity {
        None => "fidelity  not measured: give rows with --evaluation, and the library's predictions with --predictions".into(),
        Some(f) => {
            let decisions = f.agreement.map_or_else(String::new, |share| {
                format!(", decisions agree on {:.2} %", 100.0 * share)
            });
            format!(
                "fidelity over {} rows against {}: mean error {:.1e}, max {:.1e}{decisions}",
                f.rows, f.against, f.mean_error, f.max_error
            )
        }
    };
    let relative = match report.response_relative {
        // A response that may be near zero has no bound relative to it.
        relative if relative < 1.0 => format!(" ({relative:.1e} of the output)"),
        _ => String::new(),
    };
    let gives = match report.response_error {
        _ if report.threshold.is_some() => "a decision, 0 or 1".to_owned(),
        _ if report.predict == Predict::Class.name() => "the index of a class".to_owned(),
        0.0 => format!("{}s of {} fraction bits", report.predict, report.fraction),
        error => format!(
            "{}s of {} fraction bits, off by {error:.1e} at most{relative}",
            report.predict, report.fraction
        ),
    };
    let notes: String = report
        .notes
        .iter()
        .map(|n| format!("note      {n}\n"))
        .collect();
    format!(
        "model     {}, {} trees, {} features, {} outputs\nmachine   {} nodes, {} steps, margins off by {:.1e} at most\ngives     {}\ndecides   {}\nprogram   {}\nbatch slots {}\n{fidelity}\n{}written to {}",
        report.format,
        report.trees,
        report.features,
        report.outputs,
        report.nodes,
        report.steps,
        report.worst_error,
        gives,
        printable(&report.decision),
        report.program_digest,
        report.slots,
        printable(&notes),
        folder.display()
    )
}
