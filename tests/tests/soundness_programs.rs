//! One program for every bound on counts, shapes, ends and what is carried: each is refused by its check, in its
//! words, and most are otherwise programs. Beside each stands what would go wrong.

use laminate_model::ops::{Activation, Add, Argmax, Embed, Relu};
use laminate_model::program::{
    Carry, DenseShape, MAX_NODES, MAX_VOCAB, Op, Program, RopeTable, Sequence, TABLE_LOG, Table,
    TableKind,
};
use laminate_tests::mlp;
use laminate_tests::programs::{
    add, dense, find, first_shard, middle_shard, node, norm, place, refuse, stacked, tensor,
    weights, wide,
};

fn rows() -> Program {
    mlp(1, 1, &[6, 4]).program
}

fn table(values: Vec<i16>) -> Table {
    Table {
        kind: TableKind::Tanh,
        input_scale: 8,
        values,
    }
}

fn relu(program: &mut Program, input: usize) -> usize {
    let out = program.tensors[input].clone();
    node(program, Op::Relu(Relu), &[input], out)
}

/// Counts and widths bound memory and time of whoever reads a program.
#[test]
fn counts_are_bounded() {
    let refuse = |words: &str, change: &dyn Fn(&mut Program)| refuse(&rows(), words, change);
    refuse("number of nodes is 4097", &|p| {
        while p.nodes.len() <= MAX_NODES {
            relu(p, 1);
        }
    });
    // A tensor that no node makes would be a column of the prover's choice.
    refuse("number of tensors is 3", &|p| {
        p.tensors.push(tensor(&[4], 1))
    });
    // Range tables have the tags behind those of 16 activation tables.
    refuse("number of tables is 17", &|p| {
        p.tables = vec![table(vec![0; 1 << TABLE_LOG]); 17];
    });
    refuse("batch log is 13", &|p| p.batch_log = 13);
    refuse("row log is 3", &|p| p.row_log = 3);
    refuse("row log is 25", &|p| p.row_log = 25);
    // The tables of ranges are those of 8 and of 16 bits.
    refuse("limb width is 4", &|p| p.limb_bits = 4);
    // Commitment proofs are of weights with limbs of 16 bits; these would be checked by nobody.
    refuse("unchecked weights", &|p| p.check_weights = false);
    refuse("table length is 5", &|p| p.tables = vec![table(vec![0; 5])]);
    // Weights that no layer reads are in the commitment, so one model would have many.
    refuse("unused weights is 1", &|p| {
        weights(p, &[2], &[2], 1);
    });
    refuse("weights of a layer is", &|p| p.weights[0].stack = 0);
    refuse("weights of a layer is", &|p| p.weights[0].stack = 1025);
    refuse("weights of a layer is", &|p| p.weights[0].rows = vec![0]);
    refuse("weights of a layer is 40", &|p| {
        p.tensors.iter_mut().for_each(|t| t.axes = vec![1 << 20]);
        p.weights[0] = DenseShape::new(1 << 20, 1 << 20);
    });
    // Nothing would be stated as the output.
    refuse("output tensor is 99", &|p| p.output = 99);
    refuse("input tensor is 99", &|p| p.input = 99);
}

#[test]
fn tensors_have_a_shape() {
    let honest = stacked();
    let gate = find(&honest, 0, |op| matches!(op, Op::Activation(_)));
    // Everything of the width of a block's second half, with these axes.
    let hidden = |p: &mut Program, axes: &[u32]| {
        let of = |a: &mut Vec<u32>| {
            if *a == [10] {
                *a = axes.to_vec();
            }
        };
        p.tensors.iter_mut().for_each(|t| of(&mut t.axes));
        p.weights.iter_mut().for_each(|w| {
            of(&mut w.rows);
            of(&mut w.cols);
        });
    };
    assert_eq!(honest.tensors[honest.nodes[gate].output].axes, [10]);
    let refuse_axes = |words: &str, axes: &[u32]| refuse(&honest, words, |p| hidden(p, axes));
    // Points of relations are cut into those of at most this many axes.
    refuse_axes(
        "number of axes of a tensor is 9",
        &[1, 1, 1, 1, 1, 1, 1, 2, 5],
    );
    refuse_axes("number of axes of a tensor is 0", &[]);
    refuse_axes("tensor axis is 0", &[0, 5]);
    refuse_axes("tensor width is", &[1 << 11, 1 << 11]);
    refuse(&honest, "copies of a tensor is 1025", |p| {
        let all = p.tensors.iter_mut().map(|t| &mut t.stack);
        let all = all.chain(p.weights.iter_mut().map(|w| &mut w.stack));
        all.filter(|s| **s == 3).for_each(|s| *s = 1025);
    });
    refuse(&honest, "copies of a tensor is 0", |p| {
        p.tensors[4].stack = 0
    });
    refuse(&honest, "bits of a tensor is 24", |p| {
        p.tensors[1].bits = 24
    });
    // Values of 32 bits have two limbs of 16: four of 8 are laid out nowhere. So sequences have limbs of 16 bits.
    refuse(&honest, "bits of a tensor is 32", |p| p.limb_bits = 8);
    refuse(&honest, "log2 of a column is", |p| {
        p.batch_log = 12;
        hidden(p, &[1 << 10, 1 << 10]);
        let all = p.tensors.iter_mut().map(|t| &mut t.stack);
        let all = all.chain(p.weights.iter_mut().map(|w| &mut w.stack));
        all.filter(|s| **s == 3).for_each(|s| *s = 1 << 10);
    });
}

