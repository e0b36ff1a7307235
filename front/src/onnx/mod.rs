//! Import of ONNX models into a [`Graph`].
//!
//! | step | module |
//! | --- | --- |
//! | file with a size cap, versions, graph input and output | this one |
//! | walk over the wire format against decoder bombs | [`prescan`] |
//! | messages | [`messages`] |
//! | constants in files beside the model | [`external`] |
//! | constants, checked against their shapes | [`tensor`] |
//! | one file per operator, in a registry | [`ops`] |
//! | graphs that are one operator | `recognise` |
//! | initial states of zeros | `zero_states` |
//! | draft graph while nodes are read | [`builder`] |
//! | constant factors and offsets folded into dense layers | [`fold`] |
//!
//! The first dimension of the inputs is the batch (a symbol, -1 or 1), or the second of one that a
//! recurrent operator reads; all others are static and flattened. Where
//! it is another number, or an input has no such axis, the model is one row: all dimensions are features. Several inputs
//! are one behind the other in a row, as are several outputs. Integers and Booleans are the numbers that they are. Accepted: IR versions 3 to 14, opsets 7 to 25, between which the operators of [`ops`] differ in
//! what is told there and in element types that are refused anyway. The bytes are untrusted: nothing here
//! panics on them, and nothing is allocated before its size is checked against the data at hand.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

pub mod builder;
mod error;
pub mod external;
mod fold;
pub mod messages;
pub mod ops;
pub mod prescan;
mod recognise;
pub mod tensor;
#[cfg(test)]
mod tests;
mod zero_states;

pub use error::ImportError;

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use builder::{Builder, First, Input, Value};
use messages::{DimensionValue, GraphProto, ModelProto, ValueInfoProto, data_type};
use tensor::{Constant, Elements};

use crate::graph::Graph;

/// Largest model file: protobuf's own limit for one message.
pub const MAX_FILE: u64 = 1 << 31;
/// Accepted versions of the file format.
pub const IR_VERSIONS: std::ops::RangeInclusive<i64> = 3..=14;
/// Accepted versions of the standard operator set.
pub const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

/// Reads an ONNX file.
///
/// # Errors
/// [`ImportError`] if the file cannot be read or is not a supported model.
pub fn read(path: &Path) -> Result<Graph, ImportError> {
    let fail = |source| ImportError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    // One byte over the cap tells a file that is too large from one that just fits.
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    let mut model = parse(bytes)?;
    external::embed(&mut model, path)?;
    from_model(&model)
}

/// Reads an ONNX model from memory; its constants must be in it.
///
/// # Errors
/// [`ImportError`] if the bytes are not a supported model.
pub fn decode(bytes: Vec<u8>) -> Result<Graph, ImportError> {
    from_model(&parse(bytes)?)
}

fn parse(bytes: Vec<u8>) -> Result<ModelProto, ImportError> {
    if bytes.len() as u64 > MAX_FILE {
        return Err(ImportError::TooLarge {
            what: "file size".into(),
            found: bytes.len() as u64,
            limit: MAX_FILE,
        });
    }
    prescan::prescan(&bytes)?;
    ModelProto::decode(Bytes::from(bytes)).map_err(|e| ImportError::Protobuf(e.to_string()))
}

/// Converts a decoded model.
///
/// # Errors
/// [`ImportError`] if the model is not supported.
pub fn from_model(model: &ModelProto) -> Result<Graph, ImportError> {
    let Some(graph) = &model.graph else {
        return Err(problem("holds no graph: not an ONNX model, or truncated"));
    };
    if !IR_VERSIONS.contains(&model.ir_version) {
        return Err(ImportError::IrVersion {
            found: model.ir_version,
            min: *IR_VERSIONS.start(),
            max: *IR_VERSIONS.end(),
        });
    }
    let opset = opset(model)?;
    if !graph.sparse_initializer.is_empty() {
        return Err(problem(
            "holds sparse initializers, expected dense ones; export without sparse weights",
        ));
    }
    let (batch, row) = (inputs(graph, First::Batch), inputs(graph, First::Feature));
    match (batch, row) {
        (Ok(batch), Err(_)) => import(graph, opset, First::Batch, &batch),
        (Err(_), Ok(row)) => import(graph, opset, First::Feature, &row),
        (Err(error), Err(_)) => Err(error),
        // A batch of one: what does not keep it apart from the features reads it as one of them.
        (Ok(batch), Ok(row)) => import(graph, opset, First::Batch, &batch)
            .or_else(|error| import(graph, opset, First::Feature, &row).map_err(|_| error)),
    }
}

