//! Norms over axes, Softmax and its logarithm.

use super::super::builder::{Dense, Draft};
use super::super::error::ImportError;
use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::ops::{Function, Op, Reduction, Window};

/// Attributes of both norms; the precision that is asked for is more than integers have.
pub const NORM: &[&str] = &["axis", "epsilon", "stash_type"];

/// Over the last axes, with factors and offsets.
pub fn layer(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    norm(context, true)
}

/// The same without taking off the mean.
pub fn rms(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    norm(context, false)
}

fn norm(context: &mut Context<'_, '_>, centred: bool) -> Result<(), ImportError> {
    let eps = context.float("epsilon", 1e-5)?;
    if eps < 0.0 {
        return Err(context.fail(format!("epsilon is {eps}, expected 0 or more")));
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context.int("axis", -1)?;
    let at = context.axis(axis, features.len())?;
    if context.has_more_outputs() {
        if !centred {
            return Err(context.fail("gives deviations as well, expected the result alone"));
        }
        moments(context, x, at, eps)?;
    }
    let normalised = normalised(context, x, at, eps, centred)?;
    let scaled = times(context, normalised, 1)?;
    let shifted = plus(context, scaled, 2)?;
    context.give(shifted, features)
}

/// Over an axis and all behind it together.
fn normalised(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
    eps: f32,
    centred: bool,
) -> Result<ValueId, ImportError> {
    let features = context.features(x);
    let joined = joined(context, x, at)?;
    let op = Op::Normalise { eps, centred };
    let found = context.part(op, vec![joined], context.features(joined))?;
    context.reshaped(found, features)
}

/// An axis and all behind it as one.
fn joined(context: &mut Context<'_, '_>, x: ValueId, at: usize) -> Result<ValueId, ImportError> {
    let mut features = context.features(x);
    // Axes of one entry before the last do not matter.
    let last = features.len().saturating_sub(1);
    let between = features.get(at..last).unwrap_or_default();
    if between.iter().all(|len| *len == 1) {
        return Ok(x);
    }
    let behind: usize = features.drain(at..).product();
    features.push(behind);
    context.reshaped(x, features)
}

/// The second and third results: the mean, and the inverse of the deviation.
fn moments(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
    eps: f32,
) -> Result<(), ImportError> {
    let axes: Vec<usize> = (at..context.features(x).len()).collect();
    let mean = context.together(x, Reduction::Mean, &axes)?;
    let inverse = inverse_deviation(context, x, mean, &axes, eps)?;
    let names: Vec<String> = context.outputs().iter().skip(1).cloned().collect();
    for (name, found) in names.iter().zip([mean, inverse.1]) {
        if !name.is_empty() {
            let features = context.features(found);
            context.push_named(name, Draft::Op(Op::Reshape), vec![found], features)?;
        }
    }
    Ok(())
}

/// What is left of a value without its mean, and the inverse of its deviation.
fn inverse_deviation(
    context: &mut Context<'_, '_>,
    x: ValueId,
    mean: ValueId,
    axes: &[usize],
    eps: f32,
) -> Result<(ValueId, ValueId), ImportError> {
    let rest = context.difference(x, mean)?;
    let squares = context.product_of(rest, rest)?;
    let variance = context.together(squares, Reduction::Mean, axes)?;
    let variance = context.scaled(variance, 1.0, eps.into())?;
    let exponent = -0.5;
    let inverse = context.mapped(variance, Function::Pow { exponent })?;
    Ok((rest, inverse))
}

/// A value times operand `i`, if that is there.
fn times(context: &mut Context<'_, '_>, x: ValueId, i: usize) -> Result<ValueId, ImportError> {
    match context.optional(i)? {
        None => Ok(x),
        Some(Operand::Tensor(by)) => context.product_of(x, by),
        Some(Operand::Constant(by)) => {
            let (x, _, scale) = context.with_constant(x, &by)?;
            let shift = vec![0.0; scale.len()];
            context.affine(x, scale, shift)
        }
    }
}

/// A value and operand `i`, if that is there.
fn plus(context: &mut Context<'_, '_>, x: ValueId, i: usize) -> Result<ValueId, ImportError> {
    match context.optional(i)? {
        None => Ok(x),
        Some(Operand::Tensor(by)) => context.sum_of(x, by),
        Some(Operand::Constant(by)) => {
            let (x, _, shift) = context.with_constant(x, &by)?;
            let scale = vec![1.0; shift.len()];
            context.affine(x, scale, shift)
        }
    }
}

/// Over all axes behind the channels, with a factor and an offset for each channel.
pub fn instance(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let channels = context.features(context.tensor(0)?).first().copied();
    grouped(context, channels.unwrap_or(1))
}

/// Over the channels of a group and all axes behind them.
pub fn group(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let groups = context.int("num_groups", 0)?;
    let groups = usize::try_from(groups).ok().filter(|groups| *groups > 0);
    match groups {
        Some(groups) => grouped(context, groups),
        None => Err(context.fail("num_groups is missing, expected a number from 1 on")),
    }
}

fn grouped(context: &mut Context<'_, '_>, groups: usize) -> Result<(), ImportError> {
    let eps = context.float("epsilon", 1e-5)?.max(0.0);
    let x = context.tensor(0)?;
    let features = context.features(x);
    let width = context.width(x);
    let (Some(&channels), true) = (features.first(), features.len() > 1) else {
        return Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, expected channels and axes"
        )));
    };
    if channels.checked_rem(groups) != Some(0) {
        return Err(context.fail(format!("{channels} channels are not {groups} equal groups")));
    }
    let each = |i: usize| -> Result<Vec<f64>, ImportError> {
        let constant = context.constant(i)?;
        let count = constant.dims.iter().product::<usize>().max(1);
        // Before opset 21 those of a group.
        let groupwise = count == groups && context.opset() < 21;
        if count != channels && !groupwise {
            return Err(context.fail(format!(
                "operand {i} has shape {:?}, expected [{channels}]",
                constant.dims
            )));
        }
        let own = constant.numbers().into_iter();
        let long = width / count;
        Ok(own.flat_map(|v| std::iter::repeat_n(v, long)).collect())
    };
    let (scale, shift) = (each(1)?, each(2)?);
    let flat = context.reshaped(x, vec![groups, width / groups])?;
    let op = Op::Normalise { eps, centred: true };
    let found = context.part(op, vec![flat], context.features(flat))?;
    let found = context.reshaped(found, features.clone())?;
    context.push(Draft::Affine { scale, shift }, vec![found], features)
}

