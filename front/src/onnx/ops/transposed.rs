//! ConvTranspose: `(batch, channels, axes…)`; weights `(channels, made of a group, window…)`, bias `(made)` or omitted.
//!
//! It is a convolution of what is spread: entries `stride` apart, zeros between them and beside them, with the window turned round. Spreading and
//! padding are one reading of each axis, so that nothing is stored.

use super::super::builder::{Dense, Draft};
use super::super::error::ImportError;
use super::Context;
use super::windows::dense_weights;
use crate::ops::{Op, Read, Window};

/// Attributes.
pub const ATTRIBUTES: &[&str] = &[
    "auto_pad",
    "dilations",
    "group",
    "kernel_shape",
    "output_padding",
    "output_shape",
    "pads",
    "strides",
];

/// How an axis is spread.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// Entries of the operand.
    len: usize,
    /// Entries of a window.
    size: usize,
    stride: usize,
    dilation: usize,
    /// More entries at the end.
    more: usize,
    /// Entries taken off before and behind.
    pads: [i64; 2],
}

impl Axis {
    /// From the first to the last entry of a window, less one.
    fn reach(&self) -> i64 {
        (self.size.saturating_sub(1) * self.dilation) as i64
    }

    /// Entries if nothing is taken off.
    fn whole(&self) -> i64 {
        (self.len.saturating_sub(1) * self.stride + self.more) as i64 + self.reach() + 1
    }

    fn made(&self) -> i64 {
        self.whole() - self.pads[0] - self.pads[1]
    }
}

/// Numbers of an attribute, one for each axis, from `least` to 2^20.
fn numbers(
    context: &Context<'_, '_>,
    name: &str,
    (count, least, default): (usize, i64, i64),
) -> Result<Vec<usize>, ImportError> {
    let Some(values) = context.ints(name)? else {
        return Ok(vec![default as usize; count]);
    };
    let inside = values.iter().all(|v| (least..=1 << 20).contains(v));
    if values.len() != count || !inside {
        return Err(context.fail(format!(
            "{name} is {values:?}, expected {count} numbers from {least} on"
        )));
    }
    Ok(values.iter().map(|v| *v as usize).collect())
}

/// Adds the spread operand and a convolution of it.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let weight = context.constant(1)?;
    let ([channels, lens @ ..], [found, each, sizes @ ..]) =
        (features.as_slice(), weight.dims.as_slice())
    else {
        return Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, W {:?}, expected channels and axes, and (channels, made, window…)",
            weight.dims
        )));
    };
    let group = usize::try_from(context.int("group", 1)?).unwrap_or(0);
    let whole = channels.checked_rem(group) == Some(0);
    if found != channels || sizes.len() != lens.len() || lens.is_empty() || !whole {
        return Err(context.fail(format!(
            "W has shape {:?}, expected ({channels}, made, and {} sizes of a window), in {group} groups",
            weight.dims,
            lens.len()
        )));
    }
    let axes = axes(context, lens, sizes)?;
    let made = each.saturating_mul(group);
    let window = sizes
        .iter()
        .fold(1usize, |all, size| all.saturating_mul(*size));
    dense_weights(context, &[made, *channels, window])?;
    let dense = Dense {
        rows: made,
        cols: channels.saturating_mul(window),
        weight: turned(weight.floats()?, (*channels, *each, group), sizes),
        bias: match context.optional(2)? {
            None => vec![0.0; made],
            Some(_) => {
                let bias = context.constant(2)?;
                if bias.dims != [made] {
                    return Err(
                        context.fail(format!("B has shape {:?}, expected [{made}]", bias.dims))
                    );
                }
                bias.floats()?.to_vec()
            }
        },
    };
    let spread = |(at, axis): (usize, &Axis)| Read {
        start: axis.pads[0] - axis.reach(),
        every: axis.stride as i64,
        ..Read::all(at + 1)
    };
    let reads = std::iter::once(Read::all(0)).chain(axes.iter().enumerate().map(spread));
    let reads = Draft::Op(Op::Arrange(reads.collect()));
    let long = axes
        .iter()
        .map(|axis| (axis.made() + axis.reach()) as usize);
    let long: Vec<usize> = std::iter::once(*channels).chain(long).collect();
    let x = context.push_part("spread", reads, vec![x], long)?;
    let window = |axis: &Axis| Window {
        size: axis.size,
        dilation: axis.dilation,
        ..Window::ONE
    };
    let conv = Draft::Conv {
        windows: axes.iter().map(window).collect(),
        groups: 1,
        dense,
    };
    let positions = axes.iter().map(|axis| axis.made() as usize);
    let features = std::iter::once(made).chain(positions).collect();
    context.push(conv, vec![x], features)
}

/// Attributes of the axes.
fn axes(
    context: &Context<'_, '_>,
    lens: &[usize],
    sizes: &[usize],
) -> Result<Vec<Axis>, ImportError> {
    let count = lens.len();
    let strides = numbers(context, "strides", (count, 1, 1))?;
    let dilations = numbers(context, "dilations", (count, 1, 1))?;
    let more = numbers(context, "output_padding", (count, 0, 0))?;
    let pads = numbers(context, "pads", (2 * count, 0, 0))?;
    let auto = context.text("auto_pad", "NOTSET")?;
    let shape = context.ints("output_shape")?;
    if !matches!(
        auto.as_str(),
        "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER"
    ) {
        return Err(context.fail(format!(
            "auto_pad is {auto:?}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER"
        )));
    }
    let mut out = vec![];
    let all = lens.iter().zip(sizes).zip(strides.iter().zip(&dilations));
    for (at, ((len, size), (stride, dilation))) in all.enumerate() {
        let pad = |at: usize| pads.get(at).map_or(0, |pad| *pad as i64);
        let mut axis = Axis {
            len: *len,
            size: *size,
            stride: *stride,
            dilation: *dilation,
            more: more.get(at).copied().unwrap_or(0),
            pads: [pad(at), pad(at + count)],
        };
        // The last numbers are those of the axes.
        let wanted = shape.and_then(|shape| shape.get(shape.len().checked_sub(count)? + at));
        let same = auto.starts_with("SAME").then_some((len * stride) as i64);
        if let Some(wanted) = wanted.copied().or(same) {
            let total = axis.whole() - wanted;
            let half = total.div_euclid(2);
            axis.pads = match auto.as_str() {
                "SAME_UPPER" => [half, total - half],
                _ => [total - half, half],
            };
        } else if auto == "VALID" {
            axis.pads = [0; 2];
        }
        if !(1..=1 << 20).contains(&axis.made()) || axis.size == 0 {
            return Err(context.fail(format!(
                "axis {} would have {} entries, expected at least 1",
                at + 2,
                axis.made()
            )));
        }
        out.push(axis);
    }
    Ok(out)
}

/// Weights `(channels, made of a group, window…)` as `(made, channels, window…)`, the window turned round, zero between groups.
fn turned(
    weight: &[f32],
    (channels, each, groups): (usize, usize, usize),
    sizes: &[usize],
) -> Vec<f32> {
    let window: usize = sizes.iter().product();
    let own = (channels / groups.max(1)).max(1);
    let entry = |made: usize, channel: usize, u: usize| {
        let start = (channel * each + made % each.max(1)) * window;
        let inside = channel / own == made / each.max(1);
        let found = weight.get(start + window - 1 - u).copied();
        found.filter(|_| inside).unwrap_or(0.0)
    };
    let rows = (0..each * groups).flat_map(|made| (0..channels).map(move |c| (made, c)));
    rows.flat_map(|(made, c)| (0..window).map(move |u| entry(made, c, u)))
        .collect()
}
