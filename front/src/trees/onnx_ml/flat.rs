//! `TreeEnsemble` (version 5 of the domain): inner nodes and leaves of all trees in two lists.

use super::attributes::Attributes;
use super::branch::{Branch, Mode};
use super::malformed;
use super::nodes::vectors;
use crate::trees::Ensemble;
use crate::trees::ensemble::{MAX_MEMBERS, MAX_NODES, MAX_OUTPUTS, MAX_TREES, MAX_VALUES};
use crate::trees::{Link, Node, Set, Split, Test, TreeError};

const MEMBER: usize = 6;

struct Lists<'a> {
    modes: Vec<f64>,
    splits: Vec<f64>,
    feature: &'a [i64],
    yes: &'a [i64],
    no: &'a [i64],
    yes_leaf: &'a [i64],
    no_leaf: &'a [i64],
    missing: &'a [i64],
    /// The set of each node whose mode is MEMBER.
    sets: Vec<Option<u32>>,
}

impl<'a> Lists<'a> {
    fn read(a: &Attributes<'a>, sets: &mut Vec<Set>) -> Result<Self, TreeError> {
        let mut lists = Self {
            modes: required(a, "nodes_modes")?,
            splits: required(a, "nodes_splits")?,
            feature: a.ints("nodes_featureids")?,
            yes: a.ints("nodes_truenodeids")?,
            no: a.ints("nodes_falsenodeids")?,
            yes_leaf: a.ints("nodes_trueleafs")?,
            no_leaf: a.ints("nodes_falseleafs")?,
            missing: a.ints("nodes_missing_value_tracks_true")?,
            sets: Vec::new(),
        };
        let count = lists.modes.len();
        TreeError::bound("number of nodes", count, MAX_NODES)?;
        for (name, found) in [
            ("nodes_splits", lists.splits.len()),
            ("nodes_featureids", lists.feature.len()),
            ("nodes_truenodeids", lists.yes.len()),
            ("nodes_falsenodeids", lists.no.len()),
            ("nodes_trueleafs", lists.yes_leaf.len()),
            ("nodes_falseleafs", lists.no_leaf.len()),
            ("nodes_missing_value_tracks_true", lists.missing.len()),
        ] {
            let optional = name == "nodes_missing_value_tracks_true" && found == 0;
            if found != count && !optional {
                return Err(malformed(
                    a.place(),
                    format!("{name} has {found} entries, expected {count}"),
                ));
            }
        }
        let members = a.tensor("membership_values")?.unwrap_or_default();
        lists.sets = membership(a, &lists.modes, &members, sets)?;
        Ok(lists)
    }
}

fn required(a: &Attributes<'_>, name: &str) -> Result<Vec<f64>, TreeError> {
    let found = a.tensor(name)?;
    found.ok_or_else(|| malformed(a.place(), format!("{name} is missing")))
}

/// Target and weight of every leaf.
fn votes(a: &Attributes<'_>, targets: usize) -> Result<Vec<(u32, f64)>, TreeError> {
    let weights = required(a, "leaf_weights")?;
    let leaf_targets = a.ints("leaf_targetids")?;
    if weights.len() != leaf_targets.len() {
        return Err(malformed(
            a.place(),
            format!(
                "{} leaf weights, {} targets",
                weights.len(),
                leaf_targets.len()
            ),
        ));
    }
    leaf_targets
        .iter()
        .zip(&weights)
        .map(|(&target, &weight)| match usize::try_from(target) {
            Ok(t) if t < targets => Ok((t as u32, weight)),
            _ => Err(malformed(
                a.place(),
                format!("target {target} of {targets}"),
            )),
        })
        .collect()
}

/// Reads the operator.
pub(super) fn read(a: &Attributes<'_>, ensemble: &mut Ensemble) -> Result<(), TreeError> {
    let targets = a.int("n_targets")?.unwrap_or(1);
    let targets = usize::try_from(targets).unwrap_or(usize::MAX);
    TreeError::bound("number of outputs", targets, MAX_OUTPUTS)?;
    ensemble.base = vec![0.0; targets];
    ensemble.link = match a.int("post_transform")?.unwrap_or(0) {
        0 => Link::Identity,
        1 => Link::Softmax,
        2 => Link::Logistic { scale: 1.0 },
        other => return Err(super::unsupported(format!("post_transform {other}"))),
    };
    let lists = Lists::read(a, &mut ensemble.sets)?;
    let votes = votes(a, targets)?;
    let roots = a.ints("tree_roots")?;
    TreeError::bound("number of trees", roots.len(), MAX_TREES)?;
    let mut seen = vec![false; lists.modes.len()];
    let mut left = MAX_VALUES;
    for &root in roots {
        let (nodes, leaves) = tree(a, &lists, root, &votes, &mut seen, &mut ensemble.sets)?;
        ensemble
            .trees
            .push(vectors(nodes, &leaves, targets, &mut left)?);
    }
    match a.int("aggregate_function")?.unwrap_or(1) {
        0 => super::average(ensemble),
        1 => {}
        2 => return Err(super::unsupported("aggregate_function MIN")),
        3 => return Err(super::unsupported("aggregate_function MAX")),
        other => return Err(super::unsupported(format!("aggregate_function {other}"))),
    }
    Ok(())
}

