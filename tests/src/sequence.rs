//! Small language models with random weights, and their runs.

use laminate_model::ops::{
    Activation, Argmax, Dense, DenseAdd, Embed, Mix, Mul, RmsNorm, Rope, Scores, Softmax,
};
use laminate_model::program::{
    Carry, DenseShape, DenseWeights, MASKED, Node, Op, Program, RopeTable, Sequence, Table,
    TableKind, Tensor, WeightFormat, Weights,
};
use laminate_prover::exec::{self, Trace};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Shape of a model and of the sequence it is asked to prove.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Blocks.
    pub blocks: u32,
    /// Width of the residual stream.
    pub dim: u32,
    /// Width between the projections of a block's second half.
    pub hidden: u32,
    /// Key heads.
    pub groups: u32,
    /// Queries of a key head.
    pub queries: u32,
    /// Half the size of a head.
    pub half: u32,
    /// Vocabulary.
    pub vocab: u32,
    /// log2 of slots.
    pub slots_log: u8,
    /// Tokens.
    pub tokens: u32,
    /// Prompt tokens.
    pub prompt: u32,
}

impl Shape {
    /// Three blocks of grouped queries, every axis of an odd size.
    pub const SMALL: Self = Self {
        blocks: 3,
        dim: 12,
        hidden: 10,
        groups: 2,
        queries: 3,
        half: 3,
        vocab: 21,
        slots_log: 3,
        tokens: 6,
        prompt: 2,
    };
}

/// A model with tokens that it generates.
#[derive(Clone, Debug)]
pub struct SequenceCase {
    /// The program.
    pub program: Program,
    /// Its weights.
    pub weights: Weights,
    /// Input tokens: the prompt, then what the model says.
    pub tokens: Vec<u32>,
    /// The run on them.
    pub trace: Trace,
}

struct Builder {
    rng: ChaCha20Rng,
    program: Program,
    weights: Weights,
    stack: u32,
}

impl Builder {
    fn tensor(&mut self, axes: &[u32], bits: u8, stack: u32) -> usize {
        let id = self.program.tensors.len();
        self.program.tensors.push(Tensor {
            axes: axes.to_vec(),
            stack,
            bits,
            ..Tensor::new(format!("t{id}"), 1, 10)
        });
        id
    }

    fn node(&mut self, op: Op, inputs: &[usize], axes: &[u32], bits: u8) -> usize {
        let output = self.tensor(axes, bits, self.stack);
        self.define(op, inputs, output)
    }

    fn define(&mut self, op: Op, inputs: &[usize], output: usize) -> usize {
        let name = format!("n{}", self.program.nodes.len());
        self.program.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            output,
        });
        output
    }

    /// Random weights with multipliers up to `gain`.
    fn weight(&mut self, rows: &[u32], cols: &[u32], gain: u32) -> usize {
        let shape = DenseShape {
            format: WeightFormat::Int8,
            stack: self.stack,
            rows: rows.to_vec(),
            cols: cols.to_vec(),
            bias: false,
        };
        let count = self.stack as usize * shape.row_count();
        let rng = &mut self.rng;
        self.weights.dense.push(DenseWeights {
            weight: (0..count * shape.col_count())
                .map(|_| rng.gen_range(-127..=127))
                .collect(),
            bias: vec![],
            multiplier: (0..count).map(|_| rng.gen_range(gain / 2..=gain)).collect(),
        });
        self.program.weights.push(shape);
        self.program.weights.len() - 1
    }

    fn dense(&mut self, input: usize, rows: &[u32], gain: u32) -> usize {
        let cols = self.program.tensors[input].axes.clone();
        let weight = self.weight(rows, &cols, gain);
        self.node(Op::Dense(Dense { weight, shift: 16 }), &[input], rows, 16)
    }

    fn norm(&mut self, input: usize, axes: &[u32]) -> usize {
        let width: u32 = axes.iter().product();
        let numerator = (f64::from(width).sqrt() * 2f64.powi(42)).round() as u64;
        let op = Op::RmsNorm(RmsNorm {
            epsilon: 1 << 20,
            numerator,
        });
        self.node(op, &[input], axes, 16)
    }

    fn attention(&mut self, x: usize, shape: &Shape) -> usize {
        let Shape {
            groups,
            queries,
            half,
            ..
        } = *shape;
        let slots = 1u32 << shape.slots_log;
        let head = 2 * half;
        let [q, k] = [vec![groups, queries, 2, half], vec![groups, 2, half]];
        let query = self.dense(x, &q, 60);
        let key = self.dense(x, &k, 60);
        let value = self.dense(x, &[groups, head], 60);
        let query = self.node(Op::Rope(Rope { table: 0 }), &[query], &q, 16);
        let key = self.node(Op::Rope(Rope { table: 0 }), &[key], &k, 16);
        let axes = [groups, queries, slots];
        let scores = Op::Scores(Scores {
            multiplier: 40,
            shift: 16,
        });
        let scores = self.node(scores, &[query, key], &axes, 16);
        let weights = self.node(Op::Softmax(Softmax { table: 0 }), &[scores], &axes, 16);
        self.node(
            Op::Mix(Mix),
            &[weights, value],
            &[groups, queries, head],
            16,
        )
    }
}