/// Without the mean of axes and over their deviation.
pub fn mean_variance(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let mut axes = vec![];
    for axis in context.ints("axes")?.unwrap_or(&[0, 2, 3]) {
        axes.push(context.axis(*axis, features.len())?);
    }
    let mean = context.together(x, Reduction::Mean, &axes)?;
    let (rest, inverse) = inverse_deviation(context, x, mean, &axes, 1e-9)?;
    let found = context.product_of(rest, inverse)?;
    context.give(found, features)
}

/// Over the root of the sum of squares along an axis, or the sum of absolute values.
pub fn lp(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let at = context.axis(context.int("axis", -1)?, features.len())?;
    let found = lp_of(context, x, at, context.int("p", 2)?)?;
    context.give(found, features)
}

/// Divided by the sum of the magnitudes along an axis, or by the root of that of the squares.
pub(super) fn lp_of(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
    p: i64,
) -> Result<ValueId, ImportError> {
    let features = context.features(x);
    let (each, function) = match p {
        1 => (
            context.part(Op::Abs, vec![x], features)?,
            Function::Reciprocal,
        ),
        2 => (context.product_of(x, x)?, Function::Pow { exponent: -0.5 }),
        other => return Err(context.fail(format!("p is {other}, expected 1 or 2"))),
    };
    let sum = context.together(each, Reduction::Sum, &[at])?;
    let inverse = context.mapped(sum, function)?;
    context.product_of(x, inverse)
}

/// Over powers of sums of squares of the channels beside each: `x·(bias + alpha/size·Σx²)^-beta`.
pub fn local(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let size = usize::try_from(context.int("size", 0)?).unwrap_or(0);
    let (Some(&channels), true) = (features.first(), (1..=1 << 20).contains(&size)) else {
        return Err(context.fail("expected channels, and a size from 1 on"));
    };
    let (alpha, beta) = (context.float("alpha", 1e-4)?, context.float("beta", 0.75)?);
    let bias = context.float("bias", 1.0)?;
    super::windows::dense_weights(context, &[channels, channels])?;
    let (before, after) = ((size - 1) / 2, size / 2);
    let factor = alpha / size as f32;
    let near = |row: usize, col: usize| {
        let inside = col + before >= row && col <= row + after;
        if inside { factor } else { 0.0 }
    };
    let weight = (0..channels).flat_map(|row| (0..channels).map(move |col| near(row, col)));
    let dense = Dense {
        rows: channels,
        cols: channels,
        weight: weight.collect(),
        bias: vec![bias; channels],
    };
    let squares = context.product_of(x, x)?;
    // A layer over channels at each place: a convolution of windows of one entry.
    let windows = vec![Window::ONE; features.len() - 1];
    let conv = Draft::Conv {
        windows,
        groups: 1,
        dense,
    };
    let sums = context.push_part("sums", conv, vec![squares], features.clone())?;
    let exponent = -beta;
    let power = context.mapped(sums, Function::Pow { exponent })?;
    context.push(Draft::Op(Op::Mul), vec![x, power], features)
}

/// Along one axis; before opset 13 along that and all behind it together.
pub fn softmax(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, at) = along(context)?;
    let share = Op::Share { axis: at };
    let found = context.part(share, vec![x], context.features(x))?;
    context.give(found, context.features(context.tensor(0)?))
}

/// Its logarithm.
pub fn log_softmax(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, at) = along(context)?;
    let found = log_softmax_of(context, x, at)?;
    context.give(found, context.features(context.tensor(0)?))
}

/// The logarithm of the softmax of an axis.
pub(super) fn log_softmax_of(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
) -> Result<ValueId, ImportError> {
    // Less the largest first: what is left is small.
    let most = context.together(x, Reduction::Max, &[at])?;
    let depth = context.difference(x, most)?;
    let powers = context.mapped(depth, Function::Exp)?;
    let sum = context.together(powers, Reduction::Sum, &[at])?;
    let log = context.mapped(sum, Function::Log)?;
    context.difference(depth, log)
}

/// What a softmax reads, and the axis.
pub(super) fn along(context: &mut Context<'_, '_>) -> Result<(ValueId, usize), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let joint = context.opset() < 13;
    let axis = context.int("axis", if joint { 1 } else { -1 })?;
    let at = context.axis(axis, features.len())?;
    if !joint {
        return Ok((x, at));
    }
    let x = joined(context, x, at)?;
    let last = context.features(x).len() - 1;
    // Axes of one entry before the last stay.
    Ok((
        x,
        if context.features(x).len() == features.len() {
            last.max(at)
        } else {
            at
        },
    ))
}
