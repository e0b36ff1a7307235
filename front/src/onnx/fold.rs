//! Folding of constant factors and offsets (Add, Mul, BatchNormalization) into dense layers.
//!
//! An affine node `y = scale·x + shift` disappears into the dense layer that makes `x`
//! (`W' = diag(scale)·W`, `b' = scale·b + shift`) or the one that reads `y` (`W' = W·diag(scale)`,
//! `b' = b + W·shift`), provided that nothing else reads the tensor between them. Reshapes between
//! them keep the flat index and do not matter, nor do ops that only move numbers. Several layers that read `y` take it each. A
//! standardisation of the model's input is left as it is if its factors are far apart. What is left has a factor and an offset for each entry.

use super::builder::{Builder, Dense, Draft, DraftNode};
use crate::graph::ValueId;
use crate::ops::{Op, Read};

/// How far the factors of a table's columns may be apart to be folded into the layer that reads them. Folded, columns of small
/// factors have the few steps of its integer weights that the largest one leaves them; apart, each column has its own scale.
const MAX_SPREAD: f64 = 4.0;

/// Folds every affine node of the draft that has a dense or affine neighbour.
pub fn fold(draft: &mut Builder<'_>) {
    // An affine node that absorbed the next one may have a dense reader only now, so passes repeat
    // until one changes nothing; each shortens the list.
    loop {
        let before = draft.nodes.len();
        let mut at = 0;
        while at < draft.nodes.len() {
            if !fold_backward(draft, at) && !fold_forward(draft, at) {
                at += 1;
            }
        }
        if draft.nodes.len() == before {
            return;
        }
    }
}

/// Number of readers of a tensor; the model's output is read once more, from outside.
fn uses(draft: &Builder<'_>, id: ValueId) -> usize {
    let reads = draft
        .nodes
        .iter()
        .flat_map(|n| &n.inputs)
        .filter(|i| **i == id)
        .count();
    reads + usize::from(draft.output == id)
}

fn affine_at(draft: &Builder<'_>, at: usize) -> Option<(Vec<f64>, Vec<f64>, ValueId, ValueId)> {
    match draft.nodes.get(at) {
        Some(DraftNode {
            draft: Draft::Affine { scale, shift },
            inputs,
            output,
            ..
        }) => Some((scale.clone(), shift.clone(), *inputs.first()?, *output)),
        _ => None,
    }
}

/// Factors and offsets of all numbers of a value.
#[derive(Clone, Debug)]
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    /// The one factor of all numbers, if there are no offsets.
    fn factor(&self) -> Option<f64> {
        let first = self.scale.first().copied()?;
        let same = self.scale.iter().all(|v| *v == first);
        (same && self.shift.iter().all(|v| *v == 0.0)).then_some(first)
    }

    /// Those of channels, if all entries of a channel have the same.
    fn by_channel(&self, channels: usize) -> Option<Self> {
        let (scale, shift) = by_channel(&self.scale, &self.shift, channels)?;
        Some(Self { scale, shift })
    }

    /// Those of the last axis, if all places have the same.
    fn by_last(&self, len: usize) -> Option<Self> {
        let one = |of: &[f64]| -> Option<Vec<f64>> {
            let first = of.get(..len)?;
            of.chunks(len.max(1))
                .all(|own| own == first)
                .then(|| first.to_vec())
        };
        let (scale, shift) = (one(&self.scale)?, one(&self.shift)?);
        Some(Self { scale, shift })
    }

    /// Of what a value is that is given in another order, `at[i]` the place of number `i` in this one.
    fn ordered(&self, at: &[usize]) -> Option<Self> {
        let of = |of: &[f64]| at.iter().map(|at| of.get(*at).copied()).collect();
        let scale: Option<Vec<f64>> = of(&self.scale);
        Some(Self {
            scale: scale?,
            shift: of(&self.shift)?,
        })
    }
}

