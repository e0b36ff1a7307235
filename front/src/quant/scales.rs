//! The scale of every tensor, chosen from calibration.
//!
//! Rectifiers, Abs, Clip, maxima and what only moves numbers keep the scale of their operand, so a tensor and what such ops make of
//! it form a group with one scale. A group's scale is the largest at which every member's calibrated
//! range, times the headroom, fits: int16, or the 2^12 indices of a table for a member that an
//! Activation reads. Outputs of sigmoid, tanh and softmax have the fixed scale of tables.

use laminate_model::program::{ACTIVATION_BOUND, OUTPUT_SCALE, Table};
use laminate_prover::exec::tables::DEPTH_SCALE;

use super::QuantError;
use crate::graph::{Graph, ValueId};
use crate::ops::{Op, Reduction};

/// Scales lie in `[-MAX_SCALE, MAX_SCALE]`; smaller ranges than the largest scale's just use fewer bits.
pub const MAX_SCALE: i32 = 40;

/// Scales of all float tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scales {
    /// First tensor of each tensor's group.
    head: Vec<ValueId>,
    /// Scale of each group, at its head.
    scale: Vec<i32>,
    /// Whether the group's scale may not change, at its head.
    fixed: Vec<bool>,
}

impl Scales {
    /// Chooses scales for `ranges`, the largest absolute value of every tensor.
    ///
    /// # Errors
    /// [`QuantError::Range`] if a range is too large.
    pub fn choose(graph: &Graph, ranges: &[f64], headroom: f64) -> Result<Self, QuantError> {
        let count = graph.values().len();
        let mut head: Vec<_> = (0..count).collect();
        let mut fixed = vec![false; count];
        for node in graph.nodes() {
            match node.op {
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
                | Op::Reshape => {
                    head[node.output] = head[node.inputs[0]];
                }
                Op::Unary(function) if function.is_unit() => fixed[node.output] = true,
                Op::Share { .. } => fixed[node.output] = true,
                _ => {}
            }
        }
        let ranges = with_padding(graph, ranges, headroom);
        let limits = limits(graph);
        let mut scale = vec![i32::MAX; count];
        for (id, tensor) in graph.values().iter().enumerate() {
            let range = ranges[id] * headroom;
            let fitting = if range == 0.0 {
                MAX_SCALE
            } else {
                libm::floor(libm::log2(limits[id] / range)) as i32
            };
            if fitting < -MAX_SCALE {
                return Err(QuantError::Range {
                    tensor: tensor.name.clone(),
                    range,
                    limit: MAX_SCALE,
                });
            }
            let group = &mut scale[head[id]];
            *group = fitting.min(MAX_SCALE).min(*group);
        }
        // A softmax reads depths from a table, of no finer units.
        let softmaxes = graph.nodes().iter();
        for node in softmaxes.filter(|node| matches!(node.op, Op::Share { .. })) {
            let group = &mut scale[head[node.inputs[0]]];
            *group = DEPTH_SCALE.min(*group);
        }
        for id in (0..count).filter(|id| fixed[*id]) {
            scale[id] = OUTPUT_SCALE.into();
        }
        Ok(Self { head, scale, fixed })
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

/// Largest integer that `range` units may reach at scale zero for a table's index.
pub(super) fn index_scale(range: f64) -> i32 {
    let fitting = libm::floor(libm::log2(INDEX_LIMIT / range)) as i32;
    fitting.clamp(-MAX_SCALE, MAX_SCALE)
}

const INDEX_LIMIT: f64 = (-Table::LOWEST - 1) as f64;

/// Largest integer of each tensor.
fn limits(graph: &Graph) -> Vec<f64> {
    let mut limits = vec![(ACTIVATION_BOUND - 1) as f64; graph.values().len()];
    for node in graph.nodes() {
        if matches!(node.op, Op::Unary(_)) {
            limits[node.inputs[0]] = INDEX_LIMIT;
        }
    }
    limits
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
