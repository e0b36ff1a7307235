//! XGBoost models: JSON and UBJSON, which hold the same document.
//!
//! A split sends `x < t` (float32) to the left, a missing value by `default_left`, and with categories what is *not* in
//! the node's set. Leaves are summed in float32 from the base score on, which the file gives before the link function
//! for the objectives of probabilities and of positive numbers.

pub mod binary;
mod document;

use serde::de::DeserializeOwned;

use document::{Attributes, Document, Model, TreeDocument};

use super::ensemble::{MAX_CODE, MAX_FEATURES, MAX_OUTPUTS, MAX_VALUES};
use super::{
    Decision, Ensemble, Format, Link, Node, Predict, Set, Split, Sum, Target, Test, Tree,
    TreeError, ubjson,
};

const FORMAT: Format = Format::XgBoost;

/// Reads XGBoost's JSON.
///
/// # Errors
/// [`TreeError`] if the bytes are no such model or use a feature that is not supported.
pub fn read_json(bytes: &[u8]) -> Result<Ensemble, TreeError> {
    from_document(json(FORMAT, bytes)?)
}

/// Reads XGBoost's UBJSON.
///
/// # Errors
/// [`TreeError`] if the bytes are no such model or use a feature that is not supported.
pub fn read_ubjson(bytes: &[u8]) -> Result<Ensemble, TreeError> {
    let document = ubjson::from_slice(bytes)
        .map_err(|e| TreeError::malformed(FORMAT, "document", e.to_string()))?;
    from_document(document)
}

/// A JSON document; its nesting is bounded by the parser.
pub(super) fn json<T: DeserializeOwned>(format: Format, bytes: &[u8]) -> Result<T, TreeError> {
    serde_json::from_slice(bytes)
        .map_err(|e| TreeError::malformed(format, "document", e.to_string()))
}

fn from_document(document: Document) -> Result<Ensemble, TreeError> {
    let learner = document.learner;
    let booster = learner.gradient_booster;
    let (model, weights) = match (booster.name.as_str(), booster.model, booster.gbtree) {
        ("gbtree", Some(model), _) => (model, None),
        ("dart", _, Some(inner)) => (inner.model, Some(booster.weight_drop)),
        ("gbtree" | "dart", ..) => {
            return Err(malformed("gradient_booster", "holds no trees"));
        }
        (other, ..) => {
            return Err(TreeError::unsupported(
                FORMAT,
                format!("booster {other:?}"),
                "train with booster gbtree or dart",
            ));
        }
    };
    let param = &learner.learner_model_param;
    let features = number("num_feature", &param.num_feature, MAX_FEATURES)?;
    let classes = number("num_class", &param.num_class, MAX_OUTPUTS)?.max(1);
    let targets = param.num_target.as_deref().unwrap_or("1");
    let targets = number("num_target", targets, MAX_OUTPUTS)?.max(1);
    let outputs = classes * targets;
    TreeError::bound("number of outputs", outputs, MAX_OUTPUTS)?;
    let mut head = Head::new(&learner.objective.name, outputs)?;
    head.set_base(&base_scores(&param.base_score)?, true)?;
    let count = kept(&learner.attributes, &model, outputs, &mut head.ensemble)?;
    let mut ensemble = head.ensemble;
    ensemble.features = features;
    ensemble.names = learner.feature_names;
    if model.tree_info.len() != model.trees.len() {
        return Err(lengths(
            "tree_info",
            model.tree_info.len(),
            model.trees.len(),
        ));
    }
    if let Some(weights) = &weights
        && weights.len() != model.trees.len()
    {
        return Err(lengths("weight_drop", weights.len(), model.trees.len()));
    }
    let trees = model.trees.into_iter().zip(model.tree_info).take(count);
    for (at, (tree, class)) in trees.enumerate() {
        let weight = weights.as_ref().map_or(1.0, |w| w[at]);
        let tree = convert(at, tree, (class, outputs), weight, &mut ensemble.sets)?;
        ensemble.trees.push(tree);
    }
    ensemble.check()?;
    Ok(ensemble)
}

