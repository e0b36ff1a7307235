//! Ops over windows of the axes behind the first, the channels: convolution and pools.

use rayon::prelude::*;

use super::Op;
use crate::graph::{Param, Value};

/// The windows of one axis: entry `u` of the one at position `p` is entry `stride·p + dilation·u - before` of the axis,
/// and nothing outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Entries of a window, at least 1.
    pub size: usize,
    /// From one window to the next, at least 1.
    pub stride: usize,
    /// From one entry of a window to the next, at least 1.
    pub dilation: usize,
    /// Padding before the axis.
    pub before: usize,
    /// Padding behind it.
    pub after: usize,
}

impl Window {
    /// A window of each entry alone.
    pub const ONE: Self = Self {
        size: 1,
        stride: 1,
        dilation: 1,
        before: 0,
        after: 0,
    };

    /// Entries of the axis from the first to the last of a window, both included.
    pub fn reach(&self) -> usize {
        let gaps = self.size.saturating_sub(1);
        gaps.saturating_mul(self.dilation).saturating_add(1)
    }

    /// How many windows an axis has; none if it is shorter than one.
    pub fn positions(&self, axis: usize) -> Option<usize> {
        let padded = axis.checked_add(self.before)?.checked_add(self.after)?;
        let steps = padded.checked_sub(self.reach())?;
        Some(steps.checked_div(self.stride)? + 1)
    }

    /// Of the window at each position the entries inside the axis, and where they lie.
    pub fn entries(&self, axis: usize) -> Vec<Vec<(usize, usize)>> {
        let at = |position: usize, entry: usize| {
            let at = position * self.stride + entry * self.dilation;
            at.checked_sub(self.before).filter(|at| *at < axis)
        };
        let own = |position| {
            let entries = (0..self.size).filter_map(|u| Some((u, at(position, u)?)));
            entries.collect()
        };
        (0..self.positions(axis).unwrap_or(0)).map(own).collect()
    }
}

/// The features of what an op over windows makes of channels and the axes behind them.
pub fn positions(windows: &[Window], features: &[usize]) -> Option<Vec<usize>> {
    let (_, axes) = features.split_first()?;
    if axes.len() != windows.len() {
        return None;
    }
    let both = windows.iter().zip(axes);
    both.map(|(window, axis)| window.positions(*axis)).collect()
}

/// Windows, parameters and result fit the operand.
pub(super) fn check(
    op: &Op,
    operands: &[&Value],
    params: &[&Param],
    output: &Value,
) -> Result<(), String> {
    let (Op::Convolve { windows, .. } | Op::MaxPool(windows) | Op::MeanPool { windows, .. }) = op
    else {
        return Err("is no op over windows".into());
    };
    let [x] = operands else {
        return Err("expected one operand".into());
    };
    let features: Vec<usize> = x.features().collect();
    let fits = || {
        let positions = positions(windows, &features)?;
        let channels = *features.first()?;
        let mut found = output.features();
        let made = found.next()?;
        let sizes = windows.iter().map(|window| window.size);
        let shapes: Vec<Vec<usize>> = match op {
            Op::Convolve { groups, .. } => {
                let whole = |count: usize| count.checked_rem(*groups) == Some(0);
                let own = channels.checked_div(*groups)?;
                if !whole(channels) || !whole(made) {
                    return None;
                }
                vec![[made, own].into_iter().chain(sizes).collect(), vec![made]]
            }
            _ => vec![],
        };
        let own = made == channels || !shapes.is_empty();
        let params = params.iter().map(|param| &param.shape);
        Some(own && found.eq(positions) && params.eq(shapes.iter()))
    };
    if fits() == Some(true) {
        return Ok(());
    }
    let params: Vec<String> = params.iter().map(|p| format!("{:?}", p.shape)).collect();
    Err(format!(
        "operand {:?} has shape {}, windows are {windows:?}, parameters {}, the result {}",
        x.name,
        x.shape(),
        params.join(", "),
        output.shape()
    ))
}

