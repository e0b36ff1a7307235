//! Convolutions, pools, and ops that move numbers, to views, layers at positions, maxima and rescaling.

use laminate_model::ops::{Max, Rescale, View};
use laminate_model::program::{
    AxisMap, AxisPair, MULTIPLIER_BOUND, Node, Op, TensorId, TensorView, ViewTerm,
};

use super::QuantError;
use super::layout::{Layout, Place};
use super::lower::Lowering;
use crate::graph::{self, ValueId};
use crate::ops::{self, Read, Window};

/// What is made of a value's windows: a tensor whose axes are positions and then those of a window, or none, and the
/// positions.
struct Windows {
    tensor: TensorId,
    positions: Vec<usize>,
}

/// A tensor that a view makes.
struct Made<'a> {
    /// The value that it is, or is read off.
    value: ValueId,
    /// What it is of the node.
    part: &'a str,
    layout: Layout,
    bits: u8,
}

impl<'a> Made<'a> {
    fn new(value: ValueId, part: &'a str, layout: Layout) -> Self {
        Self {
            value,
            part,
            layout,
            bits: 16,
        }
    }
}

impl Lowering<'_> {
    /// Lowers a node that is no op on single numbers.
    pub(super) fn spatial(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        match &node.op {
            ops::Op::Convolve(windows) => self.convolve(node, windows),
            ops::Op::MaxPool(windows) => self.max_pool(node, windows),
            ops::Op::MeanPool { windows, padding } => self.mean_pool(node, windows, *padding),
            ops::Op::Arrange(reads) => self.arrange(node, reads),
            ops::Op::Concat { axis } => self.concat(node, *axis),
            _ => Err(super::lower::unsupported(node)),
        }
    }

    pub(super) fn features(&self, id: ValueId) -> Vec<usize> {
        self.graph.values()[id].features().collect()
    }

    /// A tensor of a value in which every axis of the value is one: the tensor, and which of its axes each is.
    fn in_axes(
        &mut self,
        id: ValueId,
        node: &graph::Node,
    ) -> Result<(TensorId, Vec<usize>), QuantError> {
        let features = self.features(id);
        let tensor = self.ids[id];
        if let Some(places) = self.layouts[tensor].places(&features) {
            return Ok((tensor, places));
        }
        let tensor = self.relaid(id, &Layout::row_major(&features), node)?;
        Ok((tensor, (0..features.len()).collect()))
    }

    /// A value in another layout.
    pub(super) fn relaid(
        &mut self,
        id: ValueId,
        to: &Layout,
        node: &graph::Node,
    ) -> Result<TensorId, QuantError> {
        let from = self.ids[id];
        if self.layouts[from] == *to {
            return Ok(from);
        }
        let view = self.layouts[from]
            .view(to)
            .ok_or_else(|| QuantError::Axes {
                node: node.name.clone(),
                op: node.op.name(),
                value: self.graph.values()[id].name.clone(),
                wanted: to.axes(),
                found: self.layouts[from].axes(),
            })?;
        self.view(node, &Made::new(id, "axes", to.clone()), view, &[from])
    }

    /// Adds a view of tensors.
    fn view(
        &mut self,
        node: &graph::Node,
        made: &Made<'_>,
        view: TensorView,
        inputs: &[TensorId],
    ) -> Result<TensorId, QuantError> {
        let scale = i32::from(self.lowered.program.tensors[inputs[0]].scale);
        let name = format!("{}/{}", node.name, made.part);
        let output = self.raw_tensor(made.value, name.clone(), scale, &node.name, &made.layout)?;
        let program = &mut self.lowered.program;
        program.tensors[output].bits = made.bits;
        program.views.push(view);
        let op = Op::View(View {
            view: program.views.len() - 1,
            operands: inputs.len(),
        });
        program.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            output,
        });
        Ok(output)
    }

    /// Windows of a value `(channels, axes…)`: `(positions…, window…, channels)`, or with the channels before the window.
    fn windows(
        &mut self,
        node: &graph::Node,
        windows: &[Window],
        channels_last: bool,
    ) -> Result<Windows, QuantError> {
        let id = node.inputs[0];
        let (tensor, places) = self.in_axes(id, node)?;
        let features = self.features(id);
        let positions = ops::positions(windows, &features).unwrap_or_default();
        let (count, channels) = (windows.len(), features[0]);
        let sizes: Vec<usize> = windows.iter().map(|window| window.size).collect();
        let (shift, channel) = match channels_last {
            true => (0, 2 * count),
            false => (1, count),
        };
        let axes = match channels_last {
            true => [positions.as_slice(), &sizes, &[channels]].concat(),
            false => [positions.as_slice(), &[channels], &sizes].concat(),
        };
        let mut maps = vec![
            AxisMap::Same {
                axis: channel as u32
            };
            features.len()
        ];
        for (at, window) in windows.iter().enumerate() {
            let pair = [at as u32, (count + shift + at) as u32];
            maps[places[at + 1]] = AxisMap::window(
                pair,
                window.stride as u32,
                window.dilation as u32,
                window.before as u32,
            );
        }
        // Of a window there is no order that means anything: strides are those of the tensor itself.
        let layout = Layout::row_major(&axes);
        let view = TensorView::of(maps);
        let tensor = self.view(node, &Made::new(id, "windows", layout), view, &[tensor])?;
        Ok(Windows { tensor, positions })
    }

    /// Positions first, then channels.
    fn channels_last(positions: &[usize], channels: usize) -> Layout {
        let features = [&[channels][..], positions].concat();
        let order: Vec<usize> = (1..features.len()).chain([0]).collect();
        Layout::ordered(&features, &order)
    }

    fn convolve(&mut self, node: &graph::Node, windows: &[Window]) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let single = windows.iter().all(|window| *window == Window::ONE);
        let features = self.features(id);
        let made = self.features(node.output)[0];
        let last = Self::channels_last(&features[1..], features[0]);
        let (tensor, positions, cols) = if single && self.layouts[self.ids[id]] == last {
            (self.ids[id], features[1..].to_vec(), vec![features[0]])
        } else {
            let windows = self.windows(node, windows, true)?;
            let axes = self.lowered.program.tensors[windows.tensor].axes.iter();
            let own = axes
                .skip(windows.positions.len())
                .map(|axis| *axis as usize);
            (windows.tensor, windows.positions, own.collect())
        };
        // Weights are (made, channels, window…).
        let window: usize = cols.iter().product::<usize>() / features[0];
        let order: Vec<usize> = (0..window)
            .flat_map(|u| (0..features[0]).map(move |c| c * window + u))
            .collect();
        let cols: Vec<u32> = cols.iter().map(|axis| *axis as u32).collect();
        let scales = (self.scales.of(id), self.scales.of(node.output));
        let (op, scale) = self.layer(node, scales, &[made as u32], &order, cols)?;
        let layout = Self::channels_last(&positions, made);
        self.push(node, op, vec![tensor], scale, &layout)
    }

    /// Gives a value a column of its own if it is a view of parts, or has zeros that stand in no column: a maximum takes no
    /// other entries than those of one column, and what is in none counts as less than all of them.
    fn store(&mut self, id: ValueId, node: &graph::Node) -> Result<(), QuantError> {
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

    fn max_pool(&mut self, node: &graph::Node, windows: &[Window]) -> Result<(), QuantError> {
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
    fn mean_pool(
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

    fn arrange(&mut self, node: &graph::Node, reads: &[Read]) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let (tensor, places) = self.in_axes(id, node)?;
        let (from, to) = (self.features(id), self.features(node.output));
        let (layout, axis_of) = self.like(tensor, &places, reads, &to);
        let whole =
            |(read, len): (&Read, &usize)| *read == Read::all(read.axis) && *len == from[read.axis];
        if reads.iter().zip(&to).all(whole) {
            // No number moves.
            let tensor = self.relabelled(node, tensor, &layout)?;
            self.ids[node.output] = tensor;
            return Ok(());
        }
        let view = TensorView {
            constant: 0,
            terms: vec![ViewTerm::new(0, maps(reads, &from, &to, &places, &axis_of))],
        };
        let tensor = self.view(
            node,
            &Made::new(node.output, "part", layout),
            view,
            &[tensor],
        )?;
        self.ids[node.output] = tensor;
        Ok(())
    }

    /// The layout of what `reads` makes of a tensor, axes in that tensor's order, and where each axis stands in it.
    fn like(
        &self,
        tensor: TensorId,
        places: &[usize],
        reads: &[Read],
        to: &[usize],
    ) -> (Layout, Vec<usize>) {
        let mut order: Vec<usize> = (0..reads.len()).collect();
        order.sort_by_key(|axis| places[reads[*axis].axis]);
        let mut axis_of = vec![0; order.len()];
        for (at, axis) in order.iter().enumerate() {
            axis_of[*axis] = at;
        }
        debug_assert_eq!(self.layouts[tensor].0.len(), order.len());
        (Layout::ordered(to, &order), axis_of)
    }

    /// The same tensor for another value, whose layout is another.
    fn relabelled(
        &mut self,
        node: &graph::Node,
        tensor: TensorId,
        layout: &Layout,
    ) -> Result<TensorId, QuantError> {
        let scale = i32::from(self.lowered.program.tensors[tensor].scale);
        let name = self.graph.values()[node.output].name.clone();
        let output = self.raw_tensor(node.output, name, scale, &node.name, layout)?;
        let (old, new) = (
            self.lowered.program.tensors[tensor].axes.clone(),
            self.lowered.program.tensors[output].axes.clone(),
        );
        debug_assert_eq!(old, new, "{}", node.name);
        self.lowered.program.nodes.push(Node {
            name: node.name.clone(),
            op: Op::Reshape(laminate_model::ops::Reshape),
            inputs: vec![tensor],
            output,
        });
        Ok(output)
    }

    fn concat(&mut self, node: &graph::Node, axis: usize) -> Result<(), QuantError> {
        let to = self.features(node.output);
        let wanted = self.scales.of(node.output);
        let reads: Vec<Read> = (0..to.len()).map(Read::all).collect();
        let (first, places) = self.in_axes(node.inputs[0], node)?;
        let (layout, axis_of) = self.like(first, &places, &reads, &to);
        let (mut terms, mut inputs, mut start) = (vec![], vec![], 0i64);
        for id in &node.inputs {
            let features = self.features(*id);
            let (tensor, places) = self.in_axes(*id, node)?;
            let tensor = self.at_scale(*id, tensor, wanted, node)?;
            let mut own_maps = maps(&reads, &features, &features, &places, &axis_of);
            own_maps[places[axis]] = AxisMap::shift(axis_of[axis] as u32, -start as i32);
            start += features[axis] as i64;
            // A tensor that stands twice is one operand.
            let operand = inputs.iter().position(|id| *id == tensor);
            let operand = operand.unwrap_or_else(|| {
                inputs.push(tensor);
                inputs.len() - 1
            });
            terms.push(ViewTerm::new(operand as u32, own_maps));
        }
        let view = TensorView { constant: 0, terms };
        let tensor = self.view(
            node,
            &Made::new(node.output, "joined", layout),
            view,
            &inputs,
        )?;
        self.ids[node.output] = tensor;
        Ok(())
    }

    /// A tensor at another scale.
    fn at_scale(
        &mut self,
        source: ValueId,
        x: TensorId,
        wanted: i32,
        node: &graph::Node,
    ) -> Result<TensorId, QuantError> {
        let from = i32::from(self.lowered.program.tensors[x].scale);
        if from == wanted {
            return Ok(x);
        }
        let (op, scale) = rescale(from, wanted, 1);
        if scale != wanted {
            return Err(QuantError::Scales {
                node: node.name.clone(),
                op: node.op.name(),
                inputs: vec![from],
                output: wanted,
            });
        }
        let layout = self.layouts[x].clone();
        let name = format!("{}/rescale", node.name);
        let output = self.raw_tensor(source, name.clone(), wanted, &node.name, &layout)?;
        self.lowered.program.nodes.push(Node {
            name,
            op,
            inputs: vec![x],
            output,
        });
        Ok(output)
    }
}

/// Maps onto a tensor whose axes are those of `from` at `places`, from one whose axes are those of `to` at `axis_of`.
fn maps(
    reads: &[Read],
    from: &[usize],
    to: &[usize],
    places: &[usize],
    axis_of: &[usize],
) -> Vec<AxisMap> {
    let mut out = vec![AxisMap::Fixed { at: 0 }; from.len()];
    for (made, read) in reads.iter().enumerate() {
        let axis = axis_of[made] as u32;
        let whole = *read == Read::all(read.axis) && from[read.axis] == to[made];
        out[places[read.axis]] = if whole {
            AxisMap::Same { axis }
        } else {
            AxisMap::Linear {
                terms: vec![(axis, read.step as i32)],
                scale: 1,
                offset: read.start as i32,
            }
        };
    }
    out
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
fn rescale(from: i32, wanted: i32, divisor: u64) -> (Op, i32) {
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
