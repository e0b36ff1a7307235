//! The scale of every tensor, chosen from calibration.
//!
//! Rectifiers, Abs, Clip, maxima, rotation and what only moves numbers keep the scale of their operand, a weighted
//! mean that of what it weighs, so a tensor and what such ops make of it form a group with one scale. So do a stream and
//! what is added to it, and the same values of equal blocks. A group's scale is the largest at which every member's
//! calibrated range, times the headroom, fits: int16, int32 of a stream, or the 2^12 indices of a table for a member that
//! a function reads. Outputs of sigmoid, tanh and softmax have the fixed scale of tables, decisions scale zero, and an input
//! whose scale is given that one.

use std::ops::RangeInclusive;

use laminate_model::program::{ACTIVATION_BOUND, OUTPUT_SCALE, Table};
use laminate_prover::exec::tables::DEPTH_SCALE;

use super::QuantError;
use super::layers::{Layers, TABLE_SCALE, is_layer};
use crate::graph::{Graph, GraphError, Node, ValueId};
use crate::ops::{Cell, Function, Kept, Op, Reduction};

/// Scales of all float tensors: real value = integer · 2^-scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scales {
    /// First tensor of each tensor's group.
    head: Vec<ValueId>,
    /// Scale of each group, at its head.
    scale: Vec<i32>,
    /// Whether the group's scale may not change, at its head.
    fixed: Vec<bool>,
}

/// Largest scale of a stream, whatever its range.
const STREAM: i32 = 16;

impl Scales {
    /// Chooses scales for `ranges`, the largest absolute value of every tensor; of the input it may be given.
    ///
    /// # Errors
    /// [`QuantError::Range`] if a range is too large.
    pub fn choose(
        layers: &Layers<'_>,
        ranges: &[f64],
        headroom: f64,
        input: Option<i8>,
    ) -> Result<Self, QuantError> {
        let (plan, graph) = (&layers.plan, layers.plan.graph);
        let mut out = Self::groups(layers);
        let mut ranges = with_padding(graph, ranges, headroom);
        with_states(graph, &mut ranges, headroom)?;
        let limits = limits(layers);
        for (id, tensor) in graph.values().iter().enumerate() {
            if plan.is_folded(id) || plan.is_added(id) {
                // No tensor of the program.
                continue;
            }
            let mut range = ranges[id] * headroom;
            let product = graph.producer(id).is_some_and(|node| node.op == Op::Mul);
            if product && layers.rules.product_headroom {
                // A product of two activations exceeds what was seen by the square.
                range *= headroom;
            }
            let fitting = fit(range, limits[id], &layers.rules.scales);
            let mut fitting = fitting.ok_or_else(|| QuantError::Range {
                tensor: tensor.name.clone(),
                range,
                limit: -layers.rules.scales.start(),
            })?;
            if let Some(Op::Norm { .. }) = graph.producer(id).map(|node| &node.op) {
                fitting = norm_scale(graph.width(id), fitting);
            }
            if plan.is_stream(id) {
                fitting = fitting.min(STREAM);
            }
            let group = &mut out.scale[out.head[id]];
            *group = fitting.min(*group);
        }
        // A softmax reads depths from a table, of no finer units.
        for node in graph.nodes() {
            if matches!(node.op, Op::Share { .. }) {
                let group = &mut out.scale[out.head[node.inputs[0]]];
                *group = DEPTH_SCALE.min(*group);
            }
        }
        // Gates keep what an LSTM or a GRU gives out between -1 and 1, whatever calibration saw.
        for (id, state) in graph.states() {
            if state.kept == Kept::Hidden && !matches!(state.cell, Cell::Rnn { .. }) {
                let group = &mut out.scale[out.head[id]];
                *group = i32::from(OUTPUT_SCALE).min(*group);
            }
        }
        for (id, scale) in fixed(graph) {
            out.scale[id] = scale;
        }
        if let Some(scale) = input {
            // What ops of one scale make of the input has it, too.
            let head = out.head[graph.input()];
            out.scale[head] = scale.into();
            out.fixed[head] = true;
        }
        out.settle(layers);
        out.share(layers);
        Ok(out)
    }

