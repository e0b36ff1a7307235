//! Nodes of the float graph to nodes of the program.

use std::collections::BTreeMap;

use laminate_model::ops::{Abs, Activation, Add, Clip, Dense, Mul, Reshape};
use laminate_model::program::{
    ACTIVATION_BOUND, DenseShape, DenseWeights, Node, Op, Program, Tensor, TensorId, Weights,
};

use super::factors::{add, leaky_relu};
use super::layers::Layers;
use super::layout::Layout;
use super::recurrent::Open;
use super::scales::Scales;
use super::stack::Copies;
use super::{LayerRounding, QuantError};
use crate::graph::{self, Graph, ValueId};
use crate::ops::{self, Function};

/// A program, its weights, and for each of its tensors the float tensor that it stands for, if it does.
pub(super) struct Lowered {
    pub program: Program,
    pub weights: Weights,
    pub source: Vec<Option<ValueId>>,
    pub layers: Vec<LayerRounding>,
}

/// The integers of a layer that have been chosen, by the value that it gives; asked once for each layer of a program.
pub(super) type Fill<'f> = dyn FnMut(ValueId) -> Option<Vec<i8>> + 'f;

/// What a program is made of.
pub(super) struct Parts<'g> {
    pub layers: &'g Layers<'g>,
    pub scales: &'g Scales,
    pub integers: &'g mut Fill<'g>,
    /// Largest absolute value of every float tensor, with headroom.
    pub ranges: Vec<f64>,
}

/// A flat row, unless the model reads axes: then those that its first op sees, whatever reshapes are before it.
fn input_layout(graph: &Graph) -> Layout {
    let mut id = graph.input();
    if graph.nodes().iter().all(|node| !node.op.reads_axes()) {
        return Layout::flat(graph.width(id));
    }
    loop {
        let mut readers = graph.nodes().iter().filter(|n| n.inputs.contains(&id));
        if readers
            .clone()
            .any(|node| matches!(node.op, ops::Op::Pick(_)))
        {
            // Of one axis any numbers are one map.
            return Layout::flat(graph.width(id));
        }
        match (readers.next(), readers.next()) {
            (Some(node), None) if node.op == ops::Op::Reshape => id = node.output,
            _ => break,
        }
    }
    let features: Vec<usize> = graph.values()[id].features().collect();
    Layout::row_major(&features)
}

pub(super) struct Lowering<'g> {
    pub(super) graph: &'g Graph,
    pub(super) layers: &'g Layers<'g>,
    pub(super) scales: Scales,
    integers: &'g mut Fill<'g>,
    /// Calibrated range with headroom of every float tensor.
    pub(super) index_ranges: Vec<f64>,
    /// Program tensor of every float tensor seen so far.
    pub(super) ids: Vec<TensorId>,
    /// How values stand in the program's tensors.
    pub(super) layouts: Vec<Layout>,
    pub(super) lowered: Lowered,
    /// The copies of a block that the present node stands for.
    pub(super) copies: Copies,
    /// Weights and shifts of tables of rows, by value.
    pub(super) tables: BTreeMap<ValueId, (usize, u8)>,
    /// Delays of values that are not made yet.
    pub(super) open: Vec<Open>,
}

impl<'g> Lowering<'g> {
    /// Nothing is lowered yet. Scales of results may come out lower than chosen, where an integer factor would not fit
    /// otherwise; nothing that reads them has been lowered by then.
    pub(super) fn new(program: Program, parts: Parts<'g>) -> Self {
        let graph = parts.layers.plan.graph;
        Self {
            graph,
            layers: parts.layers,
            scales: parts.scales.clone(),
            integers: parts.integers,
            index_ranges: parts.ranges,
            ids: vec![0; graph.values().len()],
            layouts: vec![],
            lowered: Lowered {
                program,
                weights: Weights { dense: Vec::new() },
                source: Vec::new(),
                layers: Vec::new(),
            },
            copies: Copies::default(),
            tables: BTreeMap::new(),
            open: vec![],
        }
    }

    /// Adds the input.
    pub(super) fn input(&mut self) -> Result<(), QuantError> {
        let input = self.tensor(self.graph.input(), "input", &input_layout(self.graph))?;
        self.lowered.program.input = input;
        if self.lowered.program.input_scales.is_empty() {
            return Ok(());
        }
        self.raw_input()
    }

    /// Adds the program's tensor for `id` at its present scale; `node` makes it.
    pub(super) fn tensor(
        &mut self,
        id: ValueId,
        node: &str,
        layout: &Layout,
    ) -> Result<TensorId, QuantError> {
        let name = self.copies.name(&self.graph.values()[id].name);
        self.ids[id] = self.raw_tensor(id, name, self.scales.of(id), node, layout)?;
        Ok(self.ids[id])
    }