/// Sets of values, divided by NaNs, one for each node of mode MEMBER in the order of the nodes.
fn membership(
    a: &Attributes<'_>,
    modes: &[f64],
    members: &[f64],
    sets: &mut Vec<Set>,
) -> Result<Vec<Option<u32>>, TreeError> {
    TreeError::bound("number of categories in sets", members.len(), MAX_MEMBERS)?;
    let mut left = members.split(|m| m.is_nan());
    // The last piece is what follows the last NaN; it must be empty or the last set.
    let expected = modes.iter().filter(|&&m| m == MEMBER as f64).count();
    let pieces = members.iter().filter(|m| m.is_nan()).count()
        + usize::from(members.last().is_some_and(|m| !m.is_nan()));
    if expected != pieces {
        return Err(malformed(
            a.place(),
            format!("membership_values holds {pieces} sets, expected {expected}"),
        ));
    }
    let mut out = Vec::with_capacity(modes.len());
    for &mode in modes {
        if mode != MEMBER as f64 {
            out.push(None);
            continue;
        }
        let set = left.next().unwrap_or_default();
        // A double that is no float32 equals none.
        let values = set.iter().filter(|&&v| f64::from(v as f32) == v);
        let mut values: Vec<f32> = values
            .map(|&v| if v == 0.0 { 0.0 } else { v as f32 })
            .collect();
        values.sort_by(f32::total_cmp);
        values.dedup();
        out.push(Some(sets.len() as u32));
        sets.push(Set::Values(values));
    }
    Ok(out)
}

/// Nodes of a tree and the votes of its leaves.
type Parts = (Vec<Node>, Vec<Vec<(u32, f64)>>);

/// Copies the tree below a root out of the common list.
fn tree(
    a: &Attributes<'_>,
    lists: &Lists<'_>,
    root: i64,
    votes: &[(u32, f64)],
    seen: &mut [bool],
    sets: &mut Vec<Set>,
) -> Result<Parts, TreeError> {
    let mut nodes = vec![Node::Leaf { index: 0 }];
    let mut leaves = Vec::new();
    let mut todo = vec![(root, 0usize)];
    while let Some((id, place)) = todo.pop() {
        let index = usize::try_from(id).unwrap_or(usize::MAX);
        match seen.get_mut(index) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => {
                return Err(malformed(
                    a.place(),
                    format!(
                        "node {id} is reached twice: a cycle or a shared child, expected trees"
                    ),
                ));
            }
            None => return Err(malformed(a.place(), format!("node {id} of {}", seen.len()))),
        }
        let children = nodes.len() as u32;
        nodes[place] = branch(lists, index, children, sets)?;
        for (child, leaf) in [
            (lists.yes[index], lists.yes_leaf[index]),
            (lists.no[index], lists.no_leaf[index]),
        ] {
            let at = nodes.len();
            nodes.push(Node::Leaf {
                index: leaves.len() as u32,
            });
            if leaf == 0 {
                todo.push((child, at));
                continue;
            }
            let vote = usize::try_from(child).ok().and_then(|c| votes.get(c));
            let vote = vote
                .ok_or_else(|| malformed(a.place(), format!("leaf {child} of {}", votes.len())))?;
            leaves.push(vec![*vote]);
        }
    }
    Ok((nodes, leaves))
}

/// The split of a node, whose children will stand at `children` and behind it.
fn branch(
    lists: &Lists<'_>,
    index: usize,
    children: u32,
    sets: &mut Vec<Set>,
) -> Result<Node, TreeError> {
    let missing_true = lists.missing.get(index).is_some_and(|&m| m != 0);
    if let Some(set) = lists.sets[index] {
        let feature = lists.feature[index];
        return Ok(Node::Split(Split {
            feature: u32::try_from(feature)
                .map_err(|_| malformed("nodes_featureids", format!("feature {feature}")))?,
            test: Test::Within(set),
            missing_yes: missing_true,
            zero_missing: false,
            yes: children,
            no: children + 1,
        }));
    }
    let modes = [
        Mode::AtMost,
        Mode::Less,
        Mode::AtLeast,
        Mode::Greater,
        Mode::Equal,
        Mode::Unequal,
    ];
    let mode = lists.modes[index];
    let known = modes.iter().enumerate().find(|(at, _)| *at as f64 == mode);
    let (_, &mode) = known.ok_or_else(|| super::unsupported(format!("node mode {mode}")))?;
    Branch {
        mode,
        feature: lists.feature[index],
        value: lists.splits[index],
        missing_true,
        yes: children,
        no: children + 1,
    }
    .node(sets)
}