/// For each number of what is read whole, but in another order of axes, the place of it among those that are read.
fn order(reads: &[Read], features: &[usize]) -> Option<Vec<usize>> {
    let len = |axis: usize| features.get(axis).copied();
    if reads.iter().any(|read| *read != Read::all(read.axis)) || reads.len() != features.len() {
        return None;
    }
    let mut out = vec![0usize];
    for read in reads {
        let stride: usize = features.iter().skip(read.axis + 1).product();
        let count = len(read.axis)?;
        out = out
            .iter()
            .flat_map(|at| (0..count).map(move |x| at + x * stride))
            .collect();
    }
    Some(out)
}

/// Where each number is in an order.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut out = vec![0; order.len()];
    for (at, from) in order.iter().enumerate() {
        if let Some(slot) = out.get_mut(*from) {
            *slot = at;
        }
    }
    out
}

/// The order in which an op that moves all numbers reads its operand.
fn moved(draft: &Builder<'_>, node: &DraftNode) -> Option<Vec<usize>> {
    let operand = *node.inputs.first()?;
    match &node.draft {
        Draft::Op(Op::Reshape) => Some((0..draft.width(operand)).collect()),
        Draft::Op(Op::Arrange(reads)) => {
            let order = order(reads, draft.features(operand))?;
            // A part has fewer.
            let whole = draft.width(node.output) == order.len();
            whole.then_some(order)
        }
        _ => None,
    }
}

/// Folds the affine node `at` into the node that makes its operand.
fn fold_backward(draft: &mut Builder<'_>, at: usize) -> bool {
    let Some((scale, shift, operand, output)) = affine_at(draft, at) else {
        return false;
    };
    let mut affine = Affine { scale, shift };
    let mut id = operand;
    let producer = loop {
        if uses(draft, id) != 1 {
            return false;
        }
        let Some(index) = draft.nodes.iter().position(|n| n.output == id) else {
            return false;
        };
        let Some(node) = draft.nodes.get(index) else {
            return false;
        };
        match (moved(draft, node), node.inputs.first()) {
            (Some(order), Some(next)) => {
                let Some(before) = affine.ordered(&inverse(&order)) else {
                    return false;
                };
                (affine, id) = (before, *next);
            }
            _ => break index,
        }
    };
    let Some(node) = draft.nodes.get_mut(producer).map(|n| &mut n.draft) else {
        return false;
    };
    if !before(node, &affine) {
        return false;
    }
    rename(draft, operand, output);
    remove(draft, at, output, operand);
    true
}

/// Takes factors and offsets of a node's result into it.
fn before(node: &mut Draft, affine: &Affine) -> bool {
    match node {
        Draft::Dense(dense) if affine.scale.len() == dense.rows => {
            scale_rows(dense, &affine.scale, &affine.shift);
        }
        Draft::Linear(dense) => match affine.by_last(dense.rows) {
            Some(own) => scale_rows(dense, &own.scale, &own.shift),
            None => return false,
        },
        Draft::Conv { dense, .. } => match affine.by_channel(dense.rows) {
            Some(own) => scale_rows(dense, &own.scale, &own.shift),
            None => return false,
        },
        Draft::Op(Op::MatMul { factor }) => match affine.factor() {
            Some(own) if own > 0.0 => *factor *= own,
            _ => return false,
        },
        Draft::Affine { scale, shift } => {
            let own = scale.iter_mut().zip(shift);
            for ((own, offset), (scale, shift)) in own.zip(affine.scale.iter().zip(&affine.shift)) {
                *own *= scale;
                *offset = *offset * scale + shift;
            }
        }
        _ => return false,
    }
    true
}

