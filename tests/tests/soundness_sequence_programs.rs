//! Program files of sequences from a stranger: what the checks let through must mean what it says, and
//! nothing that runs after them may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use laminate_model::lower::relations;
use laminate_model::ops::{
    Activation, Add, Argmax, Dense, DenseAdd, Embed, Mix, Mul, Relu, Reshape, RmsNorm, Rope,
    Scores, Softmax,
};
use laminate_model::program::{
    Carry, DenseShape, DenseWeights, Node, Op, Program, Sequence, Table, Tensor, Weights,
};
use laminate_model::statement;
use laminate_model::verify::Verifier;
use laminate_prover::exec;
use laminate_prover::prove::Model;
use laminate_tests::sequence::{self, Shape};
use laminate_tests::shards;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn small(stacked: bool) -> Program {
    sequence::case(5, &Shape::SMALL, stacked).program
}

fn node(program: &mut Program, op: Op, inputs: &[usize], tensor: Tensor) -> usize {
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

/// Tokens stand in no column, so nothing else than an embedding and an argmax may touch them.
#[test]
fn programs_that_leave_tokens_free_are_refused() {
    let mut tried = 0;
    let mut refuse = |name: &str, change: &dyn Fn(&mut Program)| {
        let mut program = small(true);
        assert_eq!(program.check(), Ok(()));
        change(&mut program);
        assert!(program.check().is_err(), "SOUNDNESS: {name}");
        tried += 1;
    };
    refuse("the output is not that of an argmax", &|p| {
        let argmax = p.nodes.pop().expect("a node");
        p.tensors.pop();
        p.output = argmax.inputs[0];
    });
    refuse("the output is the input", &|p| p.output = p.input);
    refuse("another node reads the input", &|p| {
        let tensor = p.tensors[p.input].clone();
        node(p, Op::Relu(Relu), &[p.input], tensor);
    });
    refuse("a node reads the output", &|p| {
        let tensor = p.tensors[p.output].clone();
        node(p, Op::Reshape(Reshape), &[p.output], tensor);
    });
    refuse("tokens of two values", &|p| {
        p.tensors[p.input].axes = vec![2]
    });
    refuse("tokens of two copies", &|p| p.tensors[p.input].stack = 2);
    refuse("the input is carried", &|p| {
        let carry = p.carry.expect("a carry");
        p.input = carry.exit;
    });
    println!("programs with free tokens: {tried} tried, 0 accepted");
}

/// A carried ReLU would be stored with another offset than the entry it becomes, and an activation's
/// padding is not zero.
#[test]
fn narrow_carries_are_refused() {
    let mut program = Program::empty("carry", 2, 20);
    program.limb_bits = 16;
    program.sequence = Some(Sequence::new(3, 2, 5));
    let flat = |width: u32| Tensor::new("t", width, 0);
    program.tensors.push(flat(1));
    let shape = |rows: u32, cols: u32| DenseShape {
        bias: false,
        ..DenseShape::new(rows, cols)
    };
    program.weights = vec![shape(5, 3), shape(5, 3)];
    let wide = Tensor {
        bits: 32,
        ..flat(3)
    };
    let x = node(&mut program, Op::Embed(Embed { weight: 0 }), &[0], wide);
    let norm = Op::RmsNorm(RmsNorm {
        epsilon: 1,
        numerator: 1 << 32,
    });
    let input = node(&mut program, norm, &[x], flat(3));
    let stacked = Tensor {
        stack: 2,
        ..flat(3)
    };
    program.tensors.push(stacked.clone());
    let entry = program.tensors.len() - 1;
    let exit = node(&mut program, Op::Relu(Relu), &[entry], stacked);
    program.tensors.push(flat(3));
    let output = program.tensors.len() - 1;
    program.carry = Some(Carry {
        input,
        entry,
        exit,
        output,
    });
    let head = Op::Dense(Dense {
        weight: 1,
        shift: 16,
    });
    let logits = node(&mut program, head, &[output], flat(5));
    program.output = node(&mut program, Op::Argmax(Argmax), &[logits], flat(1));
    assert!(program.check().is_err(), "SOUNDNESS: a ReLU is carried");
    // Without the repeated part it is a program.
    program.carry = None;
    program.nodes.retain(|n| n.output != exit);
    program.nodes.iter_mut().for_each(|n| {
        n.inputs
            .iter_mut()
            .filter(|i| **i == output)
            .for_each(|i| *i = input);
        let below = |id: usize| id - [entry, exit, output].iter().filter(|x| **x < id).count();
        n.inputs.iter_mut().for_each(|i| *i = below(*i));
        n.output = below(n.output);
    });
    program.output -= 3;
    for id in [output, exit, entry] {
        program.tensors.remove(id);
    }
    assert_eq!(program.check(), Ok(()));
}

/// Programs over rows have no copies, no rotations, no ops over tokens, and layers of their tensors' axes.
#[test]
fn rows_of_other_shapes_are_refused() {
    let rows = laminate_tests::mlp(1, 1, &[6, 4]).program;
    let mut tried = 0;
    let mut refuse = |name: &str, change: &dyn Fn(&mut Program)| {
        let mut program = rows.clone();
        assert_eq!(program.check(), Ok(()));
        change(&mut program);
        assert!(program.check().is_err(), "SOUNDNESS: {name}");
        tried += 1;
    };
    refuse("two axes of input, one of weights", &|p| {
        p.tensors[0].axes = vec![2, 3];
    });
    refuse("two axes of output, one of weights", &|p| {
        p.tensors[1].axes = vec![2, 2];
    });
    refuse("copies", &|p| {
        p.tensors.iter_mut().for_each(|t| t.stack = 2);
        p.weights[0].stack = 2;
    });
    refuse("a norm", &|p| {
        p.limb_bits = 16;
        p.tensors[0].bits = 32;
        p.weights.clear();
        p.tensors[1].axes = vec![6];
        p.nodes[0].op = Op::RmsNorm(RmsNorm {
            epsilon: 1,
            numerator: 1,
        });
    });
    refuse("attention", &|p| {
        p.limb_bits = 16;
        p.weights.clear();
        p.tables = small(true).tables;
        p.tensors.iter_mut().for_each(|t| t.axes = vec![2]);
        p.nodes[0].op = Op::Softmax(Softmax { table: 0 });
    });
    println!("programs over rows of other shapes: {tried} tried, 0 accepted");
}

const SIZES: [u32; 16] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    12,
    21,
    1 << 10,
    1 << 12,
    1 << 16,
    (1 << 16) + 1,
    1 << 20,
    1 << 31,
    u32::MAX,
];

