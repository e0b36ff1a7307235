//! Folding of constant factors and offsets (Add, Mul, BatchNormalization) into dense layers.
//!
//! An affine node `y = scale·x + shift` disappears into the dense layer that makes `x`
//! (`W' = diag(scale)·W`, `b' = scale·b + shift`) or the one that reads `y` (`W' = W·diag(scale)`,
//! `b' = b + W·shift`), provided that nothing else reads the tensor between them. Reshapes between
//! them keep the flat index and do not matter. What is left becomes a diagonal dense layer.

use super::builder::{Builder, Dense, Draft, DraftNode};
use super::error::ImportError;
use crate::graph::ValueId;
use crate::ops::{Op, Window};

/// Largest number of weights of a diagonal dense layer, `width²`.
const MAX_DIAGONAL: usize = 1 << 26;

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

/// A dense layer with `scale` on its diagonal.
///
/// # Errors
/// [`ImportError::TooLarge`] if it is too wide.
pub fn diagonal(node: &str, scale: &[f64], shift: &[f64]) -> Result<Dense, ImportError> {
    let width = scale.len();
    let count = width.saturating_mul(width);
    if count > MAX_DIAGONAL {
        return Err(ImportError::TooLarge {
            what: format!(
                "constant Add, Mul or BatchNormalization {node:?} without a dense layer beside it: number of weights"
            ),
            found: count as u64,
            limit: MAX_DIAGONAL as u64,
        });
    }
    let mut weight = vec![0.0; count];
    for (slot, value) in weight.iter_mut().step_by(width + 1).zip(scale) {
        *slot = *value as f32;
    }
    Ok(Dense {
        rows: width,
        cols: width,
        weight,
        bias: shift.iter().map(|v| *v as f32).collect(),
    })
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

/// Folds the affine node `at` into the node that makes its operand.
fn fold_backward(draft: &mut Builder<'_>, at: usize) -> bool {
    let Some((scale, shift, operand, output)) = affine_at(draft, at) else {
        return false;
    };
    let mut id = operand;
    let producer = loop {
        if uses(draft, id) != 1 {
            return false;
        }
        let Some(index) = draft.nodes.iter().position(|n| n.output == id) else {
            return false;
        };
        match draft.nodes.get(index) {
            Some(DraftNode {
                draft: Draft::Op(Op::Reshape),
                inputs,
                ..
            }) => match inputs.first() {
                Some(next) => id = *next,
                None => return false,
            },
            _ => break index,
        }
    };
    match draft.nodes.get_mut(producer).map(|n| &mut n.draft) {
        Some(Draft::Dense(dense)) => scale_rows(dense, &scale, &shift),
        Some(Draft::Conv { dense, .. }) => {
            let Some((scale, shift)) = by_channel(&scale, &shift, dense.rows) else {
                return false;
            };
            scale_rows(dense, &scale, &shift);
        }
        Some(Draft::Affine {
            scale: own,
            shift: offset,
        }) => {
            for (((own, offset), scale), shift) in
                own.iter_mut().zip(offset).zip(&scale).zip(&shift)
            {
                *own *= scale;
                *offset = *offset * scale + shift;
            }
        }
        _ => return false,
    }
    rename(draft, operand, output);
    remove(draft, at, output, operand);
    true
}

/// Folds the affine node `at` into the dense layer that alone reads its result.
fn fold_forward(draft: &mut Builder<'_>, at: usize) -> bool {
    let Some((scale, shift, operand, output)) = affine_at(draft, at) else {
        return false;
    };
    let mut id = output;
    let consumer = loop {
        if uses(draft, id) != 1 {
            return false;
        }
        let Some(index) = draft.nodes.iter().position(|n| n.inputs.contains(&id)) else {
            return false;
        };
        match draft.nodes.get(index) {
            Some(DraftNode {
                draft: Draft::Op(Op::Reshape),
                output,
                ..
            }) => id = *output,
            _ => break index,
        }
    };
    match draft.nodes.get_mut(consumer).map(|n| &mut n.draft) {
        Some(Draft::Dense(dense)) => scale_columns(dense, &scale, &shift),
        Some(Draft::Conv { windows, dense }) => {
            let window: usize = windows.iter().map(|window| window.size).product();
            let channels = dense.cols.checked_div(window).unwrap_or(0);
            let Some((scale, shift)) = by_channel(&scale, &shift, channels) else {
                return false;
            };
            // What padding adds is zero before the factors, and would have to be zero behind the offsets.
            let padded = windows.iter().any(|w| w.before > 0 || w.after > 0);
            if padded && shift.iter().any(|shift| *shift != 0.0) {
                return false;
            }
            let each = |of: &[f64]| -> Vec<f64> {
                let of = of.iter();
                of.flat_map(|v| std::iter::repeat_n(*v, window)).collect()
            };
            scale_columns(dense, &each(&scale), &each(&shift));
        }
        _ => return false,
    }
    remove(draft, at, output, operand);
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

/// What is left of an affine node: a convolution with windows of one entry if all entries of a channel have the same
/// factor and offset, else a contraction; with the factors and offsets that it has.
pub fn left(features: &[usize], scale: Vec<f64>, shift: Vec<f64>) -> (Op, Vec<f64>, Vec<f64>) {
    if let [channels, axes @ ..] = features
        && (1..=3).contains(&axes.len())
        && scale.len() > *channels
        && let Some((scale, shift)) = by_channel(&scale, &shift, *channels)
    {
        return (Op::Convolve(vec![Window::ONE; axes.len()]), scale, shift);
    }
    (Op::Contract, scale, shift)
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
