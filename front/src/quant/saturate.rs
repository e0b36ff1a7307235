//! Saturation: what may leave an int16 is rounded in 32 bits and moved to the nearest end, instead of being refused.
//!
//! | node | becomes |
//! | --- | --- |
//! | a layer, sum or product that some operands make too large | the same in 32 bits, and a [`Saturate`] |
//! | a fused ReLU, likewise | the layer in 32 bits, and one whose lower end is zero |
//! | what a table of 2^12 entries reads | one between the table's ends |
//!
//! Nodes whose bound over all operands is inside stay as they are. Integers of rows that nothing leaves its range on are the same.

use laminate_model::ops::{Activation, Dense, DenseRelu, Io, Saturate};
use laminate_model::program::{
    ACTIVATION_BOUND, Node, Op, Program, TABLE_LOG, Tensor, TensorId, Weights, padded_index,
};
use laminate_prover::exec::Trace;

/// Largest table index, plus one.
const INDICES: i64 = 1 << (TABLE_LOG - 1);

/// Makes the nodes of a program over rows saturate; gives for each new tensor, in their order, the one that it stands for.
pub fn saturate(program: &mut Program, weights: &Weights) -> Vec<TensorId> {
    let mut new = vec![];
    let nodes = std::mem::take(&mut program.nodes);
    let tables: Vec<(TensorId, bool)> = indices(program, &nodes);
    let magnitudes = |id: TensorId| nodes.iter().any(|n| reads(n, id) && n.op.name() == "abs");
    let mut out = vec![];
    for node in &nodes {
        let mut node = node.clone();
        if let Op::Activation(_) = node.op {
            let id = node.inputs[0];
            // Of a result that others read, too, or that is not rounded.
            if tables.contains(&(id, false)) {
                let (op, name) = (index_ends(), format!("{}/index", node.name));
                let made = add(program, id, 16);
                new.push(id);
                out.push(Node {
                    name,
                    op,
                    inputs: vec![id],
                    output: made,
                });
                node.inputs[0] = made;
            }
        }
        let (id, ends) = (node.output, ends(&node.op));
        let index = tables.contains(&(id, true));
        let limit = if index { INDICES } else { ACTIVATION_BOUND };
        let largest = bound(program, &node, weights);
        if largest.is_none_or(|largest| largest < u128::from(limit.unsigned_abs())) {
            out.push(node);
            continue;
        }
        let op = match ends {
            _ if index => index_ends(),
            // The least int16 has no absolute value.
            Saturate::INT16 if magnitudes(id) => Op::Saturate(Saturate {
                lowest: -i16::MAX,
                ..ends
            }),
            ends => Op::Saturate(ends),
        };
        if let Op::DenseRelu(DenseRelu { weight, shift }) = node.op {
            node.op = Op::Dense(Dense { weight, shift });
        }
        let wide = add(program, id, 32);
        new.push(id);
        node.output = wide;
        let name = format!("{}/saturated", node.name);
        out.push(node);
        out.push(Node {
            name,
            op,
            inputs: vec![wide],
            output: id,
        });
    }
    program.nodes = out;
    new
}

/// Whether a value of a run was moved to an end; that a ReLU moved it to zero does not count.
pub fn is_clamped(program: &Program, trace: &Trace) -> bool {
    program.nodes.iter().any(|node| {
        let Op::Saturate(op) = node.op else {
            return false;
        };
        let (x, tensor) = (
            &trace.tensors[node.inputs[0]],
            &program.tensors[node.output],
        );
        let outside =
            |x: &i32| *x > i32::from(op.highest) || (*x < i32::from(op.lowest) && op.lowest != 0);
        let places = (0..tensor.width()).map(|flat| padded_index(&tensor.axes, flat));
        let places: Vec<usize> = places.collect();
        let rows = x.chunks_exact(1 << tensor.width_log());
        { rows }.any(|row| places.iter().any(|at| outside(&row[*at])))
    })
}

/// Number of nodes that saturate.
pub fn count(program: &Program) -> usize {
    let nodes = program.nodes.iter();
    nodes.filter(|n| matches!(n.op, Op::Saturate(_))).count()
}

fn reads(node: &Node, id: TensorId) -> bool {
    node.inputs.contains(&id)
}

fn index_ends() -> Op {
    Op::Saturate(Saturate {
        lowest: -INDICES as i16,
        highest: (INDICES - 1) as i16,
    })
}

fn ends(op: &Op) -> Saturate {
    match op {
        Op::DenseRelu(_) => Saturate {
            lowest: 0,
            highest: i16::MAX,
        },
        _ => Saturate::INT16,
    }
}

/// Tensors that tables of 2^12 entries read, and whether they are results of roundings that may be too large and that nothing
/// but one such table reads. Those that a clip holds between a table's ends are none.
fn indices(program: &Program, nodes: &[Node]) -> Vec<(TensorId, bool)> {
    let narrow = |node: &&Node| match node.op {
        Op::Activation(Activation { table }) => {
            let table = program.tables.get(table);
            table.is_some_and(|table| table.log() == TABLE_LOG)
        }
        _ => false,
    };
    let mut out = vec![];
    for id in nodes.iter().filter(narrow).map(|node| node.inputs[0]) {
        let producer = nodes.iter().find(|node| node.output == id);
        let held = producer.is_some_and(|node| match node.op {
            Op::Clip(clip) => {
                i64::from(clip.lowest) >= -INDICES && i64::from(clip.highest) < INDICES
            }
            _ => false,
        });
        let readers = nodes.iter().filter(|node| reads(node, id)).count();
        let rounds = producer.is_some_and(|node| shift(&node.op).is_some());
        if !held {
            out.push((id, rounds && readers == 1 && id != program.output));
        }
    }
    out
}

/// The shift of an op that may round in 32 bits.
fn shift(op: &Op) -> Option<u8> {
    match op {
        Op::Dense(op) => Some(op.shift),
        Op::DenseRelu(op) => Some(op.shift),
        Op::Grouped(op) => Some(op.shift),
        Op::Add(op) => Some(op.shift),
        Op::Mul(op) => Some(op.shift),
        Op::MatMul(op) => Some(op.shift),
        Op::Rescale(op) => Some(op.shift),
        _ => None,
    }
}

/// A bound of what a node rounds to, if it rounds to an int16.
fn bound(program: &Program, node: &Node, weights: &Weights) -> Option<u128> {
    let shift = shift(&node.op)?;
    let narrow = program.tensors[node.output].bits == 16;
    narrow.then(|| node.op.bound(&Io { program, node }, weights) >> shift)
}

/// Adds a tensor of the shape and scale of another.
fn add(program: &mut Program, like: TensorId, bits: u8) -> TensorId {
    let own = program.tensors[like].clone();
    program.tensors.push(Tensor {
        name: format!("{}/{bits}", own.name),
        bits,
        ..own
    });
    program.tensors.len() - 1
}