    /// The groups, without scales.
    fn groups(layers: &Layers<'_>) -> Self {
        let (plan, graph) = (&layers.plan, layers.plan.graph);
        let count = graph.values().len();
        let mut head: Vec<_> = (0..count).collect();
        let mut stream = None;
        for (at, node) in graph.nodes().iter().enumerate() {
            let blocks = graph.blocks().filter(|blocks| blocks.nodes.contains(&at));
            let first = blocks.map_or(node, |_| graph.in_copy(node, 0));
            head[node.output] = match node.op {
                _ if plan.is_stream(node.output) || plan.is_added(node.output) => {
                    *stream.get_or_insert(node.output)
                }
                _ if first.output != node.output => head[first.output],
                Op::Rectify { .. }
                | Op::Abs
                | Op::Clip { .. }
                | Op::MaxPool(_)
                | Op::Arrange(_)
                | Op::Expand
                | Op::Reduce {
                    kind: Reduction::Max,
                    ..
                }
                | Op::Reshape
                | Op::Rotate { .. } => head[node.inputs[0]],
                Op::Pick(_) if node.inputs.len() == 1 => head[node.inputs[0]],
                Op::Unary(Function::Silu) if layers.rules.wide_silu => head[node.inputs[0]],
                Op::Scale if plan.is_folded(node.output) => head[node.inputs[0]],
                Op::Mix => head[node.inputs[1]],
                _ => node.output,
            };
        }
        // A state is what it is one step later.
        for (id, state) in graph.states() {
            let (from, to) = (head[id], head[state.source]);
            head.iter_mut()
                .filter(|own| **own == from)
                .for_each(|own| *own = to);
        }
        let mut out = Self {
            head,
            scale: vec![i32::MAX; count],
            fixed: vec![false; count],
        };
        for (id, _) in fixed(graph) {
            out.fixed[id] = true;
        }
        out
    }

    /// Lowers scales until all factors that are known to depend on them fit.
    fn settle(&mut self, layers: &Layers<'_>) {
        loop {
            let mut settled = true;
            for node in layers.plan.graph.nodes() {
                let own = self.of(node.output);
                let fitting = self.fitting(layers, node, own);
                if fitting < own {
                    self.lower(node.output, fitting);
                    settled = false;
                }
            }
            if settled {
                return;
            }
        }
    }

    /// The largest scale up to `own` at which the factors of a node fit, as far as it is known before it is lowered.
    fn fitting(&self, layers: &Layers<'_>, node: &Node, own: i32) -> i32 {
        let operand = |at: usize| node.inputs.get(at).map_or(0, |id| self.of(*id));
        match node.op {
            Op::Mul | Op::Scores { .. } => {
                layers.rules.largest_product(operand(0), operand(1), own)
            }
            _ if is_layer(node) && !layers.is_shared(node) => {
                let input = layers.input_scale(node, self);
                // Weights that cannot be had are refused where they are lowered.
                layers.fitting(node, input, own).unwrap_or(own)
            }
            _ => own,
        }
    }

    /// A product that shares a table has its multipliers, `2^table` times a row's unit: `2^(product - operand + 16)`.
    fn share(&mut self, layers: &Layers<'_>) {
        let graph = layers.plan.graph;
        let Some([table, product]) = layers.shared else {
            return;
        };
        let Some(operand) = graph.producer(product).and_then(|node| node.inputs.first()) else {
            return;
        };
        let apart = self.of(table) - TABLE_SCALE;
        let scale = self.of(product).min(self.of(*operand) + apart);
        self.lower(product, scale);
        self.lower(*operand, scale - apart);
    }

    /// Scale of a tensor.
    pub fn of(&self, id: ValueId) -> i32 {
        self.scale[self.head[id]]
    }

    /// Lowers the scale of a tensor's group to `scale`.
    pub(super) fn lower(&mut self, id: ValueId, scale: i32) {
        debug_assert!(!self.fixed[self.head[id]] && scale <= self.of(id));
        self.scale[self.head[id]] = scale;
    }

    /// Whether the tensor's scale is that of table outputs.
    pub fn is_fixed(&self, id: ValueId) -> bool {
        self.fixed[self.head[id]]
    }
}

/// Values whose scale is no choice.
fn fixed(graph: &Graph) -> impl Iterator<Item = (ValueId, i32)> {
    let of = |node: &Node| match node.op {
        Op::Unary(function) if function.is_unit() => Some((node.output, OUTPUT_SCALE.into())),
        Op::Softmax | Op::Share { .. } => Some((node.output, OUTPUT_SCALE.into())),
        Op::Step { .. } | Op::ArgMax => Some((node.output, 0)),
        Op::Unary(function) if function.is_step() => Some((node.output, 0)),
        // Entries of a table.
        Op::Gather => node.inputs.first().map(|id| (*id, 0)),
        _ => None,
    };
    graph.nodes().iter().filter_map(of)
}

/// The largest scale at which `range` is up to `limit` integers; none if that is too low a scale.
fn fit(range: f64, limit: f64, scales: &RangeInclusive<i32>) -> Option<i32> {
    if range == 0.0 {
        return Some(*scales.end());
    }
    let fitting = libm::floor(libm::log2(limit / range)).min(f64::from(*scales.end()));
    (fitting >= f64::from(*scales.start())).then_some(fitting as i32)
}

/// Largest integer that `range` units may reach at scale zero for a table's index.
pub(super) fn index_scale(range: f64, scales: &RangeInclusive<i32>) -> i32 {
    let fitting = libm::floor(libm::log2(INDEX_LIMIT / range)) as i32;
    fitting.clamp(*scales.start(), *scales.end())
}

