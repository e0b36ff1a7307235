//! Tree models: decision trees, random forests, gradient boosting.
//!
//! | step | module |
//! | --- | --- |
//! | which format, caps | this one |
//! | XGBoost: JSON and UBJSON, the old binary format | [`xgboost`], [`ubjson`], [`xgboost::binary`] |
//! | LightGBM: text | [`lightgbm`] |
//! | CatBoost: JSON | [`catboost`] |
//! | ONNX-ML: TreeEnsembleClassifier, TreeEnsembleRegressor, TreeEnsemble (and scikit-learn through skl2onnx) | [`onnx_ml`] |
//! | what the file means, in floats | [`ensemble`], [`eval`] |
//! | ordered integer keys of float32 | [`keys`] |
//! | tables of the forest machine, and its interpreter | [`lower`], [`machine`] |
//! | what follows the margins: link functions and classes as step functions, softmax | [`head`], [`stairs`], `softmax` |
//! | a program of the forest op; how close it is to the library | [`program`], [`agreement`] |
//!
//! The bytes are untrusted: nothing here panics on them, nothing recurses as deep as they say, and nothing is allocated
//! before its size is checked against the data at hand. Formats and semantics are set out in `docs/specs/trees.md`.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod agreement;
pub mod catboost;
pub mod ensemble;
mod error;
mod eval;
pub mod head;
pub mod keys;
pub mod lightgbm;
pub mod lower;
pub mod machine;
pub mod onnx_ml;
pub mod program;
mod softmax;
pub mod stairs;
pub mod ubjson;
pub mod xgboost;

pub use ensemble::{Decision, Ensemble, Link, Node, Set, Split, Sum, Target, Test, Tree};
pub use error::TreeError;
pub use head::{Head, Predict};
pub use lower::{Lowered, lower};
pub use machine::{Machine, MachineError, Row, Variant};

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::onnx::messages::ModelProto;

/// Largest model file.
pub const MAX_FILE: u64 = 1 << 30;

/// What the readers accept.
pub const ACCEPTED: &str =
    "XGBoost (JSON, UBJSON, old binary), LightGBM (text), CatBoost (JSON) or ONNX-ML trees";

/// A format of tree models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// XGBoost.
    XgBoost,
    /// LightGBM.
    LightGbm,
    /// CatBoost.
    CatBoost,
    /// ONNX-ML.
    Onnx,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XgBoost => "XGBoost",
            Self::LightGbm => "LightGBM",
            Self::CatBoost => "CatBoost",
            Self::Onnx => "ONNX",
        })
    }
}

/// Reads a tree model from a file, by its content.
///
/// # Errors
/// [`TreeError`] if the file cannot be read or is not a supported model.
pub fn read(path: &Path) -> Result<Ensemble, TreeError> {
    let (bytes, content) = open(path)?;
    convert(&bytes, content)
}

/// Reads a tree model from a file if it is one by its content: none for other models, such as ONNX graphs of neural
/// nets, and for what is no model that is known.
///
/// # Errors
/// [`TreeError`] if the file cannot be read, is a damaged or unsupported tree model, or is a file of a tree library that
/// must be saved in another format.
pub fn read_if_trees(path: &Path) -> Result<Option<Ensemble>, TreeError> {
    let fail = |source| TreeError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut head = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(HEAD).read_to_end(&mut head).map_err(fail)?;
    if !may_be_trees(&head) {
        return Ok(None);
    }
    // An ONNX model of a neural net may be larger than any of trees.
    let large = std::fs::metadata(path).map_err(fail)?.len() > MAX_FILE;
    if large && head.first() == Some(&0x08) {
        return Ok(None);
    }
    match open(path)? {
        (_, Content::Other) => Ok(None),
        (bytes, content) => convert(&bytes, content).map(Some),
    }
}

fn open(path: &Path) -> Result<(Vec<u8>, Content), TreeError> {
    let fail = |source| TreeError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    // One byte over the cap tells a file that is too large from one that just fits.
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    TreeError::bound("file size", bytes.len(), MAX_FILE as usize)?;
    let content = recognise(&bytes)?;
    Ok((bytes, content))
}

/// Reads a tree model from memory, by its content.
///
/// # Errors
/// [`TreeError`] if the bytes are not a supported model.
pub fn decode(bytes: &[u8]) -> Result<Ensemble, TreeError> {
    TreeError::bound("file size", bytes.len(), MAX_FILE as usize)?;
    convert(bytes, recognise(bytes)?)
}

