//! Quantisation of Llama models: a float model and calibration tokens to a program over tokens.
//!
//! | step | module |
//! | --- | --- |
//! | largest value at every site, over all blocks | [`ranges`] |
//! | norms folded in, a residual stream without outliers, blocks of like ranges | [`crate::passes`] |
//! | float matrices | [`matrix`] |
//! | units of their rows | [`grid`] |
//! | integers whose errors make up for each other | [`integers`] |
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

mod build;
mod fidelity;
pub mod grid;
pub mod integers;
pub mod matrix;
pub mod ranges;
pub mod scales;
#[cfg(test)]
mod tests;

pub use fidelity::{LlmFidelity, fidelity};
pub use grid::WeightFormat;
pub use ranges::Ranges;
pub use scales::Scales;

use build::Extent;
use integers::Integers;
use laminate_model::layout::Layout;
use laminate_model::program::{MAX_BATCH_LOG, Program, Shard, Weights, padded_log};
use matrix::Source;
use ranges::pieces;

use super::{NodeBound, QuantError, bounds};
use crate::llama::{FloatLlama, FloatRun};
use crate::passes::{Plan, balance};

/// How a language model is compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmOptions {
    /// Name of the program, for people.
    pub name: String,
    /// Tokens of a proof's input; slots are this rounded up to a power of two.
    pub tokens: usize,
    /// How many of them are the prompt.
    pub prompt: usize,
    /// Whether the prompt is public.
    pub prompt_public: bool,
    /// log2 of the row length of commitments; chosen by size if not given.
    pub row_log: Option<u8>,
    /// Whether every proof shows that the weights are in range, or one commitment proof does; by size if
    /// not given.
    pub check_weights: Option<bool>,
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
            prompt_public: false,
            row_log: None,
            check_weights: None,
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
/// polynomials for the shortest commitment rows.
const SMALL_LOG: usize = 20;
/// Largest log2 of the row length that is chosen.
const MAX_ROW_LOG: u8 = 24;

/// log2 of the row length of commitments for polynomials of `2^log`. The contract pays about 8,500 gas
/// for a row, the prover's opening 4.4 µs for a value of a row.
fn row_log(log: usize) -> u8 {
    if log <= SMALL_LOG {
        return 17;
    }
    (log.midpoint(16) as u8).min(MAX_ROW_LOG)
}

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
    Prepared::new(model, calibration, options)?.whole()
}

/// A model with its scales, to be built whole or in shards: both compute the same integers.
pub struct Prepared<'m> {
    model: &'m FloatLlama,
    options: &'m LlmOptions,
    ranges: Ranges,
    /// Hidden features of every block.
    hidden: usize,
    units: grid::Units,
    scales: Scales,
    integers: Integers,
}

impl<'m> Prepared<'m> {
    /// Chooses the scales.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn new(
        model: &'m FloatLlama,
        calibration: &[Vec<u32>],
        options: &'m LlmOptions,
    ) -> Result<Self, QuantError> {
        check_options(model, options)?;
        let slots = 1usize << padded_log(options.tokens);
        let run = FloatRun::new(model)?;
        let mut plan = Plan::new(run.graph());
        let mut seen = ranges::observe(&run, model, &plan, calibration, slots)?;
        balance::choose(&mut plan, &mut seen);
        let ranges = Ranges::new(&run, &seen);
        let source = Source {
            model,
            run: &run,
            plan: &plan,
        };
        let mut units = grid::Units::measure(source, options.weights)?;
        let mut scales = Scales::choose(&model.config, &ranges, &units, options.headroom)?;
        if units.head.is_none() && scales.final_norm < SHARED_NORM {
            units.separate_head();
            scales = Scales::choose(&model.config, &ranges, &units, options.headroom)?;
        }
        let texts: Vec<&[u32]> = pieces(model, calibration, slots).collect();
        let integers = Integers::new(source, (&units, &scales), &texts)?;
        Ok(Self {
            model,
            options,
            ranges,
            hidden: source.hidden(),
            units,
            scales,
            integers,
        })
    }

    /// The whole model as one program.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn whole(mut self) -> Result<Compiled, QuantError> {
        let blocks = 0..self.model.config.layers;
        let shard = None;
        let mut integers = std::mem::take(&mut self.integers);
        let mut fill = |part, out: &mut Vec<i8>| integers.take(part, out);
        let built = self.build(Extent { blocks, shard }, &mut fill)?;
        self.finish(built, None)
    }

    /// Number of shards of `layers` blocks, the last one of what is left.
    ///
    /// # Errors
    /// [`QuantError::Shards`] if that is fewer than two.
    pub fn shards(&self, layers: usize) -> Result<usize, QuantError> {
        let all = self.model.config.layers;
        if (1..all).contains(&layers) {
            return Ok(all.div_ceil(layers));
        }
        Err(QuantError::Shards { found: layers, all })
    }

    /// Shard `index` of `layers` blocks each. All shards of a model have commitment rows of one length, so
    /// that neighbours can commit to what they share alike.
    ///
    /// # Errors
    /// As [`compile`] and [`Self::shards`].
    pub fn shard(&self, layers: usize, index: usize) -> Result<Compiled, QuantError> {
        let count = self.shards(layers)?;
        let end = ((index + 1) * layers).min(self.model.config.layers);
        let extent = Extent {
            blocks: index * layers..end,
            shard: Some(Shard {
                index: index as u32,
                count: count as u32,
            }),
        };
        let fill = &mut |part, out: &mut Vec<i8>| self.integers.copy(part, out);
        let built = self.build(extent, fill)?;
        self.finish(
            built,
            Some(padded_log(self.model.config.weights() as usize)),
        )
    }

    fn build(
        &self,
        extent: Extent,
        integers: &mut build::Fill<'_>,
    ) -> Result<build::Built, QuantError> {
        let built = build::build(
            (self.model, self.hidden),
            self.options,
            &self.ranges,
            &self.units,
            integers,
            &self.scales,
            extent,
        )?;
        built.program.check()?;
        Ok(built)
    }

    /// Rows of commitments are chosen for polynomials of `2^log`, the program's if it is not given.
    fn finish(&self, mut built: build::Built, log: Option<usize>) -> Result<Compiled, QuantError> {
        let program = &mut built.program;
        let small = Layout::new(program).geometry.weight_log <= SMALL_LOG;
        program.check_weights = self.options.check_weights.unwrap_or(small);
        let log = log.unwrap_or_else(|| Layout::new(program).geometry.max_log());
        program.row_log = self.options.row_log.unwrap_or_else(|| row_log(log));
        program.check()?;
        let report = bounds::report(&built.program, &built.weights, &built.calibrated)?;
        Ok(Compiled {
            program: built.program,
            weights: built.weights,
            ranges: self.ranges,
            report,
        })
    }
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
