//! Conv and pools: `(batch, channels, axes…)`; weights `(made, channels, window…)`, bias `(made)` or omitted.

use laminate_model::program::MAX_WIDTH;

use super::super::builder::{Dense, Draft};
use super::super::error::ImportError;
use super::Context;
use crate::ops::{Function, Op, Window, positions};

/// Attributes of Conv.
pub const CONV: &[&str] = &[
    "auto_pad",
    "dilations",
    "group",
    "kernel_shape",
    "pads",
    "strides",
];
/// Attributes of pools; the order of indices only matters to a second result.
pub const POOL: &[&str] = &[
    "auto_pad",
    "ceil_mode",
    "count_include_pad",
    "dilations",
    "kernel_shape",
    "pads",
    "storage_order",
    "strides",
];
/// Attributes of the pool by powers.
pub const LP_POOL: &[&str] = &[
    "auto_pad",
    "ceil_mode",
    "dilations",
    "kernel_shape",
    "p",
    "pads",
    "strides",
];

/// Convolution over all axes behind the channels.
pub fn conv(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let weight = context.constant(1)?;
    let (channels, axes) = channels_and_axes(context, &features)?;
    let group = context.int("group", 1)?;
    let [made, found, sizes @ ..] = weight.dims.as_slice() else {
        return Err(context.fail(format!(
            "W has shape {:?}, expected (made, channels, window…)",
            weight.dims
        )));
    };
    let groups = usize::try_from(group).ok().filter(|groups| {
        let whole = |count: usize| count.checked_rem(*groups) == Some(0);
        whole(channels) && whole(*made)
    });
    let Some(groups) = groups else {
        return Err(context.fail(format!(
            "group is {group}, expected a divisor of {channels} channels and {made} filters"
        )));
    };
    let own = channels / groups;
    if *found != own || sizes.len() != axes.len() {
        return Err(context.fail(format!(
            "W has shape {:?}, expected (made, {own}, and {} sizes of a window)",
            weight.dims,
            axes.len()
        )));
    }
    if let Some(stated) = context.ints("kernel_shape")?
        && !stated.iter().copied().eq(sizes.iter().map(|s| *s as i64))
    {
        return Err(context.fail(format!(
            "kernel_shape is {stated:?}, W has shape {:?}",
            weight.dims
        )));
    }
    let windows = windows(context, sizes, axes, false)?;
    let positions = checked(context, &windows, &features)?;
    let bias = match context.optional(2)? {
        None => vec![0.0; *made],
        Some(_) => {
            let bias = context.constant(2)?;
            if bias.dims != [*made] {
                return Err(context.fail(format!("B has shape {:?}, expected [{made}]", bias.dims)));
            }
            bias.floats()?.to_vec()
        }
    };
    let cols = sizes
        .iter()
        .fold(own, |all, size| all.saturating_mul(*size));
    let dense = Dense {
        rows: *made,
        cols,
        weight: weight.floats()?.to_vec(),
        bias,
    };
    let features = [&[*made][..], &positions].concat();
    // Of groups that make one channel each a layer has weights of its own; others are one layer, zero outside of the group.
    let (dense, groups) = match groups == *made {
        true => (dense, groups),
        false => {
            dense_weights(context, &[*made, cols, groups])?;
            (spread(&dense, groups), 1)
        }
    };
    let conv = Draft::Conv {
        windows,
        groups,
        dense,
    };
    context.push(conv, vec![x], features)
}

/// Most weights of a layer that is mostly zero.
const MAX_SPREAD: usize = 1 << 26;

/// Refuses a layer whose zeros would be far more than the file holds.
pub(super) fn dense_weights(
    context: &Context<'_, '_>,
    factors: &[usize],
) -> Result<(), ImportError> {
    let count = factors.iter().fold(1usize, |all, n| all.saturating_mul(*n));
    if count <= MAX_SPREAD {
        return Ok(());
    }
    Err(ImportError::TooLarge {
        what: format!(
            "weights of all groups of node {:?} (filters, channels and window multiplied)",
            context.name()
        ),
        found: count as u64,
        limit: MAX_SPREAD as u64,
    })
}

