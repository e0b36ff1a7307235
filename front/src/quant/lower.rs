//! Nodes of the float graph to nodes of the program.

use laminate_model::ops::{Abs, Activation, Add, Clip, Dense, LeakyRelu, Mul, Relu, Reshape};
use laminate_model::program::{
    ACTIVATION_BOUND, DenseShape, MULTIPLIER_BOUND, Node, Op, Program, Tensor, TensorId, Weights,
    axes_len, padded_log,
};

use super::dense::{self, Matrix};
use super::layout::Layout;
use super::scales::Scales;
use super::units::WeightChoice;
use super::{CompileOptions, LayerRounding, QuantError, fuse};
use crate::graph::{self, Graph, GraphError, ValueId};
use crate::ops;

/// A program, its weights, and for each of its tensors the float tensor that it stands for.
pub(super) struct Lowered {
    pub program: Program,
    pub weights: Weights,
    pub source: Vec<ValueId>,
    pub layers: Vec<LayerRounding>,
}

/// Lowers every node in order. Scales of results may come out lower than chosen, where an integer
/// factor would not fit otherwise; nothing that reads them has been lowered by then.
pub(super) fn lower(
    graph: &Graph,
    scales: Scales,
    options: &CompileOptions,
    ranges: &[f64],
) -> Result<Lowered, QuantError> {
    let program = Program {
        name: options.name.clone(),
        batch_log: padded_log(options.batch) as u8,
        tensors: Vec::new(),
        nodes: Vec::new(),
        input: 0,
        output: 0,
        weights: Vec::new(),
        tables: Vec::new(),
        row_log: options.row_log,
        limb_bits: 8,
        check_weights: true,
        sequence: None,
        carry: None,
        rope: Vec::new(),
        views: Vec::new(),
    };
    let mut state = Lowering {
        graph,
        scales,
        index_ranges: ranges.iter().map(|r| r * options.headroom).collect(),
        ids: vec![0; graph.values().len()],
        layouts: vec![],
        lowered: Lowered {
            program,
            weights: Weights { dense: Vec::new() },
            source: Vec::new(),
            layers: Vec::new(),
        },
        weights: options.weights,
    };
    state.tensor(graph.input(), "input", &input_layout(graph))?;
    for node in graph.nodes() {
        state.node(node)?;
    }
    let output = state.output()?;
    let mut lowered = state.lowered;
    lowered.program.output = output;
    let kept = fuse::relus(&mut lowered.program).into_iter();
    lowered.source = kept.map(|kept| lowered.source[kept.rounded]).collect();
    Ok(lowered)
}

