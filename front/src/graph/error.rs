//! What is wrong with a graph, or with what it is run on.

use thiserror::Error;

use super::ParamError;

/// What is wrong with a graph, or with what it is run on.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GraphError {
    /// Operands, parameters or shapes of a node do not fit its op.
    #[error("float graph: node {node:?} ({op}): {problem}")]
    Node {
        /// The node.
        node: String,
        /// Its op.
        op: &'static str,
        /// Expected and found.
        problem: String,
    },
    /// A value has no definition, several, or axes that a value cannot have.
    #[error("float graph: value {value}: {problem}")]
    Value {
        /// Its name or index.
        value: String,
        /// What is wrong.
        problem: String,
    },
    /// A row is not the model's, or leads to a value that is no number.
    #[error("float graph: row {row}: {problem}")]
    Row {
        /// The row, from 0.
        row: usize,
        /// Expected and found.
        problem: String,
    },
    /// A parameter cannot be read.
    #[error(transparent)]
    Param(#[from] ParamError),
}