/// What the objective says: link, decision, and in which space the base score stands.
pub(super) struct Head {
    pub(super) ensemble: Ensemble,
    space: Space,
}

#[derive(Clone, Copy)]
enum Space {
    Margin,
    Probability,
    Positive,
}

impl Head {
    pub(super) fn new(objective: &str, outputs: usize) -> Result<Self, TreeError> {
        let logistic = Link::Logistic { scale: 1.0 };
        let above = Decision::Above(0.0);
        let (space, link, decision) = match objective {
            "binary:logistic" => (Space::Probability, logistic, above),
            "reg:logistic" => (Space::Probability, logistic, Decision::None),
            "binary:logitraw" => (Space::Probability, Link::Identity, above),
            "binary:hinge" => (Space::Margin, Link::Identity, above),
            "multi:softmax" | "multi:softprob" => (Space::Margin, Link::Softmax, Decision::ArgMax),
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
                (Space::Positive, Link::Exp, Decision::None)
            }
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "rank:pairwise"
            | "rank:ndcg"
            | "rank:map" => (Space::Margin, Link::Identity, Decision::None),
            other => {
                return Err(TreeError::unsupported(
                    FORMAT,
                    format!("objective {other:?}"),
                    "train with one of XGBoost's own objectives",
                ));
            }
        };
        if outputs > 1 && matches!(decision, Decision::Above(_)) {
            return Err(TreeError::unsupported(
                FORMAT,
                format!("objective {objective:?} with {outputs} targets"),
                "train one model a target",
            ));
        }
        let labels = match decision {
            Decision::None => 0,
            Decision::Above(_) => 2,
            Decision::ArgMax => outputs,
        };
        let ensemble = Ensemble {
            format: FORMAT,
            features: 0,
            names: Vec::new(),
            base: vec![0.0; outputs],
            trees: Vec::new(),
            sets: Vec::new(),
            sum: Sum::Single,
            link,
            decision,
            // As `Booster.predict` does.
            predicts: match objective {
                "multi:softmax" | "binary:hinge" => Predict::Class,
                _ => Predict::Response,
            },
            labels: (0..labels).map(|l| l.to_string()).collect(),
            notes: Vec::new(),
        };
        Ok(Self { ensemble, space })
    }

    /// Sets the base margin from one score for all outputs or one for each. `raw`: scores are what the user gave, before
    /// the link function.
    pub(super) fn set_base(&mut self, scores: &[f32], raw: bool) -> Result<(), TreeError> {
        let outputs = self.ensemble.base.len();
        if scores.len() != 1 && scores.len() != outputs {
            return Err(lengths("base_score", scores.len(), outputs));
        }
        let space = if raw { self.space } else { Space::Margin };
        for (at, base) in self.ensemble.base.iter_mut().enumerate() {
            let score = scores[if scores.len() == 1 { 0 } else { at }];
            *base = f64::from(match space {
                Space::Margin => score,
                Space::Probability => -libm::logf(1.0 / score - 1.0),
                Space::Positive => libm::logf(score),
            });
        }
        Ok(())
    }
}

/// How many trees the library uses: those up to the best iteration where its scikit-learn interface saved the model.
fn kept(
    attributes: &Attributes,
    model: &Model,
    outputs: usize,
    ensemble: &mut Ensemble,
) -> Result<usize, TreeError> {
    let all = model.trees.len();
    let (Some(best), Some(_)) = (&attributes.best_iteration, &attributes.scikit_learn) else {
        return Ok(all);
    };
    let best = number("best_iteration", best, super::ensemble::MAX_TREES)?;
    let parallel = model.gbtree_model_param.num_parallel_tree.as_deref();
    let parallel = number("num_parallel_tree", parallel.unwrap_or("1"), 1 << 20)?.max(1);
    let end = match model.iteration_indptr.get(best + 1) {
        Some(&end) => end as usize,
        None => (best + 1).saturating_mul(parallel).saturating_mul(outputs),
    };
    if end < all {
        let dropped = all - end;
        ensemble.notes.push(format!(
            "best_iteration is {best}: the {dropped} trees after it are left out, as predict() of XGBoost's scikit-learn interface does"
        ));
    }
    Ok(end.min(all))
}

