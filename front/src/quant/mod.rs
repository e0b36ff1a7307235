//! Quantisation: a float graph and calibration rows to an integer program and its weights.
//!
//! | step | module |
//! | --- | --- |
//! | largest value of every tensor, tensors that share a scale | [`scales`] |
//! | nodes to integer ops | [`lower`], dense layers in [`dense`] and [`units`], windows and views in [`spatial`] and [`pools`], norms, softmax and products of values in [`along`], tables in [`functions`] |
//! | ReLU into the layer before it | [`fuse`] |
//! | which of a value's numbers is which of a tensor's | [`layout`] |
//! | static bound of every node's intermediate | [`bounds`] |
//! | integer against float | [`fidelity()`] |
//! | real input to integers | [`input`] |
//! | language models | [`llm`] |
//!
//! What the integers mean is specified in `docs/specs/numerics.md`.

mod along;
pub mod bounds;
pub mod calibrate;
pub mod dense;
mod error;
mod fidelity;
mod functions;
pub mod fuse;
pub mod input;
mod layout;
pub mod llm;
mod lower;
mod pools;
pub mod scales;
mod spatial;
#[cfg(test)]
mod tests;
pub mod units;

pub use bounds::NodeBound;
pub use error::QuantError;
pub use fidelity::{Decision, Fidelity, fidelity};
pub use input::{Column, quantise_input};
pub use units::{Rounding, WeightChoice};

use laminate_model::program::{MAX_BATCH_LOG, Op, Program, Weights, padded_log};
use laminate_prover::exec::ExecError;

use crate::graph::Graph;
use crate::rows;

/// How often a compilation makes a scale coarser, at least by half, before it gives up.
const MAX_COARSER: usize = 64;

/// How a model is compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileOptions {
    /// Name of the program, for people.
    pub name: String,
    /// Number of inputs of one proof; rounded up to a power of two.
    pub batch: usize,
    /// log2 of the row length of commitments.
    pub row_log: u8,
    /// How far beyond the calibrated range a value may go, at least: 2 is twice the largest
    /// calibrated absolute value. Scales are powers of two, so the true room is 1 to 2 times this.
    pub headroom: f64,
    /// Integers of the dense layers' weights.
    pub weights: WeightChoice,
}

impl CompileOptions {
    /// Options with int8 weights and the default headroom of 2.
    pub fn new(name: impl Into<String>, batch: usize, row_log: u8) -> Self {
        Self {
            name: name.into(),
            batch,
            row_log,
            headroom: 2.0,
            weights: WeightChoice::Int8,
        }
    }
}

/// A compiled model.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Architecture and integer semantics, public.
    pub program: Program,
    /// Hidden parameters.
    pub weights: Weights,
    /// Measured on the calibration rows.
    pub fidelity: Fidelity,
    /// One entry for each node of the program.
    pub report: Vec<NodeBound>,
    /// One entry for each dense layer, in the order of the program's weights.
    pub layers: Vec<LayerRounding>,
    /// How the calibration rows use the input's scale, column by column.
    pub columns: Vec<Column>,
}

/// How one dense layer's weights were rounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRounding {
    /// Its node.
    pub node: String,
    /// How.
    pub rounding: Rounding,
}

/// Quantises `graph` with scales from `calibration` and measures the result on the same rows.
///
/// # Errors
/// [`QuantError`] if the options or rows are unusable, the model has no weights, a parameter does not fit its
/// integer type, or the program refuses one of the calibration rows at any scale.
pub fn compile(
    graph: &Graph,
    calibration: &[Vec<f32>],
    options: CompileOptions,
) -> Result<Compiled, QuantError> {
    check_options(&options)?;
    rows::check(calibration, graph.width(graph.input()))?;
    let ranges = graph.max_abs(calibration)?;
    let mut room = ranges.clone();
    for _ in 0..MAX_COARSER {
        let lowered = lower_with(graph, &room, &options)?;
        let fidelity = fidelity(graph, &lowered.program, &lowered.weights, calibration)?;
        match &fidelity.first_refusal {
            None => return report(lowered, fidelity, &ranges, calibration),
            Some(refusal) => widen(&mut room, &lowered, refusal)?,
        }
    }
    let lowered = lower_with(graph, &room, &options)?;
    let fidelity = fidelity(graph, &lowered.program, &lowered.weights, calibration)?;
    match fidelity.first_refusal.clone() {
        None => report(lowered, fidelity, &ranges, calibration),
        Some(refusal) => Err(QuantError::Calibration(refusal)),
    }
}

/// Lowers the graph at scales that hold `room`, the largest absolute value of every tensor, with headroom.
fn lower_with(
    graph: &Graph,
    room: &[f64],
    options: &CompileOptions,
) -> Result<lower::Lowered, QuantError> {
    let scales = scales::Scales::choose(graph, room, options.headroom)?;
    let lowered = lower::lower(graph, scales, options, room)?;
    if lowered.weights.dense.is_empty() {
        return Err(QuantError::Weightless);
    }
    lowered.program.check()?;
    Ok(lowered)
}

/// Makes room for an integer that left its range on a calibration row: where large values cancel, what their
/// rounding leaves is larger than the float result, so that its scale must be coarser.
///
/// # Errors
/// [`QuantError::Calibration`] if the row was refused for something else.
fn widen(
    room: &mut [f64],
    lowered: &lower::Lowered,
    refusal: &ExecError,
) -> Result<(), QuantError> {
    let give_up = || QuantError::Calibration(refusal.clone());
    let ExecError::OutOfRange(at) = refusal else {
        return Err(give_up());
    };
    let node = lowered.program.nodes.get(at.node).ok_or_else(give_up)?;
    // A table refuses its index, which is its operand; every other op its own result.
    let tensor = match node.op {
        Op::Activation(_) => *node.inputs.first().ok_or_else(give_up)?,
        _ => node.output,
    };
    let overshoot = at.value.unsigned_abs() as f64 / at.highest.max(1) as f64;
    let held = libm::exp2(-f64::from(lowered.program.tensors[tensor].scale));
    let range = &mut room[lowered.source[tensor]];
    // A tensor whose range was zero gets one unit.
    *range = range.max(held) * overshoot.max(2.0);
    Ok(())
}

fn report(
    lowered: lower::Lowered,
    fidelity: Fidelity,
    ranges: &[f64],
    calibration: &[Vec<f32>],
) -> Result<Compiled, QuantError> {
    let lower::Lowered {
        program,
        weights,
        source,
        layers,
    } = lowered;
    let calibrated: Vec<f64> = source.iter().map(|id| ranges[*id]).collect();
    let report = bounds::report(&program, &weights, &calibrated)?;
    let columns = input::columns(&program, calibration);
    Ok(Compiled {
        program,
        weights,
        fidelity,
        report,
        layers,
        columns,
    })
}

fn check_options(options: &CompileOptions) -> Result<(), QuantError> {
    if options.batch == 0 || padded_log(options.batch) > usize::from(MAX_BATCH_LOG) {
        return Err(QuantError::Batch {
            found: options.batch,
            limit: 1 << MAX_BATCH_LOG,
        });
    }
    if !(1.0..=1024.0).contains(&options.headroom) {
        return Err(QuantError::Headroom(options.headroom));
    }
    Ok(())
}
