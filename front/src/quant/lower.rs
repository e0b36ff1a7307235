//! Nodes of the float graph to nodes of the program.

use laminate_model::ops::{Activation, Add, Dense, LeakyRelu, Mul, Relu, Reshape};
use laminate_model::program::{
    DenseShape, MULTIPLIER_BOUND, Node, Op, Program, TableKind, Tensor, TensorId, Weights,
    padded_log,
};
use laminate_prover::exec::tables::table;

use super::dense::{self, Matrix};
use super::scales::{Scales, index_scale};
use super::units::WeightChoice;
use super::{CompileOptions, LayerRounding, QuantError, fuse};
use crate::graph::{self, Graph, GraphError, ValueId};
use crate::ops::{self, Function};

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
        lowered: Lowered {
            program,
            weights: Weights { dense: Vec::new() },
            source: Vec::new(),
            layers: Vec::new(),
        },
        weights: options.weights,
    };
    state.tensor(graph.input(), "input")?;
    for node in graph.nodes() {
        state.node(node)?;
    }
    let mut lowered = state.lowered;
    lowered.program.output = state.ids[graph.output()];
    let kept = fuse::relus(&mut lowered.program).into_iter();
    lowered.source = kept.map(|kept| lowered.source[kept.rounded]).collect();
    Ok(lowered)
}

struct Lowering<'g> {
    graph: &'g Graph,
    scales: Scales,
    /// Calibrated range with headroom of every float tensor.
    index_ranges: Vec<f64>,
    /// Program tensor of every float tensor seen so far.
    ids: Vec<TensorId>,
    lowered: Lowered,
    weights: WeightChoice,
}

impl Lowering<'_> {
    /// Adds the program's tensor for `id` at its present scale; `node` makes it.
    fn tensor(&mut self, id: ValueId, node: &str) -> Result<TensorId, QuantError> {
        let name = self.graph.values()[id].name.clone();
        self.ids[id] = self.raw_tensor(id, name, self.scales.of(id), node)?;
        Ok(self.ids[id])
    }

    fn raw_tensor(
        &mut self,
        source: ValueId,
        name: String,
        scale: i32,
        node: &str,
    ) -> Result<TensorId, QuantError> {
        let narrow = i8::try_from(scale);
        let scale = narrow.map_err(|_| QuantError::Scale {
            node: node.into(),
            tensor: name.clone(),
            scale,
        })?;
        let width = self.graph.width(source) as u32;
        self.lowered
            .program
            .tensors
            .push(Tensor::new(name, width, scale));
        self.lowered.source.push(source);
        Ok(self.lowered.program.tensors.len() - 1)
    }

    fn node(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let scale_in: Vec<i32> = node.inputs.iter().map(|id| self.scales.of(*id)).collect();
        let mut inputs: Vec<TensorId> = node.inputs.iter().map(|id| self.ids[*id]).collect();
        let wanted = self.scales.of(node.output);
        let (op, scale) = match &node.op {
            ops::Op::Contract => self.dense(node, scale_in[0], wanted)?,
            ops::Op::Rectify { slope } => (leaky_relu(*slope), wanted),
            ops::Op::Unary(function) => {
                let kind = match function {
                    Function::Sigmoid => TableKind::Sigmoid,
                    Function::Tanh => TableKind::Tanh,
                    Function::Silu => return Err(unsupported(node)),
                };
                (self.activation(kind, node, &mut inputs)?, wanted)
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
            ops::Op::Gather
            | ops::Op::Norm { .. }
            | ops::Op::Scale
            | ops::Op::Rotate { .. }
            | ops::Op::Scores { .. }
            | ops::Op::Softmax
            | ops::Op::Mix => return Err(unsupported(node)),
        };
        if scale < wanted {
            self.scales.lower(node.output, scale);
        }
        let output = self.tensor(node.output, &node.name)?;
        self.lowered.program.nodes.push(Node {
            name: node.name.clone(),
            op,
            inputs,
            output,
        });
        Ok(())
    }

    fn dense(
        &mut self,
        node: &graph::Node,
        input: i32,
        wanted: i32,
    ) -> Result<(Op, i32), QuantError> {
        let params = self.graph.params_of(node).map(|param| param.read());
        let params = params
            .collect::<Result<Vec<_>, _>>()
            .map_err(GraphError::from)?;
        let [weight, bias @ ..] = params.as_slice() else {
            return Err(QuantError::Weightless);
        };
        let none = vec![0.0; self.graph.width(node.output)];
        let bias = bias.first().map_or(none.as_slice(), |bias| bias);
        let layer = Matrix { weight, bias };
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
            format: quantised.rounding.format(),
            ..DenseShape::new(layer.rows() as u32, layer.cols() as u32)
        });
        self.lowered.layers.push(LayerRounding {
            node: node.name.clone(),
            rounding: quantised.rounding,
        });
        let shift = quantised.shift;
        Ok((Op::Dense(Dense { weight, shift }), quantised.output_scale))
    }

    /// The operand's scale was chosen to fit the table, unless it comes from a table itself: then it is
    /// rescaled first.
    fn activation(
        &mut self,
        kind: TableKind,
        node: &graph::Node,
        inputs: &mut [TensorId],
    ) -> Result<Op, QuantError> {
        let id = node.inputs[0];
        let mut scale = self.scales.of(id);
        if self.scales.is_fixed(id) {
            // Sigmoid and tanh stay within ±1, whatever calibration saw.
            let wanted = index_scale(self.index_ranges[id].max(1.0)).min(scale);
            inputs[0] = self.rescale(id, inputs[0], scale, wanted, &node.name)?;
            scale = wanted;
        }
        let tables = &mut self.lowered.program.tables;
        let found = tables
            .iter()
            .position(|t| t.kind == kind && i32::from(t.input_scale) == scale);
        let table = found.unwrap_or_else(|| {
            tables.push(table(kind, scale as i8));
            tables.len() - 1
        });
        Ok(Op::Activation(Activation { table }))
    }

    /// Adds `x·2^(to-from) + x·0`, `to <= from`.
    fn rescale(
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
        let output = self.raw_tensor(source, format!("{node}/index"), to, node)?;
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

fn unsupported(node: &graph::Node) -> QuantError {
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