fn mutate(program: &mut Program, rng: &mut ChaCha20Rng) {
    let size = *SIZES.choose(rng).expect("sizes");
    let nodes = program.nodes.len();
    let (a, b) = (rng.gen_range(0..nodes), rng.gen_range(0..nodes));
    let tensor = rng.gen_range(0..program.tensors.len());
    let id = match rng.gen_range(0..8) {
        0 => usize::MAX,
        1 => program.tensors.len(),
        _ => rng.gen_range(0..program.tensors.len()),
    };
    let shape = rng.gen_range(0..program.weights.len());
    match rng.gen_range(0..22) {
        0 => program.batch_log = *[0, 1, 2, 12, 13, 63, 64, 255].choose(rng).expect("logs"),
        1 => {
            // One size wherever it stands: such programs often stay consistent.
            let old = program.tensors[tensor].axes[0];
            let swap = |axis: &mut u32| *axis = if *axis == old { size } else { *axis };
            program
                .tensors
                .iter_mut()
                .flat_map(|t| &mut t.axes)
                .for_each(swap);
            let shapes = program.weights.iter_mut();
            shapes
                .flat_map(|s| s.rows.iter_mut().chain(&mut s.cols))
                .for_each(swap);
            if let Some(s) = &mut program.sequence {
                swap(&mut s.vocab);
            }
        }
        2 => {
            let old = program.weights[shape].stack;
            let stacks = program.tensors.iter_mut().map(|t| &mut t.stack);
            let stacks = stacks.chain(program.weights.iter_mut().map(|s| &mut s.stack));
            stacks
                .filter(|s| **s == old && old > 1)
                .for_each(|s| *s = size);
        }
        3 => program.tensors[tensor].stack = size,
        4 => program.tensors[tensor].bits = *[0, 8, 16, 31, 32, 64, 255].choose(rng).expect("bits"),
        5 => program.tensors[tensor].axes.push(size),
        6 => {
            program.tensors[tensor].axes.pop();
        }
        7 => program.nodes[a].op = program.nodes[b].op,
        8 => program.nodes.swap(a, b),
        9 => program.nodes[a].output = id,
        10 => {
            let inputs = &mut program.nodes[a].inputs;
            if let Some(input) = inputs.first_mut() {
                *input = id;
            }
        }
        11 => program.weights[shape].rows = vec![size; rng.gen_range(0..5)],
        12 => program.weights[shape].bias ^= true,
        13 => program.row_log = rng.gen_range(0..70),
        14 => program.limb_bits = *[0, 1, 8, 16, 32, 255].choose(rng).expect("bits"),
        15 => program.check_weights ^= true,
        16 => {
            if let Some(s) = &mut program.sequence {
                *[&mut s.tokens, &mut s.prompt, &mut s.vocab][rng.gen_range(0..3)] = size;
            }
        }
        17 => {
            if let Some(c) = &mut program.carry {
                let fields = [&mut c.input, &mut c.entry, &mut c.exit, &mut c.output];
                let [x, y, z, w] = fields;
                *[x, y, z, w][rng.gen_range(0..4)] = id;
            }
        }
        18 => program.nodes[a].op = parameters(program.nodes[a].op, size),
        19 => program.rope[0].cos.truncate(size as usize),
        20 => {
            let Table { values, .. } = &mut program.tables[rng.gen_range(0..2)];
            values.resize(*[0, 1, 2, 1 << 12, 1 << 16].choose(rng).expect("sizes"), 3);
        }
        _ => *[&mut program.input, &mut program.output][rng.gen_range(0..2)] = id,
    }
}

