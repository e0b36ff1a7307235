//! Maxima and means over windows: views, maxima, and rescaling.

use laminate_model::ops::{Max, Rescale, View};
use laminate_model::program::{
    AxisMap, AxisPair, MULTIPLIER_BOUND, Node, Op, TensorId, TensorView,
};

use super::QuantError;
use super::layout::Place;
use super::lower::Lowering;
use super::spatial::Made;
use crate::graph::{self, ValueId};
use crate::ops::{self, Window};

impl Lowering<'_> {
    /// Gives a value a column of its own if it is a view of parts, or has zeros that stand in no column: a maximum takes no
    /// other entries than those of one column, and what is in none counts as less than all of them.
    pub(super) fn store(&mut self, id: ValueId, node: &graph::Node) -> Result<(), QuantError> {
        let program = &self.lowered.program;
        let axes = |id: TensorId| &program.tensors[id].axes;
        // Every entry is one of the operand's.
        let whole = |view: &TensorView, from: TensorId, to: TensorId| {
            let inside = |(map, len): (&AxisMap, &u32)| match map {
                AxisMap::Same { .. } => true,
                AxisMap::Linear {
                    terms,
                    scale: 1,
                    offset: 0,
                } => match terms.as_slice() {
                    [(axis, 1)] => axes(to)[*axis as usize] <= *len,
                    _ => false,
                },
                _ => false,
            };
            match view.terms.as_slice() {
                [term] => term.maps.iter().zip(axes(from)).all(inside),
                _ => false,
            }
        };
        let mut at = self.ids[id];
        let parts = loop {
            let Some(made) = program.nodes.iter().find(|made| made.output == at) else {
                break false;
            };
            let from = made.inputs[0];
            at = match made.op {
                Op::Reshape(_) => from,
                Op::View(View { view, .. }) if whole(&program.views[view], from, at) => from,
                Op::View(_) => break true,
                _ => break false,
            };
        };
        if !parts {
            return Ok(());
        }
        let (tensor, scale) = (self.ids[id], self.scales.of(id));
        let layout = self.layouts[tensor].clone();
        let name = format!("{}/stored", node.name);
        let output = self.raw_tensor(id, name.clone(), scale, &node.name, &layout)?;
        self.lowered.program.nodes.push(Node {
            name,
            op: rescale(scale, scale, 1).0,
            inputs: vec![tensor],
            output,
        });
        self.ids[id] = output;
        Ok(())
    }

    pub(super) fn max_pool(
        &mut self,
        node: &graph::Node,
        windows: &[Window],
    ) -> Result<(), QuantError> {
        let channels = self.features(node.output)[0];
        let scale = self.scales.of(node.output);
        let count = windows.len();
        self.store(node.inputs[0], node)?;
        let windows = self.windows(node, windows, false)?;
        let layout = Self::channels_last(&windows.positions, channels);
        let op = Op::Max(Max { axes: count });
        self.push(node, op, vec![windows.tensor], scale, &layout)?;
        // Behind the ends of positions there is the least that a column stores, which no table has. A view has zero there.
        let inside = |(axis, place): (usize, &Place)| {
            let axis = axis as u32;
            match place.len.is_power_of_two() {
                true => AxisMap::Same { axis },
                false => AxisMap::shift(axis, 0),
            }
        };
        let maps: Vec<AxisMap> = layout.0.iter().enumerate().map(inside).collect();
        if maps.iter().any(|map| !matches!(map, AxisMap::Same { .. })) {
            let max = self.ids[node.output];
            let made = Made::new(node.output, "inside", layout);
            self.ids[node.output] = self.view(node, &made, TensorView::of(maps), &[max])?;
        }
        Ok(())
    }

    /// A sum over each window, every entry by a factor that makes up for windows that are cut off, divided.
    pub(super) fn mean_pool(
        &mut self,
        node: &graph::Node,
        windows: &[Window],
        padding: bool,
    ) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let (tensor, places) = self.in_axes(id, node)?;
        let features = self.features(id);
        let positions = ops::positions(windows, &features).unwrap_or_default();
        let mut maps = vec![
            AxisMap::Same {
                axis: windows.len() as u32
            };
            features.len()
        ];
        let mut divisor = 1u64;
        for (at, window) in windows.iter().enumerate() {
            let (map, by) = sums(window, features[at + 1], at as u32, padding);
            maps[places[at + 1]] = map;
            divisor = divisor.saturating_mul(by);
        }
        let layout = Self::channels_last(&positions, features[0]);
        let view = TensorView::of(maps);
        let operand = &self.lowered.program.tensors[tensor];
        let bound = view.bound(&[1i128 << (operand.bits - 1)]);
        let bits = if bound <= 1 << 15 { 16 } else { 32 };
        let made = Made {
            bits,
            ..Made::new(id, "sums", layout.clone())
        };
        let sum = self.view(node, &made, view, &[tensor])?;
        let (from, wanted) = (self.scales.of(id), self.scales.of(node.output));
        let (op, scale) = rescale(from, wanted, divisor);
        self.push(node, op, vec![sum], scale, &layout)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The sum of the windows of one axis, which view axis `axis` counts, and what it is to be divided by. Where padding does
