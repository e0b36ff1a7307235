//! Resize and Upsample by constant sizes or factors: nearest entries are moved, linear and cubic interpolation is a layer along
//! each axis (ONNX's operator specification, Resize).

use super::super::builder::{Dense, Draft, First};
use super::super::error::ImportError;
use super::super::messages::attribute_type::FLOATS;
use super::moves::axis_of;
use super::{Context, moves};
use crate::ops::{Op, Read};

/// Attributes.
pub const ATTRIBUTES: &[&str] = &[
    "antialias",
    "axes",
    "coordinate_transformation_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
    "keep_aspect_ratio_policy",
    "mode",
    "nearest_mode",
    "scales",
];

/// Largest size of an axis.
const MAX_LEN: f64 = (1 << 20) as f64;

/// How an axis is read.
#[derive(Clone, Debug)]
struct Line {
    len: usize,
    made: usize,
    scale: f64,
    /// Start and end of the region, of a crop.
    region: (f64, f64),
}

impl Line {
    fn is_same(&self) -> bool {
        self.made == self.len && self.scale == 1.0 && self.region == (0.0, 1.0)
    }

    /// Where an entry of the result lies among the operand's.
    fn at(&self, context: &Context<'_, '_>, x: usize) -> Result<f64, ImportError> {
        let default = match (context.opset() < 11, context.operator()) {
            (true, _) | (_, "Upsample") => "asymmetric",
            _ => "half_pixel",
        };
        let mode = context.text("coordinate_transformation_mode", default)?;
        let (own, len) = (x as f64, self.len as f64);
        let made = self.scale * len;
        let half = (own + 0.5) / self.scale - 0.5;
        Ok(match mode.as_str() {
            "half_pixel" => half,
            "half_pixel_symmetric" => {
                let adjusted = self.made as f64 / made;
                len / 2.0 * (1.0 - adjusted) + half
            }
            "pytorch_half_pixel" if made <= 1.0 => -0.5,
            "pytorch_half_pixel" => half,
            "align_corners" if made <= 1.0 => 0.0,
            "align_corners" => own * (len - 1.0) / (made - 1.0),
            "asymmetric" => own / self.scale,
            "tf_crop_and_resize" => {
                let (start, end) = self.region;
                match self.made {
                    0 | 1 => (start + end) / 2.0 * (len - 1.0),
                    made => {
                        start * (len - 1.0)
                            + own * (end - start) * (len - 1.0) / (made as f64 - 1.0)
                    }
                }
            }
            other => {
                return Err(context.fail(format!(
                    "coordinate_transformation_mode is {other:?}, which is not supported"
                )));
            }
        })
    }
}

/// The value of what lies outside of a crop.
pub(super) fn outside(context: &Context<'_, '_>) -> f64 {
    context
        .float("extrapolation_value", 0.0)
        .unwrap_or(0.0)
        .into()
}

fn is_crop(context: &Context<'_, '_>) -> Result<bool, ImportError> {
    Ok(context.text("coordinate_transformation_mode", "")? == "tf_crop_and_resize")
}

/// The lines of all axes of a shape.
fn lines(context: &Context<'_, '_>, dims: &[usize]) -> Result<Vec<Line>, ImportError> {
    let constant = |i: usize| -> Result<Vec<f64>, ImportError> {
        Ok(match context.raw(i)? {
            None => vec![],
            Some(_) => context.constant(i)?.numbers(),
        })
    };
    let modern = context.opset() >= 11 && context.operator() == "Resize";
    let (scales, sizes, region) = match modern {
        true => (constant(2)?, constant(3)?, constant(1)?),
        false => {
            let floats = context.attribute("scales", FLOATS)?;
            let scales = floats.map(|a| a.floats.iter().map(|v| f64::from(*v)).collect());
            (scales.map_or_else(|| constant(1), Ok)?, vec![], vec![])
        }
    };
    let axes: Vec<usize> = match context.ints("axes")? {
        None => (0..dims.len()).collect(),
        Some(axes) => axes
            .iter()
            .map(|axis| axis_of(context, *axis, dims.len()))
            .collect::<Result<_, _>>()?,
    };
    let given = if sizes.is_empty() { &scales } else { &sizes };
    let positive = given.iter().all(|v| *v > 0.0 && v.is_finite());
    if given.len() != axes.len() || !positive {
        return Err(context.fail(format!(
            "scales {scales:?}, sizes {sizes:?}, expected {} positive numbers of one of them",
            axes.len()
        )));
    }
    let mut out: Vec<Line> = dims
        .iter()
        .map(|len| Line {
            len: *len,
            made: *len,
            scale: 1.0,
            region: (0.0, 1.0),
        })
        .collect();
    let ratio =
        |(axis, size): (&usize, &f64)| size / dims.get(*axis).copied().unwrap_or(1).max(1) as f64;
    let ratios: Vec<f64> = axes.iter().zip(&sizes).map(ratio).collect();
    let joint = match context
        .text("keep_aspect_ratio_policy", "stretch")?
        .as_str()
    {
        "stretch" => None,
        "not_larger" => ratios.iter().copied().reduce(f64::min),
        "not_smaller" => ratios.iter().copied().reduce(f64::max),
        other => return Err(context.fail(format!("keep_aspect_ratio_policy is {other:?}"))),
    };
    let crop = is_crop(context)?;
    for (i, axis) in axes.iter().enumerate() {
        let Some(line) = out.get_mut(*axis) else {
            continue;
        };
        let len = line.len as f64;
        let of = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(0.0);
        let made;
        (line.scale, made) = match (sizes.is_empty(), joint) {
            (true, _) => (of(&scales, i), libm::floor(of(&scales, i) * len)),
            (false, None) => (of(&ratios, i), of(&sizes, i)),
            (false, Some(joint)) => (joint, libm::floor(joint * len + 0.5)),
        };
        if !(1.0..=MAX_LEN).contains(&made) {
            return Err(context.fail(format!(
                "axis {axis} of {} would have {made} entries",
                line.len
            )));
        }
        line.made = made as usize;
        if crop {
            line.region = (of(&region, i), of(&region, i + axes.len()));
        }
    }
    Ok(out)
}