/// A tensor has one producer, in front of all readers: the others would be free or contradict each other.
#[test]
fn tensors_are_defined_once_and_before_their_readers() {
    let honest = mlp(1, 1, &[6, 4, 3]).program;
    let relu_at = find(&honest, 0, |op| *op == Op::Relu(Relu));
    refuse(&honest, "operands, expected 1", |p| {
        p.nodes[relu_at].inputs.push(0)
    });
    refuse(&honest, "operands, expected 1", |p| {
        p.nodes[relu_at].inputs.clear()
    });
    refuse(&honest, "is not defined before it", |p| {
        let output = p.nodes[relu_at].output;
        p.nodes[relu_at].inputs = vec![output];
    });
    refuse(&honest, "is not defined before it", |p| {
        p.nodes[0].inputs = vec![99]
    });
    refuse(&honest, "is defined twice", |p| {
        let first = p.nodes[0].output;
        p.tensors[p.nodes[relu_at].output].axes = p.tensors[first].axes.clone();
        p.nodes[relu_at].output = first;
    });
    refuse(&honest, "does not exist", |p| p.nodes[relu_at].output = 99);
    // What the carry defines is defined: by no node beside.
    let honest = stacked();
    refuse(&honest, "is defined twice", |p| {
        let entry = p.carry.expect("a carry").entry;
        let out = p
            .nodes
            .iter_mut()
            .find(|n| n.inputs == [entry])
            .expect("a reader");
        out.output = entry;
    });
    // The embedding is the blocks' entry itself; nothing is carried in, and what is tells of no tensor.
    let one = first_shard();
    refuse(&one, "undefined tensors is 1", |p| {
        let carry = p.carry.expect("a carry");
        p.nodes
            .iter_mut()
            .filter(|n| n.output == carry.input)
            .for_each(|n| n.output = carry.entry);
    });
    // Of the values that stand in the padding.
    let mut honest = rows();
    honest.tables = vec![table(vec![30_000; 1 << TABLE_LOG])];
    let f = |p: &mut Program| {
        node(
            p,
            Op::Activation(Activation { table: 0 }),
            &[1],
            tensor(&[4], 1),
        )
    };
    let x = f(&mut honest);
    refuse(&honest, "its value on zero padding is Some(60000)", |p| {
        let op = Op::Add(Add {
            left: 256,
            right: 256,
            shift: 8,
        });
        node(p, op, &[x, x], tensor(&[4], 1));
    });
}

/// Values at the boundary of a program over rows are of one copy, of as many axes as there may be.
#[test]
fn rows_are_of_one_copy() {
    let mut axes = rows();
    axes.tensors[0].axes = vec![2, 3];
    axes.weights[0].cols = vec![2, 3];
    assert_eq!(axes.check(), Ok(()));
    let refuse = |words: &str, change: &dyn Fn(&mut Program)| refuse(&rows(), words, change);
    let words = "stacked or rotated tensors";
    refuse(words, &|p| {
        p.tensors.iter_mut().for_each(|t| t.stack = 2);
        p.weights[0].stack = 2;
    });
    refuse(words, &|p| {
        p.rope.push(RopeTable {
            cos: vec![],
            sin: vec![],
        })
    });
    // Other bits and a carry are refused where they are: by what reads and makes the tensors, and for its bits.
    refuse("has 32 bits, expected 16", &|p| {
        p.limb_bits = 16;
        p.tensors[0].bits = 32;
    });
    // A layer may give int32, which a ReLU does not read.
    let wide = |p: &mut Program| {
        p.limb_bits = 16;
        p.tensors[1].bits = 32;
    };
    let mut given = rows();
    wide(&mut given);
    assert_eq!(given.check(), Ok(()));
    refuse("has 32 bits, expected 16", &|p| {
        wide(p);
        p.output = relu(p, 1);
    });
    refuse("carried tensors", &|p| {
        p.tensors.extend([tensor(&[4], 1), tensor(&[4], 1)]);
        let exit = relu(p, 2);
        p.carry = Some(Carry {
            input: 1,
            entry: 2,
            exit,
            output: 3,
        });
    });
}

