//! Convolutions and ops that move numbers, to views and layers at positions.

use laminate_model::ops::{Dense, Grouped, View};
use laminate_model::program::{AxisMap, Node, Op, TensorId, TensorView, ViewTerm};

use super::QuantError;
use super::layout::Layout;
use super::lower::Lowering;
use super::pools::rescale;
use crate::graph::{self, ValueId};
use crate::ops::{self, Read, Window};

/// What is made of a value's windows: a tensor whose axes are positions and then those of a window, or none, and the
/// positions.
pub(super) struct Windows {
    pub(super) tensor: TensorId,
    pub(super) positions: Vec<usize>,
}

/// A tensor that a view makes.
pub(super) struct Made<'a> {
    /// The value that it is, or is read off.
    pub(super) value: ValueId,
    /// What it is of the node.
    pub(super) part: &'a str,
    pub(super) layout: Layout,
    pub(super) bits: u8,
}

impl<'a> Made<'a> {
    pub(super) fn new(value: ValueId, part: &'a str, layout: Layout) -> Self {
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
            ops::Op::Convolve { windows, groups: 1 } => self.convolve(node, windows),
            ops::Op::Convolve { windows, groups } => self.grouped(node, windows, *groups),
            ops::Op::MaxPool(windows) => self.max_pool(node, windows),
            ops::Op::MeanPool { windows, padding } => self.mean_pool(node, windows, *padding),
            ops::Op::Arrange(reads) => self.arrange(node, reads),
            ops::Op::Concat { axis } => self.concat(node, *axis),
            ops::Op::Pick(picks) => self.pick(node, picks),
            _ => self.along_axes(node),
        }
    }

    pub(super) fn features(&self, id: ValueId) -> Vec<usize> {
        self.graph.values()[id].features().collect()
    }

    /// A tensor of a value in which every axis of the value is one: the tensor, and which of its axes each is.
    pub(super) fn in_axes(
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
        if let Some(view) = self.layouts[from].view(to) {
            return self.view(node, &Made::new(id, "axes", to.clone()), view, &[from]);
        }
        self.joined(id, to, node)
    }

    /// Adds a view of tensors.
    pub(super) fn view(
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
    pub(super) fn windows(
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
    pub(super) fn channels_last(positions: &[usize], channels: usize) -> Layout {
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
        let (weight, shift, scale) = self.layer(node, scales, vec![made as u32], &order, cols)?;
        let op = Op::Dense(Dense { weight, shift });
        let layout = Self::channels_last(&positions, made);
        self.push(node, op, vec![tensor], scale, &layout)
    }

    /// A layer for each group of channels, each of which makes one: what is in a window, and the channels of the group.
    fn grouped(
        &mut self,
        node: &graph::Node,
        windows: &[Window],
        groups: usize,
    ) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let (tensor, places) = self.in_axes(id, node)?;
        let features = self.features(id);
        let positions = ops::positions(windows, &features).unwrap_or_default();
        let (count, own) = (windows.len(), features[0] / groups);
        let sizes: Vec<usize> = windows.iter().map(|window| window.size).collect();
        // `(positions…, groups, window…, channels of a group)`, the last of which may be none.
        let mut cols = sizes.clone();
        let mut maps = vec![AxisMap::Same { axis: count as u32 }; features.len()];
        if own > 1 {
            cols.push(own);
            maps[places[0]] = AxisMap::Linear {
                terms: vec![(count as u32, own as i32), (2 * count as u32 + 1, 1)],
                scale: 1,
                offset: 0,
            };
        }
        for (at, window) in windows.iter().enumerate() {
            let pair = [at as u32, (count + 1 + at) as u32];
            let [stride, dilation, before] = [window.stride, window.dilation, window.before];
            maps[places[at + 1]] =
                AxisMap::window(pair, stride as u32, dilation as u32, before as u32);
        }
        let axes = [positions.as_slice(), &[groups], &cols].concat();
        let made = Made::new(id, "windows", Layout::row_major(&axes));
        let tensor = self.view(node, &made, TensorView::of(maps), &[tensor])?;
        // Weights are (groups, channels of a group, window…).
        let window: usize = sizes.iter().product();
        let order: Vec<usize> = (0..window)
            .flat_map(|u| (0..own).map(move |c| c * window + u))
            .collect();
        let scales = (self.scales.of(id), self.scales.of(node.output));
        let cols = cols.iter().map(|axis| *axis as u32).collect();
        let rows = vec![groups as u32];
        let (weight, shift, scale) = self.layer(node, scales, rows, &order, cols)?;
        let op = Op::Grouped(Grouped {
            weight,
            groups: 1,
            shift,
        });
        let layout = Self::channels_last(&positions, groups);
        self.push(node, op, vec![tensor], scale, &layout)
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
    pub(super) fn like(
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
    pub(super) fn relabelled(
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
    pub(super) fn at_scale(
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
                scale: read.every as u32,
                offset: read.start as i32,
            }
        };
    }
    out
}
