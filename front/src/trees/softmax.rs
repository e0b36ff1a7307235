//! The softmax of several margins, as that of networks over rows: depths below the greatest, weights from a table, a quotient.
//!
//! Margins are int32 of their own scale, and a table's index is an int12. A forest rounds each margin to a logit first,
//! like any other function of one margin ([`super::stairs`]).

use laminate_model::ops::{Activation, Clip, Divide, Max, Rescale, View};
use laminate_model::program::{
    ACTIVATION_BOUND, AxisMap, Node, OUTPUT_SCALE, Op, Program, Table, Tensor, TensorId,
    TensorView, ViewTerm,
};
use laminate_prover::exec::tables::{DEPTH_SCALE, weights};

use super::lower::Lowered;
use super::stairs::Stairs;

/// Most steps of all margins together.
const STEPS: f64 = (1 << 20) as f64;

/// Margins to logits: a step function each, and the scale of what they give.
pub(super) fn logits(lowered: &Lowered) -> (Vec<Stairs>, i8) {
    let unit = (-f64::from(lowered.machine.fraction)).exp2();
    let real = |margin: i32| f64::from(margin) * unit;
    let ranges = || {
        lowered
            .ranges
            .iter()
            .map(|(low, high)| [real(*low), real(*high)])
    };
    let largest = ranges()
        .flatten()
        .fold(0.0, |most: f64, x| most.max(x.abs()));
    let steps: f64 = ranges().map(|[low, high]| high - low).sum();
    let fits = |scale: &i32| {
        let units = f64::from(*scale).exp2();
        largest * units < (ACTIVATION_BOUND - 1) as f64 && steps * units < STEPS
    };
    // Sums of leaves are below 2^96.
    let scale = (-100..=DEPTH_SCALE).rev().find(fits).unwrap_or(-100);
    let units = f64::from(scale).exp2();
    let of = |margin: i32| (real(margin) * units).round() as i32;
    let stairs = lowered
        .ranges
        .iter()
        .map(|range| Stairs::rising(*range, of));
    (stairs.collect(), scale as i8)
}

/// How far a probability of `count` classes may be off, with logits at `scale`: two logits are off by half a unit each, every
/// weight, their sum's parts and the quotient by half a unit of the output.
pub(super) fn worst_error(count: usize, scale: i8) -> f64 {
    let logit = (-f64::from(scale)).exp2().exp_m1() / 4.0;
    logit + (count + 2) as f64 * (-f64::from(OUTPUT_SCALE) - 1.0).exp2()
}

/// Appends the softmax of the last tensor, a row of int32 logits.
pub(super) fn append(program: &mut Program) {
    let mut parts = Parts(program);
    let wide = parts.0.tensors.len() - 1;
    let (count, scale) = match parts.0.tensors.last() {
        Some(logits) => (logits.width() as u32, logits.scale),
        None => return,
    };
    let same = |axis| AxisMap::Same { axis };
    let (row, one) = (vec![1, count], vec![1]);
    let tensor = |name: &str, axes: &Vec<u32>, bits, scale| Tensor {
        axes: axes.clone(),
        bits,
        ..Tensor::new(name, 1, scale)
    };
    // The same integers in 16 bits, in a column of their own: a maximum reads no other.
    let narrow = TensorView::of(vec![same(0)]);
    let narrow = parts.view(narrow, &[wide], Tensor::new("narrow", count, scale));
    let stored = Op::Rescale(Rescale {
        multiplier: 1 << 16,
        shift: 16,
    });
    let stored = parts.node(stored, &[narrow], Tensor::new("logits", count, scale));
    let inside = match count.is_power_of_two() {
        true => same(1),
        false => AxisMap::shift(1, 0),
    };
    let x = TensorView::of(vec![inside]);
    let x = parts.view(x, &[stored], tensor("row", &row, 16, scale));
    let max = Op::Max(Max { axes: 1 });
    let max = parts.node(max, &[x], tensor("maximum", &one, 16, scale));
    let depth = TensorView {
        constant: -Table::LOWEST - 1,
        terms: vec![
            ViewTerm::new(0, vec![same(0), same(1)]),
            ViewTerm {
                coefficient: -1,
                ..ViewTerm::new(1, vec![same(0)])
            },
        ],
    };
    let depth = parts.view(depth, &[x, max], tensor("depth", &row, 32, scale));
    let clip = Op::Clip(Clip {
        lowest: Table::LOWEST as i16,
        highest: (-Table::LOWEST - 1) as i16,
    });
    let index = parts.node(clip, &[depth], tensor("index", &row, 16, scale));
    parts.0.tables.push(weights(scale));
    let look = Op::Activation(Activation {
        table: parts.0.tables.len() - 1,
    });
    let weight = parts.node(look, &[index], tensor("weights", &row, 16, OUTPUT_SCALE));
    // The same at every entry.
    let sum = TensorView::of(vec![same(0), AxisMap::Sum { below: count }]);
    let sum = parts.view(sum, &[weight], tensor("sum", &row, 32, OUTPUT_SCALE));
    let share = Op::Divide(Divide {
        shift: OUTPUT_SCALE as u8,
    });
    let outputs = tensor("outputs", &row, 16, OUTPUT_SCALE);
    parts.node(share, &[weight, sum], outputs);
}

/// A program that grows.
struct Parts<'p>(&'p mut Program);

impl Parts<'_> {
    fn node(&mut self, op: Op, inputs: &[TensorId], output: Tensor) -> TensorId {
        self.0.nodes.push(Node {
            name: output.name.clone(),
            op,
            inputs: inputs.to_vec(),
            output: self.0.tensors.len(),
        });
        self.0.tensors.push(output);
        self.0.tensors.len() - 1
    }

    fn view(&mut self, view: TensorView, inputs: &[TensorId], output: Tensor) -> TensorId {
        self.0.views.push(view);
        let op = View {
            view: self.0.views.len() - 1,
            operands: inputs.len(),
        };
        self.node(Op::View(op), inputs, output)
    }
}