/// Folds the affine node `at` into the layers that read its result, if nothing else does.
fn fold_forward(draft: &mut Builder<'_>, at: usize) -> bool {
    let Some((scale, shift, operand, output)) = affine_at(draft, at) else {
        return false;
    };
    let mut found = vec![];
    if !readers(draft, output, &Affine { scale, shift }, &mut found) || found.is_empty() {
        return false;
    }
    let takes = |(node, affine): &(usize, Affine)| {
        let node = draft.nodes.get(*node);
        node.is_some_and(|node| behind(&mut node.draft.clone(), affine))
    };
    // A product of a value with itself would take its factor twice over, once by each operand.
    let once = |(i, (node, _)): (usize, &(usize, Affine))| {
        found.iter().skip(i + 1).all(|(other, _)| other != node)
    };
    if !found.iter().all(takes) || !found.iter().enumerate().all(once) {
        return false;
    }
    let affine = |(node, _): &(usize, Affine)| {
        let node = draft.nodes.get(*node);
        matches!(node.map(|node| &node.draft), Some(Draft::Affine { .. }))
    };
    if !found.iter().all(affine) && is_input(draft, operand) && spread(&found) > MAX_SPREAD {
        return false;
    }
    for (node, affine) in &found {
        if let Some(node) = draft.nodes.get_mut(*node) {
            behind(&mut node.draft, affine);
        }
    }
    remove(draft, at, output, operand);
    true
}

/// Whether a value is the model's input, its numbers moved or not.
fn is_input(draft: &Builder<'_>, mut id: ValueId) -> bool {
    while let Some(node) = draft.nodes.iter().find(|node| node.output == id) {
        match node.inputs.first() {
            Some(operand) if moved(draft, node).is_some() => id = *operand,
            _ => return false,
        }
    }
    id == 0
}

/// How far the factors of columns are apart.
fn spread(found: &[(usize, Affine)]) -> f64 {
    let factors = found.iter().flat_map(|(_, affine)| &affine.scale);
    let sizes = factors.map(|v| v.abs()).filter(|v| *v > 0.0);
    let (low, high) = sizes.fold((f64::MAX, 0.0), |(low, high), v| (v.min(low), v.max(high)));
    high / low
}

/// The nodes that read a value, through ops that only move numbers, with the factors and offsets of what they read; whether that
/// is all that reads it.
fn readers(
    draft: &Builder<'_>,
    id: ValueId,
    affine: &Affine,
    found: &mut Vec<(usize, Affine)>,
) -> bool {
    if draft.output == id {
        return false;
    }
    for (index, node) in draft.nodes.iter().enumerate() {
        let reads = node.inputs.iter().filter(|input| **input == id).count();
        match (reads, moved(draft, node)) {
            (0, _) => {}
            (_, Some(order)) => {
                let Some(own) = affine.ordered(&order) else {
                    return false;
                };
                if !readers(draft, node.output, &own, found) {
                    return false;
                }
            }
            (1, None) => found.push((index, affine.clone())),
            _ => return false,
        }
    }
    true
}

/// Takes factors and offsets of a node's operand into it.
fn behind(node: &mut Draft, affine: &Affine) -> bool {
    match node {
        Draft::Dense(dense) if affine.scale.len() == dense.cols => {
            scale_columns(dense, &affine.scale, &affine.shift);
        }
        Draft::Linear(dense) => match affine.by_last(dense.cols) {
            Some(own) => scale_columns(dense, &own.scale, &own.shift),
            None => return false,
        },
        Draft::Conv {
            windows,
            groups: 1,
            dense,
        } => {
            let window: usize = windows.iter().map(|window| window.size).product();
            let channels = dense.cols.checked_div(window).unwrap_or(0);
            let Some(own) = affine.by_channel(channels) else {
                return false;
            };
            // What padding adds is zero before the factors, and would have to be zero behind the offsets.
            let padded = windows.iter().any(|w| w.before > 0 || w.after > 0);
            if padded && own.shift.iter().any(|shift| *shift != 0.0) {
                return false;
            }
            let each = |of: &[f64]| -> Vec<f64> {
                let of = of.iter();
                of.flat_map(|v| std::iter::repeat_n(*v, window)).collect()
            };
            scale_columns(dense, &each(&own.scale), &each(&own.shift));
        }
        Draft::Op(Op::MatMul { factor }) => match affine.factor() {
            Some(own) if own > 0.0 => *factor *= own,
            _ => return false,
        },
        _ => return false,
    }
    true
}