/// not count, entries have factors that make up for windows that are cut off.
fn sums(window: &Window, len: usize, axis: u32, padding: bool) -> (AxisMap, u64) {
    let entries = window.entries(len);
    let counts = entries.iter().map(|own| own.len() as u64);
    let divisor = match padding {
        true => window.size as u64,
        false => counts.fold(1, |all, own| match own {
            0 => all,
            own => all / gcd(all, own) * own,
        }),
    };
    let pair = |position: usize, at: usize, count: usize| AxisPair {
        view: vec![position as u32],
        at: at as u32,
        coefficient: match padding {
            true => 1,
            false => (divisor / count as u64) as i32,
        },
    };
    let all = entries.iter().enumerate().flat_map(|(position, own)| {
        own.iter()
            .map(move |(_, at)| pair(position, *at, own.len()))
    });
    let map = AxisMap::Pairs {
        axes: vec![axis],
        entries: all.collect(),
    };
    (map, divisor)
}

/// `x·2^(to - from)/divisor` with the largest shift whose multiplier fits, at a lower scale if none does.
pub(super) fn rescale(from: i32, wanted: i32, divisor: u64) -> (Op, i32) {
    let mut scale = wanted;
    loop {
        let exact = libm::exp2(f64::from(scale - from)) / divisor as f64;
        for shift in [32u8, 24, 16, 8] {
            let multiplier = libm::round(exact * libm::exp2(shift.into()));
            if multiplier < MULTIPLIER_BOUND as f64 {
                let multiplier = multiplier as u32;
                return (Op::Rescale(Rescale { multiplier, shift }), scale);
            }
        }
        scale -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_a_rescale() {
        let of = |from, to, divisor| match rescale(from, to, divisor) {
            (Op::Rescale(Rescale { multiplier, shift }), scale) => (multiplier, shift, scale),
            _ => unreachable!(),
        };
        assert_eq!(of(10, 10, 1), (1 << 16, 16, 10));
        assert_eq!(of(10, 10, 4), (1 << 22, 24, 10));
        assert_eq!(of(12, 10, 9), (466_034, 24, 10));
        assert_eq!(of(0, 40, 1), (1 << 23, 8, 15));
    }

    #[test]
    fn windows_that_are_cut_off_have_a_mean_of_their_own() {
        let window = Window {
            size: 3,
            stride: 2,
            dilation: 1,
            before: 1,
            after: 1,
        };
        let (map, divisor) = sums(&window, 4, 0, false);
        let AxisMap::Pairs { entries, .. } = map else {
            panic!("pairs")
        };
        // Windows (-1, 0, 1) and (1, 2, 3).
        let entries: Vec<_> = entries
            .iter()
            .map(|e| (e.view[0], e.at, e.coefficient))
            .collect();
        assert_eq!(divisor, 6);
        assert_eq!(
            entries,
            [(0, 0, 3), (0, 1, 3), (1, 1, 2), (1, 2, 2), (1, 3, 2)]
        );
        assert_eq!(sums(&window, 4, 0, true).1, 3);
    }
}
