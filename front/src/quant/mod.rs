//! Quantisation: a float model and calibration samples to an integer program and its weights.
//!
//! | step | module |
//! | --- | --- |
//! | what is quantised: graphs over rows, language models | [`model`] |
//! | how each kind is | [`rules`] |
//! | weights and values that are easier to quantise | [`crate::passes`] |
//! | largest value of every tensor | [`calibrate`] |
//! | matrices, units of their rows | [`layers`], [`grid`] |
//! | tensors that share a scale, and what it is | [`scales`] |
//! | integers whose errors make up for each other | [`integers`] |
//! | nodes to integer ops | `lower`, `factors`; windows and views in `spatial`, `pools` and `picks`, norms, softmax and products of values in `along`, tables in `functions`, states in `recurrent`, language models in `attention` and `stack` |
//! | ReLU into the layer before it | [`fuse`] |
//! | which of a value's numbers is which of a tensor's | `layout` |
//! | static bound of every node's intermediate | [`bounds`] |
//! | integer against float | [`fidelity()`] |
//! | decisions in the place of scores | [`decide`] |
//! | int32 columns with scales of their own | `raw` |
//! | values that leave their range | [`saturate`] |
//! | real input to integers | [`input`] |
//!
//! What the integers mean is specified in `docs/specs/numerics.md`.

mod along;
mod attention;
pub mod bounds;
pub mod calibrate;
pub mod decide;
pub mod detail;
mod error;
mod factors;
mod fidelity;
mod functions;
pub mod fuse;
pub mod grid;
pub mod input;
pub mod integers;
pub mod layers;
mod layout;
mod lower;
pub mod model;
mod picks;
mod pools;
mod prepared;
mod raw;
mod recurrent;
pub mod rules;
pub mod saturate;
pub mod scales;
mod spatial;
mod stack;
#[cfg(test)]
mod tests;

pub use bounds::NodeBound;
pub use decide::Decides;
pub use error::QuantError;
pub use fidelity::{Decision, Fidelity, Perplexity, fidelity};
pub use grid::{Rounding, WeightChoice};
pub use input::{Column, quantise_input};
pub use model::Model;
pub use prepared::Prepared;
pub use raw::compile_raw;
pub use rules::Rules;

use laminate_model::program::{Program, Weights};

/// What one proof of a model over rows takes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Number of rows; rounded up to a power of two.
    pub batch: usize,
    /// The scale of the input, `x·2^scale` being the integer of a number `x`; from calibration if not given.
    pub input_scale: Option<i8>,
    /// Of a raw input ([`compile_raw`]), the scale of each column; none of another, which is int16.
    pub raw: Vec<i8>,
    /// Whether values that leave their range are moved to its ends, not refused ([`saturate`]).
    pub saturate: bool,
}

/// What one proof of a language model takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Number of tokens; slots are this rounded up to a power of two.
    pub count: usize,
    /// How many of them are the prompt.
    pub prompt: usize,
    /// Whether the prompt is public.
    pub public: bool,
}

/// How a model is compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Options<I> {
    /// Name of the program, for people.
    pub name: String,
    /// What one proof takes in.
    pub inputs: I,
    /// log2 of the row length of commitments; chosen by size if not given.
    pub row_log: Option<u8>,
    /// Whether every proof shows that the weights are in range, or one commitment proof does; by size if
    /// not given.
    pub check_weights: Option<bool>,
    /// How far beyond the calibrated range a value may go, at least: 2 is twice the largest
    /// calibrated absolute value. Scales are powers of two, so the true room is 1 to 2 times this.
    pub headroom: f64,
    /// Whether equal blocks are stacked. Both forms compute the same integers.
    pub fold: bool,
    /// Integers of the layers' weights.
    pub weights: WeightChoice,
}

impl Options<Rows> {
    /// int8 weights, which every proof checks, and a headroom of 2.
    pub fn rows(name: impl Into<String>, batch: usize) -> Self {
        Self {
            name: name.into(),
            inputs: Rows {
                batch,
                ..Rows::default()
            },
            row_log: None,
            check_weights: Some(true),
            headroom: 2.0,
            fold: true,
            weights: WeightChoice::Int8,
        }
    }
}

impl<I> Options<I> {
    /// With commitments of rows of `2^row_log`.
    #[must_use]
    pub fn in_rows_of(self, row_log: u8) -> Self {
        Self {
            row_log: Some(row_log),
            ..self
        }
    }
}

impl Options<Tokens> {
    /// Stacked blocks, int8 weights and a headroom of 1.5; the prompt is hidden.
    pub fn tokens(name: impl Into<String>, count: usize, prompt: usize) -> Self {
        Self {
            name: name.into(),
            inputs: Tokens {
                count,
                prompt,
                public: false,
            },
            row_log: None,
            check_weights: None,
            headroom: 1.5,
            fold: true,
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
    /// Measured on the calibration rows; not of language models, whose texts take long.
    pub fidelity: Option<Fidelity>,
    /// One entry for each node of the program.
    pub report: Vec<NodeBound>,
    /// One entry for each layer, in the order of the program's weights.
    pub layers: Vec<LayerRounding>,
    /// How the calibration rows use the input's scale, column by column; none of language models.
    pub columns: Vec<Column>,
}

/// How one layer's weights were rounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRounding {
    /// Its node.
    pub node: String,
    /// How.
    pub rounding: Rounding,
}

/// Quantises `model` with scales from `calibration`; a model over rows is measured on the same rows.
///
/// # Errors
/// [`QuantError`] if the options or samples are unusable, the model has no weights, a parameter cannot be read or does
/// not fit its integer type, or the program of a model over rows refuses one of the calibration rows at any scale.
pub fn compile<M: Model>(
    model: &M,
    calibration: &[Vec<M::Item>],
    options: &Options<M::Inputs>,
) -> Result<Compiled, QuantError> {
    Prepared::new(model, calibration, options)?.whole(calibration)
}
