//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` (versions 1 and 3 of the domain): nodes and votes as parallel lists.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::branch::{Branch, Mode};
use super::malformed;
use crate::trees::ensemble::{MAX_NODES, MAX_OUTPUTS, MAX_TREES, MAX_VALUES};
use crate::trees::{Decision, Ensemble, Link, Node, Predict, Set, Target, Tree, TreeError};

/// What a leaf adds: (tree, node) to (output, weight), several for one leaf.
type Votes = HashMap<(i64, i64), Vec<(u32, f64)>>;

/// Reads a classifier.
pub(super) fn classifier(a: &Attributes<'_>, ensemble: &mut Ensemble) -> Result<(), TreeError> {
    let numbers = a.ints("classlabels_int64s")?;
    let texts = a.texts("classlabels_strings")?;
    ensemble.labels = match (numbers.is_empty(), texts.is_empty()) {
        (false, true) => numbers.iter().map(i64::to_string).collect(),
        (true, false) => texts.iter().map(|&t| t.to_owned()).collect(),
        _ => return Err(malformed(a.place(), "expected one list of class labels")),
    };
    let labels = ensemble.labels.len();
    TreeError::bound("number of outputs", labels, MAX_OUTPUTS)?;
    if labels < 2 {
        return Err(malformed(
            a.place(),
            "one class label, expected two or more",
        ));
    }
    // The first result is the label.
    ensemble.predicts = Predict::Class;
    let (ids, weights) = (a.ints("class_ids")?, a.numbers("class_weights")?);
    let base = a.numbers("base_values")?;
    // Two classes, one score: it decides for the second class above 1/2 where no vote is negative (probabilities), above
    // zero elsewhere.
    let single = labels == 2
        && ids
            .first()
            .is_some_and(|first| ids.iter().all(|id| id == first));
    if single {
        let positive = weights.iter().all(|&w| w >= 0.0);
        ensemble.decision = Decision::Above(if positive { 0.5 } else { 0.0 });
        ensemble.base = vec![base.last().copied().unwrap_or(0.0)];
        if base.len() > 2 {
            return Err(malformed(
                a.place(),
                format!("{} base values for two classes", base.len()),
            ));
        }
    } else {
        ensemble.decision = Decision::ArgMax;
        set_base(a, ensemble, base, labels)?;
    }
    link(a, ensemble)?;
    let output = |id: i64| {
        if single {
            Ok(0)
        } else {
            checked(a, "class", id, labels)
        }
    };
    let votes = votes(a, "class", &weights, output)?;
    ensemble.trees = trees(a, votes, ensemble.base.len(), &mut ensemble.sets)?;
    Ok(())
}

/// Reads a regressor.
pub(super) fn regressor(a: &Attributes<'_>, ensemble: &mut Ensemble) -> Result<(), TreeError> {
    let targets = a.int("n_targets")?.unwrap_or(1);
    let targets = usize::try_from(targets).unwrap_or(usize::MAX);
    TreeError::bound("number of outputs", targets, MAX_OUTPUTS)?;
    set_base(a, ensemble, a.numbers("base_values")?, targets)?;
    link(a, ensemble)?;
    let weights = a.numbers("target_weights")?;
    let votes = votes(a, "target", &weights, |id| {
        checked(a, "target", id, targets)
    })?;
    ensemble.trees = trees(a, votes, targets, &mut ensemble.sets)?;
    match a.text("aggregate_function")?.unwrap_or("SUM") {
        "SUM" => Ok(()),
        "AVERAGE" => {
            super::average(ensemble);
            Ok(())
        }
        other => Err(super::unsupported(format!("aggregate_function {other:?}"))),
    }
}

fn set_base(
    a: &Attributes<'_>,
    ensemble: &mut Ensemble,
    base: Vec<f64>,
    outputs: usize,
) -> Result<(), TreeError> {
    ensemble.base = match base.len() {
        0 => vec![0.0; outputs],
        n if n == outputs => base,
        n => {
            return Err(malformed(
                a.place(),
                format!("{n} base values, expected {outputs}"),
            ));
        }
    };
    Ok(())
}