    /// Adds a tensor of the program for a value, or what is on the way to one.
    pub(super) fn raw_tensor(
        &mut self,
        source: ValueId,
        name: String,
        scale: i32,
        node: &str,
        layout: &Layout,
    ) -> Result<TensorId, QuantError> {
        let scale = narrow(scale, node, &name)?;
        self.lowered.program.tensors.push(Tensor {
            axes: layout.axes(),
            stack: self.copies.count(),
            bits: match self.layers.plan.is_stream(source) {
                true => 32,
                false => 16,
            },
            ..Tensor::new(name, 1, scale)
        });
        self.lowered.source.push(Some(source));
        self.layouts.push(layout.clone());
        Ok(self.lowered.program.tensors.len() - 1)
    }

    /// The output in the order of the model's.
    pub(super) fn output(&mut self) -> Result<TensorId, QuantError> {
        let id = self.graph.output();
        let tensor = self.ids[id];
        match self.graph.producer(id) {
            Some(node) if !self.layouts[tensor].is_row_major() => {
                let features: Vec<usize> = self.graph.values()[id].features().collect();
                self.relaid(id, &Layout::row_major(&features), node)
            }
            _ => Ok(tensor),
        }
    }

    /// Adds a node that makes a value, at its scale or a lower one.
    pub(super) fn push(
        &mut self,
        node: &graph::Node,
        op: Op,
        inputs: Vec<TensorId>,
        scale: i32,
        layout: &Layout,
    ) -> Result<(), QuantError> {
        if scale < self.scales.of(node.output) {
            self.scales.lower(node.output, scale);
        }
        let output = self.tensor(node.output, &node.name, layout)?;
        self.lowered.program.nodes.push(Node {
            name: self.copies.name(&node.name),
            op,
            inputs,
            output,
        });
        Ok(())
    }

    pub(super) fn node(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        if self.attention(node)? {
            return Ok(());
        }
        if let ops::Op::State(state) = &node.op {
            return self.state(node, state);
        }
        let scale_in: Vec<i32> = node.inputs.iter().map(|id| self.scales.of(*id)).collect();
        let mut inputs: Vec<TensorId> = node.inputs.iter().map(|id| self.ids[*id]).collect();
        let wanted = self.scales.of(node.output);
        let mut layout = self.layouts[inputs[0]].clone();
        if let [_, right] = node.inputs.as_slice()
            && !node.op.reads_axes()
        {
            let own = self.layouts[inputs[1]].clone();
            // Axes are split by a view; joined only if neither has those of the other.
            if own.view(&layout).is_none() && layout.view(&own).is_some() {
                inputs[0] = self.relaid(node.inputs[0], &own, node)?;
                layout = own;
            } else {
                inputs[1] = self.relaid(*right, &layout, node)?;
            }
        }
        let (op, scale) = match &node.op {
            ops::Op::Contract => {
                let (order, cols) = (layout.order(), layout.axes());
                layout = self.features_of(node.output);
                let scales = (scale_in[0], wanted);
                let (weight, shift, scale) =
                    self.layer(node, scales, layout.axes(), &order, cols)?;
                (Op::Dense(Dense { weight, shift }), scale)
            }
            ops::Op::Rectify { slope } => (leaky_relu(*slope), wanted),
            ops::Op::Abs => (Op::Abs(Abs), wanted),
            ops::Op::Clip { lowest, highest } => (self.clip(node, *lowest, *highest)?, wanted),
            ops::Op::Unary(Function::Above { threshold }) => {
                return self.step(node, inputs[0], f64::from(*threshold), false);
            }
            ops::Op::Unary(Function::Near { within }) => {
                return self.step(node, inputs[0], f64::from(*within), true);
            }
            ops::Op::Unary(function) => {
                let table = self.function(*function, node, &mut inputs)?;
                (Op::Activation(Activation { table }), wanted)
            }
            ops::Op::Add => add(scale_in[0], scale_in[1], wanted),
            ops::Op::Mul => {
                let (multiplier, shift, scale) = self.product_of(node)?;
                (Op::Mul(Mul { multiplier, shift }), scale)
            }
            ops::Op::Reshape => (Op::Reshape(Reshape), wanted),
            ops::Op::Linear
            | ops::Op::Affine { .. }
            | ops::Op::Normalise { .. }
            | ops::Op::Share { .. }
            | ops::Op::MatMul { .. }
            | ops::Op::Reduce { .. }
            | ops::Op::Expand
            | ops::Op::Convolve { .. }
            | ops::Op::MaxPool(_)
            | ops::Op::MeanPool { .. }
            | ops::Op::Arrange(_)
            | ops::Op::Pick(_)
            | ops::Op::Concat { .. } => return self.spatial(node),
            ops::Op::Step { .. } | ops::Op::ArgMax => return self.decision(node),
            _ => return Err(unsupported(node)),
        };
        self.push(node, op, inputs, scale, &layout)
    }

    /// The ends at the operand's scale; an end that no int16 reaches is none.
    fn clip(&self, node: &graph::Node, lowest: f32, highest: f32) -> Result<Op, QuantError> {
        let units = libm::exp2(f64::from(self.scales.of(node.inputs[0])));
        let end = |end: f32| {
            let range = (-ACTIVATION_BOUND) as f64..=(ACTIVATION_BOUND - 1) as f64;
            libm::round(f64::from(end) * units).clamp(*range.start(), *range.end()) as i16
        };
        let (low, high) = (end(lowest), end(highest));
        if low < high {
            return Ok(Op::Clip(Clip {
                lowest: low,
                highest: high,
            }));
        }
        Err(QuantError::Clip {
            node: node.name.clone(),
            lowest,
            highest,
            unit: units.recip(),
        })
    }