fn convert(bytes: &[u8], content: Content) -> Result<Ensemble, TreeError> {
    match content {
        Content::Other => Err(TreeError::Unknown {
            found: "no model of trees that is known".into(),
        }),
        Content::Onnx(model) => onnx_ml::read(&model),
        Content::XgBoostJson => xgboost::read_json(bytes),
        Content::XgBoostUbj => xgboost::read_ubjson(bytes),
        Content::XgBoostBinary => xgboost::binary::read(bytes),
        Content::LightGbm => lightgbm::read(bytes),
        Content::CatBoost => catboost::read(bytes),
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An ONNX model with trees, decoded.
    Onnx(Box<ModelProto>),
    /// XGBoost's JSON.
    XgBoostJson,
    /// XGBoost's UBJSON.
    XgBoostUbj,
    /// XGBoost's old binary format.
    XgBoostBinary,
    /// LightGBM's text.
    LightGbm,
    /// CatBoost's JSON.
    CatBoost,
    /// An ONNX model without trees, or nothing that is known.
    Other,
}

/// Bytes that tell whether a file may hold trees.
const HEAD: u64 = 4096;

/// Whether the first bytes of a file may be those of a tree model; a longer look is [`recognise`].
fn may_be_trees(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'['))
        || matches!(head.first(), Some(0x08 | 0x80))
        || [&b"tree\n"[..], b"tree\r\n", b"bs64", b"CBM1"]
            .iter()
            .any(|start| text.starts_with(start))
        || xgboost::binary::recognise(head)
}

/// The top level of a JSON document, as far as it tells the libraries apart.
#[derive(serde::Deserialize)]
struct Top {
    learner: Option<serde::de::IgnoredAny>,
    oblivious_trees: Option<serde::de::IgnoredAny>,
    features_info: Option<serde::de::IgnoredAny>,
    tree_info: Option<serde::de::IgnoredAny>,
}

/// Tells the format by the first bytes, and JSON documents by their top level.
///
/// # Errors
/// [`TreeError::Unknown`] for a file of a library in another format, with what to do about it.
pub fn recognise(bytes: &[u8]) -> Result<Content, TreeError> {
    let unknown = |found: &str| {
        Err(TreeError::Unknown {
            found: found.into(),
        })
    };
    let text = bytes.trim_ascii_start();
    match bytes {
        [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'$' | b'#', ..] => Ok(Content::XgBoostUbj),
        _ if text.first() == Some(&b'{') => match serde_json::from_slice::<Top>(bytes) {
            Ok(Top {
                learner: Some(_), ..
            }) => Ok(Content::XgBoostJson),
            Ok(top) if top.features_info.is_some() || top.oblivious_trees.is_some() => {
                Ok(Content::CatBoost)
            }
            Ok(Top {
                tree_info: Some(_), ..
            }) => unknown("a dump of LightGBM; save the model with save_model"),
            Ok(_) => unknown("a JSON document of no known library"),
            Err(error) => unknown(&format!("a damaged JSON document ({error})")),
        },
        _ if text.first() == Some(&b'[') => {
            unknown("a JSON list, perhaps a dump of XGBoost; save the model with save_model")
        }
        _ if text.starts_with(b"tree\n") || text.starts_with(b"tree\r\n") => Ok(Content::LightGbm),
        [b'b', b's', b'6', b'4', ..] => {
            unknown("an XGBoost model in base64; save the model with save_model")
        }
        [b'C', b'B', b'M', b'1', ..] => {
            unknown("CatBoost's own binary format; save the model with format=\"json\"")
        }
        [0x80, 2..=5, ..] => {
            unknown("a Python pickle; save an ONNX file (skl2onnx) or the library's own format")
        }
        _ if xgboost::binary::recognise(bytes) => Ok(Content::XgBoostBinary),
        // The version of the format is the first field of an ONNX file.
        [0x08, ..] => match onnx_ml::parse(bytes) {
            Ok(model) if onnx_ml::holds_trees(&model) => Ok(Content::Onnx(Box::new(model))),
            // The importer of other ONNX models says what is wrong.
            _ => Ok(Content::Other),
        },
        _ => Ok(Content::Other),
    }
}
