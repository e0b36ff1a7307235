//! Programs with views: what every tensor is by the definitions alone, random programs, and convolutions.

use laminate_model::ops::{
    Activation, Add, Clip, Dense, DenseRelu, Divide, Grouped, Max, Relu, Rescale, RmsNorm, View,
};
use laminate_model::program::{
    AxisMap, AxisMask, AxisPair, DenseShape, DenseWeights, Node, Op, Program, TABLE_LOG, Table,
    TableKind, Tensor, TensorView, ViewTerm, Weights, round,
};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::Case;

/// All indices of axes, in order.
pub fn places(axes: &[u32]) -> Vec<Vec<u32>> {
    let mut out = vec![vec![]];
    for size in axes {
        let longer = |at: &Vec<u32>| {
            let at = at.clone();
            (0..*size).map(move |x| [at.as_slice(), &[x]].concat())
        };
        out = out.iter().flat_map(longer).collect();
    }
    out
}

/// The entry of a map from indices of a view to an index of an operand's axis of `size`, by its definition.
fn entry(map: &AxisMap, x: &[u32], z: u32) -> i64 {
    let at = |axis: &u32| i64::from(x[*axis as usize]);
    match map {
        AxisMap::Same { axis } => i64::from(at(axis) == i64::from(z)),
        AxisMap::Fixed { at } => i64::from(*at == z),
        AxisMap::Sum { below } => i64::from(z < *below),
        AxisMap::Linear {
            terms,
            scale,
            offset,
        } => {
            let sum: i64 = terms.iter().map(|(a, c)| i64::from(*c) * at(a)).sum();
            i64::from(i64::from(*scale) * i64::from(z) == sum + i64::from(*offset))
        }
        AxisMap::Pairs { axes, entries } => {
            let own: Vec<u32> = axes.iter().map(|a| x[*a as usize]).collect();
            let found = entries.iter().filter(|p| p.view == own && p.at == z);
            found.map(|p| i64::from(p.coefficient)).sum()
        }
    }
}

fn holds(mask: &AxisMask, x: &[u32]) -> bool {
    let at = |axis: u32| x[axis as usize];
    match *mask {
        AxisMask::Only { axis, at: only } => at(axis) == only,
        AxisMask::Below { axis, size } => at(axis) < size,
        AxisMask::AtMost { axis, bound } => at(axis) <= at(bound),
    }
}

/// What a term reads at an entry: flat indices of the operand, unpadded, and factors.
fn reads(term: &ViewTerm, x: &[u32], operand: &[u32]) -> Vec<(usize, i64)> {
    if !term.masks.iter().all(|mask| holds(mask, x)) {
        return vec![];
    }
    let mut out = vec![(0usize, term.coefficient)];
    for (map, size) in term.maps.iter().zip(operand) {
        let row: Vec<(u32, i64)> = (0..*size)
            .map(|z| (z, entry(map, x, z)))
            .filter(|(_, entry)| *entry != 0)
            .collect();
        let longer = |(flat, factor): &(usize, i64)| {
            let (flat, factor) = (flat * *size as usize, *factor);
            let row = row.iter();
            row.map(move |(z, entry)| (flat + *z as usize, factor * entry))
                .collect::<Vec<_>>()
        };
        out = out.iter().flat_map(longer).collect();
    }
    out
}