/// Entries of windows over several axes: for each position those inside, and where they lie, both flat.
fn entries(windows: &[Window], axes: &[usize]) -> Vec<Vec<(usize, usize)>> {
    let mut out = vec![vec![(0, 0)]];
    for (window, axis) in windows.iter().zip(axes) {
        let own = window.entries(*axis);
        let join = |(u, at): &(usize, usize), inner: &[(usize, usize)]| -> Vec<(usize, usize)> {
            let inner = inner.iter();
            inner
                .map(|(v, b)| (u * window.size + v, at * axis + b))
                .collect()
        };
        let all = out.iter().flat_map(|outer: &Vec<(usize, usize)>| {
            let own = own.iter();
            own.map(|inner| outer.iter().flat_map(|one| join(one, inner)).collect())
        });
        out = all.collect();
    }
    out
}

/// `(rows, channels, axes…) -> (rows, channels or made, positions…)`.
pub(super) fn evaluate(op: &Op, x: &[f32], features: &[usize], params: &[&[f32]]) -> Vec<f32> {
    let (Op::Convolve { windows, .. } | Op::MaxPool(windows) | Op::MeanPool { windows, .. }) = op
    else {
        return vec![];
    };
    let Some((channels, axes)) = features.split_first() else {
        return vec![];
    };
    let places = entries(windows, axes);
    let size: usize = axes.iter().product();
    let window: usize = windows.iter().map(|w| w.size).product();
    let row = size * channels;
    let rows = x.par_chunks_exact(row.max(1));
    let of = |x: &[f32]| -> Vec<f32> {
        match (op, params) {
            (Op::Convolve { groups, .. }, [weight, bias]) => {
                // Channels of a group, and filters of one.
                let own = channels.checked_div(*groups).unwrap_or(1);
                let each = bias.len().checked_div(*groups).unwrap_or(1).max(1);
                let filters = weight.chunks_exact((own * window).max(1)).zip(*bias);
                filters
                    .enumerate()
                    .flat_map(|(made, (filter, bias))| {
                        let x = x.get(made / each * own * size..).unwrap_or_default();
                        let places = places.iter();
                        places.map(move |place| {
                            let sum = filtered(x, filter, place, (size, window));
                            (sum + f64::from(*bias)) as f32
                        })
                    })
                    .collect()
            }
            (op, _) => x
                .chunks_exact(size.max(1))
                .flat_map(|channel| {
                    places
                        .iter()
                        .map(|place| pooled(op, channel, place, window))
                })
                .collect(),
        }
    };
    rows.flat_map_iter(of).collect()
}

/// The sum of a filter's products with one window of all channels.
fn filtered(
    x: &[f32],
    filter: &[f32],
    place: &[(usize, usize)],
    (size, window): (usize, usize),
) -> f64 {
    let channels = x
        .chunks_exact(size.max(1))
        .zip(filter.chunks_exact(window.max(1)));
    let of = |(x, w): (&[f32], &[f32])| -> f64 {
        let products = place.iter().filter_map(|(u, at)| {
            let (w, x) = (w.get(*u)?, x.get(*at)?);
            Some(f64::from(*w) * f64::from(*x))
        });
        products.sum()
    };
    channels.map(of).sum()
}

/// The largest of a window, or its mean.
fn pooled(op: &Op, channel: &[f32], place: &[(usize, usize)], window: usize) -> f32 {
    let inside = place.iter().filter_map(|(_, at)| channel.get(*at).copied());
    match op {
        Op::MeanPool { padding, .. } => {
            let count = if *padding { window } else { place.len() };
            let sum: f64 = inside.map(f64::from).sum();
            (sum / count.max(1) as f64) as f32
        }
        _ => inside.reduce(f32::max).unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_an_axis() {
        let window = Window {
            size: 2,
            stride: 2,
            dilation: 3,
            before: 1,
            after: 0,
        };
        // Entries 0 and 3 of an axis that begins one entry early.
        assert_eq!(window.reach(), 4);
        assert_eq!(window.positions(5), Some(2));
        assert_eq!(window.entries(5), [vec![(1, 2)], vec![(0, 1), (1, 4)]]);
        assert_eq!(window.positions(2), None);
        assert_eq!(Window::ONE.positions(7), Some(7));
    }

    #[test]
    fn flat_entries_of_two_axes() {
        let square = Window {
            size: 2,
            ..Window::ONE
        };
        let all = entries(&[square, square], &[2, 3]);
        assert_eq!(
            all,
            [
                [(0, 0), (1, 1), (2, 3), (3, 4)],
                [(0, 1), (1, 2), (2, 4), (3, 5)]
            ]
        );
    }
}
