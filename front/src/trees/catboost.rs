//! CatBoost models: the JSON of `save_model(format="json")`.
//!
//! A split sends `x > border` (float32) to the right; where a missing value goes is told by the feature. Leaves are
//! summed in float64, scaled, and the bias is added. Category features need CatBoost's hashes and statistics of the
//! training data and are refused, as are text and embedding features.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};
use serde_json::Value;

use super::ensemble::{MAX_FEATURES, MAX_OUTPUTS};
use super::xgboost::json;
use super::{Decision, Ensemble, Format, Link, Node, Split, Sum, Target, Test, Tree, TreeError};

const FORMAT: Format = Format::CatBoost;
/// Deepest oblivious tree that CatBoost grows.
const MAX_OBLIVIOUS: usize = 16;

#[derive(Deserialize)]
struct Document {
    features_info: FeaturesInfo,
    model_info: ModelInfo,
    #[serde(default)]
    oblivious_trees: Option<Vec<Oblivious>>,
    #[serde(default)]
    trees: Option<Vec<Grown>>,
    #[serde(default)]
    scale_and_bias: Option<(f64, Bias)>,
}

#[derive(Deserialize)]
struct FeaturesInfo {
    #[serde(default)]
    float_features: Vec<FloatFeature>,
    #[serde(default)]
    categorical_features: Vec<OtherFeature>,
    #[serde(default)]
    text_features: Vec<IgnoredAny>,
    #[serde(default)]
    embedding_features: Vec<IgnoredAny>,
    #[serde(default)]
    ctrs: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct FloatFeature {
    flat_feature_index: u32,
    #[serde(default)]
    feature_id: Option<String>,
    nan_value_treatment: NanTreatment,
}

#[derive(Deserialize)]
struct OtherFeature {
    flat_feature_index: u32,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
enum NanTreatment {
    /// No missing value in training: it fails every comparison with a border, as [`Self::Low`].
    #[serde(rename = "AsIs")]
    Unseen,
    #[serde(rename = "AsFalse")]
    Low,
    #[serde(rename = "AsTrue")]
    High,
}

#[derive(Deserialize)]
struct ModelInfo {
    #[serde(default)]
    params: Params,
    #[serde(default)]
    class_params: Option<ClassParams>,
}

#[derive(Default, Deserialize)]
struct Params {
    #[serde(default)]
    loss_function: Option<Loss>,
}

#[derive(Deserialize)]
struct Loss {
    r#type: String,
}

#[derive(Deserialize)]
struct ClassParams {
    #[serde(default)]
    class_names: Vec<Value>,
}

/// One number, or one for each output. Through `Value`: untagged enums do not read numbers when a dependency turns on
/// serde_json's arbitrary precision.
struct Bias(Vec<f64>);

impl<'de> Deserialize<'de> for Bias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let items = match &value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
        numbers
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected a number or a list of numbers"))
    }
}

#[derive(Deserialize)]
struct Oblivious {
    leaf_values: Vec<f64>,
    #[serde(default)]
    splits: Option<Vec<SplitDocument>>,
}

#[derive(Deserialize)]
struct SplitDocument {
    split_type: String,
    #[serde(default)]
    border: Option<f64>,
    #[serde(default)]
    float_feature_index: Option<u32>,
}

#[derive(Deserialize)]
struct Grown {
    #[serde(default)]
    split: Option<SplitDocument>,
    #[serde(default)]
    left: Option<Box<Grown>>,
    #[serde(default)]
    right: Option<Box<Grown>>,
    #[serde(default)]
    value: Option<Bias>,
}

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
    let floats = &info.float_features;
    let outputs = ensemble.outputs();
    match (document.oblivious_trees, document.trees) {
        (Some(trees), None) => {
            for (at, tree) in trees.into_iter().enumerate() {
                ensemble
                    .trees
                    .push(oblivious(at, tree, floats, outputs, scale)?);
            }
        }
        (None, Some(trees)) => {
            for (at, tree) in trees.into_iter().enumerate() {
                ensemble
                    .trees
                    .push(grown(at, tree, floats, outputs, scale)?);
            }
        }
        _ => {
            return Err(malformed(
                "document",
                "expected either \"oblivious_trees\" or \"trees\"",
            ));
        }
    }
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
        "RMSEWithUncertainty" | "Cox" | "SurvivalAft" => {
            return Err(TreeError::unsupported(
                FORMAT,
                "this loss function",
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
        labels,
        notes: Vec::new(),
    })
}

/// The split of a document with its children.
fn split(
    at: usize,
    split: &SplitDocument,
    floats: &[FloatFeature],
    left: usize,
    right: usize,
) -> Result<Node, TreeError> {
    let place = || format!("tree {at}: splits");
    match split.split_type.as_str() {
        "FloatFeature" => {}
        other => {
            return Err(TreeError::unsupported(
                FORMAT,
                format!("split_type {other:?} (category features)"),
                "train on numerical features alone, or encode categories before the model",
            ));
        }
    }
    let (Some(border), Some(index)) = (split.border, split.float_feature_index) else {
        return Err(malformed(
            place(),
            "a FloatFeature split without border or feature",
        ));
    };
    let Some(feature) = floats.get(index as usize) else {
        let found = floats.len();
        return Err(malformed(
            place(),
            format!("float feature {index} of {found}"),
        ));
    };
    // CatBoost keeps float32 borders and prints them as the doubles that they are.
    let border = f64::from(border as f32);
    Ok(Node::Split(Split {
        feature: feature.flat_feature_index,
        test: Test::AtMost(border),
        missing_yes: feature.nan_value_treatment != NanTreatment::High,
        zero_missing: false,
        yes: left as u32,
        no: right as u32,
    }))
}

fn scaled(values: Vec<f64>, scale: f64) -> Vec<f64> {
    values.into_iter().map(|v| v * scale).collect()
}

/// A tree with one split a level: bit `d` of the leaf's index is the answer to split `d`.
fn oblivious(
    at: usize,
    tree: Oblivious,
    floats: &[FloatFeature],
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
            nodes.push(split(at, split_of_level, floats, 2 * n + 1, 2 * n + 2)?);
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
    floats: &[FloatFeature],
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
                nodes[n] = split(at, &document, floats, child, child + 1)?;
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