/// Every tensor of a run on one row, unpadded and row-major, and whether its entries are stored ones: what is outside of
/// a window is none. Of the ops that [`random`] and [`Net`] make.
pub fn reference(program: &Program, weights: &Weights, row: &[i32]) -> Vec<Vec<i64>> {
    let count = program.tensors.len();
    let (mut values, mut present) = (vec![vec![]; count], vec![vec![]; count]);
    values[program.input] = row.iter().map(|v| i64::from(*v)).collect();
    present[program.input] = vec![true; row.len()];
    for node in &program.nodes {
        let (x, axes) = (&node.inputs, &program.tensors[node.output].axes);
        let operand = |i: usize| -> &Vec<i64> { &values[x[i]] };
        let shape = |i: usize| program.tensors[x[i]].axes.as_slice();
        let mut there = None;
        let out: Vec<i64> = match node.op {
            Op::View(view) => {
                let view = &program.views[view.view];
                let terms = |at: &Vec<u32>| -> Vec<(usize, usize, i64)> {
                    let of = |term: &ViewTerm| {
                        let operand = term.operand as usize;
                        let reads = reads(term, at, shape(operand)).into_iter();
                        reads
                            .map(|(flat, factor)| (operand, flat, factor))
                            .collect::<Vec<_>>()
                    };
                    view.terms.iter().flat_map(of).collect()
                };
                let read: Vec<_> = places(axes).iter().map(terms).collect();
                let is = |entry: &Vec<(usize, usize, i64)>| {
                    entry.iter().any(|(i, flat, _)| present[x[*i]][*flat])
                };
                there = Some(read.iter().map(is).collect());
                let sum = |entry: &Vec<(usize, usize, i64)>| {
                    let terms = entry.iter();
                    terms.map(|(i, at, c)| c * operand(*i)[*at]).sum::<i64>()
                };
                read.iter()
                    .map(|entry| view.constant + sum(entry))
                    .collect()
            }
            Op::Dense(Dense { weight, shift }) | Op::DenseRelu(DenseRelu { weight, shift }) => {
                let least = match node.op {
                    Op::DenseRelu(_) => 0,
                    _ => i64::MIN,
                };
                let (shape, layer) = (&program.weights[weight], &weights.dense[weight]);
                let (rows, cols) = (shape.row_count(), shape.col_count());
                let output = |x: &[i64], j: usize| {
                    let own = layer.weight[j * cols..][..cols].iter().zip(x);
                    let sum: i64 = own.map(|(w, x)| i64::from(*w) * x).sum();
                    let bias = layer.bias.get(j).copied().unwrap_or(0);
                    let exact = (sum + i64::from(bias)) * i64::from(layer.multiplier[j]);
                    round(exact, shift).max(least)
                };
                let at = operand(0).chunks(cols);
                at.flat_map(|x| (0..rows).map(move |j| output(x, j)))
                    .collect()
            }
            Op::Max(max) => {
                let size: u32 = shape(0)[shape(0).len() - max.axes..].iter().product();
                let least = match laminate_model::layout::is_unsigned(program, base(program, x[0]))
                {
                    true => 0,
                    false => -(1 << 15),
                };
                let both = operand(0).iter().zip(&present[x[0]]);
                let entries: Vec<i64> = both.map(|(v, is)| if *is { *v } else { least }).collect();
                let windows = entries.chunks(size as usize);
                windows
                    .map(|w| w.iter().copied().max().unwrap_or(0))
                    .collect()
            }
            Op::Activation(Activation { table }) => {
                let table = &program.tables[table];
                let of = |x: &i64| i64::from(table.get(*x).expect("an index of the table"));
                operand(0).iter().map(of).collect()
            }
            Op::Relu(_) => operand(0).iter().map(|v| (*v).max(0)).collect(),
            Op::Rescale(Rescale { multiplier, shift }) => {
                let x = operand(0).iter();
                x.map(|x| round(x * i64::from(multiplier), shift)).collect()
            }
            Op::Add(Add { left, right, shift }) => {
                let both = operand(0).iter().zip(operand(1));
                let sum =
                    |(a, b): (&i64, &i64)| round(a * i64::from(left) + b * i64::from(right), shift);
                both.map(sum).collect()
            }
            Op::Clip(Clip { lowest, highest }) => {
                let x = operand(0).iter();
                x.map(|x| (*x).clamp(lowest.into(), highest.into()))
                    .collect()
            }
            Op::Divide(Divide { shift }) => {
                let both = operand(0).iter().zip(operand(1));
                both.map(|(a, b)| ((a << (shift + 1)) + b).div_euclid(2 * b))
                    .collect()
            }
            Op::MatMul(op) => {
                let (a, b) = (shape(0), shape(1));
                let count = a[a.len() - 1] as usize;
                let rows: u32 = a[op.shared..a.len() - 1].iter().product();
                let cols: u32 = b[op.shared..b.len() - 1].iter().product();
                let entry = |flat: usize| {
                    let (line, col) = (flat / cols as usize, flat % cols as usize);
                    let right = line / rows as usize * cols as usize + col;
                    let left = operand(0).chunks(count).nth(line).expect("a row").iter();
                    let right = operand(1).chunks(count).nth(right).expect("a row");
                    let sum: i64 = left.zip(right).map(|(a, b)| a * b).sum();
                    round(sum * i64::from(op.multiplier), op.shift)
                };
                let len: u32 = axes.iter().product();
                (0..len as usize).map(entry).collect()
            }
            Op::RmsNorm(RmsNorm { epsilon, numerator }) => {
                let len = axes[axes.len() - 1] as usize;
                let rows = operand(0).chunks(len);
                let row = |x: &[i64]| {
                    let square = |x: &i64| i128::from(*x).pow(2).unsigned_abs();
                    let energy = x.iter().map(square).sum::<u128>() + u128::from(epsilon);
                    let factor = (u128::from(numerator) / energy.isqrt()) as i128;
                    let entry = |x: &i64| (i128::from(*x) * factor + (1 << 31)) >> 32;
                    x.iter().map(|x| entry(x) as i64).collect::<Vec<_>>()
                };
                rows.flat_map(row).collect()
            }
            Op::Grouped(Grouped {
                weight,
                groups,
                shift,
            }) => {
                let (shape, layer) = (&program.weights[weight], &weights.dense[weight]);
                let count: u32 = shape.rows[..groups].iter().product();
                let (rows, cols) = (shape.row_count() / count as usize, shape.col_count());
                let output = |group: usize, x: &[i64], j: usize| {
                    let at = group % count as usize * rows + j;
                    let own = layer.weight[at * cols..][..cols].iter().zip(x);
                    let sum: i64 = own.map(|(w, x)| i64::from(*w) * x).sum();
                    let bias = layer.bias.get(at).copied().unwrap_or(0);
                    round(
                        (sum + i64::from(bias)) * i64::from(layer.multiplier[at]),
                        shift,
                    )
                };
                let at = operand(0).chunks(cols).enumerate();
                at.flat_map(|(group, x)| (0..rows).map(move |j| output(group, x, j)))
                    .collect()
            }
            _ => unreachable!("{:?}", node.op),
        };
        present[node.output] = there.unwrap_or_else(|| vec![true; out.len()]);
        values[node.output] = out;
    }
    values
}