/// The entries that are nearest, of all axes; none outside of a crop.
pub(super) fn nearest_lines(
    context: &Context<'_, '_>,
    dims: &[usize],
) -> Result<Vec<Vec<Option<usize>>>, ImportError> {
    let default = match (context.opset() < 11, context.operator()) {
        (true, _) | (_, "Upsample") => "floor",
        _ => "round_prefer_floor",
    };
    let mode = context.text("nearest_mode", default)?;
    let crop = is_crop(context)?;
    let mut out = vec![];
    for line in lines(context, dims)? {
        let mut own = Vec::with_capacity(line.made);
        for x in 0..line.made {
            let (at, last) = (line.at(context, x)?, line.len as f64 - 1.0);
            let near = match mode.as_str() {
                "round_prefer_floor" => libm::ceil(at - 0.5),
                "round_prefer_ceil" => libm::floor(at + 0.5),
                "floor" => libm::floor(at),
                "ceil" => libm::ceil(at),
                other => return Err(context.fail(format!("nearest_mode is {other:?}"))),
            };
            let inside = !crop || (0.0..=last).contains(&at);
            own.push(inside.then_some(near.clamp(0.0, last) as usize));
        }
        out.push(own);
    }
    Ok(out)
}

/// Adds what moves, or layers.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match context.text("mode", "nearest")?.as_str() {
        "nearest" => moves::nearest(context),
        "linear" | "bilinear" => interpolate(context, false),
        "cubic" => interpolate(context, true),
        other => Err(context.fail(format!(
            "mode is {other:?}, expected nearest, linear or cubic"
        ))),
    }
}

fn interpolate(context: &mut Context<'_, '_>, cubic: bool) -> Result<(), ImportError> {
    let mut x = context.tensor(0)?;
    let lead = context.lead();
    let dims = [&vec![1; lead][..], &context.features(x)].concat();
    let all = lines(context, &dims)?;
    if context.first() == First::Batch && all.first().is_some_and(|line| !line.is_same()) {
        return Err(context.fail("resizes the batch, which stays as it is"));
    }
    for (axis, line) in all.iter().skip(lead).enumerate() {
        if line.is_same() {
            continue;
        }
        let dense = weights(context, line, cubic)?;
        let rank = context.features(x).len();
        let swap = |from: usize, to: usize| {
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(from, to);
            order
        };
        let order = swap(axis, rank - 1);
        let reads: Vec<Read> = order.iter().map(|axis| Read::all(*axis)).collect();
        let shape = |features: &[usize]| -> Vec<usize> {
            { order.iter() }
                .filter_map(|axis| features.get(*axis).copied())
                .collect()
        };
        let mut features = shape(&context.features(x));
        x = context.part(Op::Arrange(reads.clone()), vec![x], features.clone())?;
        if let Some(last) = features.last_mut() {
            *last = line.made;
        }
        x = context.push_part(
            "interpolated",
            Draft::Linear(dense),
            vec![x],
            features.clone(),
        )?;
        x = context.part(Op::Arrange(reads), vec![x], shape(&features))?;
    }
    context.give(x, context.features(x))
}

/// The weights of an axis: two or four entries beside each place, or more where it gets smaller and is smoothed.
fn weights(context: &Context<'_, '_>, line: &Line, cubic: bool) -> Result<Dense, ImportError> {
    let a = f64::from(context.float("cubic_coeff_a", -0.75)?);
    let smooth = match context.int("antialias", 0)? {
        0 => 1.0,
        _ => line.scale.min(1.0),
    };
    let exclude = context.int("exclude_outside", 0)? != 0;
    let crop = is_crop(context)?;
    super::windows::dense_weights(context, &[line.made, line.len])?;
    let mut dense = Dense {
        rows: line.made,
        cols: line.len,
        weight: vec![0.0; line.made * line.len],
        bias: vec![0.0; line.made],
    };
    let kernel = |x: f64| {
        let x = x.abs();
        match cubic {
            false => (1.0 - x).max(0.0),
            true if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            true if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            true => 0.0,
        }
    };
    let reach = if cubic { 2.0 } else { 1.0 };
    let start = libm::floor(-reach / smooth) as i64 + 1;
    let rows = dense
        .weight
        .chunks_mut(line.len.max(1))
        .zip(&mut dense.bias);
    for (x, (row, bias)) in rows.enumerate() {
        let at = line.at(context, x)?;
        let last = line.len as i64 - 1;
        if crop && !(0.0..=last as f64).contains(&at) {
            *bias = outside(context) as f32;
            continue;
        }
        let base = libm::ceil(at) as i64 - 1;
        let taps = (start..2 - start).map(|tap| {
            let own = base + tap;
            let weight = kernel((own as f64 - at) * smooth);
            let kept = !exclude || (0..=last).contains(&own);
            (own.clamp(0, last), if kept { weight } else { 0.0 })
        });
        let taps: Vec<(i64, f64)> = taps.collect();
        let total: f64 = taps.iter().map(|(_, weight)| weight).sum();
        for (own, weight) in taps {
            if let Some(slot) = row.get_mut(own as usize) {
                *slot += (weight / total) as f32;
            }
        }
    }
    Ok(dense)
}
