//! Trees in ONNX files: the operators of the domain `ai.onnx.ml`.
//!
//! | part | module |
//! | --- | --- |
//! | the graph's input, the trees | this one |
//! | steps before the trees, labels and ZipMap after them | [`walk`] |
//! | what isolation forests do after them | [`after`] |
//! | attributes of a node | [`attributes`] |
//! | TreeEnsembleClassifier, TreeEnsembleRegressor | [`nodes`] |
//! | TreeEnsemble (version 5) | [`flat`] |
//! | one branch | [`branch`] |
//! | imputers, scalers and encoders, folded into the splits | [`columns`] |
//!
//! Leaves are summed in float32, the base last, as ONNX Runtime does.

mod after;
mod attributes;
mod branch;
mod columns;
mod flat;
mod nodes;
mod walk;

use prost::Message;
use prost::bytes::Bytes;

use super::ensemble::MAX_FEATURES;
use super::{Decision, Ensemble, Format, Link, Predict, Sum, TreeError};
use crate::onnx::messages::{
    DimensionValue, GraphProto, ModelProto, NodeProto, ValueInfoProto, data_type,
};
use crate::onnx::{ImportError, prescan};
use attributes::Attributes;
use walk::Walk;

const FORMAT: Format = Format::Onnx;
const DOMAIN: &str = "ai.onnx.ml";

fn malformed(place: impl Into<String>, problem: impl Into<String>) -> TreeError {
    TreeError::malformed(FORMAT, place, problem)
}

fn unsupported(what: impl Into<String>) -> TreeError {
    TreeError::unsupported(
        FORMAT,
        what,
        "export the trees alone, with float inputs and sums of leaves",
    )
}

/// Decodes the message after a walk over it that bounds the memory.
///
/// # Errors
/// [`TreeError::Onnx`] if the bytes are no ONNX message.
pub fn parse(bytes: &[u8]) -> Result<ModelProto, TreeError> {
    prescan::prescan(bytes)?;
    ModelProto::decode(Bytes::copy_from_slice(bytes))
        .map_err(|e| ImportError::Protobuf(e.to_string()).into())
}

fn is_tree(node: &NodeProto) -> bool {
    node.domain == DOMAIN && node.op_type.starts_with("TreeEnsemble")
}

/// Whether the graph has an operator of trees.
#[must_use]
pub fn holds_trees(model: &ModelProto) -> bool {
    let nodes = model.graph.iter().flat_map(|g| &g.node);
    nodes.into_iter().any(is_tree)
}

/// Reads a model with one operator of trees.
///
/// # Errors
/// [`TreeError`] if the model is not supported.
pub fn read(model: &ModelProto) -> Result<Ensemble, TreeError> {
    let Some(graph) = &model.graph else {
        return Err(malformed("model", "holds no graph"));
    };
    let (input, stated) = input(graph)?;
    let features = match stated {
        Some(stated) => stated,
        None => guessed(graph)?,
    };
    let mut walk = Walk::new(graph, input, features)?;
    for node in &graph.node {
        walk.node(node)?;
    }
    let mut ensemble = walk.ensemble()?;
    ensemble.features = features;
    ensemble.check()?;
    Ok(ensemble)
}

/// The number of features where the input does not state it: what steps are made for, or the last that trees read.
fn guessed(graph: &GraphProto) -> Result<usize, TreeError> {
    let mut most = 0;
    for node in &graph.node {
        let attributes = Attributes::new(node)?;
        if let Some(width) = columns::width(&node.op_type, &attributes)? {
            return Ok(width);
        }
        if is_tree(node) {
            let read = attributes.ints("nodes_featureids")?.iter().max();
            most = most.max(read.map_or(0, |last| last.saturating_add(1)));
        }
    }
    let most = usize::try_from(most).unwrap_or(0);
    TreeError::bound("number of features", most, MAX_FEATURES)?;
    Ok(most)
}

/// Name and number of features of the one input.
fn input(graph: &GraphProto) -> Result<(&str, Option<usize>), TreeError> {
    let constant = |i: &&ValueInfoProto| !graph.initializer.iter().any(|t| t.name == i.name);
    let inputs: Vec<_> = graph.input.iter().filter(constant).take(2).collect();
    let [input] = inputs.as_slice() else {
        return Err(unsupported(
            "a graph that has not one input (a table of columns)",
        ));
    };
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let Some(tensor) = tensor.filter(|t| t.elem_type == data_type::FLOAT) else {
        return Err(unsupported(format!(
            "input {:?}, which is no float tensor,",
            input.name
        )));
    };
    let dims = tensor
        .shape
        .as_ref()
        .map(|s| s.dim.as_slice())
        .unwrap_or_default();
    let width = match dims.get(1).and_then(|d| d.value.as_ref()) {
        Some(&DimensionValue::Value(n)) if n > 0 => {
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            TreeError::bound("number of features", n, MAX_FEATURES)?;
            Some(n)
        }
        _ => None,
    };
    Ok((&input.name, width))
}

fn trees(node: &NodeProto, attributes: &Attributes<'_>) -> Result<Ensemble, TreeError> {
    let mut ensemble = Ensemble {
        format: FORMAT,
        features: 0,
        names: Vec::new(),
        base: Vec::new(),
        trees: Vec::new(),
        sets: Vec::new(),
        sum: Sum::SingleThenBase,
        link: Link::Identity,
        decision: Decision::None,
        predicts: Predict::Response,
        labels: Vec::new(),
        notes: Vec::new(),
    };
    match node.op_type.as_str() {
        "TreeEnsembleClassifier" => nodes::classifier(attributes, &mut ensemble)?,
        "TreeEnsembleRegressor" => nodes::regressor(attributes, &mut ensemble)?,
        "TreeEnsemble" => flat::read(attributes, &mut ensemble)?,
        other => return Err(unsupported(format!("operator {other:?}"))),
    }
    Ok(ensemble)
}

/// The average over trees.
fn average(ensemble: &mut Ensemble) {
    let count = ensemble.trees.len() as f64;
    for value in ensemble.trees.iter_mut().flat_map(|t| &mut t.values) {
        *value /= count;
    }
}