/// The stored tensor that a view of one tensor reads.
fn base(program: &Program, mut id: usize) -> usize {
    while let Some(node) = program.nodes.iter().find(|node| node.output == id) {
        match node.op {
            Op::View(_) => id = node.inputs[0],
            _ => break,
        }
    }
    id
}

/// A program that grows, with a range of the values of every tensor.
#[derive(Clone, Debug)]
pub struct Net {
    /// The program.
    pub program: Program,
    /// Its weights.
    pub weights: Weights,
    /// Least and largest value of each tensor.
    ranges: Vec<(i64, i64)>,
    rng: ChaCha20Rng,
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

/// A random map onto an axis of `size`, which reads some of the view axes that are left.
fn random_map(
    rng: &mut ChaCha20Rng,
    view: &mut Vec<u32>,
    left: &mut Vec<u32>,
    size: u32,
) -> AxisMap {
    let small = |rng: &mut ChaCha20Rng| rng.gen_range(-2..3);
    // A new axis of the view.
    let mut axis = |view: &mut Vec<u32>, size: u32| {
        view.push(size);
        left.push(view.len() as u32 - 1);
        view.len() as u32 - 1
    };
    match rng.gen_range(0..10) {
        0..3 => AxisMap::Same {
            axis: axis(view, size),
        },
        3 => AxisMap::Fixed {
            at: rng.gen_range(0..size),
        },
        4 => AxisMap::Sum {
            below: rng.gen_range(1..=size),
        },
        5 | 6 => {
            let (p, u) = (rng.gen_range(1..=size), rng.gen_range(1..4));
            let pair = [axis(view, p), axis(view, u)];
            AxisMap::window(
                pair,
                rng.gen_range(1..3),
                rng.gen_range(1..3),
                rng.gen_range(0..3),
            )
        }
        7 => AxisMap::Linear {
            terms: vec![(axis(view, size + 1), [1, 1, -1, 2][rng.gen_range(0..4)])],
            scale: rng.gen_range(1..3),
            offset: small(rng),
        },
        8 => AxisMap::shift(axis(view, size), small(rng)),
        _ => {
            let own = rng.gen_range(1..5);
            let at = axis(view, own);
            let all = places(&[own, size]).into_iter();
            let some: Vec<Vec<u32>> = all.filter(|_| rng.gen_bool(0.4)).collect();
            AxisMap::Pairs {
                axes: vec![at],
                entries: some
                    .into_iter()
                    .map(|at| AxisPair {
                        view: vec![at[0]],
                        at: at[1],
                        coefficient: [1, 1, -1, 3][rng.gen_range(0..4)],
                    })
                    .collect(),
            }
        }
    }
}

/// A random view of one tensor.
fn random_view(net: &mut Net, x: usize) -> usize {
    let mut rng = net.rng.clone();
    let (mut view, mut left) = (vec![], vec![]);
    let maps = net
        .axes(x)
        .into_iter()
        .map(|size| random_map(&mut rng, &mut view, &mut left, size))
        .collect();
    let mut masks = vec![];
    if view.is_empty() || rng.gen_bool(0.2) {
        // An axis that nothing reads.
        view.push(rng.gen_range(1..4));
        let axis = view.len() as u32 - 1;
        if rng.gen_bool(0.5) {
            let size = rng.gen_range(1..=view[axis as usize]);
            masks.push(AxisMask::Below { axis, size });
        }
    }
    let mut order: Vec<u32> = (0..view.len() as u32).collect();
    order.shuffle(&mut rng);
    let to = |axis: u32| order.iter().position(|a| *a == axis).expect("an order") as u32;
    let axes: Vec<u32> = order.iter().map(|a| view[*a as usize]).collect();
    let mut term = ViewTerm::new(0, maps);
    term.masks = masks;
    term.coefficient = [1, 1, 1, -2][rng.gen_range(0..4)];
    for map in &mut term.maps {
        rename(map, &to);
    }
    for mask in &mut term.masks {
        if let AxisMask::Below { axis, .. } = mask {
            *axis = to(*axis);
        }
    }
    let constant = if rng.gen_bool(0.2) { 17 } else { 0 };
    net.rng = rng;
    let view = TensorView {
        constant,
        terms: vec![term],
    };
    net.view(view, &[x], &axes)
}

/// Changes the axes that a map reads.
fn rename(map: &mut AxisMap, to: &impl Fn(u32) -> u32) {
    match map {
        AxisMap::Same { axis } => *axis = to(*axis),
        AxisMap::Linear { terms, .. } => terms.iter_mut().for_each(|(axis, _)| *axis = to(*axis)),
        AxisMap::Pairs { axes, .. } => axes.iter_mut().for_each(|axis| *axis = to(*axis)),
        AxisMap::Fixed { .. } | AxisMap::Sum { .. } => {}
    }
}

/// Two tensors of equal axes but the first, one after the other.
fn concat(net: &mut Net, a: usize, b: usize) -> usize {
    let (first, second) = (net.axes(a), net.axes(b));
    let rest = (1..first.len() as u32).map(|axis| AxisMap::Same { axis });
    let maps = |offset: i32| -> Vec<AxisMap> {
        std::iter::once(AxisMap::shift(0, offset))
            .chain(rest.clone())
            .collect()
    };
    let mut axes = first.clone();
    axes[0] += second[0];
    let view = TensorView {
        constant: 0,
        terms: vec![
            ViewTerm::new(0, maps(0)),
            ViewTerm::new(1, maps(-(first[0] as i32))),
        ],
    };
    net.view(view, &[a, b], &axes)
}

/// A random program over rows with views, small enough to prove.
pub fn random(seed: u64) -> Case {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x7e57);
    let axes: Vec<u32> = (0..rng.gen_range(1..4))
        .map(|_| rng.gen_range(1..6))
        .collect();
    let mut net = Net::new(seed, rng.gen_range(0..2), &axes);
    net.program.limb_bits = [8, 16][rng.gen_range(0..2)];
    let mut x = 0;
    // Without any parameter there is no weight commitment to make.
    let mut layers = 0;
    for _ in 0..rng.gen_range(3..8) {
        let (axes, wide) = (net.axes(x), net.program.tensors[x].bits == 32);
        let width: u32 = axes.iter().product();
        x = match rng.gen_range(0..8) {
            _ if wide => net.rescale(x),
            0..3 if width <= 64 && axes.len() < 5 => random_view(&mut net, x),
            3 => match rng.gen_bool(0.5) {
                true => net.activation(x).unwrap_or_else(|| net.relu(x)),
                false => net.relu(x),
            },
            4 if axes.len() > 1 => net.max(x, rng.gen_range(1..axes.len())),
            5 => {
                let like =
                    |id: &usize| net.axes(*id) == axes && net.program.tensors[*id].bits == 16;
                let alike: Vec<usize> = (0..net.program.tensors.len()).filter(like).collect();
                let other = *alike.choose(&mut rng).expect("itself");
                match rng.gen_bool(0.5) {
                    true => net.add(x, other),
                    false => concat(&mut net, x, other),
                }
            }
            _ => {
                layers += 1;
                let contracted = rng.gen_range(1..=axes.len());
                let rows: Vec<u32> = (0..rng.gen_range(1..3))
                    .map(|_| rng.gen_range(1..5))
                    .collect();
                let y = net.dense(x, contracted, &rows);
                match rng.gen_bool(0.4) {
                    true => net.fused_relu(y),
                    false => y,
                }
            }
        };
    }
    if net.program.tensors[x].bits == 32 {
        x = net.rescale(x);
    }
    if layers == 0 {
        let contracted = net.axes(x).len();
        net.dense(x, contracted, &[3]);
    }
    net.case()
}
