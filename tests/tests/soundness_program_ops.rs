//! One program for every condition on an op's parameters and shapes: each is refused by its check, in its words, and
//! most are otherwise programs. Nodes are added beside those of an honest model, whose results nothing reads.

use laminate_engine::relations::Relation;
use laminate_model::layout::Layout;
use laminate_model::lower::relations;
use laminate_model::ops::{
    Abs, Activation, Add, Argmax, Clip, Dense, DenseAdd, DenseRelu, Embed, Grouped, LeakyRelu,
    MatMul, Max, Mix, Mul, Relu, Reshape, RmsNorm, Rope, RowArgmax, Scores, Softmax, View,
};
use laminate_model::program::{
    AxisMap, Op, Program, TABLE_LOG, Table, TableKind, Tensor, TensorView, WIDE_TABLE_LOG,
};
use laminate_tests::isolated::Isolated;
use laminate_tests::programs::{
    dense, find, first_shard, middle_shard, node, norm, refuse, stacked, tensor, weights, wide,
};
use laminate_tests::sequence::{self, Shape};
use laminate_tests::{every_op, mlp};

const DENSE: Op = Op::Dense(Dense {
    weight: 0,
    shift: 16,
});

/// What an added node reads of [`stacked`]: a result of 16 bits, the stream, and a result of every block.
struct Found {
    x: usize,
    stream: usize,
    blocks: usize,
}

fn found(program: &Program) -> Found {
    let last = find(program, 0, |op| *op == Op::Argmax(Argmax));
    let gate = find(program, 0, |op| matches!(op, Op::Activation(_)));
    let head = program.nodes[last - 1].inputs[0];
    Found {
        x: head,
        stream: program.carry.expect("a carry").output,
        blocks: program.nodes[gate].output,
    }
}

/// Adds a node that must be refused with these words.
fn added(words: &str, op: Op, inputs: impl Fn(&mut Program, &Found) -> Vec<usize>, out: Tensor) {
    refuse(&stacked(), words, |p| {
        let found = found(p);
        let inputs = inputs(p, &found);
        node(p, op, &inputs, out);
    });
}

fn like(program: &Program, id: usize) -> Tensor {
    program.tensors[id].clone()
}

/// Without tokens the verifier knows no slots to attend to.
#[test]
fn ops_over_tokens_have_tokens() {
    let mut rows = mlp(1, 1, &[6, 2]).program;
    rows.tables = stacked().tables;
    refuse(
        &rows,
        "works on tokens, which the program does not have",
        |p| {
            node(p, Op::Softmax(Softmax { table: 0 }), &[1], tensor(&[2], 1));
        },
    );
}

/// Their relations have the rows of a batch where programs over tokens have slots.
#[test]
fn ops_over_rows_have_no_tokens() {
    let rows = "is an op over rows";
    let x = |_: &mut Program, found: &Found| vec![found.x];
    let matmul = MatMul {
        shared: 0,
        multiplier: 1,
        shift: 16,
    };
    let two = |_: &mut Program, found: &Found| vec![found.x; 2];
    added(rows, Op::MatMul(matmul), two, tensor(&[4], 1));
    added(rows, Op::Max(Max { axes: 1 }), x, tensor(&[4], 1));
    added(
        "works on rows, the program is over tokens",
        Op::RowArgmax(RowArgmax),
        x,
        tensor(&[1], 1),
    );
    refuse(&stacked(), rows, |p| {
        let found = found(p);
        let weight = weights(p, &[4], &[4], 1);
        let grouped = Grouped {
            weight,
            groups: 1,
            shift: 16,
        };
        node(p, Op::Grouped(grouped), &[found.x], tensor(&[4], 1));
    });
    refuse(&stacked(), "which programs over tokens do not have", |p| {
        let found = found(p);
        let axes = like(p, found.x).axes;
        let same = (0..axes.len() as u32).map(|axis| AxisMap::Same { axis });
        p.views.push(TensorView::of(same.collect()));
        let view = View {
            view: p.views.len() - 1,
            operands: 1,
        };
        node(p, Op::View(view), &[found.x], tensor(&axes, 1));
    });
    refuse(&stacked(), "is applied at positions, which", |p| {
        let rotated = find(p, 0, |op| matches!(op, Op::Rope(_)));
        let x = p.nodes[rotated].output;
        let Tensor { axes, stack, .. } = like(p, x);
        let (last, places) = axes.split_last().expect("heads of two halves");
        let weight = weights(p, &[4], &[*last], stack);
        let dense = Op::Dense(Dense { weight, shift: 16 });
        let out = tensor(&[places, &[4]].concat(), stack);
        node(p, dense, &[x], out);
    });
}