/// Factors and offsets of channels, if those of all entries of a channel are the same.
fn by_channel(scale: &[f64], shift: &[f64], channels: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let inner = scale.len().checked_div(channels).filter(|n| *n > 0)?;
    let one = |of: &[f64]| -> Option<Vec<f64>> {
        let first = |own: &[f64]| {
            let first = own.first().copied()?;
            own.iter().all(|v| *v == first).then_some(first)
        };
        of.chunks(inner).map(first).collect()
    };
    let (scale, shift) = (one(scale)?, one(shift)?);
    (scale.len() == channels && shift.len() == channels).then_some((scale, shift))
}

/// What is left of an affine node: an axis if factors and offsets are those of its entries, and they.
pub fn left(features: &[usize], scale: &[f64], shift: &[f64]) -> (Option<usize>, Dense) {
    let dense = |scale: &[f64], shift: &[f64]| Dense {
        rows: scale.len(),
        cols: 1,
        weight: scale.iter().map(|v| *v as f32).collect(),
        bias: shift.iter().map(|v| *v as f32).collect(),
    };
    let several = features.iter().filter(|len| **len > 1).count() > 1;
    let along = |axis: usize| -> Option<Dense> {
        let len = features.get(axis).copied()?;
        let stride: usize = features.iter().skip(axis + 1).product();
        let entry = |at: usize| at / stride.max(1) % len.max(1);
        let one = |of: &[f64]| -> Option<Vec<f64>> {
            let first: Vec<f64> = (0..len)
                .filter_map(|x| of.get(x * stride).copied())
                .collect();
            let same = |(at, v): (usize, &f64)| first.get(entry(at)) == Some(v);
            of.iter().enumerate().all(same).then_some(first)
        };
        Some(dense(&one(scale)?, &one(shift)?))
    };
    let axes = (0..features.len()).filter(|_| several);
    let mut found = axes.filter_map(|axis| Some((Some(axis), along(axis)?)));
    found.next().unwrap_or_else(|| (None, dense(scale, shift)))
}

/// `W' = diag(scale)·W`, `b' = scale·b + shift`.
fn scale_rows(dense: &mut Dense, scale: &[f64], shift: &[f64]) {
    let rows = dense
        .weight
        .chunks_exact_mut(dense.cols.max(1))
        .zip(&mut dense.bias);
    for (((weights, bias), scale), shift) in rows.zip(scale).zip(shift) {
        for w in weights {
            *w = (f64::from(*w) * scale) as f32;
        }
        *bias = (f64::from(*bias) * scale + shift) as f32;
    }
}

/// `W' = W·diag(scale)`, `b' = b + W·shift`.
fn scale_columns(dense: &mut Dense, scale: &[f64], shift: &[f64]) {
    for (weights, bias) in dense
        .weight
        .chunks_exact_mut(dense.cols.max(1))
        .zip(&mut dense.bias)
    {
        let offset: f64 = weights
            .iter()
            .zip(shift)
            .map(|(w, s)| f64::from(*w) * s)
            .sum();
        *bias = (f64::from(*bias) + offset) as f32;
        for (w, s) in weights.iter_mut().zip(scale) {
            *w = (f64::from(*w) * s) as f32;
        }
    }
}

/// After backward folding, tensor `kept` holds what `dropped` held and takes its name.
fn rename(draft: &mut Builder<'_>, kept: ValueId, dropped: ValueId) {
    if let Some(name) = draft.names.get(dropped).cloned()
        && let Some(kept) = draft.names.get_mut(kept)
    {
        *kept = name;
    }
}

/// Removes node `at`; readers of `old` read `new` instead.
fn remove(draft: &mut Builder<'_>, at: usize, old: ValueId, new: ValueId) {
    draft.nodes.remove(at);
    for id in draft
        .nodes
        .iter_mut()
        .flat_map(|n| &mut n.inputs)
        .filter(|id| **id == old)
    {
        *id = new;
    }
    if draft.output == old {
        draft.output = new;
    }
}
