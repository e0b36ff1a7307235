//! Why a program cannot be run.

use laminate_protocol::program::ProgramError;
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
    /// A computed value is out of range; nothing saturates.
    #[error(
        "node {node} {name:?} ({op}), row {row}, feature {feature}: {what} is {value}, expected {lowest} to {highest}; the input is outside the calibrated range, calibrate with data like it or with more headroom"
    )]
    OutOfRange {
        /// Index of the node.
        node: usize,
        /// Its name in the model.
        name: String,
        /// Its op.
        op: &'static str,
        /// Which value of the node.
        what: &'static str,
        /// The batch slot, from 0.
        row: usize,
        /// The feature, from 0.
        feature: usize,
        /// The integer value.
        value: i128,
        /// Lowest accepted.
        lowest: i64,
        /// Highest accepted.
        highest: i64,
    },
}