#[test]
fn shifts_and_factors_are_bounded() {
    // With limbs of 8 bits a remainder of 8 bits would be one limb, but rounding is that of 16 or more.
    let rows = mlp(1, 1, &[6, 4]).program;
    for shift in [8, 17, 40] {
        refuse(&rows, "expected one of [16, 24, 32]", |p| {
            p.nodes[0].op = Op::Dense(Dense { weight: 0, shift });
        });
        refuse(&rows, "expected one of [16, 24, 32]", |p| {
            p.nodes[0].op = Op::DenseRelu(DenseRelu { weight: 0, shift });
        });
    }
    // A remainder of 24 bits in two limbs of 16 would have 32: any quotient within 256 fits.
    refuse(
        &stacked(),
        "shift 24, expected one of [16, 24, 32] and whole limbs of 16",
        |p| {
            let last = p.nodes.len() - 2;
            let Op::Dense(Dense { weight, .. }) = p.nodes[last].op else {
                panic!("the head");
            };
            p.nodes[last].op = Op::Dense(Dense { weight, shift: 24 });
        },
    );
    let big = 1 << 24;
    let every = every_op(3, 1).program;
    let add = find(&every, 0, |op| matches!(op, Op::Add(_)));
    let mul = find(&every, 0, |op| matches!(op, Op::Mul(_)));
    // Factors of 24 bits keep sums and products far from the field's size.
    for (at, op) in [
        (
            add,
            Op::Add(Add {
                left: big,
                right: 1,
                shift: 8,
            }),
        ),
        (
            add,
            Op::Add(Add {
                left: 1,
                right: big,
                shift: 8,
            }),
        ),
        (
            mul,
            Op::Mul(Mul {
                multiplier: big,
                shift: 24,
            }),
        ),
    ] {
        refuse(&every, "factor 16777216", |p| p.nodes[at].op = op);
    }
    for (at, op) in [
        (
            add,
            Op::Add(Add {
                left: 1,
                right: 1,
                shift: 32,
            }),
        ),
        (
            mul,
            Op::Mul(Mul {
                multiplier: 1,
                shift: 40,
            }),
        ),
    ] {
        refuse(&every, "expected one of", |p| p.nodes[at].op = op);
    }
    let leaky = find(&every, 0, |op| matches!(op, Op::LeakyRelu(_)));
    for slope in [0, 1 << 16] {
        // At 2^16 the output has no bound of its own.
        refuse(&every, "expected between 0 and 1", |p| {
            p.nodes[leaky].op = Op::LeakyRelu(LeakyRelu { slope });
        });
    }
    for (lowest, highest) in [(3, 3), (4, -4)] {
        // No value would be at or inside such ends.
        refuse(&every, "expected the lower end first", |p| {
            p.nodes[leaky].op = Op::Clip(Clip { lowest, highest });
        });
    }
    let act = find(&every, 0, |op| matches!(op, Op::Activation(_)));
    refuse(&every, "table 1 does not exist", |p| {
        p.nodes[act].op = Op::Activation(Activation { table: 1 })
    });
    let honest = stacked();
    let scores = find(&honest, 0, |op| matches!(op, Op::Scores(_)));
    for (words, multiplier, shift) in [
        ("factor 16777216", 1 << 24, 16),
        // All scores would be zero whatever the keys.
        ("multiplier is 0", 0, 16),
        ("expected one of [16, 32]", 40, 24),
    ] {
        refuse(&honest, words, |p| {
            p.nodes[scores].op = Op::Scores(Scores { multiplier, shift })
        });
    }
    let first = find(&honest, 0, |op| matches!(op, Op::RmsNorm(_)));
    for (words, epsilon, numerator) in [
        // Of a row of zeros the root would be zero, and any quotient right.
        ("eps is 0", 0, 1 << 32),
        ("numerator is 0", 1, 0),
        ("numerator 281474976710656, expected below 2^48", 1, 1 << 48),
    ] {
        refuse(&honest, words, |p| {
            p.nodes[first].op = Op::RmsNorm(RmsNorm { epsilon, numerator })
        });
    }
}