fn import(
    graph: &GraphProto,
    opset: i64,
    first: First,
    inputs: &[Input<'_>],
) -> Result<Graph, ImportError> {
    let mut builder = Builder::new(graph, first)?;
    builder.define_inputs(inputs)?;
    let fused = recognise::recognise(graph);
    let zeros = zero_states::find(graph);
    for (index, node) in graph.node.iter().enumerate() {
        if zeros.contains(&index) {
            let name = node.output.first().map_or("", String::as_str);
            let zero = Constant::new(name, vec![1], Elements::Float(vec![0.0]))?;
            builder.define(name, Value::Constant(zero))?;
            continue;
        }
        ops::build(&mut builder, node, index, opset, fused.get(&index))?;
    }
    let outputs: Vec<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    if outputs.is_empty() {
        return Err(problem("has no outputs, expected one or several"));
    }
    builder.finish(&outputs)
}

fn problem(problem: impl Into<String>) -> ImportError {
    ImportError::Graph {
        problem: problem.into(),
    }
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

fn opset(model: &ModelProto) -> Result<i64, ImportError> {
    let mut standard = model.opset_import.iter().filter(|o| is_standard(&o.domain));
    let Some(found) = standard.next().map(|o| o.version) else {
        return Err(problem(
            "imports no standard operator set (domain \"\" or \"ai.onnx\")",
        ));
    };
    // Some converters write one import several times.
    if let Some(other) = standard.find(|o| o.version != found) {
        return Err(problem(format!(
            "imports the standard operator set in versions {found} and {}, expected one",
            other.version
        )));
    }
    if OPSETS.contains(&found) {
        return Ok(found);
    }
    Err(ImportError::Opset {
        found,
        min: *OPSETS.start(),
        max: *OPSETS.end(),
    })
}

/// Whether a dimension is a number above one.
fn is_fixed(input: &ValueInfoProto, axis: usize) -> bool {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let dim = tensor.and_then(|t| t.shape.as_ref()?.dim.get(axis)?.value.as_ref());
    matches!(dim, Some(DimensionValue::Value(2..)))
}

/// The inputs that are no initializers, their first dimension the batch or a feature axis.
fn inputs(graph: &GraphProto, first: First) -> Result<Vec<Input<'_>>, ImportError> {
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let all = graph.input.iter();
    let found = all.filter(|i| !constants.contains(i.name.as_str()));
    let found = found.map(|input| self::input(graph, input, first));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err(problem("has no inputs, expected one or several"));
    }
    Ok(found)
}

fn input<'g>(
    graph: &GraphProto,
    input: &'g ValueInfoProto,
    first: First,
) -> Result<Input<'g>, ImportError> {
    let name = &input.name;
    let Some(tensor) = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return Err(problem(format!("input {name:?} is not a tensor")));
    };
    if !data_type::is_number(tensor.elem_type) {
        return Err(problem(format!(
            "input {name:?} has element type {}, expected a number: float (1), integers or bool (9)",
            tensor.elem_type
        )));
    }
    let steps_first =
        first == First::Batch && ops::reads_steps_first(graph, name) && !is_fixed(input, 1);
    let place = usize::from(steps_first);
    let mut dims = tensor
        .shape
        .as_ref()
        .map(|s| s.dim.clone())
        .unwrap_or_default();
    if let Some(dims) = dims.get_mut(..=place) {
        dims.rotate_right(1);
    }
    let (features, skipped) = match (first, dims.as_slice()) {
        (First::Feature, dims) if tensor.shape.is_some() => (dims, 0),
        (First::Batch, [batch, features @ ..]) if !features.is_empty() => {
            if let Some(DimensionValue::Value(found)) = batch.value
                && !matches!(found, -1..=1)
            {
                return Err(ImportError::FixedBatch {
                    input: name.clone(),
                    found,
                });
            }
            (features, 1)
        }
        (First::Batch, [_]) => {
            return Err(problem(format!(
                "input {name:?} has one dimension, expected (batch, features…) or a number of features"
            )));
        }
        _ => {
            return Err(problem(format!(
                "input {name:?} has no shape, expected (batch, features…)"
            )));
        }
    };
    let fixed = features.iter().enumerate().map(|(i, dim)| {
        let found = match &dim.value {
            Some(DimensionValue::Value(n)) if *n > 0 => {
                return Ok(usize::try_from(*n).unwrap_or(usize::MAX));
            }
            Some(DimensionValue::Value(n)) => n.to_string(),
            Some(DimensionValue::Symbol(s)) => format!("symbol {s:?}"),
            None => "unknown".into(),
        };
        Err(ImportError::DynamicShape {
            input: name.clone(),
            index: match skipped {
                0 => i,
                _ if i < place => i,
                _ => i + 1,
            },
            found,
        })
    });
    Ok(Input {
        name,
        kind: tensor.elem_type,
        features: fixed.collect::<Result<_, _>>()?,
        batch: place,
    })
}