/// `stacked`: blocks as an axis, or unrolled.
pub fn case(seed: u64, shape: &Shape, stacked: bool) -> SequenceCase {
    let slots = 1usize << shape.slots_log;
    let mut program = Program::empty(format!("sequence-{seed}"), shape.slots_log, 20);
    program.limb_bits = 16;
    program.sequence = Some(Sequence::new(shape.tokens, shape.prompt, shape.vocab));
    program.tables = vec![exponential(9), silu(10)];
    program.rope = vec![rotation(slots, shape.half as usize)];
    let mut b = Builder {
        rng: ChaCha20Rng::seed_from_u64(seed),
        program,
        weights: Weights { dense: vec![] },
        stack: 1,
    };
    let dim = [shape.dim];
    let ids = b.tensor(&[1], 16, 1);
    let table = b.weight(&[shape.vocab], &dim, 300);
    let mut x = b.node(Op::Embed(Embed { weight: table }), &[ids], &dim, 32);
    if stacked {
        b.stack = shape.blocks;
        let entry = b.tensor(&dim, 32, shape.blocks);
        let exit = block(&mut b, entry, shape);
        b.stack = 1;
        let output = b.tensor(&dim, 32, 1);
        b.program.carry = Some(Carry {
            input: x,
            entry,
            exit,
            output,
        });
        x = output;
    } else {
        for _ in 0..shape.blocks {
            x = block(&mut b, x, shape);
        }
    }
    let x = b.norm(x, &dim);
    let head = Op::Dense(Dense {
        weight: table,
        shift: 16,
    });
    let logits = b.node(head, &[x], &[shape.vocab], 16);
    let output = b.node(Op::Argmax(Argmax), &[logits], &[1], 16);
    (b.program.input, b.program.output) = (ids, output);
    b.program.check().expect("a sound program");
    let mut tokens: Vec<u32> = (0..shape.prompt)
        .map(|_| b.rng.gen_range(0..shape.vocab))
        .collect();
    let trace = loop {
        let mut padded = tokens.clone();
        padded.resize(shape.tokens as usize, 0);
        let trace = exec::run_tokens(&b.program, &b.weights, &padded).expect("in range");
        if tokens.len() == padded.len() {
            break trace;
        }
        let next = trace.tensors[output][tokens.len() - 1] + (1 << 15);
        tokens.push(next as u32);
    };
    SequenceCase {
        program: b.program,
        weights: b.weights,
        tokens,
        trace,
    }
}

fn block(b: &mut Builder, x: usize, shape: &Shape) -> usize {
    let dim = [shape.dim];
    let normed = b.norm(x, &dim);
    let mixed = b.attention(normed, shape);
    let cols = b.program.tensors[mixed].axes.clone();
    let weight = b.weight(&dim, &cols, 2000);
    let x = b.node(
        Op::DenseAdd(DenseAdd { weight, shift: 16 }),
        &[mixed, x],
        &dim,
        32,
    );
    let normed = b.norm(x, &dim);
    let gate = b.dense(normed, &[shape.hidden], 60);
    let up = b.dense(normed, &[shape.hidden], 60);
    let gate = b.node(
        Op::Activation(Activation { table: 1 }),
        &[gate],
        &[shape.hidden],
        16,
    );
    let product = Op::Mul(Mul {
        multiplier: 64,
        shift: 16,
    });
    let hidden = b.node(product, &[gate, up], &[shape.hidden], 16);
    let weight = b.weight(&dim, &[shape.hidden], 2000);
    b.node(
        Op::DenseAdd(DenseAdd { weight, shift: 16 }),
        &[hidden, x],
        &dim,
        32,
    )
}

fn exponential(scale: i8) -> Table {
    let unit = f64::from(scale).exp2();
    let value = |z: i64| match z {
        MASKED => 0,
        z => ((-(z as f64) / unit).exp() * 16384.0).round() as i16,
    };
    Table {
        kind: TableKind::Exp,
        input_scale: scale,
        values: (0..1 << 16).map(value).collect(),
    }
}

fn silu(scale: i8) -> Table {
    let unit = f64::from(scale).exp2();
    let value = |i: i64| {
        let x = (i - (1 << 15)) as f64 / unit;
        (x / (1.0 + (-x).exp()) * unit).round() as i16
    };
    Table {
        kind: TableKind::Silu,
        input_scale: scale,
        values: (0..1 << 16).map(value).collect(),
    }
}

fn rotation(slots: usize, half: usize) -> RopeTable {
    let angle = |i: usize| (i / half) as f64 * 100f64.powf(-((i % half) as f64) / half as f64);
    let entry = |f: fn(f64) -> f64| -> Vec<i32> {
        (0..slots * half)
            .map(|i| (f(angle(i)) * 65536.0).round() as i32)
            .collect()
    };
    RopeTable {
        cos: entry(f64::cos),
        sin: entry(f64::sin),
    }
}
