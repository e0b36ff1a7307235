//! CatBoost models: the JSON of `save_model(format="json")`.
//!
//! A split sends `x > border` (float32) to the right; where a missing value goes is told by the feature. Leaves are
//! summed in float64, scaled, and the bias is added. A one-hot split sends one category to the right, which the file
//! knows by a hash ([`hash`]): categories must be whole numbers. Statistics of categories (CTR), text and embedding
//! features are refused.

mod hash;

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};
use serde_json::Value;

use super::ensemble::{MAX_FEATURES, MAX_OUTPUTS};
use super::xgboost::json;
use super::{
    Decision, Ensemble, Format, Link, Node, Set, Split, Sum, Target, Test, Tree, TreeError,
};
use hash::Codes;

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
    #[serde(default)]
    cat_feature_index: Option<u32>,
    #[serde(default)]
    value: Option<i64>,
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
    let mut splits = Splits {
        floats: &info.float_features,
        categories: &info.categorical_features,
        codes: None,
        sets: HashMap::new(),
        list: Vec::new(),
    };
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
        labels,
        notes: Vec::new(),
    })
}

/// What splits refer to.
struct Splits<'a> {
    floats: &'a [FloatFeature],
    categories: &'a [OtherFeature],
    /// Made when the first category is met.
    codes: Option<Codes>,
    /// Sets by hash.
    sets: HashMap<u32, u32>,
    list: Vec<Set>,
}

impl Splits<'_> {
    /// The split of a document with its children.
    fn node(
        &mut self,
        at: usize,
        split: &SplitDocument,
        left: usize,
        right: usize,
    ) -> Result<Node, TreeError> {
        let (left, right) = (left as u32, right as u32);
        match split.split_type.as_str() {
            "FloatFeature" => self.float(at, split, left, right),
            "OneHotFeature" => self.one_hot(at, split, left, right),
            other => Err(TreeError::unsupported(
                FORMAT,
                format!("split_type {other:?}"),
                "train without CTR features: raise one_hot_max_size, or encode categories before the model",
            )),
        }
        .map(Node::Split)
    }

    fn float(
        &self,
        at: usize,
        split: &SplitDocument,
        left: u32,
        right: u32,
    ) -> Result<Split, TreeError> {
        let place = || format!("tree {at}: splits");
        let (Some(border), Some(index)) = (split.border, split.float_feature_index) else {
            return Err(malformed(
                place(),
                "a FloatFeature split without border or feature",
            ));
        };
        let Some(feature) = self.floats.get(index as usize) else {
            let found = self.floats.len();
            return Err(malformed(
                place(),
                format!("float feature {index} of {found}"),
            ));
        };
        Ok(Split {
            feature: feature.flat_feature_index,
            // CatBoost keeps float32 borders and prints them as the doubles that they are.
            test: Test::AtMost(f64::from(border as f32)),
            missing_yes: feature.nan_value_treatment != NanTreatment::High,
            zero_missing: false,
            yes: left,
            no: right,
        })
    }

    fn one_hot(
        &mut self,
        at: usize,
        split: &SplitDocument,
        left: u32,
        right: u32,
    ) -> Result<Split, TreeError> {
        let place = || format!("tree {at}: splits");
        let (Some(value), Some(index)) = (split.value, split.cat_feature_index) else {
            return Err(malformed(
                place(),
                "a OneHotFeature split without value or feature",
            ));
        };
        let Some(feature) = self.categories.get(index as usize) else {
            let found = self.categories.len();
            return Err(malformed(
                place(),
                format!("category feature {index} of {found}"),
            ));
        };
        // The file has the 32 bits with or without a sign.
        let hash = value as u32;
        let set = match self.sets.get(&hash) {
            Some(set) => *set,
            None => {
                let codes = self.codes.get_or_insert_with(Codes::new);
                let codes = codes.of(hash).ok_or_else(|| {
                    TreeError::unsupported(
                        FORMAT,
                        format!(
                            "a category whose hash is {value}, that of no whole number up to {}",
                            hash::MAX_CODE
                        ),
                        "train on categories that are whole numbers from 0 on",
                    )
                })?;
                let values = codes.iter().map(|&code| code as f32).collect();
                let set = self.list.len() as u32;
                self.list.push(Set::Values(values));
                self.sets.insert(hash, set);
                set
            }
        };
        Ok(Split {
            feature: feature.flat_feature_index,
            test: Test::Within(set),
            missing_yes: false,
            zero_missing: false,
            yes: right,
            no: left,
        })
    }
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