fn link(a: &Attributes<'_>, ensemble: &mut Ensemble) -> Result<(), TreeError> {
    ensemble.link = match a.text("post_transform")?.unwrap_or("NONE") {
        "NONE" => Link::Identity,
        "SOFTMAX" => Link::Softmax,
        "LOGISTIC" => Link::Logistic { scale: 1.0 },
        other => return Err(super::unsupported(format!("post_transform {other:?}"))),
    };
    // The softmax of one score of two classes is that of (-x, x).
    if ensemble.link == Link::Softmax && ensemble.base.len() == 1 {
        ensemble.link = Link::Logistic { scale: 2.0 };
    }
    Ok(())
}

fn checked(a: &Attributes<'_>, what: &str, id: i64, limit: usize) -> Result<u32, TreeError> {
    match usize::try_from(id) {
        Ok(index) if index < limit => Ok(index as u32),
        _ => Err(malformed(a.place(), format!("{what} {id} of {limit}"))),
    }
}

fn same_length(a: &Attributes<'_>, lists: &[(&str, usize)]) -> Result<usize, TreeError> {
    let expected = lists.first().map_or(0, |l| l.1);
    for (name, found) in lists {
        if *found != expected {
            return Err(malformed(
                a.place(),
                format!("{name} has {found} entries, expected {expected}"),
            ));
        }
    }
    Ok(expected)
}

fn votes(
    a: &Attributes<'_>,
    what: &str,
    weights: &[f64],
    output: impl Fn(i64) -> Result<u32, TreeError>,
) -> Result<Votes, TreeError> {
    let trees = a.ints(&format!("{what}_treeids"))?;
    let nodes = a.ints(&format!("{what}_nodeids"))?;
    let ids = a.ints(&format!("{what}_ids"))?;
    same_length(
        a,
        &[
            ("treeids of votes", trees.len()),
            ("nodeids of votes", nodes.len()),
            ("ids of votes", ids.len()),
            ("weights of votes", weights.len()),
        ],
    )?;
    let mut votes = Votes::new();
    for (((&tree, &node), &id), &weight) in trees.iter().zip(nodes).zip(ids).zip(weights) {
        votes
            .entry((tree, node))
            .or_default()
            .push((output(id)?, weight));
    }
    Ok(votes)
}

/// The lists of nodes.
struct Lists<'a> {
    tree: &'a [i64],
    node: &'a [i64],
    feature: &'a [i64],
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
    modes: Vec<Option<Mode>>,
    values: Vec<f64>,
}

impl<'a> Lists<'a> {
    fn read(a: &Attributes<'a>) -> Result<Self, TreeError> {
        let modes = a.texts("nodes_modes")?;
        let modes: Result<Vec<_>, _> = modes.iter().map(|&m| mode(m)).collect();
        let lists = Self {
            tree: a.ints("nodes_treeids")?,
            node: a.ints("nodes_nodeids")?,
            feature: a.ints("nodes_featureids")?,
            yes: a.ints("nodes_truenodeids")?,
            no: a.ints("nodes_falsenodeids")?,
            missing: a.ints("nodes_missing_value_tracks_true")?,
            modes: modes?,
            values: a.numbers("nodes_values")?,
        };
        let count = same_length(
            a,
            &[
                ("nodes_treeids", lists.tree.len()),
                ("nodes_nodeids", lists.node.len()),
                ("nodes_featureids", lists.feature.len()),
                ("nodes_truenodeids", lists.yes.len()),
                ("nodes_falsenodeids", lists.no.len()),
                ("nodes_modes", lists.modes.len()),
                ("nodes_values", lists.values.len()),
            ],
        )?;
        if !lists.missing.is_empty() && lists.missing.len() != count {
            return Err(malformed(
                a.place(),
                format!(
                    "nodes_missing_value_tracks_true has {} entries",
                    lists.missing.len()
                ),
            ));
        }
        TreeError::bound("number of nodes", count, MAX_NODES)?;
        Ok(lists)
    }
}

