//! A compiled model and its runs as lines of text: names, shapes and scales to read, values as digests.

use std::fmt::Write;

use laminate_model::ops::{Add, Dense, DenseAdd, DenseRelu, LeakyRelu, Mul, RmsNorm, Scores};
use laminate_model::program::{
    AuxColumn, Extent, Node, Op, Program, Tensor, Weights, axes_len, axes_log, padded_index,
};
use laminate_prover::exec::Trace;
use sha2::{Digest, Sha256};

/// All integers of a compiled model, and of its runs.
pub fn describe(title: &str, program: &Program, weights: &Weights, traces: &[Trace]) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{title} {text}").expect("a string");
    for (at, dense) in weights.dense.iter().enumerate() {
        let weight = digest(dense.weight.iter().map(|v| i128::from(*v)));
        let bias = digest(dense.bias.iter().map(|v| i128::from(*v)));
        let multiplier = digest(dense.multiplier.iter().map(|v| i128::from(*v)));
        line(format!(
            "weights {at}: {weight}, biases {bias}, multipliers {multiplier}"
        ));
    }
    for (at, table) in program.tables.iter().enumerate() {
        let values = digest(table.values.iter().map(|v| i128::from(*v)));
        line(format!("table {at}: scale {} {values}", table.input_scale));
    }
    for (at, rope) in program.rope.iter().enumerate() {
        let values = rope.cos.iter().chain(&rope.sin);
        let values = digest(values.map(|v| i128::from(*v)));
        line(format!("angles {at}: {values}"));
    }
    for (id, tensor) in program.tensors.iter().enumerate() {
        let values = traces.iter().flat_map(|trace| {
            let values = &trace.tensors[id];
            unpadded(program, tensor, &tensor.axes, |i| {
                values.get(i).map(|v| i128::from(*v))
            })
        });
        line(format!(
            "tensor {}: {:?} x {}, {} bits, scale {}, {}",
            tensor.name,
            tensor.axes,
            tensor.stack,
            tensor.bits,
            tensor.scale,
            digest(values)
        ));
    }
    for (at, node) in program.nodes.iter().enumerate() {
        let mut text = format!("node {}: {:?}", node.name, numbers(&node.op));
        for column in node.op.aux_columns() {
            let values = traces
                .iter()
                .flat_map(|trace| witness(program, node, trace, at, column));
            write!(text, ", {:?} {}", column.role, digest(values)).expect("a string");
        }
        line(text);
    }
    out
}

/// Shift, factors and other numbers of an op.
fn numbers(op: &Op) -> Vec<u64> {
    match *op {
        Op::Dense(Dense { shift, .. })
        | Op::DenseAdd(DenseAdd { shift, .. })
        | Op::DenseRelu(DenseRelu { shift, .. }) => vec![shift.into()],
        Op::LeakyRelu(LeakyRelu { slope }) => vec![slope.into()],
        Op::Add(Add { left, right, shift }) => vec![left.into(), right.into(), shift.into()],
        Op::Mul(Mul { multiplier, shift }) | Op::Scores(Scores { multiplier, shift }) => {
            vec![multiplier.into(), shift.into()]
        }
        Op::RmsNorm(RmsNorm { epsilon, numerator }) => vec![epsilon, numerator],
        _ => vec![],
    }
}

/// Values of a node's auxiliary column.
fn witness(
    program: &Program,
    node: &Node,
    trace: &Trace,
    at: usize,
    column: AuxColumn,
) -> Vec<i128> {
    let output = &program.tensors[node.output];
    let axes = match column.extent {
        Extent::Output => &output.axes,
        Extent::Rows => &output.axes[..output.axes.len() - 1],
        Extent::Slots => &[][..],
        Extent::Operand => &program.tensors[node.inputs[0]].axes,
        Extent::Steps { .. } => unreachable!("of forests, which have tests of their own"),
    };
    let values = trace.aux[at].column(column.role).expect("a column");
    unpadded(program, output, axes, |i| {
        (i < values.len()).then(|| values.get(i) as i128)
    })
}

/// Values of shape `(stack, slots, axes…)` without padding; those that are not there are left out.
fn unpadded(
    program: &Program,
    tensor: &Tensor,
    axes: &[u32],
    value: impl Fn(usize) -> Option<i128>,
) -> Vec<i128> {
    let rows = tensor.stack as usize * program.slots();
    let of = |row: usize| {
        let value = &value;
        (0..axes_len(axes))
            .filter_map(move |i| value((row << axes_log(axes)) + padded_index(axes, i)))
    };
    (0..rows).flat_map(of).collect()
}

/// The first half of SHA-256 over the values, and their number.
fn digest(values: impl IntoIterator<Item = i128>) -> String {
    let mut hash = Sha256::new();
    let mut count = 0usize;
    for value in values {
        hash.update(value.to_le_bytes());
        count += 1;
    }
    let first: [u8; 8] = std::array::from_fn(|i| hash.clone().finalize()[i]);
    format!("{:016x} of {count}", u64::from_be_bytes(first))
}