#[test]
fn sequences_are_bounded() {
    let honest = stacked();
    let sequence = |words: &str, change: &dyn Fn(&mut Sequence)| {
        refuse(&honest, words, |p| {
            change(p.sequence.as_mut().expect("a sequence"))
        });
    };
    sequence("tokens is 0", &|s| s.tokens = 0);
    sequence("tokens is 9", &|s| s.tokens = 9);
    // The first choice stands behind the prompt's last token.
    sequence("prompt tokens is 0", &|s| s.prompt = 0);
    sequence("prompt tokens is 7", &|s| s.prompt = 7);
    let vocabulary = |words: &str, size: u32| {
        refuse(&honest, words, |p| {
            let all = p.tensors.iter_mut().flat_map(|t| &mut t.axes);
            let all = all.chain(p.weights.iter_mut().flat_map(|w| w.rows.iter_mut()));
            all.filter(|a| **a == 21).for_each(|a| *a = size);
            p.sequence.as_mut().expect("a sequence").vocab = size;
        });
    };
    vocabulary("vocabulary is 1", 1);
    vocabulary("vocabulary is 262145", MAX_VOCAB + 1);
    // Sums of rotations stay in range for angles of 17 bits.
    refuse(&honest, "rotation entry is 65537", |p| {
        p.rope[0].cos[3] = -65_537
    });
    refuse(&honest, "rotation entry is 65537", |p| {
        p.rope[0].sin[3] = 65_537
    });
    let shard = |program: &Program, words: &str, index: u32, count: u32| {
        refuse(program, words, |p| place(p, index, count));
    };
    // One shard is a whole model, whose tokens would be stated in another way.
    shard(&honest, "shards is 1,", 0, 1);
    shard(&middle_shard(), "shards is 1025", 1, 1025);
    // Neither the last one nor any other: its stream would go to nobody.
    shard(&middle_shard(), "shard is 3,", 3, 3);
}

/// Tokens stand in no column, so nothing else than an embedding and an argmax may touch them.
#[test]
fn tokens_are_embedded_and_chosen() {
    let honest = stacked();
    let refuse = |words: &str, change: &dyn Fn(&mut Program)| refuse(&honest, words, change);
    refuse("token tensor", &|p| p.tensors[p.input].axes = vec![2]);
    refuse("token tensor", &|p| p.tensors[p.input].stack = 2);
    refuse("token tensor", &|p| p.tensors[p.input].bits = 32);
    // Its output would be a free witness.
    refuse("output of a sequence", &|p| {
        let argmax = p.nodes.pop().expect("a node");
        p.tensors.pop();
        p.output = argmax.inputs[0];
    });
    refuse("readers of tokens beside embeddings is 1", &|p| {
        relu(p, p.input);
    });
    refuse("readers of tokens beside embeddings is 1", &|p| {
        relu(p, p.output);
    });
}

/// The ends of shards are one copy of the stream in rows of its own.
#[test]
fn shards_read_and_give_the_residual_stream() {
    let middle = middle_shard();
    // Of 16 bits: another boundary than the one before gives out.
    let mut last = Program::empty("last", 3, 20);
    last.limb_bits = 16;
    last.sequence = Some(Sequence::new(6, 2, 21));
    place(&mut last, 1, 2);
    last.tensors.push(wide(&[12]));
    let normed = norm(&mut last, 0);
    let logits = dense(&mut last, normed, &[21]);
    last.output = node(&mut last, Op::Argmax(Argmax), &[logits], tensor(&[1], 1));
    refuse(&last, "input tensor of a shard", |p| {
        // Without its norm it is a program but for that.
        p.tensors.remove(0);
        p.tensors[0].name = "input".into();
        p.nodes.remove(0);
        for n in &mut p.nodes {
            n.inputs[0] -= 1;
            n.output -= 1;
        }
        p.output -= 1;
    });
    // Two copies come in, and two go out.
    refuse(&middle, "input tensor of a shard", |p| {
        p.tensors.iter_mut().for_each(|t| t.stack = 2);
        p.weights.iter_mut().for_each(|w| w.stack = 2);
    });
    refuse(&middle, "output tensor of a shard", |p| p.output = 1);
    // What a block makes in its midst exists once for every block.
    let mut several = stacked();
    several.nodes.truncate(several.nodes.len() - 3);
    several.tensors.truncate(several.tensors.len() - 3);
    several.output = several.carry.expect("a carry").output;
    place(&mut several, 0, 2);
    refuse(&several, "output tensor of a shard", |p| {
        let inner = find(p, 0, |op| matches!(op, Op::DenseAdd(_)));
        p.output = p.nodes[inner].output;
    });
    // Views of other columns are not in the boundary's rows; what came in says nothing of the shard.
    let first = first_shard();
    let carry = first.carry.expect("a carry");
    for view in [carry.input, carry.entry, carry.exit] {
        refuse(&first, "place of a shard's output", |p| p.output = view);
    }
    refuse(&middle, "place of a shard's output", |p| p.output = p.input);
}

