//! CatBoost models: the JSON of `save_model(format="json")`.
//!
//! A split sends `x > border` (float32) to the right; where a missing value goes is told by the feature. Leaves are
//! summed in float64, scaled, and the bias is added. A one-hot split sends one category to the right, which the file
//! knows by a hash ([`hash`]): categories must be whole numbers. Statistics of categories (CTR), text and embedding
//! features are refused.

mod document;
mod hash;
mod splits;

use serde_json::Value;

use super::ensemble::{MAX_FEATURES, MAX_OUTPUTS};
use super::xgboost::json;
use super::{Decision, Ensemble, Format, Link, Node, Predict, Sum, Target, Tree, TreeError};
use document::{Bias, Document, FeaturesInfo, Grown, ModelInfo, Oblivious};
use splits::Splits;

const FORMAT: Format = Format::CatBoost;
/// Deepest oblivious tree that CatBoost grows.
const MAX_OBLIVIOUS: usize = 16;

/// Reads CatBoost's JSON.
///
/// # Errors
/// [`TreeError`] if the bytes are no such model or use a feature that is not supported.
pub fn read(bytes: &[u8]) -> Result<Ensemble, TreeError> {
    let document: Document = json(FORMAT, bytes)?;
    let info = &document.features_info;
    for (there, what) in [
        (
            !info.ctrs.is_empty(),
            "CTR features (statistics of categories)",
        ),
        (!info.text_features.is_empty(), "text features"),
        (!info.embedding_features.is_empty(), "embedding features"),
    ] {
        if there {
            return Err(TreeError::unsupported(
                FORMAT,
                what,
                "train on numerical features alone",
            ));
        }
    }
    let (scale, bias) = match document.scale_and_bias {
        None => (1.0, vec![0.0]),
        Some((scale, Bias(bias))) => (scale, bias),
    };
    let mut ensemble = head(info, &document.model_info, bias)?;
    let mut splits = Splits::new(info);
    let outputs = ensemble.outputs();
    match (document.oblivious_trees, document.trees) {
        (Some(trees), None) => {
            for (at, tree) in trees.into_iter().enumerate() {
                ensemble
                    .trees
                    .push(oblivious(at, tree, &mut splits, outputs, scale)?);
            }
        }
        (None, Some(trees)) => {
            for (at, tree) in trees.into_iter().enumerate() {
                ensemble
                    .trees
                    .push(grown(at, tree, &mut splits, outputs, scale)?);
            }
        }
        _ => {
            return Err(malformed(
                "document",
                "expected either \"oblivious_trees\" or \"trees\"",
            ));
        }
    }
    ensemble.sets = splits.list;
    ensemble.check()?;
    Ok(ensemble)
}

fn malformed(place: impl Into<String>, problem: impl Into<String>) -> TreeError {
    TreeError::malformed(FORMAT, place, problem)
}

