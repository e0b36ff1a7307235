//! Why a language model cannot be imported or run.

use std::path::PathBuf;

use thiserror::Error;

use crate::graph::GraphError;

/// Why a language model cannot be imported or run. Every message names the place, what was found, what is
/// accepted and how to mend it.
#[derive(Debug, Error)]
pub enum LlmError {
    /// A file cannot be read.
    #[error("model {path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The path is none of the known formats.
    #[error(
        "model {path}: the format is not known; expected a folder with config.json and model.safetensors, a .safetensors file, a .gguf file or a llama2.c .bin file"
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A file ends before something it announces.
    #[error(
        "{place}: {what} needs {needed} bytes at offset {offset}, the file has {length}; it is truncated or altered, fetch it again"
    )]
    Truncated {
        /// The file.
        place: String,
        /// What was being read.
        what: String,
        /// Where.
        offset: u64,
        /// How many bytes it takes.
        needed: u64,
        /// The file's length.
        length: u64,
    },
    /// A count or size is above what the importer accepts.
    #[error("{place}: {what} is {found}, at most {limit} is accepted")]
    TooLarge {
        /// The file.
        place: String,
        /// What is too large.
        what: String,
        /// Its size.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// The container's structure is wrong: magic, version, names, offsets.
    #[error("{place}: {problem}")]
    Format {
        /// The file.
        place: String,
        /// What is wrong: expected, found, how to mend.
        problem: String,
    },
    /// A setting of the architecture is missing, out of its bounds or not supported.
    #[error("model configuration: {field} is {found}, expected {expected}")]
    Config {
        /// The setting.
        field: String,
        /// What stands there.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// A tensor the architecture needs is not in the file.
    #[error("{place}: tensor {tensor:?} is missing; the file is not a whole Llama model")]
    MissingTensor {
        /// The file.
        place: String,
        /// The tensor.
        tensor: String,
    },
    /// A tensor that the architecture does not have: ignoring it would compute another function.
    #[error(
        "{place}: tensor {tensor:?} is not part of a Llama model; supported are models without biases, experts and adapters"
    )]
    UnknownTensor {
        /// The file.
        place: String,
        /// The tensor.
        tensor: String,
    },
    /// A tensor's shape is not what the configuration asks for.
    #[error("{place}: tensor {tensor:?} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The file.
        place: String,
        /// The tensor.
        tensor: String,
        /// Its shape, outermost first.
        found: Vec<u64>,
        /// The shape from the configuration.
        expected: Vec<u64>,
    },
    /// A tensor's element type is not supported.
    #[error("{place}: tensor {tensor:?} has element type {found}; supported: {supported}")]
    Encoding {
        /// The file.
        place: String,
        /// The tensor.
        tensor: String,
        /// The element type found.
        found: String,
        /// The list of those accepted.
        supported: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "weights of {part}: element {index} is {value}, expected a finite number; the model is damaged"
    )]
    NonFinite {
        /// The matrix.
        part: String,
        /// Flat index.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The model cannot be run.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A part that this model does not have was asked for.
    #[error("the model has no {part}: it has {layers} layers")]
    NoSuchPart {
        /// The part.
        part: String,
        /// Number of layers.
        layers: usize,
    },
    /// Token ids that the model cannot take.
    #[error("tokens: {problem}")]
    Tokens {
        /// What is wrong.
        problem: String,
    },
    /// The tokenizer cannot be built or does not accept a text.
    #[error("tokenizer: {problem}")]
    Tokenizer {
        /// What is wrong.
        problem: String,
    },
}