/// The layer of all groups, whose weights are zero for channels of other groups.
fn spread(dense: &Dense, groups: usize) -> Dense {
    let each = (dense.rows / groups.max(1)).max(1);
    let cols = dense.cols.saturating_mul(groups);
    let rows = dense.weight.chunks_exact(dense.cols.max(1)).enumerate();
    let row = |(made, own): (usize, &[f32])| {
        let before = made / each * dense.cols;
        let zeros = |count| std::iter::repeat_n(0.0, count);
        let own = own.iter().copied();
        zeros(before)
            .chain(own)
            .chain(zeros(cols - before - dense.cols))
            .collect::<Vec<f32>>()
    };
    Dense {
        cols,
        weight: rows.flat_map(row).collect(),
        ..dense.clone()
    }
}

/// The largest of each window.
pub fn max_pool(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if context.has_more_outputs() {
        return Err(context.fail("gives the places of the maxima, expected the maxima alone"));
    }
    pool(context, Op::MaxPool)
}

/// The mean of each window.
pub fn average_pool(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let padding = context.int("count_include_pad", 0)? != 0;
    pool(context, |windows| Op::MeanPool { windows, padding })
}

/// The mean of all entries of a channel.
pub fn global_average_pool(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    global(context, |windows| Op::MeanPool {
        windows,
        padding: false,
    })
}

/// The largest entry of a channel.
pub fn global_max_pool(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    global(context, Op::MaxPool)
}

/// The root of the sum of powers of each window.
pub fn lp_pool(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let (channels, axes) = channels_and_axes(context, &features)?;
    let Some(sizes) = context.ints("kernel_shape")? else {
        return Err(context.fail("kernel_shape is missing"));
    };
    let sizes = counts(context, "kernel_shape", sizes, axes.len())?;
    let ceil = context.int("ceil_mode", 0)? != 0;
    let windows = windows(context, &sizes, axes, ceil)?;
    let positions = checked(context, &windows, &features)?;
    let made = [&[channels][..], &positions].concat();
    let p = context.int("p", 2)?;
    let each = match p {
        1 => context.part(Op::Abs, vec![x], features)?,
        2 => context.product_of(x, x)?,
        other => return Err(context.fail(format!("p is {other}, expected 1 or 2"))),
    };
    let count = sizes.iter().product::<usize>();
    let padding = true;
    let mean = context.part(Op::MeanPool { windows, padding }, vec![each], made.clone())?;
    let sum = context.scaled(mean, count as f64, 0.0)?;
    let found = match p {
        1 => sum,
        _ => context.mapped(sum, Function::Sqrt)?,
    };
    context.give(found, made)
}

fn pool(context: &mut Context<'_, '_>, op: impl Fn(Vec<Window>) -> Op) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let (channels, axes) = channels_and_axes(context, &features)?;
    let Some(sizes) = context.ints("kernel_shape")? else {
        return Err(context.fail("kernel_shape is missing"));
    };
    let sizes = counts(context, "kernel_shape", sizes, axes.len())?;
    let ceil = context.int("ceil_mode", 0)? != 0;
    let windows = windows(context, &sizes, axes, ceil)?;
    let positions = checked(context, &windows, &features)?;
    let features = [&[channels][..], &positions].concat();
    context.push(Draft::Op(op(windows)), vec![x], features)
}

fn global(
    context: &mut Context<'_, '_>,
    op: impl Fn(Vec<Window>) -> Op,
) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let (channels, axes) = channels_and_axes(context, &features)?;
    let whole = |size: &usize| Window {
        size: *size,
        ..Window::ONE
    };
    let windows: Vec<Window> = axes.iter().map(whole).collect();
    let features = std::iter::once(channels).chain(axes.iter().map(|_| 1));
    let features = features.collect();
    context.push(Draft::Op(op(windows)), vec![x], features)
}

fn channels_and_axes<'f>(
    context: &Context<'_, '_>,
    features: &'f [usize],
) -> Result<(usize, &'f [usize]), ImportError> {
    match features {
        [channels, axes @ ..] if (1..=3).contains(&axes.len()) => Ok((*channels, axes)),
        _ => Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, expected (channels, and one to three axes)"
        ))),
    }
}

/// Positive numbers, one for each axis.
fn counts(
    context: &Context<'_, '_>,
    name: &str,
    values: &[i64],
    axes: usize,
) -> Result<Vec<usize>, ImportError> {
    let count = |value: &i64| {
        usize::try_from(*value)
            .ok()
            .filter(|v| (1..=1 << 20).contains(v))
    };
    let found: Option<Vec<usize>> = values.iter().map(count).collect();
    found.filter(|found| found.len() == axes).ok_or_else(|| {
        context.fail(format!(
            "{name} is {values:?}, expected {axes} positive numbers"
        ))
    })
}

