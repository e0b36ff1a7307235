//! Ops along axes of a row: layers over the last axis, factors and offsets, norms, softmax, products of two values,
//! reductions, repetition.

use laminate_model::ops::{Activation, Clip, Dense, Divide, Grouped, MatMul, Max, RmsNorm};
use laminate_model::program::{
    AxisMap, AxisMask, MULTIPLIER_BOUND, Node, OUTPUT_SCALE, Op, Table, TensorId, TensorView,
    ViewTerm,
};
use laminate_prover::exec::tables::{DEPTH_SCALE, weights};

use super::QuantError;
use super::layout::{Layout, Place};
use super::lower::{Lowering, unsupported};
use super::pools::rescale;
use super::spatial::Made;
use crate::graph::{self, ValueId};
use crate::ops::{self, Reduction};

/// `0 ≤ x < len` as the same index, and nothing behind the end.
fn inside(axis: usize, len: usize) -> AxisMap {
    let axis = axis as u32;
    match len.is_power_of_two() {
        true => AxisMap::Same { axis },
        false => AxisMap::shift(axis, 0),
    }
}

/// An order of a value's axes.
struct Order<'a> {
    /// The axis that comes `i`-th.
    axes: &'a [usize],
    /// Behind the ends of so many of the last nothing is to stand.
    bounded: usize,
    /// Whether that is only asked of a view: of a column the reader itself sees to it.
    as_it_is: bool,
    /// Axes of one entry that are put before them.
    ones: usize,
}

impl<'a> Order<'a> {
    /// With whatever stands behind the ends of axes.
    fn of(axes: &'a [usize]) -> Self {
        Self {
            axes,
            bounded: 0,
            as_it_is: false,
            ones: 0,
        }
    }

    /// With nothing behind the end of the last axis.
    fn bounded(axes: &'a [usize]) -> Self {
        Self {
            bounded: 1,
            ..Self::of(axes)
        }
    }

    /// For a maximum over so many of the last.
    fn maximum(axes: &'a [usize], bounded: usize, ones: usize) -> Self {
        Self {
            bounded,
            as_it_is: true,
            ones,
            ..Self::of(axes)
        }
    }
}