/// A flat row, unless the model reads axes: then those that its first op sees, whatever reshapes are before it.
fn input_layout(graph: &Graph) -> Layout {
    let mut id = graph.input();
    if graph.nodes().iter().all(|node| !node.op.reads_axes()) {
        return Layout::flat(graph.width(id));
    }
    loop {
        let mut readers = graph.nodes().iter().filter(|n| n.inputs.contains(&id));
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
    pub(super) scales: Scales,
    /// Calibrated range with headroom of every float tensor.
    pub(super) index_ranges: Vec<f64>,
    /// Program tensor of every float tensor seen so far.
    pub(super) ids: Vec<TensorId>,
    /// How values stand in the program's tensors.
    pub(super) layouts: Vec<Layout>,
    pub(super) lowered: Lowered,
    weights: WeightChoice,
}

impl Lowering<'_> {
    /// Adds the program's tensor for `id` at its present scale; `node` makes it.
    fn tensor(&mut self, id: ValueId, node: &str, layout: &Layout) -> Result<TensorId, QuantError> {
        let name = self.graph.values()[id].name.clone();
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
        let narrow = i8::try_from(scale);
        let scale = narrow.map_err(|_| QuantError::Scale {
            node: node.into(),
            tensor: name.clone(),
            scale,
        })?;
        self.lowered.program.tensors.push(Tensor {
            axes: layout.axes(),
            ..Tensor::new(name, 1, scale)
        });
        self.lowered.source.push(source);
        self.layouts.push(layout.clone());
        Ok(self.lowered.program.tensors.len() - 1)
    }

    /// The output in the order of the model's.
    fn output(&mut self) -> Result<TensorId, QuantError> {
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
            name: node.name.clone(),
            op,
            inputs,
            output,
        });
        Ok(())
    }

    fn node(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let scale_in: Vec<i32> = node.inputs.iter().map(|id| self.scales.of(*id)).collect();
        let mut inputs: Vec<TensorId> = node.inputs.iter().map(|id| self.ids[*id]).collect();
        let wanted = self.scales.of(node.output);
        let mut layout = self.layouts[inputs[0]].clone();
        if let [_, right] = node.inputs.as_slice()
            && !node.op.reads_axes()
        {
            inputs[1] = self.relaid(*right, &layout, node)?;
        }
        let (op, scale) = match &node.op {
            ops::Op::Contract => {
                let made = self.graph.width(node.output);
                let (order, cols) = (layout.order(), layout.axes());
                layout = Layout::flat(made);
                let rows = vec![made as u32];
                let (weight, shift, scale) =
                    self.layer(node, (scale_in[0], wanted), rows, &order, cols)?;
                (Op::Dense(Dense { weight, shift }), scale)
            }
            ops::Op::Rectify { slope } => (leaky_relu(*slope), wanted),
            ops::Op::Abs => (Op::Abs(Abs), wanted),
            ops::Op::Clip { lowest, highest } => (self.clip(node, *lowest, *highest)?, wanted),
            ops::Op::Unary(function) => {
                let table = self.function(*function, node, &mut inputs)?;
                (Op::Activation(Activation { table }), wanted)
            }
            ops::Op::Add => add(scale_in[0], scale_in[1], wanted),
            ops::Op::Mul => {
                mul(scale_in[0], scale_in[1], wanted).ok_or_else(|| QuantError::Scales {
                    node: node.name.clone(),
                    op: node.op.name(),
                    inputs: scale_in.clone(),
                    output: wanted,
                })?
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
            | ops::Op::Concat { .. } => return self.spatial(node),
            ops::Op::Gather
            | ops::Op::Norm { .. }
            | ops::Op::Scale
            | ops::Op::Rotate { .. }
            | ops::Op::Scores { .. }
            | ops::Op::Softmax
            | ops::Op::Mix => return Err(unsupported(node)),
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

    /// Weights of `rows` outputs over axes `cols` of an operand; column `k` of them is column `order[k]` of the graph's.
    /// Gives their number, the shift, and the scale of the output.
    pub(super) fn layer(
        &mut self,
        node: &graph::Node,
        scales: (i32, i32),
        rows: Vec<u32>,
        order: &[usize],
        cols: Vec<u32>,
    ) -> Result<(usize, u8, i32), QuantError> {
        let params = self.graph.params_of(node).map(|param| param.read());
        let params = params
            .collect::<Result<Vec<_>, _>>()
            .map_err(GraphError::from)?;
        let [weight, bias @ ..] = params.as_slice() else {
            return Err(QuantError::Weightless);
        };
        let none = vec![0.0; axes_len(&rows)];
        let bias = bias.first().map_or(none.as_slice(), |bias| bias);
        let row = |row: &[f32]| order.iter().map(|k| row[*k]).collect::<Vec<f32>>();
        let weight: Vec<f32> = weight.chunks_exact(order.len()).flat_map(row).collect();
        let layer = Matrix {
            weight: &weight,
            bias,
        };
        self.weights_of(node, layer, scales, (rows, cols))
    }

    /// Weights of these shapes, unpadded; see [`Self::layer`].
    pub(super) fn weights_of(
        &mut self,
        node: &graph::Node,
        layer: Matrix<'_>,
        (input, wanted): (i32, i32),
        (rows, cols): (Vec<u32>, Vec<u32>),
    ) -> Result<(usize, u8, i32), QuantError> {
        let quantised = dense::quantise(layer, input, wanted, self.weights);
        let quantised = quantised.map_err(|e| QuantError::TernaryBias {
            node: node.name.clone(),
            row: e.row,
            bias: e.bias,
            limit: e.limit,
        })?;
        let weight = self.lowered.weights.dense.len();
        self.lowered.weights.dense.push(quantised.weights);
        self.lowered.program.weights.push(DenseShape {
            rows,
            cols,
            format: quantised.rounding.format(),
            ..DenseShape::new(1, 1)
        });
        self.lowered.layers.push(LayerRounding {
            node: node.name.clone(),
            rounding: quantised.rounding,
        });
        Ok((weight, quantised.shift, quantised.output_scale))
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

/// A slope that rounds to zero is a Relu, one that rounds to one the largest below.
fn leaky_relu(slope: f32) -> Op {
    match libm::round(f64::from(slope) * 65_536.0) as u32 {
        0 => Op::Relu(Relu),
        slope => Op::LeakyRelu(LeakyRelu {
            slope: slope.min((1 << 16) - 1),
        }),
    }
}

/// `2^exponent` rounded to an integer.
fn power(exponent: i32) -> u32 {
    libm::round(libm::exp2(f64::from(exponent))) as u32
}

/// log2 of the largest power of two that a factor can be.
const TOP: i32 = MULTIPLIER_BOUND.ilog2() as i32 - 1;

/// `z = a·2^(z-a) + b·2^(z-b)` with the largest shift whose factors fit, at a lower scale if none does.
/// A factor is exact, or its operand is below half a unit of the output altogether.
fn add(a: i32, b: i32, wanted: i32) -> (Op, i32) {
    let (low, high) = (a.min(b), a.max(b));
    let mut scale = wanted.min(low + TOP - 8);
    if scale - high + 8 < 0 {
        // A factor may not be an integer: with a shift of 16 or more that operand is below 2^-2 units.
        scale = scale.min(low + TOP - 16);
    }
    let fits = |shift: &&u8| scale - low + i32::from(**shift) <= TOP;
    let shift = [24u8, 16, 8].iter().find(fits).copied().unwrap_or(8);
    let factor = |operand: i32| power(scale - operand + i32::from(shift));
    (
        Op::Add(Add {
            left: factor(a),
            right: factor(b),
            shift,
        }),
        scale,
    )
}

/// `z = a·b·2^(z-a-b)` with the smallest shift whose multiplier is an integer, at a lower scale if it
/// does not fit; `None` if the shift would be over 32.
fn mul(a: i32, b: i32, wanted: i32) -> Option<(Op, i32)> {
    let scale = wanted.min(a + b + TOP - 8);
    let exponent = scale - a - b;
    let shift = [8u8, 16, 24, 32]
        .into_iter()
        .find(|s| exponent + i32::from(*s) >= 0)?;
    Some((
        Op::Mul(Mul {
            multiplier: power(exponent + i32::from(shift)),
            shift,
        }),
        scale,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_factors() {
        assert_eq!(
            add(10, 12, 11),
            (
                Op::Add(Add {
                    left: 1 << 17,
                    right: 1 << 15,
                    shift: 16
                }),
                11
            )
        );
        assert_eq!(
            add(10, 10, 30),
            (
                Op::Add(Add {
                    left: 1 << 23,
                    right: 1 << 23,
                    shift: 8
                }),
                25
            )
        );
        // 2^-26 of an operand below 2^15 is nothing.
        assert_eq!(
            add(40, 14, 14),
            (
                Op::Add(Add {
                    left: 0,
                    right: 1 << 16,
                    shift: 16
                }),
                14
            )
        );
    }

    #[test]
    fn add_is_within_half_a_unit_for_any_scales() {
        for (a, b, wanted) in (-40..=40)
            .flat_map(|a| (-40..=40).flat_map(move |b| (-40..=40).map(move |z| (a, b, z))))
        {
            let (Op::Add(Add { left, right, shift }), scale) = add(a, b, wanted) else {
                unreachable!()
            };
            assert!(scale <= wanted && left < 1 << 24 && right < 1 << 24);
            for (factor, operand) in [(left, a), (right, b)] {
                let exact = libm::exp2(f64::from(scale - operand));
                let error = (f64::from(factor) / libm::exp2(shift.into()) - exact).abs() * 32_768.0;
                assert!(error <= 0.25, "{a} {b} {wanted}: {error}");
            }
        }
    }

    #[test]
    fn mul_factors() {
        assert_eq!(
            mul(14, 14, 13),
            Some((
                Op::Mul(Mul {
                    multiplier: 2,
                    shift: 16
                }),
                13
            ))
        );
        assert_eq!(
            mul(0, 0, 20),
            Some((
                Op::Mul(Mul {
                    multiplier: 1 << 23,
                    shift: 8
                }),
                15
            ))
        );
        assert_eq!(mul(40, 10, 10), None);
    }

    #[test]
    fn slopes() {
        assert_eq!(leaky_relu(0.01), Op::LeakyRelu(LeakyRelu { slope: 655 }));
        assert_eq!(leaky_relu(1e-9), Op::Relu(Relu));
        assert_eq!(
            leaky_relu(0.999_999_9),
            Op::LeakyRelu(LeakyRelu { slope: 65_535 })
        );
    }
}