fn trees(
    a: &Attributes<'_>,
    mut votes: Votes,
    outputs: usize,
    sets: &mut Vec<Set>,
) -> Result<Vec<Tree>, TreeError> {
    let lists = Lists::read(a)?;
    let count = lists.tree.len();
    // Where each tree and each node of it stands. A tree's root is listed first.
    let mut order: Vec<Vec<usize>> = Vec::new();
    let mut number: HashMap<i64, usize> = HashMap::new();
    let mut places: HashMap<(i64, i64), u32> = HashMap::new();
    for at in 0..count {
        let id = lists.tree[at];
        let tree = *number.entry(id).or_insert(order.len());
        if tree == order.len() {
            order.push(Vec::new());
        }
        let place = order[tree].len() as u32;
        if places.insert((id, lists.node[at]), place).is_some() {
            return Err(malformed(
                a.place(),
                format!("node {} of tree {id} is there twice", lists.node[at]),
            ));
        }
        order[tree].push(at);
    }
    TreeError::bound("number of trees", order.len(), MAX_TREES)?;
    let mut builder = Builder {
        a,
        lists: &lists,
        places: &places,
        votes: &mut votes,
        outputs,
        sets,
        left: MAX_VALUES,
    };
    let trees = order
        .iter()
        .map(|nodes| builder.tree(nodes))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some((tree, node)) = votes.keys().next() {
        return Err(malformed(
            a.place(),
            format!("a vote of node {node} of tree {tree}, which is no leaf"),
        ));
    }
    Ok(trees)
}

fn mode(text: &str) -> Result<Option<Mode>, TreeError> {
    Ok(Some(match text {
        "LEAF" => return Ok(None),
        "BRANCH_LEQ" => Mode::AtMost,
        "BRANCH_LT" => Mode::Less,
        "BRANCH_GTE" => Mode::AtLeast,
        "BRANCH_GT" => Mode::Greater,
        "BRANCH_EQ" => Mode::Equal,
        "BRANCH_NEQ" => Mode::Unequal,
        other => return Err(super::unsupported(format!("node mode {other:?}"))),
    }))
}

/// What every tree is built from.
struct Builder<'a> {
    a: &'a Attributes<'a>,
    lists: &'a Lists<'a>,
    /// Place of each node within its tree.
    places: &'a HashMap<(i64, i64), u32>,
    /// Votes that no leaf has taken yet.
    votes: &'a mut Votes,
    outputs: usize,
    sets: &'a mut Vec<Set>,
    /// Leaf values that the model may still have.
    left: usize,
}

impl Builder<'_> {
    /// The tree of the nodes at these places of the lists.
    fn tree(&mut self, nodes: &[usize]) -> Result<Tree, TreeError> {
        let (a, lists, places) = (self.a, self.lists, self.places);
        let Some(&first) = nodes.first() else {
            return Err(malformed(a.place(), "a tree without nodes"));
        };
        let id = lists.tree[first];
        let child = |node: i64| {
            let place = places.get(&(id, node)).copied();
            place.ok_or_else(|| malformed(a.place(), format!("tree {id} has no node {node}")))
        };
        let mut leaves: Vec<Vec<(u32, f64)>> = Vec::new();
        let mut out = Vec::with_capacity(nodes.len());
        for &at in nodes {
            let Some(mode) = lists.modes[at] else {
                out.push(Node::Leaf {
                    index: leaves.len() as u32,
                });
                let votes = self.votes.remove(&(id, lists.node[at]));
                leaves.push(votes.unwrap_or_default());
                continue;
            };
            let branch = Branch {
                mode,
                feature: lists.feature[at],
                value: lists.values[at],
                missing_true: lists.missing.get(at).is_some_and(|&m| m != 0),
                yes: child(lists.yes[at])?,
                no: child(lists.no[at])?,
            };
            out.push(branch.node(self.sets)?);
        }
        vectors(out, &leaves, self.outputs, &mut self.left)
    }
}

/// A tree from its leaves' votes: one value a leaf where all of them go to one output, a vector elsewhere.
pub(super) fn vectors(
    nodes: Vec<Node>,
    leaves: &[Vec<(u32, f64)>],
    outputs: usize,
    left: &mut usize,
) -> Result<Tree, TreeError> {
    let mut all = leaves.iter().flatten().map(|v| v.0);
    let first = all.next().unwrap_or(0);
    let target = if all.all(|output| output == first) {
        Target::One(first)
    } else {
        Target::All
    };
    let width = if target == Target::All { outputs } else { 1 };
    let size = leaves.len().saturating_mul(width);
    TreeError::bound("number of leaf values", size, *left)?;
    *left -= size;
    let mut values = vec![0.0; size];
    for (value, votes) in values.chunks_exact_mut(width).zip(leaves) {
        for &(output, weight) in votes {
            value[if width == 1 { 0 } else { output as usize }] += weight;
        }
    }
    Ok(Tree {
        nodes,
        values,
        target,
    })
}