/// Strides, dilations and padding of windows of these sizes; with `ceil` a last window may reach beyond the padding.
fn windows(
    context: &Context<'_, '_>,
    sizes: &[usize],
    axes: &[usize],
    ceil: bool,
) -> Result<Vec<Window>, ImportError> {
    let each = |name: &str| match context.ints(name)? {
        None => Ok(vec![1; axes.len()]),
        Some(values) => counts(context, name, values, axes.len()),
    };
    let (strides, dilations) = (each("strides")?, each("dilations")?);
    let pads = pads(context, axes.len())?;
    let auto = context.text("auto_pad", "NOTSET")?;
    let mut out = vec![];
    let all = sizes.iter().zip(axes).zip(strides.iter().zip(&dilations));
    for (((size, axis), (stride, dilation)), (before, after)) in all.zip(pads) {
        let mut window = Window {
            size: *size,
            stride: *stride,
            dilation: *dilation,
            before,
            after,
        };
        match auto.as_str() {
            "NOTSET" | "" => {}
            "VALID" => (window.before, window.after) = (0, 0),
            "SAME_UPPER" | "SAME_LOWER" => {
                // As many windows as strides begin inside the axis.
                let last = axis.div_ceil(*stride).saturating_sub(1) * stride;
                let missing = (last + window.reach()).saturating_sub(*axis);
                let less = missing / 2;
                (window.before, window.after) = match auto.as_str() {
                    "SAME_UPPER" => (less, missing - less),
                    _ => (missing - less, less),
                };
            }
            other => {
                return Err(context.fail(format!(
                    "auto_pad is {other:?}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER"
                )));
            }
        }
        if ceil {
            widen(&mut window, *axis);
        }
        out.push(window);
    }
    Ok(out)
}

/// Room for a last window that is not whole, if it begins inside the axis or the padding before it.
fn widen(window: &mut Window, axis: usize) {
    let padded = axis + window.before + window.after;
    let Some(steps) = padded.checked_sub(window.reach()) else {
        return;
    };
    let last = steps.div_ceil(window.stride) * window.stride;
    if last < axis + window.before {
        window.after += (last + window.reach()).saturating_sub(padded);
    }
}

/// Padding before and behind each axis.
fn pads(context: &Context<'_, '_>, axes: usize) -> Result<Vec<(usize, usize)>, ImportError> {
    let Some(pads) = context.ints("pads")? else {
        return Ok(vec![(0, 0); axes]);
    };
    let count = |value: &i64| usize::try_from(*value).ok().filter(|v| *v <= 1 << 20);
    let found: Option<Vec<usize>> = pads.iter().map(count).collect();
    match found.filter(|found| found.len() == 2 * axes) {
        Some(found) => {
            let (before, after) = found.split_at(axes);
            Ok(before.iter().copied().zip(after.iter().copied()).collect())
        }
        None => Err(context.fail(format!(
            "pads is {pads:?}, expected {axes} numbers from 0 on before and {axes} behind the axes"
        ))),
    }
}

/// The positions of windows that are no more than a program holds.
fn checked(
    context: &Context<'_, '_>,
    windows: &[Window],
    features: &[usize],
) -> Result<Vec<usize>, ImportError> {
    let Some(found) = positions(windows, features) else {
        return Err(context.fail(format!(
            "windows are larger than operand 0 of feature shape {features:?} with its padding: {windows:?}"
        )));
    };
    if let Some(window) = windows
        .iter()
        .find(|w| w.before.max(w.after) >= w.reach().max(w.stride))
    {
        return Err(context.fail(format!(
            "padding is larger than a window, so that some windows hold nothing: {window:?}"
        )));
    }
    let sizes = windows.iter().map(|window| window.size);
    let all = found.iter().copied().chain(sizes);
    let channels = features.first().copied().unwrap_or(1);
    let width = all.fold(channels, usize::saturating_mul);
    if width > MAX_WIDTH as usize {
        return Err(ImportError::TooLarge {
            what: format!(
                "entries of all windows of node {:?} (positions, window and channels multiplied)",
                context.name()
            ),
            found: width as u64,
            limit: MAX_WIDTH.into(),
        });
    }
    Ok(found)
}
