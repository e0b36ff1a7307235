//! GridSample by a constant grid: a layer over the places of each channel (ONNX's operator specification, GridSample).

use super::super::builder::{Dense, Draft, First};
use super::super::error::ImportError;
use super::Context;
use crate::ops::Op;

/// Attributes.
pub const ATTRIBUTES: &[&str] = &["align_corners", "mode", "padding_mode"];

/// How places outside are read.
#[derive(Clone, Copy, PartialEq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// An index inside an axis, if it is read at all.
fn inside(x: f64, len: f64, outside: Outside, corners: bool) -> Option<f64> {
    let (low, high) = if corners {
        (0.0, len - 1.0)
    } else {
        (-0.5, len - 0.5)
    };
    match outside {
        Outside::Zeros => (0.0..=len - 1.0).contains(&x).then_some(x),
        Outside::Border => Some(x.clamp(0.0, len - 1.0)),
        Outside::Reflection => {
            let span = high - low;
            if span <= 0.0 {
                return Some(0.0);
            }
            let away = (x - low).rem_euclid(2.0 * span);
            let back = low + away.min(2.0 * span - away);
            Some(back.clamp(0.0, len - 1.0))
        }
    }
}

/// Entries and weights that a place of an axis reads.
fn taps(at: f64, mode: &str) -> Vec<(f64, f64)> {
    let base = libm::floor(at);
    let part = at - base;
    match mode {
        "nearest" => vec![(libm::rint(at), 1.0)],
        "cubic" | "bicubic" => {
            let a = -0.75;
            let kernel = |x: f64| match x.abs() {
                x if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
                x if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
                _ => 0.0,
            };
            let own = [-1.0, 0.0, 1.0, 2.0].into_iter();
            own.map(|tap| (base + tap, kernel(part - tap))).collect()
        }
        _ => vec![(base, 1.0 - part), (base + 1.0, part)],
    }
}

/// Adds a layer over the places for each entry of the first axis.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let mode = context.text("mode", "linear")?;
    if !matches!(
        mode.as_str(),
        "linear" | "bilinear" | "nearest" | "cubic" | "bicubic"
    ) {
        return Err(context.fail(format!(
            "mode is {mode:?}, expected linear, nearest or cubic"
        )));
    }
    let outside = match context.text("padding_mode", "zeros")?.as_str() {
        "zeros" => Outside::Zeros,
        "border" => Outside::Border,
        "reflection" => Outside::Reflection,
        other => return Err(context.fail(format!("padding_mode is {other:?}"))),
    };
    let corners = context.int("align_corners", 0)? != 0;
    let grid = context.constant(1)?;
    let x = context.tensor(0)?;
    let features = context.features(x);
    if context.first() == First::Batch {
        return Err(
            context.fail("has a constant grid for a batch of any size, expected a static shape")
        );
    }
    let ([1, channels, lens @ ..], [1, made @ .., axes]) =
        (features.as_slice(), grid.dims.as_slice())
    else {
        return Err(context.fail(format!(
            "operands have shapes {features:?} and {:?}, expected a batch of one and channels, and a grid of one",
            grid.dims
        )));
    };
    if *axes != lens.len() || lens.is_empty() || made.len() != lens.len() {
        return Err(context.fail(format!(
            "the grid has shape {:?} for {} axes",
            grid.dims,
            lens.len()
        )));
    }
    let (rows, cols) = (
        made.iter().product::<usize>(),
        lens.iter().product::<usize>(),
    );
    super::windows::dense_weights(context, &[rows, cols])?;
    let mut weight = vec![0.0f32; rows * cols];
    let numbers = grid.numbers();
    for (row, point) in weight.chunks_mut(cols.max(1)).zip(numbers.chunks(*axes)) {
        // The first coordinate is of the last axis.
        let mut all = vec![(0usize, 1.0)];
        for (len, coordinate) in lens.iter().zip(point.iter().rev()) {
            let len = *len as f64;
            let at = match corners {
                true => (coordinate + 1.0) / 2.0 * (len - 1.0),
                false => ((coordinate + 1.0) * len - 1.0) / 2.0,
            };
            // What is reflected or at the border is so as a place, then as an entry.
            let at = match mode.as_str() {
                "cubic" | "bicubic" => at,
                _ if outside == Outside::Zeros => at,
                _ => inside(at, len, outside, corners).unwrap_or(at),
            };
            let own: Vec<(usize, f64)> = taps(at, &mode)
                .into_iter()
                .filter_map(|(entry, weight)| {
                    let entry = inside(entry, len, outside, corners)?;
                    Some((libm::rint(entry) as usize, weight))
                })
                .collect();
            let longer = |(before, weight): &(usize, f64)| {
                let (before, weight) = (*before, *weight);
                let own = own.iter();
                own.map(move |(entry, by)| (before * len as usize + entry, weight * by))
                    .collect::<Vec<_>>()
            };
            all = all.iter().flat_map(longer).collect();
        }
        for (entry, by) in all {
            if let Some(slot) = row.get_mut(entry) {
                *slot += by as f32;
            }
        }
    }
    let dense = Dense {
        rows,
        cols,
        weight,
        bias: vec![0.0; rows],
    };
    let flat = context.reshaped(x, vec![*channels, cols])?;
    let found = context.push_part(
        "sampled",
        Draft::Linear(dense),
        vec![flat],
        vec![*channels, rows],
    )?;
    let features = [&[1, *channels][..], made].concat();
    context.push(Draft::Op(Op::Reshape), vec![found], features)
}
