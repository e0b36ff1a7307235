//! Trees in ONNX files: the operators of the domain `ai.onnx.ml`.
//!
//! | part | module |
//! | --- | --- |
//! | the graph: steps before the trees, the trees, labels and ZipMap after them | this one |
//! | attributes of a node | [`attributes`] |
//! | TreeEnsembleClassifier, TreeEnsembleRegressor | [`nodes`] |
//! | TreeEnsemble (version 5) | [`flat`] |
//! | one branch | [`branch`] |
//! | Imputer and Scaler, folded into the splits | [`stages`] |
//!
//! Leaves are summed in float32, the base last, as ONNX Runtime does.

mod attributes;
mod branch;
mod flat;
mod nodes;
mod stages;

use prost::Message;
use prost::bytes::Bytes;

use super::ensemble::MAX_FEATURES;
use super::{Decision, Ensemble, Format, Link, Node, Predict, Sum, TreeError};
use crate::onnx::messages::{
    DimensionValue, GraphProto, ModelProto, NodeProto, ValueInfoProto, data_type,
};
use crate::onnx::{ImportError, prescan};
use attributes::Attributes;
use stages::{Stage, Stages};

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
    let (input, width) = input(graph)?;
    let mut walk = Walk {
        current: input,
        after: Vec::new(),
        stages: Stages(Vec::new()),
        ensemble: None,
    };
    for node in &graph.node {
        walk.node(node)?;
    }
    let Some(mut ensemble) = walk.ensemble else {
        return Err(malformed("graph", "holds no trees"));
    };
    let splits = ensemble.trees.iter_mut().flat_map(|t| &mut t.nodes);
    let mut last = 0;
    for node in splits {
        if let Node::Split(split) = node {
            last = last.max(split.feature as usize + 1);
            TreeError::bound("number of features", last, MAX_FEATURES)?;
            walk.stages.fold(split)?;
        }
    }
    let stated = width.or(walk.stages.features()?);
    ensemble.features = stated.unwrap_or(last);
    ensemble.check()?;
    Ok(ensemble)
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

/// The walk over the nodes of a graph.
struct Walk<'a> {
    /// The rows, as they are so far.
    current: &'a str,
    /// What comes out of the trees.
    after: Vec<&'a str>,
    stages: Stages,
    ensemble: Option<Ensemble>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a NodeProto) -> Result<(), TreeError> {
        let attributes = Attributes::new(node)?;
        let [from, ..] = node.input.as_slice() else {
            return Err(unsupported(format!(
                "{} without an operand",
                attributes.place()
            )));
        };
        let Some(to) = node.output.first() else {
            return Err(malformed(attributes.place(), "no result"));
        };
        if self.after.contains(&from.as_str()) {
            return match node.op_type.as_str() {
                "Identity" | "Cast" | "ZipMap" => {
                    self.after.push(to);
                    Ok(())
                }
                _ => Err(unsupported(format!(
                    "{} after the trees",
                    attributes.place()
                ))),
            };
        }
        if from != self.current {
            return Err(unsupported(format!(
                "{} beside the trees",
                attributes.place()
            )));
        }
        match node.op_type.as_str() {
            "Identity" => self.current = to,
            "Cast" if attributes.int("to")? == Some(i64::from(data_type::FLOAT)) => {
                self.current = to;
            }
            "Imputer" | "Scaler" => {
                let stage = if node.op_type == "Imputer" {
                    Stage::imputer(&attributes)?
                } else {
                    Stage::scaler(&attributes)?
                };
                self.stages.0.push(stage);
                self.current = to;
            }
            _ if is_tree(node) && self.ensemble.is_none() => {
                self.ensemble = Some(trees(node, &attributes)?);
                self.after = node.output.iter().map(String::as_str).collect();
            }
            _ if is_tree(node) => {
                return Err(unsupported("a graph with several operators of trees"));
            }
            _ => {
                return Err(unsupported(format!(
                    "{} before the trees",
                    attributes.place()
                )));
            }
        }
        Ok(())
    }
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