/// What is carried is stored once: entry and exit are the same column, shifted by one block.
#[test]
fn carried_tensors_are_alike() {
    let honest = stacked();
    let carry = honest.carry.expect("a carry");
    let words = "carried tensors";
    refuse(&honest, words, |p| {
        p.tensors[carry.output].axes = vec![3, 4]
    });
    refuse(&honest, words, |p| p.tensors[carry.output].bits = 16);
    // Read at another scale than it was written at.
    refuse(&honest, words, |p| p.tensors[carry.output].scale += 1);
    refuse(&honest, words, |p| p.tensors[carry.input].scale += 1);
    refuse(&honest, words, |p| p.tensors[carry.output].stack = 2);
    refuse(&honest, words, |p| {
        p.carry.iter_mut().for_each(|c| c.exit = 99)
    });
    // What leaves the block would be what enters it.
    refuse(&first_shard(), words, |p| {
        p.carry.iter_mut().for_each(|c| c.input = c.exit);
        let (from, to) = (carry.entry, carry.input);
        let inputs = p.nodes.iter_mut().flat_map(|n| &mut n.inputs);
        inputs.filter(|i| **i == from).for_each(|i| *i = to);
    });
    // A stream that comes in and leaves the blocks that nothing entered.
    let mut given = middle_shard();
    let normed = norm(&mut given, 0);
    let x = add(&mut given, normed, 0);
    let entry = given.tensors.len();
    refuse(&given, words, |p| {
        p.tensors.extend([wide(&[12]), wide(&[12])]);
        let normed = norm(p, entry);
        p.output = add(p, normed, entry);
        p.carry = Some(Carry {
            input: x,
            entry,
            exit: p.input,
            output: entry + 1,
        });
    });
    // Values of 16 bits are stored with offsets of their producers, and some are not zero on padding.
    let narrow = no_blocks();
    let input = narrow.nodes[1].output;
    refuse(&narrow, words, |p| {
        let entry = p.tensors.len();
        p.tensors.extend([tensor(&[12], 1), tensor(&[12], 1)]);
        let exit = relu(p, entry);
        p.carry = Some(Carry {
            input,
            entry,
            exit,
            output: entry + 1,
        });
    });
}

/// An embedding, its norm, logits and their argmax.
fn no_blocks() -> Program {
    let mut program = Program::empty("no blocks", 3, 20);
    program.limb_bits = 16;
    program.sequence = Some(Sequence::new(6, 2, 21));
    program.tensors.push(tensor(&[1], 1));
    let weight = weights(&mut program, &[21], &[12], 1);
    let x = node(&mut program, Op::Embed(Embed { weight }), &[0], wide(&[12]));
    let normed = norm(&mut program, x);
    let logits = dense(&mut program, normed, &[21]);
    program.output = node(&mut program, Op::Argmax(Argmax), &[logits], tensor(&[1], 1));
    program
}

/// A program without nodes is about weights, and about nothing else: what else it has would mean nothing.
#[test]
fn programs_about_weights_have_nothing_else() {
    let honest = stacked().weights_program();
    let words = "parts beside weights is 1,";
    let changes: [fn(&mut Program); 10] = [
        |p| p.tensors.push(tensor(&[1], 1)),
        |p| p.tables.push(table(vec![0; 1 << TABLE_LOG])),
        |p| {
            p.rope.push(RopeTable {
                cos: vec![],
                sin: vec![],
            })
        },
        |p| p.batch_log = 1,
        |p| p.sequence = Some(Sequence::new(3, 2, 5)),
        |p| p.carry = stacked().carry,
        |p| p.input = 1,
        |p| p.output = 1,
        |p| p.limb_bits = 16,
        |p| p.check_weights = false,
    ];
    for (i, change) in changes.iter().enumerate() {
        // Unchecked weights have limbs of 16 bits, or are refused for that.
        let words = if i == 9 { "unchecked weights" } else { words };
        refuse(&honest, words, change);
    }
    refuse(&honest, "parts beside weights is 2,", |p| {
        p.limb_bits = 16;
        p.check_weights = false;
    });
    refuse(&honest, "number of layers is 0", |p| p.weights.clear());
    refuse(&honest, "number of layers is 4097", |p| {
        p.weights = vec![DenseShape::new(1, 1); MAX_NODES + 1];
    });
    refuse(&honest, "pieces of the weights is", |p| {
        p.row_log = 4;
        p.weights = vec![DenseShape::new(1 << 10, 1 << 10); 2];
    });
}
