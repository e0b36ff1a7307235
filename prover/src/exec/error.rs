//! Why a program cannot be run.

use laminate_model::program::ProgramError;
use thiserror::Error;

/// Why a program cannot be run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExecError {
    /// The program is malformed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The weights are another program's.
    #[error(
        "weights of dense layer {layer}: {found} {part}, expected {expected}; they belong to another program"
    )]
    Weights {
        /// Dense layer.
        layer: usize,
        /// Which of its parts.
        part: &'static str,
        /// Their number.
        found: usize,
        /// The program's number.
        expected: usize,
    },
    /// A weight is not in its layer's format.
    #[error(
        "weights of dense layer {layer}: weight {index} is {value}, expected -1, 0 or 1; compile the model again"
    )]
    Weight {
        /// Dense layer.
        layer: usize,
        /// Index, row-major.
        index: usize,
        /// The weight.
        value: i8,
    },
    /// A multiplier is too large.
    #[error(
        "weights of dense layer {layer}: multiplier of row {row} is {value}, expected below {bound}; compile the model again"
    )]
    Multiplier {
        /// Dense layer.
        layer: usize,
        /// Output feature.
        row: usize,
        /// The multiplier.
        value: u32,
        /// Its bound.
        bound: i64,
    },
    /// Too few or too many rows.
    #[error("{found} input rows, expected 1 to {slots}; compile the model with a larger --batch")]
    Rows {
        /// Number of rows.
        found: usize,
        /// Batch slots of the program.
        slots: usize,
    },
    /// A row has the wrong width.
    #[error("input row {row}: {found} columns, expected {expected}")]
    Columns {
        /// The row, from 0.
        row: usize,
        /// Its columns.
        found: usize,
        /// Width of the input.
        expected: usize,
    },
    /// An input value is out of range.
    #[error(
        "input row {row}, feature {feature}: value {value}, expected -{bound} to {bound} - 1; the input is outside the calibrated range"
    )]
    Input {
        /// The row, from 0.
        row: usize,
        /// The feature, from 0.
        feature: usize,
        /// The integer value.
        value: i32,
        /// Half the range.
        bound: i64,
    },
    /// A program over tokens was given rows.
    #[error("the program is over tokens, expected one over rows; give it tokens")]
    IsSequence,
    /// A program over rows was given tokens.
    #[error("the program is over rows, expected one over tokens; give it rows")]
    NotSequence,
    /// A shard was given the other kind of input.
    #[error(
        "shard {shard} reads {expected}; run the shards in their order, each on what the one before gives out"
    )]
    ShardInput {
        /// Which shard.
        shard: u32,
        /// What it reads.
        expected: &'static str,
    },
    /// The residual stream of another shape.
    #[error(
        "{found} values of the residual stream, expected {expected}; they come from another model's shard"
    )]
    Residual {
        /// Number of values.
        found: usize,
        /// The program's number.
        expected: usize,
    },
    /// Repeated nodes that do not stand together.
    #[error(
        "node {node} {name:?}: {found} blocks, expected {expected} like the nodes around it; compile the model again"
    )]
    Body {
        /// Index of the node.
        node: usize,
        /// Its name in the model.
        name: String,
        /// Copies of its output.
        found: usize,
        /// Copies of the outputs around it.
        expected: usize,
    },
    /// Too few or too many tokens.
    #[error("{found} tokens, expected 1 to {limit}; compile the model for more tokens")]
    Tokens {
        /// Number of tokens.
        found: usize,
        /// Free slots of the program.
        limit: usize,
    },
    /// Another number of tokens than a proof is of.
    #[error(
        "{found} tokens, the program takes {expected}: the prompt, then the generated ones but the last"
    )]
    TokenCount {
        /// Number of tokens.
        found: usize,
        /// The program's number.
        expected: usize,
    },
    /// A token that the model does not have.
    #[error(
        "token {position}: id {token}, expected below {vocab}; it comes from another model's tokenizer"
    )]
    Token {
        /// Its place, from 0.
        position: usize,
        /// The id.
        token: u32,
        /// Size of the vocabulary.
        vocab: u32,
    },
    /// A computed value is out of range; nothing saturates.
    #[error(transparent)]
    OutOfRange(Box<OutOfRange>),
}

/// A computed value that is out of range.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "node {node} {name:?} ({op}), {}row {slot}, feature {feature}: {what} is {value}, expected {lowest} to {highest}; the input is outside the calibrated range, calibrate with data like it or with more headroom",
    block.map(|block| format!("block {block}, ")).unwrap_or_default()
)]
pub struct OutOfRange {
    /// Index of the node.
    pub node: usize,
    /// Its name in the model.
    pub name: String,
    /// Its op.
    pub op: &'static str,
    /// Which value of the node.
    pub what: &'static str,
    /// Block of the model, from 0; none if the model repeats nothing.
    pub block: Option<usize>,
    /// Row of the batch or position of the token, from 0.
    pub slot: usize,
    /// The feature, from 0.
    pub feature: usize,
    /// The integer value.
    pub value: i128,
    /// Lowest accepted.
    pub lowest: i64,
    /// Highest accepted.
    pub highest: i64,
}
