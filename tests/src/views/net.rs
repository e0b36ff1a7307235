//! Programs with views, put together node by node.

use laminate_model::ops::{Activation, Add, Dense, DenseRelu, Max, Relu, Rescale, View};
use laminate_model::program::{
    AxisMap, DenseShape, DenseWeights, Node, Op, Program, TABLE_LOG, Table, TableKind, Tensor,
    TensorView, Weights,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::Case;

/// A program that grows, with a range of the values of every tensor.
#[derive(Clone, Debug)]
pub struct Net {
    /// The program.
    pub program: Program,
    /// Its weights.
    pub weights: Weights,
    /// Least and largest value of each tensor.
    ranges: Vec<(i64, i64)>,
    pub(super) rng: ChaCha20Rng,
}

/// Largest absolute value of an input and of what is rounded.
const SCALE: i64 = 2000;

impl Net {
    /// An input of these axes.
    pub fn new(seed: u64, batch_log: u8, axes: &[u32]) -> Self {
        let mut program = Program::empty(format!("net-{seed}"), batch_log, 14);
        program.tensors.push(tensor(axes, 16));
        Self {
            program,
            weights: Weights { dense: vec![] },
            ranges: vec![(-SCALE, SCALE)],
            rng: ChaCha20Rng::seed_from_u64(seed),
        }
    }

    /// The axes of a tensor.
    pub fn axes(&self, id: usize) -> Vec<u32> {
        self.program.tensors[id].axes.clone()
    }

    fn node(&mut self, op: Op, inputs: &[usize], out: Tensor, range: (i64, i64)) -> usize {
        let output = self.program.tensors.len();
        self.program.tensors.push(Tensor {
            name: format!("t{output}"),
            ..out
        });
        self.program.nodes.push(Node {
            name: format!("n{output}"),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        self.ranges.push(range);
        self.program.output = output;
        output
    }

    /// A view of tensors; of 32 bits if its values need them.
    pub fn view(&mut self, view: TensorView, inputs: &[usize], axes: &[u32]) -> usize {
        let most = |i: usize| {
            let (low, high) = self.ranges[inputs[i]];
            i128::from(low.abs().max(high.abs()))
        };
        let own: Vec<i128> = (0..inputs.len()).map(most).collect();
        let mut bound = view.bound(&own) as i64;
        let plain = view.constant == 0 && view.terms.len() == 1 && view.terms[0].coefficient == 1;
        let once = |map: &AxisMap| !matches!(map, AxisMap::Sum { .. } | AxisMap::Pairs { .. });
        let mut range = (-bound, bound);
        if plain && view.terms[0].maps.iter().all(once) {
            let (low, high) = self.ranges[inputs[view.terms[0].operand as usize]];
            range = (low.min(0), high.max(0));
            bound = range.1.max(-1 - range.0);
        }
        self.program.views.push(view);
        let op = Op::View(View {
            view: self.program.views.len() - 1,
            operands: inputs.len(),
        });
        let bits = if bound < 1 << 15 { 16 } else { 32 };
        self.node(op, inputs, tensor(axes, bits), range)
    }

    /// A dense layer over the last axes; the others are positions.
    pub fn dense(&mut self, x: usize, contracted: usize, rows: &[u32]) -> usize {
        let axes = self.axes(x);
        let (places, cols) = axes.split_at(axes.len() - contracted);
        let (count, width): (usize, usize) = (
            rows.iter().map(|r| *r as usize).product(),
            cols.iter().map(|c| *c as usize).product(),
        );
        let (low, high) = self.ranges[x];
        let sum = 128 * width as i64 * low.abs().max(high.abs()) + 100_000;
        let shift = 32u8;
        let gain = ((SCALE << shift) / sum).clamp(1, (1 << 24) - 1);
        let rng = &mut self.rng;
        let bias = rng.gen_bool(0.7);
        self.weights.dense.push(DenseWeights {
            weight: (0..count * width).map(|_| rng.r#gen()).collect(),
            bias: (0..if bias { count } else { 0 })
                .map(|_| rng.gen_range(-100_000..=100_000))
                .collect(),
            multiplier: (0..count)
                .map(|_| rng.gen_range(gain / 2..=gain) as u32)
                .collect(),
        });
        let weight = self.program.weights.len();
        self.program.weights.push(DenseShape {
            rows: rows.to_vec(),
            cols: cols.to_vec(),
            bias,
            ..DenseShape::new(1, 1)
        });
        let op = Op::Dense(Dense { weight, shift });
        let out = tensor(&[places, rows].concat(), 16);
        self.node(op, &[x], out, (-SCALE - 1, SCALE + 1))
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, x: usize) -> usize {
        let (axes, (_, high)) = (self.axes(x), self.ranges[x]);
        self.node(Op::Relu(Relu), &[x], tensor(&axes, 16), (0, high.max(0)))
    }

    /// `max(x, 0)` in the rounding of the layer that gives `x`, the last node.
    pub fn fused_relu(&mut self, x: usize) -> usize {
        let node = self.program.nodes.last_mut().expect("a layer");
        let Op::Dense(Dense { weight, shift }) = node.op else {
            panic!("{} is no layer", node.op.name());
        };
        assert_eq!(node.output, x);
        node.op = DenseRelu { weight, shift }.into();
        self.ranges[x].0 = 0;
        x
    }

    /// A table's values; none if the tensor may leave its domain.
    pub fn activation(&mut self, x: usize) -> Option<usize> {
        let (axes, (low, high)) = (self.axes(x), self.ranges[x]);
        if low < -2048 || high > 2047 {
            return None;
        }
        if self.program.tables.is_empty() {
            let values =
                (0..1i32 << TABLE_LOG).map(|i| (((i - 2048) * (i - 2048)) >> 11) as i16 - 7);
            self.program.tables.push(Table {
                kind: TableKind::Tanh,
                input_scale: 8,
                values: values.collect(),
            });
        }
        let op = Op::Activation(Activation { table: 0 });
        Some(self.node(op, &[x], tensor(&axes, 16), (-7, 2041)))
    }

    /// Half of the sum of two tensors.
    pub fn add(&mut self, a: usize, b: usize) -> usize {
        let op = Op::Add(Add {
            left: 1 << 15,
            right: 1 << 15,
            shift: 16,
        });
        let both = [self.ranges[a], self.ranges[b]];
        let range = (
            both.iter().map(|r| r.0).min().unwrap_or(0),
            both.iter().map(|r| r.1).max().unwrap_or(0),
        );
        let axes = self.axes(a);
        self.node(op, &[a, b], tensor(&axes, 16), range)
    }

    /// The maximum over the last axes.
    pub fn max(&mut self, x: usize, reduced: usize) -> usize {
        let axes = self.axes(x);
        let kept = axes[..axes.len() - reduced].to_vec();
        let range = (-(1 << 15), self.ranges[x].1.max(0));
        self.node(
            Op::Max(Max { axes: reduced }),
            &[x],
            tensor(&kept, 16),
            range,
        )
    }

    /// A tensor times a constant that keeps it small.
    pub fn rescale(&mut self, x: usize) -> usize {
        let (low, high) = self.ranges[x];
        let shift = 16;
        let bound = low.abs().max(high.abs()).max(1);
        let multiplier = ((SCALE << shift) / bound).min((1 << 24) - 1) as u32;
        let axes = self.axes(x);
        let most = ((bound * i64::from(multiplier)) >> shift) + 1;
        let op = Op::Rescale(Rescale { multiplier, shift });
        self.node(op, &[x], tensor(&axes, 16), (-most, most))
    }

    /// Windows of every spatial axis of a tensor `(spatial axes…, channels)`: `(positions…, window…, channels)`. Of each
    /// axis its window, stride, dilation and padding on both sides.
    pub fn windows(&mut self, x: usize, of: &[[u32; 4]]) -> usize {
        let axes = self.axes(x);
        let spatial = of.len();
        let mut maps = vec![];
        let (mut places, mut windows) = (vec![], vec![]);
        for (axis, [window, stride, dilation, pad]) in of.iter().enumerate() {
            let reach = dilation * (window - 1) + 1;
            places.push((axes[axis] + 2 * pad - reach) / stride + 1);
            windows.push(*window);
            let pair = [axis as u32, (spatial + axis) as u32];
            maps.push(AxisMap::window(pair, *stride, *dilation, *pad));
        }
        maps.extend((spatial..axes.len()).map(|axis| AxisMap::Same {
            axis: (axis + spatial) as u32,
        }));
        let out = [&places, &windows, &axes[spatial..]].concat();
        self.view(TensorView::of(maps), &[x], &out)
    }

    /// A convolution of `channels` filters.
    pub fn convolution(&mut self, x: usize, of: &[[u32; 4]], channels: u32) -> usize {
        let windows = self.windows(x, of);
        let contracted = self.axes(x).len();
        self.dense(windows, contracted, &[channels])
    }

    /// The maximum of every window and channel.
    pub fn max_pool(&mut self, x: usize, of: &[[u32; 4]]) -> usize {
        let windows = self.windows(x, of);
        // (positions…, channels, window…)
        let (axes, spatial) = (self.axes(windows), of.len());
        let order: Vec<usize> = (0..spatial)
            .chain(2 * spatial..axes.len())
            .chain(spatial..2 * spatial)
            .collect();
        let last = self.transpose(windows, &order);
        self.max(last, spatial)
    }

    /// Axes in another order: output axis `i` is axis `order[i]` of the operand.
    pub fn transpose(&mut self, x: usize, order: &[usize]) -> usize {
        let axes = self.axes(x);
        let place = |axis: usize| order.iter().position(|a| *a == axis).expect("an order");
        let maps = (0..axes.len()).map(|axis| AxisMap::Same {
            axis: place(axis) as u32,
        });
        let out: Vec<u32> = order.iter().map(|axis| axes[*axis]).collect();
        self.view(TensorView::of(maps.collect()), &[x], &out)
    }

    /// The program with random inputs.
    pub fn case(mut self) -> Case {
        let (slots, width) = (self.program.slots(), self.program.tensor_width(0));
        let inputs = (0..slots).map(|_| {
            let row = (0..width).map(|_| self.rng.gen_range(-SCALE..=SCALE) as i32);
            row.collect()
        });
        let inputs = inputs.collect();
        Case {
            program: self.program,
            weights: self.weights,
            inputs,
        }
    }
}

/// A tensor of so many bits.
pub fn tensor(axes: &[u32], bits: u8) -> Tensor {
    Tensor {
        axes: axes.to_vec(),
        bits,
        ..Tensor::new("t", 1, 0)
    }
}
