//! Reshape and Flatten: the batch axis stays the first, the features keep their flat order.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::shape::target;
use crate::ops::Op;

/// Reshape to a constant shape: first -1, 0, 1 or the batch's own size, then the features, of which one may
/// be -1 if the first is not, and 0 copies (unless `allowzero`).
pub fn reshape(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let target = target(context)?;
    let allow_zero = context.int("allowzero", 0)? != 0;
    let features =
        target_features(&target, &context.features(x), allow_zero).map_err(|e| context.fail(e))?;
    context.push(Draft::Op(Op::Reshape), vec![x], features)
}

/// Flatten to `(batch, width)`.
pub fn flatten(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let rank = features.len() as i64 + 1;
    let axis = context.int("axis", 1)?;
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