fn base_scores(text: &str) -> Result<Vec<f32>, TreeError> {
    let list = text.trim().trim_start_matches('[').trim_end_matches(']');
    list.split(',')
        .map(|score| {
            let score = score.trim().parse();
            score.map_err(|_| malformed("base_score", format!("{text:?} is no number")))
        })
        .collect()
}

fn number(what: &str, text: &str, limit: usize) -> Result<usize, TreeError> {
    let value: usize = text
        .parse()
        .map_err(|_| malformed(what, format!("{text:?}, expected a number")))?;
    TreeError::bound(what, value, limit)?;
    Ok(value)
}

fn malformed(place: impl Into<String>, problem: impl Into<String>) -> TreeError {
    TreeError::malformed(FORMAT, place, problem)
}

fn lengths(what: impl Into<String>, found: usize, expected: usize) -> TreeError {
    malformed(what, format!("{found} entries, expected {expected}"))
}

fn convert(
    at: usize,
    tree: TreeDocument,
    (class, outputs): (u32, usize),
    weight: f32,
    sets: &mut Vec<Set>,
) -> Result<Tree, TreeError> {
    let place = |field: &str| format!("tree {at}: {field}");
    let count = tree.left_children.len();
    for (field, found) in [
        ("right_children", tree.right_children.len()),
        ("split_indices", tree.split_indices.len()),
        ("split_conditions", tree.split_conditions.len()),
        ("default_left", tree.default_left.len()),
    ] {
        if found != count {
            return Err(lengths(place(field), found, count));
        }
    }
    if !tree.split_type.is_empty() && tree.split_type.len() != count {
        return Err(lengths(place("split_type"), tree.split_type.len(), count));
    }
    let width = tree.tree_param.size_leaf_vector.as_deref().unwrap_or("1");
    let width = number("size_leaf_vector", width, MAX_OUTPUTS)?.max(1);
    if width > 1 && width != outputs {
        return Err(malformed(
            place("size_leaf_vector"),
            format!("{width}, the model has {outputs} outputs"),
        ));
    }
    let set_of = categories(at, &tree, sets)?;
    let mut nodes = Vec::with_capacity(count);
    let mut values = Vec::new();
    for n in 0..count {
        if tree.left_children[n] == -1 {
            let index = (values.len() / width) as u32;
            let one = std::slice::from_ref(&tree.split_conditions[n]);
            let leaf = if width > 1 {
                vector(at, &tree, n, width)?
            } else {
                one
            };
            values.extend(leaf.iter().map(|value| f64::from(weight * value)));
            TreeError::bound("leaf values of a tree", values.len(), MAX_VALUES)?;
            nodes.push(Node::Leaf { index });
        } else {
            nodes.push(Node::Split(split(at, &tree, n, &set_of)?));
        }
    }
    let target = match width {
        1 => Target::One(class),
        _ => Target::All,
    };
    Ok(Tree {
        nodes,
        values,
        target,
    })
}

/// The values of leaf `n` of a tree with vector leaves: its number stands where the right child of a split does.
fn vector(at: usize, tree: &TreeDocument, n: usize, width: usize) -> Result<&[f32], TreeError> {
    if tree.leaf_weights.is_empty() {
        return Err(TreeError::unsupported(
            FORMAT,
            "vector leaves without leaf_weights",
            "save the model with XGBoost 3.1 or later",
        ));
    }
    let leaf = usize::try_from(tree.right_children[n]).ok();
    let values = leaf.and_then(|leaf| {
        let start = leaf.checked_mul(width)?;
        tree.leaf_weights.get(start..start.checked_add(width)?)
    });
    values.ok_or_else(|| {
        malformed(
            format!("tree {at}: leaf_weights"),
            format!("node {n}: leaf {} is not there", tree.right_children[n]),
        )
    })
}