fn parameters(op: Op, size: u32) -> Op {
    let (byte, index) = ((size % 256) as u8, size as usize);
    match op {
        Op::Dense(Dense { weight, .. }) => Op::Dense(Dense {
            weight,
            shift: byte,
        }),
        Op::DenseAdd(DenseAdd { weight, .. }) => Op::DenseAdd(DenseAdd {
            weight,
            shift: byte,
        }),
        Op::Embed(_) => Op::Embed(Embed { weight: index }),
        Op::RmsNorm(RmsNorm { numerator, .. }) => Op::RmsNorm(RmsNorm {
            epsilon: u64::from(size) << 32 | u64::from(size),
            numerator,
        }),
        Op::Rope(_) => Op::Rope(Rope { table: index }),
        Op::Scores(Scores { shift, .. }) => Op::Scores(Scores {
            multiplier: size,
            shift,
        }),
        Op::Softmax(_) => Op::Softmax(Softmax { table: index }),
        Op::Activation(_) => Op::Activation(Activation { table: index }),
        Op::Mul(Mul { shift, .. }) => Op::Mul(Mul {
            multiplier: size,
            shift,
        }),
        Op::Mix(Mix) | Op::Argmax(Argmax) => Op::Add(Add {
            left: size,
            right: size,
            shift: byte,
        }),
        other => other,
    }
}

/// Everything that runs on a program that passed its checks.
fn use_program(program: &Program) {
    let verifier = Verifier::new(program.clone()).expect("a checked program");
    let _ = (
        statement::output_words(program),
        verifier.layout.geometry.max_log(),
    );
    for index in 0..program.nodes.len() {
        for relation in relations(program, &verifier.layout, index) {
            let _ = format!("{relation:?}");
        }
    }
    let columns: usize = (0..program.tensors.len())
        .map(|id| 1usize << program.column_log(id))
        .sum();
    if columns > 1 << 18 || verifier.layout.geometry.max_log() > 22 {
        return;
    }
    let dense = program.weights.iter().map(|shape| {
        let rows = shape.stack as usize * shape.row_count();
        DenseWeights {
            weight: vec![1; rows * shape.col_count()],
            bias: vec![0; if shape.bias { rows } else { 0 }],
            multiplier: vec![1; rows],
        }
    });
    let weights = Weights {
        dense: dense.collect(),
    };
    let model = Model::new(program.clone(), &weights);
    assert!(model.is_ok());
    let tokens = vec![1; program.input_len()];
    // It may refuse, as values may leave their range.
    let _ = exec::run_tokens(program, &weights, &tokens);
    if tokens.is_empty() {
        let residual = vec![1; 1 << program.column_log(program.input)];
        let _ = exec::run_residual(program, &weights, &residual);
    }
}

#[test]
fn checked_programs_do_not_panic() {
    no_panics(
        "altered programs",
        &[small(true), small(false)],
        6000,
        mutate,
    );
}

#[test]
fn checked_shards_do_not_panic() {
    let compiled = shards::compile(&shards::model(1, 5, false), &shards::options(true), 2);
    let honest: Vec<Program> = compiled.into_iter().map(|c| c.program).collect();
    no_panics("altered shards", &honest, 3000, |program, rng| {
        let place = *[0u32, 1, 2, 3, 1 << 10, u32::MAX]
            .choose(rng)
            .expect("places");
        let carry = program.carry;
        match (rng.gen_range(0..6), &mut program.sequence) {
            (0, Some(Sequence { shard: Some(s), .. })) => s.index = place,
            (1, Some(Sequence { shard: Some(s), .. })) => s.count = place,
            (2, Some(s)) => s.shard = None,
            (3, _) => program.row_log = rng.gen_range(4..20),
            (4, _) => program.output = carry.map_or(program.input, |c| c.entry),
            _ => mutate(program, rng),
        }
    });
}

fn no_panics(
    name: &str,
    honest: &[Program],
    count: usize,
    mutate: impl Fn(&mut Program, &mut ChaCha20Rng),
) {
    let mut rng = ChaCha20Rng::seed_from_u64(31);
    let (mut tried, mut passed) = (0, 0);
    for i in 0..count {
        let mut program = honest[i % honest.len()].clone();
        for _ in 0..rng.gen_range(1..4) {
            mutate(&mut program, &mut rng);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let checked = program.check().is_ok();
            if checked {
                use_program(&program);
            }
            checked
        }));
        let Ok(checked) = outcome else {
            let hex = postcard::to_stdvec(&Program {
                tables: vec![],
                ..program.clone()
            });
            panic!("program {i} panics: {:?}", hex.map(|b| b.len()));
        };
        passed += usize::from(checked);
        tried += 1;
    }
    assert!(passed > 100, "{passed} of {tried} pass the checks");
    println!("{name}: {tried} tried, {passed} pass the checks, 0 panics");
}
