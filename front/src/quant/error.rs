//! Why a model or an input cannot be quantised.

use laminate_model::program::ProgramError;
use laminate_prover::exec::ExecError;
use thiserror::Error;

use crate::graph::GraphError;
use crate::llama::LlmError;
use crate::rows::RowsError;

/// Why a model or an input cannot be quantised.
#[derive(Debug, Error)]
pub enum QuantError {
    /// Rows cannot be read, or are none of the model's.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// A node reads numbers from more places than a view has terms.
    #[error(
        "node {node:?} ({op}): takes numbers from {found} rows of its operands that no one map reads, at most {limit} are joined; keep the longest axis whole, or join fewer"
    )]
    Places {
        /// The node.
        node: String,
        /// Its op.
        op: &'static str,
        /// Number of terms.
        found: usize,
        /// Largest number.
        limit: usize,
    },
    /// An input value is outside what the input's scale can hold.
    #[error(
        "row {row}, column {column}: value {value} is outside the range of the program's input, expected {lowest} to {highest}; no proof is made of it"
    )]
    InputRange {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f32,
        /// Lowest value that rounds into the range.
        lowest: f64,
        /// Highest value that rounds into the range.
        highest: f64,
    },
    /// A bias is too large beside ternary weights.
    #[error(
        "node {node:?}: bias {bias} of output {row} is too large beside its ternary weights, expected at most {limit} in absolute value; compile with int8 weights, or auto"
    )]
    TernaryBias {
        /// The node.
        node: String,
        /// The output.
        row: usize,
        /// Its bias.
        bias: f32,
        /// Largest absolute value.
        limit: f64,
    },
    /// The batch is not supported.
    #[error("batch {found}, expected 1 to {limit}")]
    Batch {
        /// The batch.
        found: usize,
        /// Largest batch.
        limit: usize,
    },
    /// The number of tokens is not supported.
    #[error(
        "{found} tokens, expected 1 to {limit}, what the model was made for and a program has slots for"
    )]
    Tokens {
        /// The number.
        found: usize,
        /// Most tokens.
        limit: usize,
    },
    /// The prompt does not fit.
    #[error("a prompt of {found} tokens, expected 1 to the {tokens} tokens of the program")]
    Prompt {
        /// Its length.
        found: usize,
        /// Tokens of the program.
        tokens: usize,
    },
    /// Shards that are no parts of the model.
    #[error(
        "shards of {found} blocks, expected 1 to {} of the model's {all}: a shard is less than the whole",
        all.saturating_sub(1)
    )]
    Shards {
        /// Blocks of a shard.
        found: usize,
        /// Blocks of the model.
        all: usize,
    },
    /// Weights that equal blocks cannot have, each its own.
    #[error(
        "weights \"auto\" are for models over rows; the blocks of a language model are int8 or ternary as a whole"
    )]
    Auto,
    /// There is no text to calibrate or compare with.
    #[error("no tokens: expected at least one sequence; give a text")]
    NoText,
    /// The headroom is not supported.
    #[error("headroom {0}, expected 1 to 1024")]
    Headroom(f64),
    /// A tensor's calibrated range has no scale.
    #[error(
        "tensor {tensor:?}: calibrated range {range:e} with headroom, expected below 2^{limit}; normalise the model's inputs"
    )]
    Range {
        /// The tensor.
        tensor: String,
        /// Its largest absolute value with headroom.
        range: f64,
        /// Accepted exponent.
        limit: i32,
    },
    /// Scales of a node's tensors are too far apart for its integer factors.
    #[error(
        "node {node:?} ({op}): scales {inputs:?} -> {output} need a factor beyond 24 bits or 32 bits of shift; calibrate with more varied data"
    )]
    Scales {
        /// The node.
        node: String,
        /// Its op.
        op: &'static str,
        /// Scales of its operands.
        inputs: Vec<i32>,
        /// Scale of its output.
        output: i32,
    },
    /// A node's weights need an output scale that an int8 cannot hold.
    #[error(
        "node {node:?}: tensor {tensor:?} needs scale {scale}, expected -128 to 127; the weights are far too large or small, normalise the model"
    )]
    Scale {
        /// The node.
        node: String,
        /// The tensor.
        tensor: String,
        /// The scale.
        scale: i32,
    },
    /// An op that models over rows cannot have.
    #[error("node {node:?}: op {op:?} has no integer form where it stands in the model")]
    Op {
        /// The node.
        node: String,
        /// Its op.
        op: &'static str,
    },
    /// The ends of a Clip are one integer.
    #[error(
        "node {node:?}: clips to {lowest} to {highest}, which at the operand's scale are not two numbers: a unit is {unit:e}; calibrate with smaller values, or leave the Clip out"
    )]
    Clip {
        /// The node.
        node: String,
        /// The lower end.
        lowest: f32,
        /// The upper end.
        highest: f32,
        /// Real value of one unit.
        unit: f64,
    },
    /// A threshold that no integer reaches.
    #[error(
        "node {node:?}: what is decided on would have to be at least {least}, and at its scale is {lowest} to {highest}: every input would be decided alike; give a threshold inside, or calibrate with rows that come near it"
    )]
    Threshold {
        /// The node.
        node: String,
        /// The threshold, of a probability on its logit.
        least: f64,
        /// The lowest that can be decided on.
        lowest: f64,
        /// The highest.
        highest: f64,
    },
    /// A calibrated value that the scale of the input, which was given, does not hold.
    #[error(
        "column {column}: calibration has {value}, and an input scale of {scale} holds {lowest} to {highest}; give a lower one (--input-scale), or leave out what is no such input"
    )]
    InputScale {
        /// The column, from 1.
        column: usize,
        /// The value.
        value: f32,
        /// The scale.
        scale: i8,
        /// Lowest value that rounds into the range.
        lowest: f64,
        /// Highest value that rounds into the range.
        highest: f64,
    },
    /// A column's scale does not hold what calibration has.
    #[error(
        "column {}: calibration has values up to {largest}, and a scale of {scale} holds up to {highest}; give a lower one (--input-scale), or leave out what is no such input",
        column + 1
    )]
    RawScale {
        /// The column, from 0.
        column: usize,
        /// The largest absolute value.
        largest: f64,
        /// The scale.
        scale: i8,
        /// Largest value that it holds.
        highest: f64,
    },
    /// Scales of columns of an input that has several axes.
    #[error(
        "the model reads its input along axes {axes:?}; scales of columns can be given for inputs of one axis, leave them out (--input-scale)"
    )]
    RawAxes {
        /// Its axes.
        axes: Vec<u32>,
    },
    /// An op reads axes that a Reshape before it has joined of others.
    #[error(
        "node {node:?} ({op}): reads value {value:?} along axes {wanted:?}, but its numbers stand in a tensor of axes {found:?}, some of which a Reshape has joined or cut; apply it before the Reshape"
    )]
    Axes {
        /// The node.
        node: String,
        /// Its op.
        op: &'static str,
        /// The value.
        value: String,
        /// Axes that it reads.
        wanted: Vec<u32>,
        /// Axes of the tensor.
        found: Vec<u32>,
    },
    /// There is nothing to commit to.
    #[error(
        "the model has no weights: every operation on its input is fixed, so there is nothing to commit to; expected at least one Gemm, MatMul, or constant factor or offset"
    )]
    Weightless,
    /// A node's intermediate is not bounded far enough below the field.
    #[error(
        "node {node:?}: accumulator bound 2^{bits}, expected below 2^{limit}; the layer is too wide"
    )]
    Bound {
        /// The node.
        node: String,
        /// Bits of the bound.
        bits: u32,
        /// Accepted.
        limit: u32,
    },
    /// The compiled program refuses a row it was calibrated with.
    #[error("calibration: {0}; compile with more headroom")]
    Calibration(ExecError),
    /// The language model cannot be read or run.
    #[error(transparent)]
    Model(#[from] LlmError),
    /// The float graph refuses the rows.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The program is malformed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The program cannot be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
}