const INDEX_LIMIT: f64 = (-Table::LOWEST - 1) as f64;

/// Largest integer of each tensor.
fn limits(layers: &Layers<'_>) -> Vec<f64> {
    let plan = &layers.plan;
    let of = |id: ValueId| match plan.is_stream(id) {
        true => f64::from(i32::MAX),
        false => (ACTIVATION_BOUND - 1) as f64,
    };
    let mut limits: Vec<f64> = (0..plan.graph.values().len()).map(of).collect();
    for node in plan.graph.nodes() {
        let wide = layers.rules.wide_silu && node.op == Op::Unary(Function::Silu);
        let Some(&id) = node.inputs.first() else {
            continue;
        };
        if matches!(node.op, Op::Unary(function) if !function.is_step())
            && !wide
            && !plan.graph.is_state(id)
        {
            limits[id] = INDEX_LIMIT;
        }
        if matches!(node.op, Op::Step { .. }) && plan.graph.width(id) == 2 {
            // Their difference.
            limits[id] = limits[id].min((ACTIVATION_BOUND / 2 - 1) as f64);
        }
    }
    limits
}

/// A normalised value is at most `sqrt(width)`: a scale at which that fits is safe whatever was
/// calibrated. The norm's numerator `sqrt(width)·2^(32 + scale)` is below 2^48.
fn norm_scale(width: usize, calibrated: i32) -> i32 {
    let largest = (width as f64).sqrt();
    let safe = libm::floor(libm::log2(32_767.0 / largest)) as i32;
    let limit = libm::ceil(16.0 - libm::log2(largest)) as i32 - 1;
    calibrated.max(safe).min(limit)
}

/// Extends the ranges of what is computed step by step: padded steps begin from a state of zero, so that gates are their biases
/// there, and sums and products of what gates give up to 1.
fn with_states(graph: &Graph, ranges: &mut [f64], headroom: f64) -> Result<(), QuantError> {
    let recurrent = graph.recurrent();
    for node in graph.nodes().iter().filter(|node| recurrent[node.output]) {
        let mut least = 1.0f64;
        if node.op == Op::Linear {
            let bias = graph.params_of(node).nth(1).map(|param| param.read());
            let bias = bias
                .transpose()
                .map_err(GraphError::from)?
                .unwrap_or_default();
            least = bias.iter().fold(least, |most, b| most.max(b.abs().into()));
        }
        let range = &mut ranges[node.output];
        *range = range.max(least / headroom);
    }
    Ok(())
}

/// Extends the ranges by the values of padded features (sigmoid(0) = 1/2 and what follows from it),
/// which the executor computes and range-checks like all others. A program is refused if they do not fit,
/// whether a tensor has padded features or not; where it has none they need no headroom.
fn with_padding(graph: &Graph, ranges: &[f64], headroom: f64) -> Vec<f64> {
    let mut padding = vec![0.0; ranges.len()];
    for node in graph.nodes() {
        let operand = |i: usize| padding[node.inputs[i.min(node.inputs.len() - 1)]];
        // A table has another value where a function has none, and never one that does not fit.
        let value = node.op.scalar(operand(0), operand(1));
        padding[node.output] = if value.is_finite() { value } else { 0.0 };
    }
    let padded = |id: usize| !graph.width(id).is_power_of_two();
    let extended = ranges.iter().zip(padding).enumerate();
    extended
        .map(|(id, (range, pad))| {
            if padded(id) {
                range.max(pad.abs())
            } else {
                range.max(pad.abs() / headroom)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::attention::numerator;
    use super::*;

    #[test]
    fn norms_are_safe_and_their_numerators_fit() {
        for width in [1, 2, 24, 64, 288, 576, 2048, 4096, 1 << 16] {
            for calibrated in -40..=20 {
                let scale = norm_scale(width, calibrated);
                assert!(numerator(width, scale) < 1 << 48, "{width} {calibrated}");
                assert!(scale >= calibrated.min(norm_scale(width, -40)));
            }
            let safe = norm_scale(width, -40);
            assert!((width as f64).sqrt() * libm::exp2(safe.into()) <= 32_767.0);
        }
    }

    #[test]
    fn ranges_fit_their_scale() {
        let int16 = |range: f64| fit(range, 32_767.0, &(-64..=20));
        assert_eq!(int16(1.0), Some(14));
        assert_eq!(int16(0.9), Some(15));
        assert_eq!(int16(0.0), Some(20));
        assert_eq!(fit(20_000.0, f64::from(i32::MAX), &(-64..=20)), Some(16));
        assert!(int16(f64::INFINITY).is_none() && int16(1e30).is_none());
        assert_eq!(fit(1e-30, 32_767.0, &(-40..=40)), Some(40));
    }
}