/// A value is read with the number of limbs that it is stored with.
#[test]
fn bits_are_those_of_the_op() {
    let words = "bits, expected";
    let honest = stacked();
    let mut tried = 0;
    for id in 0..honest.tensors.len() {
        if id == honest.input || id == honest.output {
            continue;
        }
        let carried = honest.carry.expect("a carry");
        let carried = [carried.input, carried.entry, carried.exit, carried.output];
        let words = if carried.contains(&id) {
            "carried tensors"
        } else {
            words
        };
        refuse(&honest, words, |p| p.tensors[id].bits ^= 16 ^ 32);
        tried += 1;
    }
    // Relations of 16 bits on the stream: half of its limbs would be read.
    for op in [
        Op::Relu(Relu),
        Op::LeakyRelu(LeakyRelu { slope: 9 }),
        Op::Abs(Abs),
        Op::Clip(Isolated::CLIP),
        Op::Activation(Activation { table: 1 }),
        Op::Reshape(Reshape),
    ] {
        added(words, op, |_, f| vec![f.stream], tensor(&[12], 1));
        added(words, op, |_, f| vec![f.x], wide(&[12]));
    }
    added(
        words,
        Op::Rope(Rope { table: 0 }),
        |_, f| vec![f.stream],
        tensor(&[12], 1),
    );
    let mul = Op::Mul(Mul {
        multiplier: 1,
        shift: 16,
    });
    added(words, mul, |_, f| vec![f.x, f.stream], tensor(&[12], 1));
    // The rest is refused for its bits though its shapes fit.
    refuse(&honest, words, |p| {
        let found = found(p);
        let weight = weights(p, &[12], &[12], 1);
        node(
            p,
            Op::Dense(Dense { weight, shift: 16 }),
            &[found.stream],
            tensor(&[12], 1),
        );
    });
    refuse(&honest, words, |p| {
        let found = found(p);
        let weight = weights(p, &[12], &[12], 1);
        node(
            p,
            Op::Dense(Dense { weight, shift: 16 }),
            &[found.x],
            wide(&[12]),
        );
    });
    for wide_output in [false, true] {
        refuse(&honest, words, |p| {
            let found = found(p);
            let weight = weights(p, &[12], &[12], 1);
            let op = Op::DenseRelu(DenseRelu { weight, shift: 16 });
            let (x, out) = match wide_output {
                true => (found.x, wide(&[12])),
                false => (found.stream, tensor(&[12], 1)),
            };
            node(p, op, &[x], out);
        });
    }
    refuse(&honest, words, |p| {
        let found = found(p);
        let weight = weights(p, &[12], &[12], 1);
        let op = Op::DenseAdd(DenseAdd { weight, shift: 16 });
        node(p, op, &[found.x, found.x], tensor(&[12], 1));
    });
    refuse(&honest, words, |p| {
        let weight = weights(p, &[21], &[12], 1);
        node(p, Op::Embed(Embed { weight }), &[p.input], tensor(&[12], 1));
    });
    println!("tensors of other bits: {tried} tried, 0 accepted");
}