/// The split of inner node `n`; `set_of` as [`categories`] gives it.
fn split(
    at: usize,
    tree: &TreeDocument,
    n: usize,
    set_of: &[(u32, u32)],
) -> Result<Split, TreeError> {
    let place = |field: &str| format!("tree {at}: {field}");
    let child = |c: i32| {
        u32::try_from(c).map_err(|_| malformed(place("children"), format!("node {n}: child {c}")))
    };
    let (left, right) = (
        child(tree.left_children[n])?,
        child(tree.right_children[n])?,
    );
    let default_left = tree.default_left[n].0;
    let feature = tree.split_indices[n];
    match tree.split_type.get(n) {
        Some(0) | None => Ok(Split {
            feature,
            test: Test::Less(f64::from(tree.split_conditions[n])),
            missing_yes: default_left,
            zero_missing: false,
            yes: left,
            no: right,
        }),
        Some(1) => {
            let set = set_of.binary_search_by_key(&(n as u32), |s| s.0);
            let set = set.map_err(|_| {
                malformed(
                    place("categories_nodes"),
                    format!("node {n} has no categories"),
                )
            })?;
            Ok(Split {
                feature,
                test: Test::Within(set_of[set].1),
                missing_yes: !default_left,
                zero_missing: false,
                yes: right,
                no: left,
            })
        }
        Some(other) => Err(malformed(
            place("split_type"),
            format!("node {n}: {other}, expected 0 (numerical) or 1 (categorical)"),
        )),
    }
}

/// Category sets of a tree: (node, index in `sets`), ascending by node.
fn categories(
    at: usize,
    tree: &TreeDocument,
    sets: &mut Vec<Set>,
) -> Result<Vec<(u32, u32)>, TreeError> {
    let count = tree.categories_nodes.len();
    for (field, found) in [
        ("categories_segments", tree.categories_segments.len()),
        ("categories_sizes", tree.categories_sizes.len()),
    ] {
        if found != count {
            return Err(lengths(format!("tree {at}: {field}"), found, count));
        }
    }
    let mut all = Vec::with_capacity(count);
    let mut total = 0usize;
    let segments = tree.categories_segments.iter().zip(&tree.categories_sizes);
    for (&node, (&start, &size)) in tree.categories_nodes.iter().zip(segments) {
        let place = || format!("tree {at}: categories of node {node}");
        let slice = usize::try_from(start).ok().and_then(|start| {
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            tree.categories.get(start..end)
        });
        let Some(slice) = slice else {
            return Err(malformed(
                place(),
                format!(
                    "{size} from {start} on, the tree has {}",
                    tree.categories.len()
                ),
            ));
        };
        // Segments may overlap in a file that is not XGBoost's: what they add up to is bounded by what is there.
        total += slice.len();
        TreeError::bound("categories of a tree", total, tree.categories.len())?;
        let mut codes = Vec::with_capacity(slice.len());
        for &code in slice {
            match u32::try_from(code) {
                Ok(code) if code <= MAX_CODE => codes.push(code),
                _ => {
                    return Err(malformed(
                        place(),
                        format!("category {code}, expected 0 to {MAX_CODE}"),
                    ));
                }
            }
        }
        codes.sort_unstable();
        codes.dedup();
        all.push((node, sets.len() as u32));
        sets.push(Set::Codes {
            codes,
            negative_fraction: false,
        });
    }
    all.sort_unstable();
    if let Some(pair) = all.windows(2).find(|p| p[0].0 == p[1].0) {
        return Err(malformed(
            format!("tree {at}: categories_nodes"),
            format!("node {} is listed twice", pair[0].0),
        ));
    }
    Ok(all)
}