fn head(info: &FeaturesInfo, model: &ModelInfo, base: Vec<f64>) -> Result<Ensemble, TreeError> {
    TreeError::bound("number of outputs", base.len(), MAX_OUTPUTS)?;
    let floats = info.float_features.iter().map(|f| f.flat_feature_index);
    let others = info
        .categorical_features
        .iter()
        .map(|f| f.flat_feature_index);
    let last = floats.chain(others).max();
    let features = last.map_or(0, |last| last as usize + 1);
    TreeError::bound("number of features", features, MAX_FEATURES)?;
    let mut names: Vec<String> = (0..features).map(|f| f.to_string()).collect();
    for feature in &info.float_features {
        if let Some(id) = feature.feature_id.as_ref().filter(|id| !id.is_empty()) {
            names[feature.flat_feature_index as usize].clone_from(id);
        }
    }
    let loss = model.params.loss_function.as_ref();
    let (link, decision) = match loss.map_or("RMSE", |loss| loss.r#type.as_str()) {
        "Logloss" | "CrossEntropy" => (Link::Logistic { scale: 1.0 }, Decision::Above(0.0)),
        "MultiClass" => (Link::Softmax, Decision::ArgMax),
        "MultiClassOneVsAll" => (Link::Logistic { scale: 1.0 }, Decision::ArgMax),
        "MultiLogloss" | "MultiCrossEntropy" => (Link::Logistic { scale: 1.0 }, Decision::None),
        "Poisson" | "Tweedie" | "LogLinQuantile" => (Link::Exp, Decision::None),
        other @ ("RMSEWithUncertainty" | "Cox" | "SurvivalAft") => {
            return Err(TreeError::unsupported(
                FORMAT,
                format!("loss function {other:?}"),
                "train with a loss of one kind of output",
            ));
        }
        _ => (Link::Identity, Decision::None),
    };
    let expected = match decision {
        Decision::None => 0,
        Decision::Above(_) => 2,
        Decision::ArgMax => base.len(),
    };
    let named = model
        .class_params
        .as_ref()
        .map(|p| p.class_names.as_slice());
    let mut labels: Vec<String> = named
        .unwrap_or_default()
        .iter()
        .map(|label| match label {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    if labels.is_empty() || decision == Decision::None {
        labels = (0..expected).map(|l| l.to_string()).collect();
    }
    if labels.len() != expected {
        let found = labels.len();
        return Err(malformed(
            "class_names",
            format!("{found} names, expected {expected}"),
        ));
    }
    Ok(Ensemble {
        format: FORMAT,
        features,
        names,
        base,
        trees: Vec::new(),
        sets: Vec::new(),
        sum: Sum::Double,
        link,
        decision,
        // As the `predict` of its classifiers and regressors.
        predicts: match (decision, loss.map(|loss| loss.r#type.as_str())) {
            (Decision::Above(_) | Decision::ArgMax, _) => Predict::Class,
            (Decision::None, Some("LogLinQuantile")) => Predict::Margin,
            (Decision::None, _) => Predict::Response,
        },
        labels,
        notes: Vec::new(),
    })
}

fn scaled(values: Vec<f64>, scale: f64) -> Vec<f64> {
    values.into_iter().map(|v| v * scale).collect()
}

/// A tree with one split a level: bit `d` of the leaf's index is the answer to split `d`.
fn oblivious(
    at: usize,
    tree: Oblivious,
    known: &mut Splits<'_>,
    outputs: usize,
    scale: f64,
) -> Result<Tree, TreeError> {
    let splits = tree.splits.unwrap_or_default();
    TreeError::bound("depth of an oblivious tree", splits.len(), MAX_OBLIVIOUS)?;
    let leaves = 1usize << splits.len();
    let found = tree.leaf_values.len();
    if found != leaves * outputs {
        return Err(malformed(
            format!("tree {at}: leaf_values"),
            format!("{found} values, expected {leaves} of {outputs}"),
        ));
    }
    // Level by level from the split of the highest bit on; node n of a heap has children 2n+1 and 2n+2.
    let mut nodes = Vec::with_capacity(2 * leaves - 1);
    for split_of_level in splits.iter().rev() {
        for _ in 0..=nodes.len() {
            let n = nodes.len();
            nodes.push(known.node(at, split_of_level, 2 * n + 1, 2 * n + 2)?);
        }
    }
    nodes.extend((0..leaves).map(|index| Node::Leaf {
        index: index as u32,
    }));
    Ok(Tree {
        nodes,
        values: scaled(tree.leaf_values, scale),
        target: Target::All,
    })
}

/// A tree of the policies Depthwise and Lossguide. The parser has bounded its depth.
fn grown(
    at: usize,
    tree: Grown,
    known: &mut Splits<'_>,
    outputs: usize,
    scale: f64,
) -> Result<Tree, TreeError> {
    let place = || format!("tree {at}");
    let mut nodes = vec![Node::Leaf { index: 0 }];
    let mut values = Vec::new();
    let mut todo = vec![(0usize, tree)];
    while let Some((n, node)) = todo.pop() {
        match (node.split, node.left, node.right, node.value) {
            (Some(document), Some(left), Some(right), None) => {
                let child = nodes.len();
                nodes[n] = known.node(at, &document, child, child + 1)?;
                nodes.extend([Node::Leaf { index: 0 }; 2]);
                todo.push((child, *left));
                todo.push((child + 1, *right));
            }
            (None, None, None, Some(Bias(value))) => {
                if value.len() != outputs {
                    let found = value.len();
                    return Err(malformed(
                        place(),
                        format!("a leaf of {found} values, expected {outputs}"),
                    ));
                }
                nodes[n] = Node::Leaf {
                    index: (values.len() / outputs) as u32,
                };
                values.extend(scaled(value, scale));
            }
            _ => {
                return Err(malformed(
                    place(),
                    "a node is neither {split, left, right} nor {value}",
                ));
            }
        }
    }
    Ok(Tree {
        nodes,
        values,
        target: Target::All,
    })
}