#[test]
fn shapes_are_those_of_the_operands() {
    let honest = stacked();
    // One place of the output for each of the operand.
    let words = "operand is [12] (stack 1), output [3, 4] (stack 1)";
    for op in [
        Op::Relu(Relu),
        Op::LeakyRelu(LeakyRelu { slope: 9 }),
        Op::Abs(Abs),
        Op::Clip(Isolated::CLIP),
        Op::Activation(Activation { table: 1 }),
        Op::Reshape(Reshape),
    ] {
        added(words, op, |_, f| vec![f.x], tensor(&[3, 4], 1));
    }
    // Blocks of which the output has none.
    added(
        "(stack 3), output [10] (stack 1)",
        Op::Relu(Relu),
        |_, f| vec![f.blocks],
        tensor(&[10], 1),
    );
    added(
        "(stack 3), output [10] (stack 1)",
        Op::Reshape(Reshape),
        |_, f| vec![f.blocks],
        tensor(&[10], 1),
    );
    let epsilon = Op::RmsNorm(RmsNorm {
        epsilon: 1,
        numerator: 1,
    });
    added(
        "operand is [12]",
        epsilon,
        |_, f| vec![f.stream],
        tensor(&[3, 4], 1),
    );
    let mul = Op::Mul(Mul {
        multiplier: 1,
        shift: 16,
    });
    added(
        "second operand is [10]",
        mul,
        |p, f| vec![f.x, dense(p, f.x, &[10])],
        tensor(&[12], 1),
    );
    refuse(&honest, "residual is [12]", |p| {
        let found = found(p);
        let weight = weights(p, &[10], &[12], 1);
        let op = Op::DenseAdd(DenseAdd { weight, shift: 16 });
        node(p, op, &[found.x, found.stream], wide(&[10]));
    });
    // Dense layers.
    let with = |words: &str, shape: (&[u32], &[u32], u32), blocks: bool, out: Tensor| {
        refuse(&honest, words, |p| {
            let found = found(p);
            let weight = weights(p, shape.0, shape.1, shape.2);
            let x = if blocks { found.blocks } else { found.x };
            node(p, Op::Dense(Dense { weight, shift: 16 }), &[x], out.clone());
        });
        refuse(&honest, words, |p| {
            let found = found(p);
            let weight = weights(p, shape.0, shape.1, shape.2);
            let x = if blocks { found.blocks } else { found.x };
            let op = Op::DenseRelu(DenseRelu { weight, shift: 16 });
            node(p, op, &[x], out.clone());
        });
    };
    with("are 3, 1, 1", (&[5], &[12], 3), false, tensor(&[5], 1));
    with("are 3, 3, 1", (&[5], &[10], 3), true, tensor(&[5], 1));
    with(
        "weights are [6]x[12]",
        (&[6], &[12], 1),
        false,
        tensor(&[5], 1),
    );
    with(
        "weights are [5]x[11]",
        (&[5], &[11], 1),
        false,
        tensor(&[5], 1),
    );
    refuse(&honest, "weights 99 do not exist", |p| {
        let found = found(p);
        node(
            p,
            Op::Dense(Dense {
                weight: 99,
                shift: 16,
            }),
            &[found.x],
            tensor(&[5], 1),
        );
    });
    // Weights are a layer's own, and once more a tied embedding's.
    refuse(&honest, "weights 0 are used twice", |p| {
        let found = found(p);
        assert!(p.nodes.iter().any(|n| n.op == DENSE), "the head is layer 0");
        node(p, DENSE, &[found.x], tensor(&[21], 1));
    });
    refuse(&honest, "weights 0 are used twice", |p| {
        node(p, Op::Embed(Embed { weight: 0 }), &[p.input], wide(&[12]));
    });
}

/// The sum over the vocabulary is of the tokens, that only the input has.
#[test]
fn embeddings_read_the_tokens() {
    let honest = stacked();
    refuse(&honest, "reads something else than the tokens", |p| {
        let found = found(p);
        let weight = weights(p, &[21], &[12], 1);
        node(p, Op::Embed(Embed { weight }), &[found.x], wide(&[12]));
    });
    refuse(
        &middle_shard(),
        "reads something else than the tokens",
        |p| {
            let weight = weights(p, &[21], &[12], 1);
            node(p, Op::Embed(Embed { weight }), &[p.input], wide(&[12]));
        },
    );
    for (rows, cols, stack, copies) in [
        (21, 12, 2, 1),
        (21, 12, 1, 2),
        (22, 12, 1, 1),
        (21, 11, 1, 1),
    ] {
        refuse(&honest, "are not a (vocabulary, width) table", |p| {
            let weight = weights(p, &[rows], &[cols], stack);
            let out = Tensor {
                stack: copies,
                ..wide(&[12])
            };
            node(p, Op::Embed(Embed { weight }), &[p.input], out);
        });
    }
}

