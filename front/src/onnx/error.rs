//! Why a model cannot be imported.

use std::path::PathBuf;

use thiserror::Error;

use crate::graph::GraphError;

/// Why a model cannot be imported. Every message names the place, what was found and what is accepted.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("model {path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file or one of its parts is larger than the importer accepts.
    #[error("model: {what} is {found}, at most {limit} is accepted")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// The bytes are not an ONNX protobuf message.
    #[error(
        "model: not a valid ONNX file, it is truncated or altered: {0}; export the model again"
    )]
    Protobuf(String),
    /// The file format's version is not known.
    #[error(
        "model: ONNX IR version {found}, expected {min} to {max}; export with a supported version"
    )]
    IrVersion {
        /// Version found.
        found: i64,
        /// Lowest accepted.
        min: i64,
        /// Highest accepted.
        max: i64,
    },
    /// The operator set's version is not known.
    #[error(
        "model: opset {found}, expected {min} to {max}; export with opset_version={max} or lower"
    )]
    Opset {
        /// Version found.
        found: i64,
        /// Lowest accepted.
        min: i64,
        /// Highest accepted.
        max: i64,
    },
    /// Something every model must have is missing or is there more than once.
    #[error("model: {problem}")]
    Graph {
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// An operator outside the catalogue.
    #[error("model: node {node:?}: unknown op {op:?}; supported: {supported}")]
    UnknownOp {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// The catalogue.
        supported: String,
    },
    /// A dimension other than the batch is not a number.
    #[error(
        "model: input {input:?}: dimension {index} is {found}; only the first (batch) dimension may be symbolic or -1, export with static feature dimensions"
    )]
    DynamicShape {
        /// The graph input.
        input: String,
        /// Index of the dimension.
        index: usize,
        /// What stands there.
        found: String,
    },
    /// The first dimension is fixed to a batch other than one.
    #[error(
        "model: input {input:?}: the first dimension is {found}, expected a symbol, -1 or 1; export with a dynamic batch axis"
    )]
    FixedBatch {
        /// The graph input.
        input: String,
        /// Its first dimension.
        found: i64,
    },
    /// A node names a value that no initializer, input or earlier node defines.
    #[error(
        "model: node {node:?} ({op}): operand {operand:?} is not defined; an initializer is missing or the nodes are out of order"
    )]
    MissingValue {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// The undefined name.
        operand: String,
    },
    /// A constant's shape and data disagree or its type is not supported.
    #[error("model: tensor {tensor:?}: {problem}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// A constant holds NaN or an infinity.
    #[error(
        "model: tensor {tensor:?}: element {index} is {value}, expected a finite number; the model is damaged or was not trained to convergence"
    )]
    NonFinite {
        /// The tensor.
        tensor: String,
        /// Flat index.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A node's operands, shapes or attributes are outside what its operator supports.
    #[error("model: node {node:?} ({op}): {problem}")]
    Node {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong: expected and found.
        problem: String,
    },
    /// The float graph is inconsistent.
    #[error(transparent)]
    FloatGraph(#[from] GraphError),
}
