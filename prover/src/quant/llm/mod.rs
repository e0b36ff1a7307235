//! Quantisation of Llama models: a float model and calibration tokens to a program over tokens.
//!
//! | step | module |
//! | --- | --- |
//! | largest value at every site, over all blocks | [`ranges`] |
//! | a residual stream without outliers | [`rotation`] |
//! | outliers and blocks of unlike ranges | [`balance`] |
//! | float matrices with norms folded in | [`matrix`] |
//! | units of their rows | [`grid`] |
//! | integers whose errors make up for each other | [`integers`], `compensate`, `cholesky` |
//! | one scale a site | [`scales`] |
//! | tensors, nodes and weights | `build` |
//! | integer against float | [`fidelity()`] |
//!
//! A norm's scale is folded into the matrices that read it, and `1/sqrt(head size)` into the queries'
//! matrix, so that factors between activations are powers of two. Weights are int8 with one integer
//! multiplier a row: the row's unit is that multiplier times a power of two, so rounding weights is the
//! only error. Where head and embedding are one matrix in the model, they are one table of the program
//! only if the final norm has no scale (all ones) and the logits are not so large that the one
//! multiplier leaves the norm too coarse; else the head is a table of its own, with that scale folded in.

pub mod balance;
mod build;
mod cholesky;
mod compensate;
mod fidelity;
pub mod grid;
pub mod integers;
pub mod matrix;
pub mod ranges;
pub mod rotation;
pub mod scales;
#[cfg(test)]
mod tests;

pub use fidelity::{LlmFidelity, fidelity};
pub use grid::WeightFormat;
pub use ranges::Ranges;
pub use scales::Scales;

use balance::Balance;
use integers::Integers;
use laminate_protocol::layout::Layout;
use laminate_protocol::program::{MAX_BATCH_LOG, Program, Weights, padded_log};
use matrix::Source;
use ranges::pieces;
use rotation::Rotation;

use super::{NodeBound, QuantError, bounds};
use crate::import::llm::{FloatLlama, FloatRun};

/// How a language model is compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmOptions {
    /// Name of the program, for people.
    pub name: String,
    /// Tokens of a proof's input; slots are this rounded up to a power of two.
    pub tokens: usize,
    /// How many of them are the prompt.
    pub prompt: usize,
    /// log2 of the row length of commitments; chosen by size if not given.
    pub row_log: Option<u8>,
    /// How far beyond the calibrated range a value may go, at least.
    pub headroom: f64,
    /// Whether equal blocks are stacked. Both forms compute the same integers.
    pub fold: bool,
    /// Weights of the blocks; embedding and head are int8 always.
    pub weights: WeightFormat,
}

impl LlmOptions {
    /// Stacked blocks, int8 weights and a headroom of 1.5.
    pub fn new(name: impl Into<String>, tokens: usize, prompt: usize) -> Self {
        Self {
            name: name.into(),
            tokens,
            prompt,
            row_log: None,
            headroom: 1.5,
            fold: true,
            weights: WeightFormat::Int8,
        }
    }
}

/// A compiled language model.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Architecture and integer semantics, public.
    pub program: Program,
    /// Hidden parameters.
    pub weights: Weights,
    /// What calibration saw.
    pub ranges: Ranges,
    /// One entry for each node of the program.
    pub report: Vec<NodeBound>,
}

/// Least scale of the last norm at which head and embedding share a table.
const SHARED_NORM: i32 = 7;
/// Largest log2 of the weight polynomial at which every proof checks the weights' range, and of both
/// polynomials for the shorter commitment rows.
const SMALL_LOG: usize = 20;
/// Commitment rows of small and of large programs.
const ROW_LOGS: [u8; 2] = [18, 20];

/// Quantises `model` with scales from the `calibration` sequences.
///
/// # Errors
/// [`QuantError`] if the options or sequences are unusable, a part of the model cannot be read or does
/// not fit its integer type.
pub fn compile(
    model: &FloatLlama,
    calibration: &[Vec<u32>],
    options: &LlmOptions,
) -> Result<Compiled, QuantError> {
    check_options(model, options)?;
    let slots = 1usize << padded_log(options.tokens);
    let rotation = Rotation::new(model.config.dim);
    let run = FloatRun::new(model)?;
    let (mut ranges, channels) = Ranges::observe(&run, model, &rotation, calibration, slots)?;
    let balance = Balance::choose(&model.config, &channels, &mut ranges);
    let source = Source {
        model,
        rotation: &rotation,
        balance: &balance,
    };
    let mut units = grid::Units::measure(source, options.weights)?;
    let mut scales = Scales::choose(&model.config, &ranges, &units, options.headroom)?;
    if units.head.is_none() && scales.final_norm < SHARED_NORM {
        units.separate_head();
        scales = Scales::choose(&model.config, &ranges, &units, options.headroom)?;
    }
    let texts: Vec<&[u32]> = pieces(model, calibration, slots).collect();
    let mut integers = Integers::new(&run, source, (&units, &scales), &texts)?;
    drop(run);
    let mut built = build::build(source, options, &ranges, &units, &mut integers, &scales)?;
    let program = &mut built.program;
    program.check()?;
    program.check_weights = Layout::new(program).weight_log <= SMALL_LOG;
    let large = usize::from(Layout::new(program).max_log() > SMALL_LOG);
    program.row_log = options.row_log.unwrap_or(ROW_LOGS[large]);
    program.check()?;
    let report = bounds::report(&built.program, &built.weights, &built.calibrated)?;
    Ok(Compiled {
        program: built.program,
        weights: built.weights,
        ranges,
        report,
    })
}

fn check_options(model: &FloatLlama, options: &LlmOptions) -> Result<(), QuantError> {
    let limit = model.config.max_tokens.min(1 << MAX_BATCH_LOG);
    if !(1..=limit).contains(&options.tokens) {
        return Err(QuantError::Tokens {
            found: options.tokens,
            limit,
        });
    }
    if !(1..=options.tokens).contains(&options.prompt) {
        return Err(QuantError::Prompt {
            found: options.prompt,
            tokens: options.tokens,
        });
    }
    if !(1.0..=1024.0).contains(&options.headroom) {
        return Err(QuantError::Headroom(options.headroom));
    }
    Ok(())
}
