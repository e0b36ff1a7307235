//! LayerNormalization, RMSNormalization, InstanceNormalization, Softmax: along axes behind the batch.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use crate::ops::Op;

/// Attributes of both norms; the precision that is asked for is more than integers have.
pub const NORM: &[&str] = &["axis", "epsilon", "stash_type"];

/// Over the last axis, with factors and offsets.
pub fn layer(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    norm(context, true)
}

/// The same without taking off the mean.
pub fn rms(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    norm(context, false)
}

fn norm(context: &mut Context<'_, '_>, centred: bool) -> Result<(), ImportError> {
    if context.has_more_outputs() {
        return Err(context.fail("gives means or deviations as well, expected the result alone"));
    }
    let eps = context.float("epsilon", 1e-5)?;
    if eps < 0.0 {
        return Err(context.fail(format!("epsilon is {eps}, expected 0 or more")));
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context.int("axis", -1)?;
    let at = feature_axis(context, axis, features.len())?;
    // Axes of one entry before the last do not matter.
    let between = features.get(at..features.len().saturating_sub(1));
    if between.is_none_or(|axes| axes.iter().any(|len| *len != 1)) {
        return Err(context.fail(format!(
            "normalises axes {axis} to the last of features {features:?} together, expected the last alone: axis -1"
        )));
    }
    let normalise = Draft::Op(Op::Normalise { eps, centred });
    let normalised = context.push_part("normalised", normalise, vec![x], features.clone())?;
    let scale = context.constant(1)?.broadcast(&features)?;
    let shift = match context.optional(2)? {
        None => vec![0.0; scale.len()],
        Some(_) => context.constant(2)?.broadcast(&features)?,
    };
    context.push(Draft::Affine { scale, shift }, vec![normalised], features)
}

/// Over the axis behind the channels, with a factor and an offset for each channel.
pub fn instance(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let eps = context.float("epsilon", 1e-5)?;
    let x = context.tensor(0)?;
    let features = context.features(x);
    let &[channels, len] = features.as_slice() else {
        return Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, expected channels and one axis: several are not normalised together"
        )));
    };
    let each = |i: usize| -> Result<Vec<f64>, ImportError> {
        let of = context.constant(i)?.broadcast(&[channels])?;
        let of = of.into_iter();
        Ok(of.flat_map(|v| std::iter::repeat_n(v, len)).collect())
    };
    let (scale, shift) = (each(1)?, each(2)?);
    let normalise = Draft::Op(Op::Normalise {
        eps: eps.max(0.0),
        centred: true,
    });
    let normalised = context.push_part("normalised", normalise, vec![x], features.clone())?;
    context.push(Draft::Affine { scale, shift }, vec![normalised], features)
}

/// Along one axis; before opset 13 along that and all behind it together.
pub fn softmax(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let joint = context.opset() < 13;
    let axis = context.int("axis", if joint { 1 } else { -1 })?;
    let at = feature_axis(context, axis, features.len())?;
    let behind = features.get(at + 1..).unwrap_or_default();
    if joint && behind.iter().any(|len| *len != 1) {
        return Err(context.fail(format!(
            "is along axes {axis} to the last of features {features:?} together, as before opset 13; export with 13 or later"
        )));
    }
    context.push(Draft::Op(Op::Share { axis: at }), vec![x], features)
}

/// A feature axis by its number among all axes.
pub(super) fn feature_axis(
    context: &Context<'_, '_>,
    axis: i64,
    features: usize,
) -> Result<usize, ImportError> {
    let rank = features as i64 + 1;
    let at = if axis < 0 {
        axis.saturating_add(rank)
    } else {
        axis
    };
    let found = usize::try_from(at.saturating_sub(1)).ok();
    found.filter(|at| *at < features).ok_or_else(|| {
        context.fail(format!(
            "axis is {axis}, expected one of 1 to {features}: the batch stays as it is"
        ))
    })
}