/// What the verifier compares with the claimed tokens: the logits of every slot, once.
#[test]
fn an_argmax_gives_the_output() {
    let honest = stacked();
    let words = "wants the logits of a sequence and gives the program's output";
    let last = honest.nodes.len() - 1;
    let logits = honest.nodes[last].inputs[0];
    // A choice that nothing is compared with.
    refuse(&honest, words, |p| {
        node(p, Op::Argmax(Argmax), &[logits], tensor(&[1], 1));
    });
    refuse(&honest, words, |p| {
        let found = found(p);
        let other = dense(p, found.x, &[22]);
        p.nodes[last].inputs = vec![other];
        p.nodes.swap(last, last + 1);
    });
    refuse(&honest, words, |p| {
        let found = found(p);
        let other = dense(p, found.blocks, &[21]);
        p.nodes[last].inputs = vec![other];
        p.nodes.swap(last, last + 1);
    });
    refuse(&honest, words, |p| p.tensors[p.output].axes = vec![2]);
    refuse(&honest, words, |p| p.tensors[p.output].stack = 2);
    // In a shard that gives no tokens: 32 bits that no column holds.
    refuse(&first_shard(), words, |p| {
        let stream = p.output;
        let normed = norm(p, stream);
        let logits = dense(p, normed, &[21]);
        p.output = node(p, Op::Argmax(Argmax), &[logits], wide(&[1]));
    });
}

#[test]
fn rotations_have_an_angle_for_every_slot() {
    let honest = stacked();
    let words = "rotation table 0 does not have 24 entries";
    refuse(&honest, words, |p| p.rope[0].cos.truncate(23));
    refuse(&honest, words, |p| p.rope[0].sin.truncate(23));
    refuse(&honest, words, |p| p.rope[0].cos.push(0));
    refuse(&honest, words, |p| p.rope.clear());
    added(
        "expected heads of two halves",
        Op::Rope(Rope { table: 0 }),
        |_, f| vec![f.x],
        tensor(&[12], 1),
    );
}

/// Depths are found in a table of all of them, whose last one is that of masked scores.
#[test]
fn softmax_tables_are_those_of_an_exponential() {
    let honest = stacked();
    let words = "wants scores of all slots and a table of 2^16 values";
    let table = |change: &dyn Fn(&mut Table)| {
        refuse(&honest, words, |p| change(&mut p.tables[0]));
    };
    // An index of 12 bits: other depths could not be looked up.
    table(&|t| {
        let (first, last) = (1 << 14, 0);
        t.values = vec![1; 1 << TABLE_LOG];
        t.values[0] = first;
        t.values[(1 << TABLE_LOG) - 1] = last;
    });
    // Sums of weights may be zero, or of any sign: the quotient's remainder is below the sum.
    table(&|t| t.values[77] = -1);
    table(&|t| t.values[0] = 0);
    // What is masked would be attended to.
    table(&|t| t.values[(1 << WIDE_TABLE_LOG) - 1] = 1);
    added(
        words,
        Op::Softmax(Softmax { table: 0 }),
        |p, f| vec![dense(p, f.x, &[2, 3, 4])],
        tensor(&[2, 3, 4], 1),
    );
    added(
        words,
        Op::Softmax(Softmax { table: 9 }),
        |p, f| vec![dense(p, f.x, &[2, 3, 8])],
        tensor(&[2, 3, 8], 1),
    );
}