    /// Multiplier, shift and scale of the product of two operands.
    pub(super) fn product_of(&self, node: &graph::Node) -> Result<(u32, u8, i32), QuantError> {
        let inputs: Vec<i32> = node.inputs.iter().map(|id| self.scales.of(*id)).collect();
        let rules = &self.layers.rules;
        let wanted = self.scales.of(node.output);
        let scale = rules.largest_product(inputs[0], inputs[1], wanted);
        let factor = rules.product(scale - inputs[0] - inputs[1]);
        let (multiplier, shift) = factor.ok_or_else(|| QuantError::Scales {
            node: node.name.clone(),
            op: node.op.name(),
            inputs,
            output: wanted,
        })?;
        Ok((multiplier, shift, scale))
    }

    /// Weights of outputs `rows` over axes `cols` of an operand; column `k` of them is column `order[k]` of the graph's.
    /// Gives their number, the shift, and the scale of the output: the wanted one, or lower if the multipliers needed it.
    pub(super) fn layer(
        &mut self,
        node: &graph::Node,
        (input, wanted): (i32, i32),
        rows: Vec<u32>,
        order: &[usize],
        cols: Vec<u32>,
    ) -> Result<(usize, u8, i32), QuantError> {
        let copies = self.copies.of(self.graph, node);
        let mut scale = wanted;
        for copy in &copies {
            scale = self.layers.fitting(copy, input, scale)?;
        }
        let shift = self.layers.shift(node, (input, scale))?;
        let has_biases = self.layers.rules.zero_biases || node.params.len() > 1;
        let mut all = DenseWeights {
            weight: vec![],
            bias: vec![],
            multiplier: vec![],
        };
        let count: u32 = rows.iter().chain(&cols).product();
        all.weight.reserve_exact(count as usize * copies.len());
        for copy in copies {
            let grid = self.layers.grid(copy, (input, scale), shift)?;
            let weight = match (self.integers)(copy.output) {
                Some(weight) => weight,
                None => self.layers.nearest(copy, &grid)?,
            };
            if order.iter().enumerate().all(|(k, at)| k == *at) {
                all.weight.extend(weight);
            } else {
                let rows = weight.chunks_exact(order.len());
                let ordered = |row: &[i8]| order.iter().map(|k| row[*k]).collect::<Vec<i8>>();
                all.weight.extend(rows.flat_map(ordered));
            }
            if has_biases {
                let magnitudes = self.layers.magnitudes(copy)?;
                all.bias.extend(magnitudes.biases(input, &grid.units));
            }
            all.multiplier.extend(grid.multipliers);
        }
        let rounding = self.layers.rounding(node, input)?;
        self.lowered.program.weights.push(DenseShape {
            stack: self.copies.count(),
            rows,
            cols,
            bias: has_biases,
            format: rounding.format(),
        });
        self.lowered.weights.dense.push(all);
        self.lowered.layers.push(LayerRounding {
            node: self.copies.name(&node.name),
            rounding,
        });
        Ok((self.lowered.weights.dense.len() - 1, shift, scale))
    }

    /// Puts the rows of weights of one column in another order: row `k` is to be row `order[k]` of the graph's.
    pub(super) fn order_rows(&mut self, weight: usize, order: &[usize]) {
        let all = &mut self.lowered.weights.dense[weight];
        all.weight = order.iter().map(|at| all.weight[*at]).collect();
        all.bias = order.iter().map(|at| all.bias[*at]).collect();
        all.multiplier = order.iter().map(|at| all.multiplier[*at]).collect();
    }

    /// Adds `x·2^(to-from) + x·0`, `to <= from`.
    pub(super) fn rescale(
        &mut self,
        source: ValueId,
        x: TensorId,
        from: i32,
        to: i32,
        node: &str,
    ) -> Result<TensorId, QuantError> {
        let Op::Add(Add { left, shift, .. }) = add(from, from, to).0 else {
            return Ok(x);
        };
        let layout = self.layouts[x].clone();
        let output = self.raw_tensor(source, format!("{node}/index"), to, node, &layout)?;
        let op = Op::Add(Add {
            left,
            right: 0,
            shift,
        });
        self.lowered.program.nodes.push(Node {
            name: format!("{node}/rescale"),
            op,
            inputs: vec![x, x],
            output,
        });
        Ok(output)
    }
}

pub(super) fn unsupported(node: &graph::Node) -> QuantError {
    QuantError::Op {
        node: node.name.clone(),
        op: node.op.name(),
    }
}

fn narrow(scale: i32, node: &str, tensor: &str) -> Result<i8, QuantError> {
    i8::try_from(scale).map_err(|_| QuantError::Scale {
        node: node.into(),
        tensor: tensor.into(),
        scale,
    })
}
