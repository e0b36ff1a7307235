//! Reshape, Flatten, Squeeze and Unsqueeze: the batch axis stays the first, the features keep their flat order.

use super::super::builder::{Draft, First, Value};
use super::super::error::ImportError;
use super::Context;
use super::shape::{self, target};
use crate::ops::Op;

/// Reshape to a constant shape: first -1, 0, 1 or the batch's own size, then the features, of which one may
/// be -1 if the first is not, and 0 copies (unless `allowzero`).
pub fn reshape(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let target = target(context)?;
    let allow_zero = context.int("allowzero", 0)? != 0;
    let features = context.features(x);
    let features = match context.first() {
        First::Batch => target_features(&target, &features, allow_zero),
        // As if a batch of one were before it.
        First::Feature => target_features(&[&[1][..], &target].concat(), &features, allow_zero),
    };
    let features = features.map_err(|e| context.fail(e))?;
    context.push(Draft::Op(Op::Reshape), vec![x], features)
}

/// Flatten to `(batch, width)`.
pub fn flatten(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context.int("axis", 1)?;
    if context.first() == First::Feature {
        let rank = features.len() as i64;
        let at = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        let parts = usize::try_from(at)
            .ok()
            .and_then(|at| features.split_at_checked(at));
        let Some((before, behind)) = parts else {
            return Err(context.fail(format!("axis is {axis}, expected one of 0 to {rank}")));
        };
        let features = [before, behind].map(|part| part.iter().product()).to_vec();
        return context.give(x, features);
    }
    let rank = features.len() as i64 + 1;
    let at = if axis < 0 {
        axis.saturating_add(rank)
    } else {
        axis
    };
    // Axes between the batch and `axis` would join the batch; of size one they do not matter.
    let joined = usize::try_from(at - 1).ok().and_then(|n| features.get(..n));
    if joined.is_none_or(|dims| dims.iter().any(|d| *d != 1)) {
        return Err(context.fail(format!(
            "axis is {axis}, expected 1: the first axis is the batch"
        )));
    }
    let width = context.width(x);
    context.push(Draft::Op(Op::Reshape), vec![x], vec![width])
}

/// Axes of one entry beside those of an activation; of a shape, [`shape::unsqueeze`].
pub fn unsqueeze(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if !matches!(context.raw(0)?, Some(Value::Tensor(_))) {
        return shape::unsqueeze(context);
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axes = axes(context)?.unwrap_or_default();
    let places = places(context, &axes, features.len() + axes.len())?;
    let mut left = features.iter().copied();
    let all = 0..features.len() + axes.len();
    let size = |at| match places.contains(&at) {
        true => Some(1),
        false => left.next(),
    };
    let features = all.filter_map(size).collect();
    context.push(Draft::Op(Op::Reshape), vec![x], features)
}

/// Axes of one entry left out: those that are named, or all.
pub fn squeeze(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if let Some(Value::Shape(_)) = context.raw(0)? {
        return shape::squeeze(context);
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let places = match axes(context)? {
        Some(axes) => places(context, &axes, features.len())?,
        None => (0..features.len())
            .filter(|at| features.get(*at) == Some(&1))
            .collect(),
    };
    if let Some(at) = places.iter().find(|at| features.get(**at) != Some(&1)) {
        return Err(context.fail(format!(
            "leaves out axis {}, but the feature shape is {features:?}",
            at + context.lead()
        )));
    }
    let kept = features.iter().enumerate();
    let kept = kept.filter(|(at, _)| !places.contains(at)).map(|(_, n)| *n);
    let features = kept.collect();
    context.push(Draft::Op(Op::Reshape), vec![x], features)
}

/// An attribute before opset 13, an operand since.
fn axes(context: &Context<'_, '_>) -> Result<Option<Vec<i64>>, ImportError> {
    if let Some(axes) = context.ints("axes")? {
        return Ok(Some(axes.to_vec()));
    }
    match context.raw(1)? {
        None => Ok(None),
        Some(_) => Ok(Some(context.constant(1)?.integers()?.to_vec())),
    }
}

/// Feature axes, of so many, by their numbers among all axes; each once.
fn places(
    context: &Context<'_, '_>,
    axes: &[i64],
    features: usize,
) -> Result<Vec<usize>, ImportError> {
    let lead = context.lead() as i64;
    let rank = features as i64 + lead;
    let place = |axis: &i64| {
        let axis = if *axis < 0 {
            axis.saturating_add(rank)
        } else {
            *axis
        };
        let at = usize::try_from(axis.checked_sub(lead)?).ok()?;
        (at < features).then_some(at)
    };
    let found: Option<Vec<usize>> = axes.iter().map(place).collect();
    let once = |found: &Vec<usize>| {
        found
            .iter()
            .enumerate()
            .all(|(i, at)| found.iter().position(|a| a == at) == Some(i))
    };
    found.filter(once).ok_or_else(|| {
        context.fail(format!(
            "axes are {axes:?}, expected different ones of {lead} to {}{}",
            rank - 1,
            if lead == 1 {
                ": the batch stays the first"
            } else {
                ""
            }
        ))
    })
}

fn target_features(
    target: &[i64],
    features: &[usize],
    allow_zero: bool,
) -> Result<Vec<usize>, String> {
    let width: usize = features.iter().product();
    let Some((batch, rest)) = target.split_first() else {
        return Err("the target shape is empty, expected (batch, features…)".into());
    };
    if !matches!(batch, -1..=1) || (*batch == 0 && allow_zero) {
        return Err(format!(
            "target shape {target:?} starts with {batch}, expected -1, 0 or 1: the first axis is the batch"
        ));
    }
    let mut inferred = None;
    let mut out = Vec::with_capacity(rest.len());
    for (axis, dim) in rest.iter().enumerate() {
        out.push(match (*dim, features.get(axis)) {
            (-1, _) if *batch != -1 && inferred.is_none() => {
                inferred = Some(axis);
                1
            }
            (0, Some(size)) if !allow_zero => *size,
            (1.., _) => usize::try_from(*dim).unwrap_or(usize::MAX),
            _ => {
                return Err(format!(
                    "target shape {target:?}: dimension {} is {dim}, expected a size",
                    axis + 1
                ));
            }
        });
    }
    let product = out
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .unwrap_or(usize::MAX);
    match inferred.and_then(|axis| out.get_mut(axis)) {
        Some(slot) if product != 0 && width.is_multiple_of(product) => *slot = width / product,
        None if product == width => {}
        _ => {
            return Err(format!(
                "target shape {target:?} holds {product} features, operand 0 has {width}"
            ));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::target_features;

    #[test]
    fn target_shapes() {
        let shape = |target: &[i64]| target_features(target, &[2, 3], false);
        assert_eq!(shape(&[-1, 6]).unwrap(), [6]);
        assert_eq!(shape(&[0, -1]).unwrap(), [6]);
        assert_eq!(shape(&[1, 3, -1]).unwrap(), [3, 2]);
        assert_eq!(shape(&[0, 0, 3]).unwrap(), [2, 3]);
        for bad in [
            &[][..],
            &[6],
            &[2, 3],
            &[-1, -1],
            &[0, -1, -1],
            &[-1, 5],
            &[0, 4, -1],
            &[0, 0, 0, 0],
            &[-1, -2],
        ] {
            assert!(shape(bad).is_err(), "{bad:?}");
        }
        assert!(shape(&[-1, i64::MAX, i64::MAX]).is_err());
        assert!(target_features(&[0, 6], &[2, 3], true).is_err());
    }
}