/// Axes of an operand, and whether it exists in every block.
type Operand = (&'static [u32], bool);

/// Axes of a result, and in how many blocks it exists.
type Output = (&'static [u32], u32);

/// Queries, keys and scores, then weights, values and their mix: every axis is contracted with itself.
#[test]
fn attention_is_of_alike_heads() {
    let scores = Op::Scores(Scores {
        multiplier: 40,
        shift: 16,
    });
    let of = |op: Op, words: &str, a: Operand, b: Operand, out: (&[u32], u32)| {
        let operands = |p: &mut Program, f: &Found| {
            let from = |p: &mut Program, (axes, blocks): Operand| {
                let x = if blocks { f.blocks } else { f.x };
                dense(p, x, axes)
            };
            vec![from(p, a), from(p, b)]
        };
        if words.is_empty() {
            let mut program = stacked();
            let found = found(&program);
            let inputs = operands(&mut program, &found);
            node(&mut program, op, &inputs, tensor(out.0, out.1));
            assert_eq!(program.check(), Ok(()));
        } else {
            added(words, op, operands, tensor(out.0, out.1));
        }
    };
    let (once, blocks) = (false, true);
    let q: Operand = (&[2, 3, 8], once);
    let k: Operand = (&[2, 8], once);
    let s: (&[u32], u32) = (&[2, 3, 8], 1);
    let words = "do not give scores";
    of(scores, "", q, k, s);
    let others: [(Operand, Operand, Output); 9] = [
        (q, k, (&[4, 3, 8], 1)),
        (q, k, (&[2, 5, 8], 1)),
        (q, (&[2, 4], once), s),
        (q, (&[3, 8], once), s),
        (q, k, (&[2, 3, 4], 1)),
        ((&[2, 3], once), (&[2], once), s),
        ((&[2, 3, 8], blocks), k, s),
        (q, (&[2, 8], blocks), s),
        (q, k, (&[2, 3, 8], 3)),
    ];
    for (q, k, s) in others {
        of(scores, words, q, k, s);
    }
    let e = q;
    let v = k;
    let words = "do not give";
    of(Op::Mix(Mix), "", e, v, s);
    let others: [(Operand, Operand, Output); 8] = [
        (e, v, (&[4, 3, 8], 1)),
        (e, v, (&[2, 5, 8], 1)),
        (e, (&[3, 8], once), s),
        (e, (&[2, 4], once), s),
        ((&[2, 3, 4], once), v, s),
        ((&[2, 3, 8], blocks), v, s),
        (e, (&[2, 8], blocks), s),
        (e, v, (&[2, 3, 8], 3)),
    ];
    for (e, v, out) in others {
        of(Op::Mix(Mix), words, e, v, out);
    }
}

/// Where the padding of an operand need not be zero, weights of padded columns are shown to be: they would be biases
/// that the program does not declare.
#[test]
fn padding_is_zero_on_one_side_of_every_product() {
    let shows = |program: &Program, index: usize| {
        let layout = Layout::new(program);
        let found = relations(program, &layout, index);
        found
            .iter()
            .filter(|r| matches!(r, Relation::Zeros(_)))
            .count()
            == 2
    };
    for (at_zero, shown) in [(0, false), (5, true)] {
        let mut program = Program::empty("activation", 2, 20);
        program.limb_bits = 16;
        program.sequence = Some(laminate_model::program::Sequence::new(3, 2, 5));
        let mut values = vec![1; 1 << WIDE_TABLE_LOG];
        values[1 << (WIDE_TABLE_LOG - 1)] = at_zero;
        program.tables.push(Table {
            kind: TableKind::Silu,
            input_scale: 8,
            values,
        });
        program.tensors.push(tensor(&[1], 1));
        let weight = weights(&mut program, &[5], &[3], 1);
        let x = node(&mut program, Op::Embed(Embed { weight }), &[0], wide(&[3]));
        let normed = norm(&mut program, x);
        let hidden = dense(&mut program, normed, &[6]);
        let out = like(&program, hidden);
        let gate = node(
            &mut program,
            Op::Activation(Activation { table: 0 }),
            &[hidden],
            out,
        );
        let logits = dense(&mut program, gate, &[5]);
        program.output = node(&mut program, Op::Argmax(Argmax), &[logits], tensor(&[1], 1));
        assert_eq!(program.check(), Ok(()));
        let index = program.nodes.len() - 2;
        assert_eq!(
            shows(&program, index),
            shown,
            "a table that is {at_zero} at zero"
        );
    }
    // A padded query attends like any other, so what it mixes is not zero; an axis that is full has none.
    for (queries, shown) in [(3, true), (4, false)] {
        let shape = Shape {
            queries,
            ..Shape::SMALL
        };
        let program = sequence::case(5, &shape, true).program;
        let index = find(&program, 0, |op| matches!(op, Op::DenseAdd(_)));
        assert_eq!(shows(&program, index), shown, "{queries} queries");
    }
}
