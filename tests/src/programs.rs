//! Programs from a stranger: honest ones with something added or altered, for what `Program::check` must refuse.

use laminate_model::ops::{Dense, DenseAdd, RmsNorm};
use laminate_model::program::{DenseShape, Node, Op, Program, Sequence, Shard, Tensor};

use crate::sequence::{self, Shape};

/// A tensor of 16 bits.
pub fn tensor(axes: &[u32], stack: u32) -> Tensor {
    Tensor {
        axes: axes.to_vec(),
        stack,
        ..Tensor::new("t", 1, 0)
    }
}

/// A tensor of 32 bits and one copy.
pub fn wide(axes: &[u32]) -> Tensor {
    Tensor {
        bits: 32,
        ..tensor(axes, 1)
    }
}

/// Adds a node with a tensor of its own; returns the tensor.
pub fn node(program: &mut Program, op: Op, inputs: &[usize], tensor: Tensor) -> usize {
    let output = program.tensors.len();
    program.tensors.push(tensor);
    program.nodes.push(Node {
        name: format!("n{output}"),
        op,
        inputs: inputs.to_vec(),
        output,
    });
    output
}

/// Adds weights without biases; returns their index.
pub fn weights(program: &mut Program, rows: &[u32], cols: &[u32], stack: u32) -> usize {
    program.weights.push(DenseShape {
        stack,
        rows: rows.to_vec(),
        cols: cols.to_vec(),
        bias: false,
        ..DenseShape::new(1, 1)
    });
    program.weights.len() - 1
}

/// Adds a dense layer with weights of its own.
pub fn dense(program: &mut Program, input: usize, axes: &[u32]) -> usize {
    let (cols, stack) = (
        program.tensors[input].axes.clone(),
        program.tensors[input].stack,
    );
    let weight = weights(program, axes, &cols, stack);
    let op = Op::Dense(Dense { weight, shift: 16 });
    node(program, op, &[input], tensor(axes, stack))
}

/// The `n`th node whose op is wanted.
pub fn find(program: &Program, n: usize, wanted: impl Fn(&Op) -> bool) -> usize {
    let nodes = program.nodes.iter().enumerate();
    let mut nodes = nodes.filter(|(_, node)| wanted(&node.op));
    nodes.nth(n).expect("such a node").0
}

/// A language model of stacked blocks, every axis of an odd size.
pub fn stacked() -> Program {
    sequence::case(5, &Shape::SMALL, true).program
}

/// Its first shard, of one block: what is carried has one copy. The stream goes out behind the block.
pub fn first_shard() -> Program {
    let one = Shape {
        blocks: 1,
        ..Shape::SMALL
    };
    let mut program = sequence::case(5, &one, true).program;
    // Norm, logits and argmax.
    program.nodes.truncate(program.nodes.len() - 3);
    program.tensors.truncate(program.tensors.len() - 3);
    program.output = program.carry.expect("a carry").output;
    place(&mut program, 0, 2);
    program
}

/// Between two others: `norm, dense, add` on the stream that comes in.
pub fn middle_shard() -> Program {
    let mut program = Program::empty("middle", 3, 20);
    program.limb_bits = 16;
    program.sequence = Some(Sequence::new(6, 2, 21));
    place(&mut program, 1, 3);
    program.tensors.push(wide(&[12]));
    let normed = norm(&mut program, 0);
    program.output = add(&mut program, normed, 0);
    program
}

/// Says which shard a program is.
pub fn place(program: &mut Program, index: u32, count: u32) {
    let sequence = program.sequence.as_mut().expect("a sequence");
    sequence.shard = Some(Shard { index, count });
}

/// Adds a norm of one copy of a residual.
pub fn norm(program: &mut Program, input: usize) -> usize {
    let op = Op::RmsNorm(RmsNorm {
        epsilon: 1,
        numerator: 1 << 32,
    });
    let shape = &program.tensors[input];
    let out = tensor(&shape.axes, shape.stack);
    node(program, op, &[input], out)
}

/// Adds a layer whose result is added to a residual.
pub fn add(program: &mut Program, input: usize, residual: usize) -> usize {
    let out = program.tensors[residual].clone();
    let cols = program.tensors[input].axes.clone();
    let weight = weights(program, &out.axes, &cols, out.stack);
    let op = Op::DenseAdd(DenseAdd { weight, shift: 16 });
    node(program, op, &[input, residual], out)
}

/// The altered program must be refused with these words. Where nothing else is wrong with it, it would be accepted
/// without the check that says so.
pub fn refuse(honest: &Program, words: &str, change: impl FnOnce(&mut Program)) {
    assert_eq!(
        honest.check(),
        Ok(()),
        "{words}: the program without the change"
    );
    let mut program = honest.clone();
    change(&mut program);
    let Err(error) = program.check() else {
        panic!("SOUNDNESS: accepted, expected {words:?}");
    };
    let error = error.to_string();
    assert!(error.contains(words), "{words:?} expected, found {error:?}");
}