impl Lowering<'_> {
    /// Lowers a node that reads or makes numbers along axes.
    pub(super) fn along_axes(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        match &node.op {
            ops::Op::Linear => self.linear(node),
            ops::Op::Affine { axis } => self.affine(node, *axis),
            ops::Op::Normalise { eps, centred } => self.normalise(node, *eps, *centred),
            ops::Op::Share { axis } => self.share(node, *axis),
            ops::Op::MatMul { factor } => self.product(node, *factor),
            ops::Op::Reduce { kind, axes } => self.reduce(node, *kind, axes),
            ops::Op::Expand => self.expand(node),
            _ => Err(unsupported(node)),
        }
    }

    /// A value with its axes in another order.
    fn ordered(
        &mut self,
        id: ValueId,
        order: &Order<'_>,
        node: &graph::Node,
    ) -> Result<TensorId, QuantError> {
        let features = self.features(id);
        let (tensor, places) = self.in_axes(id, node)?;
        let first = order.axes.len() - order.bounded;
        let ends = order.axes[first..].iter();
        let whole = { ends }.all(|axis| features[*axis].is_power_of_two());
        let own = order.axes.iter().enumerate();
        let own = { own }.all(|(at, axis)| places[*axis] == at);
        if own && order.ones == 0 && (order.as_it_is || whole) {
            return Ok(tensor);
        }
        let mut maps = vec![AxisMap::Fixed { at: 0 }; features.len()];
        for (at, axis) in order.axes.iter().enumerate() {
            let (len, to) = (features[*axis], at + order.ones);
            maps[places[*axis]] = match at >= first {
                true => inside(to, len),
                false => AxisMap::Same { axis: to as u32 },
            };
        }
        let mut layout = Layout::ordered(&features, order.axes);
        layout.0.splice(0..0, vec![Place::ONE; order.ones]);
        let made = Made::new(id, "axes", layout);
        self.view(node, &made, TensorView::of(maps), &[tensor])
    }

    /// All axes of a value, one of them last.
    fn last(&self, id: ValueId, axis: usize) -> Vec<usize> {
        let rank = self.features(id).len();
        let others = (0..rank).filter(|at| *at != axis);
        others.chain([axis]).collect()
    }

    /// Adds a node on the way to a value.
    fn part(
        &mut self,
        node: &graph::Node,
        (op, part): (Op, &str),
        inputs: Vec<TensorId>,
        (scale, layout): (i32, &Layout),
    ) -> Result<TensorId, QuantError> {
        let name = format!("{}/{part}", node.name);
        let output = self.raw_tensor(node.output, name.clone(), scale, &node.name, layout)?;
        self.lowered.program.nodes.push(Node {
            name,
            op,
            inputs,
            output,
        });
        Ok(output)
    }

    /// A layer over the last axis, whatever axes of the tensor that is made of, at the places of the others.
    fn linear(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let (features, made) = (self.features(id), self.features(node.output));
        let (cols, rows) = (features[features.len() - 1], made[made.len() - 1]);
        let within = |place: &Place| place.len > 1 && place.stride * place.len <= cols;
        let apart = |place: &Place| place.len == 1 || place.stride.is_multiple_of(cols);
        let mut tensor = self.ids[id];
        let axes = self.layouts[tensor].0.iter();
        if cols == 1 || !{ axes }.all(|place| within(place) || apart(place)) {
            tensor = self.relaid(id, &Layout::row_major(&features), node)?;
        }
        let own = self.layouts[tensor].0.clone();
        let (last, places): (Vec<Place>, Vec<Place>) = own.iter().partition(|place| within(place));
        let wanted = Layout([places.as_slice(), &last].concat());
        if own != wanted.0 {
            // Axes as they are, those that are contracted last.
            let at = |place: &Place| wanted.0.iter().position(|other| other == place);
            let same = |place: &Place| AxisMap::Same {
                axis: at(place).unwrap_or(0) as u32,
            };
            let maps: Vec<AxisMap> = own
                .iter()
                .map(|place| match place.len {
                    1 => AxisMap::Fixed { at: 0 },
                    _ => same(place),
                })
                .collect();
            let view = Made::new(id, "axes", wanted);
            tensor = self.view(node, &view, TensorView::of(maps), &[tensor])?;
        }
        // One feature has no axis of its own.
        let (last, places) = match last.is_empty() {
            true => (vec![Place::ONE], places[..places.len() - 1].to_vec()),
            false => (last, places),
        };
        let last = Layout(last);
        let scales = (self.scales.of(id), self.scales.of(node.output));
        let (weight, shift, scale) =
            self.layer(node, scales, vec![rows as u32], &last.order(), last.axes())?;
        let moved = |place: &Place| Place {
            stride: (place.stride / cols).max(1) * rows,
            ..*place
        };
        let own = Place {
            len: rows,
            stride: 1,
        };
        let layout = Layout(places.iter().map(moved).chain([own]).collect());
        let op = Op::Dense(Dense { weight, shift });
        self.push(node, op, vec![tensor], scale, &layout)
    }

    /// Every entry of an axis, or every number, is a group of one.
    fn affine(&mut self, node: &graph::Node, axis: Option<usize>) -> Result<(), QuantError> {
        let id = node.inputs[0];
        if self.is_raw(id) {
            return self.raw_columns(node);
        }
        let (tensor, order) = match axis {
            Some(axis) => {
                let features = self.features(id);
                let (tensor, places) = self.in_axes(id, node)?;
                // Whatever order the others have.
                let tensor = match places[axis] + 1 == features.len() {
                    true => tensor,
                    false => self.ordered(id, &Order::of(&self.last(id, axis)), node)?,
                };
                (tensor, (0..features[axis]).collect::<Vec<usize>>())
            }
            None => (self.ids[id], self.layouts[self.ids[id]].order()),
        };
        let layout = self.layouts[tensor].clone();
        let axes = layout.axes();
        let rows = match axis {
            Some(_) => axes[axes.len() - 1..].to_vec(),
            None => axes,
        };
        let groups = rows.len();
        let scales = (self.scales.of(id), self.scales.of(node.output));
        let (weight, shift, scale) = self.layer(node, scales, rows, &[0], vec![])?;
        self.order_rows(weight, &order);
        let op = Op::Grouped(Grouped {
            weight,
            groups,
            shift,
        });
        self.push(node, op, vec![tensor], scale, &layout)
    }

    /// RMS norm of `x`, or of `n·x - Σx`, which is `n` times what is left of `x` without its mean.
    fn normalise(&mut self, node: &graph::Node, eps: f32, centred: bool) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let features = self.features(id);
        let last = features.len() - 1;
        let (len, count) = (features[last], features[last] as f64);
        let order: Vec<usize> = (0..=last).collect();
        let order = match centred {
            true => Order::of(&order),
            false => Order::bounded(&order),
        };
        let mut tensor = self.ordered(id, &order, node)?;
        let layout = Layout::row_major(&features);
        let mut power = 1;
        if centred {
            power = 3;
            let own = (0..last).map(|axis| AxisMap::Same { axis: axis as u32 });
            let own: Vec<AxisMap> = own.collect();
            let maps = |map| own.iter().cloned().chain([map]).collect();
            let axis = last as u32;
            let padded = !len.is_power_of_two();
            let size = len as u32;
            let mean = ViewTerm {
                coefficient: -1,
                masks: padded
                    .then_some(AxisMask::Below { axis, size })
                    .into_iter()
                    .collect(),
                ..ViewTerm::new(0, maps(AxisMap::Sum { below: size }))
            };
            let value = ViewTerm {
                coefficient: len as i64,
                ..ViewTerm::new(0, maps(inside(last, len)))
            };
            let view = TensorView {
                constant: 0,
                terms: vec![value, mean],
            };
            let made = Made {
                bits: 32,
                ..Made::new(id, "less its mean", layout.clone())
            };
            tensor = self.view(node, &made, view, &[tensor])?;
        }
        // `A` is `Σx² + n·eps`, times the square of what `x` was multiplied with.
        let unit = libm::exp2(2.0 * f64::from(self.scales.of(id)));
        let epsilon = libm::round(libm::pow(count, f64::from(power)) * unit * f64::from(eps));
        // No value is larger than the root of their number, so none can leave the range.
        let root = libm::sqrt(count);
        let most = 15 - libm::ceil(libm::log2(root)) as i32;
        let scale = self.scales.of(node.output).min(most - 1);
        let numerator = libm::round(root * libm::exp2(f64::from(32 + scale)));
        if epsilon >= libm::exp2(63.0) || len > 1 << 15 || numerator < 1.0 {
            return Err(QuantError::Scales {
                node: node.name.clone(),
                op: node.op.name(),
                inputs: vec![self.scales.of(id)],
                output: scale,
            });
        }
        let op = Op::RmsNorm(RmsNorm {
            epsilon: (epsilon as u64).max(1),
            numerator: numerator as u64,
        });
        self.push(node, op, vec![tensor], scale, &layout)
    }

    /// Weights `exp(x - max)` from a table, over their sum.
    fn share(&mut self, node: &graph::Node, axis: usize) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let features = self.features(id);
        self.store(id, node)?;
        if self.scales.of(id) > DEPTH_SCALE {
            let tensor = self.at_scale(id, self.ids[id], DEPTH_SCALE, node)?;
            self.ids[id] = tensor;
        }
        let order = self.last(id, axis);
        let read = Order::maximum(&order, 1, usize::from(order.len() == 1));
        let tensor = self.ordered(id, &read, node)?;
        let scale = i32::from(self.lowered.program.tensors[tensor].scale);
        let layout = self.layouts[tensor].clone();
        let (count, len) = (layout.0.len() - 1, features[axis]);
        let others = Layout(layout.0[..count].to_vec());
        let max = Op::Max(Max { axes: 1 });
        let max = self.part(node, (max, "maximum"), vec![tensor], (scale, &others))?;
        let own = (0..count).map(|axis| AxisMap::Same { axis: axis as u32 });
        let own: Vec<AxisMap> = own.collect();
        let along = |map| own.iter().cloned().chain([map]).collect::<Vec<_>>();
        let axis = count as u32;
        let depth = TensorView {
            constant: -Table::LOWEST - 1,
            terms: vec![
                ViewTerm::new(0, along(AxisMap::Same { axis })),
                ViewTerm {
                    coefficient: -1,
                    ..ViewTerm::new(1, own.clone())
                },
            ],
        };
        let wide = |part, layout: &Layout| Made {
            bits: 32,
            ..Made::new(node.output, part, layout.clone())
        };
        let depth = self.view(node, &wide("depth", &layout), depth, &[tensor, max])?;
        // Depths that a table cannot tell have no weight.
        let clip = Op::Clip(Clip {
            lowest: Table::LOWEST as i16,
            highest: (-Table::LOWEST - 1) as i16,
        });
        let index = self.part(node, (clip, "index"), vec![depth], (scale, &layout))?;
        let table = self.table(weights(scale as i8));
        let one = i32::from(OUTPUT_SCALE);
        let look = Op::Activation(Activation { table });
        let weight = self.part(node, (look, "weights"), vec![index], (one, &layout))?;
        let sum = TensorView::of(along(AxisMap::Sum { below: len as u32 }));
        let sum = self.view(node, &wide("sum", &layout), sum, &[weight])?;
        let shift = OUTPUT_SCALE as u8;
        let op = Op::Divide(Divide { shift });
        self.push(node, op, vec![weight, sum], one, &layout)
    }

    /// A product of two values; what stands behind the end of the contracted axis is cut off from the left one.
    fn product(&mut self, node: &graph::Node, factor: f64) -> Result<(), QuantError> {
        let [left, right] = [node.inputs[0], node.inputs[1]];
        let rank = self.features(left).len();
        let order: Vec<usize> = (0..rank).collect();
        let a = self.ordered(left, &Order::bounded(&order), node)?;
        let transposed: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
        let b = self.ordered(right, &Order::of(&transposed), node)?;
        let from = self.scales.of(left) + self.scales.of(right);
        let mut scale = self.scales.of(node.output);
        let (multiplier, shift) = loop {
            let exact = libm::exp2(f64::from(scale - from)) * factor.abs();
            let of = |shift: &u8| libm::round(exact * libm::exp2((*shift).into()));
            let fits = |shift: &u8| of(shift) < MULTIPLIER_BOUND as f64;
            match [32u8, 24, 16, 8].into_iter().find(fits) {
                Some(shift) => break (of(&shift), shift),
                None => scale -= 1,
            }
        };
        if multiplier < 1.0 || factor < 0.0 {
            return Err(QuantError::Scales {
                node: node.name.clone(),
                op: node.op.name(),
                inputs: vec![self.scales.of(left), self.scales.of(right)],
                output: scale,
            });
        }
        let op = Op::MatMul(MatMul {
            shared: rank - 2,
            multiplier: multiplier as u32,
            shift,
        });
        let layout = Layout::row_major(&self.features(node.output));
        self.push(node, op, vec![a, b], scale, &layout)
    }

    fn reduce(
        &mut self,
        node: &graph::Node,
        kind: Reduction,
        axes: &[usize],
    ) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let features = self.features(id);
        if kind == Reduction::Max {
            self.store(id, node)?;
        }
        let kept: Vec<usize> = (0..features.len())
            .filter(|at| !axes.contains(at))
            .collect();
        let made = self.features(node.output);
        // A tensor has one axis at least.
        let ones = usize::from(kept.is_empty());
        let layout = match ones {
            0 => Layout::row_major(&made),
            _ => Layout::flat(1),
        };
        let (from, wanted) = (self.scales.of(id), self.scales.of(node.output));
        if kind == Reduction::Max {
            let order = [kept.as_slice(), axes].concat();
            let read = Order::maximum(&order, axes.len(), ones);
            let tensor = self.ordered(id, &read, node)?;
            let op = Op::Max(Max { axes: axes.len() });
            return self.push(node, op, vec![tensor], wanted, &layout);
        }
        let (tensor, places) = self.in_axes(id, node)?;
        let mut maps = vec![AxisMap::Fixed { at: 0 }; features.len()];
        for (at, axis) in kept.iter().enumerate() {
            maps[places[*axis]] = AxisMap::Same { axis: at as u32 };
        }
        let mut count = 1u64;
        for axis in axes {
            let below = features[*axis] as u32;
            maps[places[*axis]] = AxisMap::Sum { below };
            count = count.saturating_mul(below.into());
        }
        let made = Made {
            bits: 32,
            ..Made::new(id, "sums", layout.clone())
        };
        let sum = self.view(node, &made, TensorView::of(maps), &[tensor])?;
        let divisor = match kind {
            Reduction::Mean => count,
            Reduction::Sum | Reduction::Max => 1,
        };
        let (op, scale) = rescale(from, wanted, divisor);
        self.push(node, op, vec![sum], scale, &layout)
    }

    fn expand(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let (tensor, places) = self.in_axes(id, node)?;
        let (features, made) = (self.features(id), self.features(node.output));
        let mut maps = vec![AxisMap::Fixed { at: 0 }; features.len()];
        for (axis, (own, len)) in features.iter().zip(&made).enumerate() {
            if own == len {
                maps[places[axis]] = AxisMap::Same { axis: axis as u32 };
            }
        }
        let layout = Layout::row_major(&made);
        let made = Made::new(node.output, "repeated", layout);
        self.ids[node.output] = self.view(node, &made, TensorView::of(maps), &[tensor])?;
        Ok(())
    }
}
