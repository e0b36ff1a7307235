//! Every op on extreme values, called as the executor calls it.

use laminate_model::ops::{Argmax, Dense, DenseAdd, Mix, RmsNorm, Rope, Scores, Softmax};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, Role, RopeTable, Sequence, TableKind, Tensor,
    WeightFormat, Weights,
};

use crate::exec::layers::Layers;
use crate::exec::tables::table;
use crate::exec::{Computed, Failure, Rows, Task};

/// A program of one node over `1 << batch_log` slots whose output has these axes.
pub fn program(op: impl Into<Op>, axes: &[u32], bits: u8, batch_log: u8) -> Program {
    let tensor = Tensor {
        axes: axes.to_vec(),
        bits,
        ..Tensor::new("out", 1, 0)
    };
    Program {
        tensors: vec![tensor],
        nodes: vec![Node {
            name: "node".into(),
            op: op.into(),
            inputs: vec![],
            output: 0,
        }],
        limb_bits: 16,
        sequence: Some(Sequence::new(1, 1, 3)),
        ..Program::empty("test", batch_log, 4)
    }
}

/// Runs the node for all slots of a block; operands are of all slots.
fn block(
    program: &Program,
    weights: &Weights,
    block: usize,
    operands: &[&[i32]],
) -> Result<Computed, Failure> {
    let operands: Vec<Rows<'_>> = operands
        .iter()
        .map(|values| Rows {
            values,
            first: 0,
            width: values.len() / program.slots(),
        })
        .collect();
    let task = Task {
        program,
        layers: &Layers::new(program, weights),
        node: &program.nodes[0],
        block,
        slots: 0..program.slots(),
    };
    task.execute(&operands)
}

/// Runs the node for all slots of block 0.
pub fn run(program: &Program, weights: &Weights, operands: &[&[i32]]) -> Result<Computed, Failure> {
    block(program, weights, 0, operands)
}

pub fn none() -> Weights {
    Weights { dense: vec![] }
}

fn failed(result: Result<Computed, Failure>) -> (i128, i64, i64) {
    let failure = result.unwrap_err();
    (failure.value, failure.lowest, failure.highest)
}

/// One row of two weights.
fn dense(weight: i8, multiplier: u32, x: i32, residual: Option<i32>) -> Result<Computed, Failure> {
    let shift = 16;
    let op = match residual {
        None => Op::from(Dense { weight: 0, shift }),
        Some(_) => DenseAdd { weight: 0, shift }.into(),
    };
    let mut program = program(op, &[1], 16, 0);
    program.weights.push(DenseShape {
        bias: false,
        ..DenseShape::new(1, 2)
    });
    let weights = Weights {
        dense: vec![DenseWeights {
            weight: vec![weight; 2],
            bias: vec![],
            multiplier: vec![multiplier],
        }],
    };
    let residual = residual.map(|r| [r]);
    let x = [x; 2];
    let operands = std::iter::once(&x[..]).chain(residual.iter().map(|r| &r[..]));
    run(&program, &weights, &operands.collect::<Vec<_>>())
}

#[test]
fn dense_rounds_and_refuses() {
    let got = dense(-1, 1 << 15, 32_767, None).unwrap();
    assert_eq!(got.values, [-32_767]);
    assert_eq!(got.aux.narrow(Role::REMAINDER), [1 << 15]);
    assert_eq!(got.aux.sums, [-65_534]);
    let bounds = (-32_768, 32_767);
    let exact = (2i128 * 128 * 32_768 * ((1 << 24) - 1) + (1 << 15)) >> 16;
    let over = failed(dense(-128, (1 << 24) - 1, -32_768, None));
    assert_eq!(over, (exact, bounds.0, bounds.1));
    assert_eq!(failed(dense(1, 1 << 16, 16_384, None)).0, 32_768);
    assert_eq!(dense(1, 1 << 16, -16_384, None).unwrap().values, [-32_768]);
}

#[test]
fn a_residual_is_added_after_rounding() {
    let largest = i32::MAX;
    let bounds = (-(1i64 << 31), (1i64 << 31) - 1);
    assert_eq!(
        dense(1, 1 << 16, 0, Some(largest)).unwrap().values,
        [largest]
    );
    let over = failed(dense(1, 1 << 16, 1, Some(largest)));
    assert_eq!(over, (i128::from(largest) + 2, bounds.0, bounds.1));
    let under = failed(dense(-1, 1 << 16, 1, Some(i32::MIN)));
    assert_eq!(under.0, i128::from(i32::MIN) - 2);
    // The sum alone need not be an int16.
    let wide = dense(-128, 1 << 23, -32_768, Some(i32::MIN)).unwrap();
    assert_eq!(wide.values, [i32::MIN + (1 << 30)]);
}

fn norm(x: [i32; 4], numerator: u64) -> Result<Computed, Failure> {
    let op = Op::RmsNorm(RmsNorm {
        epsilon: 1,
        numerator,
    });
    run(&program(op, &[4], 16, 0), &none(), &[&x])
}

#[test]
fn norms_of_extreme_rows() {
    let zero = norm([0; 4], (1 << 48) - 1).unwrap();
    assert_eq!(zero.values, [0; 4]);
    assert_eq!(zero.aux.narrow(Role::REMAINDER), [1 << 31; 4]);
    // sqrt(4)·2^(32 + 13): one value alone becomes 2.
    let k = 2 << 45;
    assert_eq!(
        norm([i32::MIN, 0, 0, 0], k).unwrap().values,
        [-16_384, 0, 0, 0]
    );
    let even = norm([i32::MAX, i32::MIN, i32::MAX, i32::MIN], k)
        .unwrap()
        .values;
    assert_eq!(even, [8192, -8192, 8192, -8192]);
    let over = failed(norm([1, 0, 0, 0], (1 << 48) - 1));
    assert_eq!(over, (65_536, -32_768, 32_767));
}

fn rope(x: [i32; 2], cos: i32, sin: i32) -> Result<Computed, Failure> {
    let mut program = program(Op::Rope(Rope { table: 0 }), &[1, 2, 1], 16, 0);
    program.rope.push(RopeTable {
        cos: vec![cos],
        sin: vec![sin],
    });
    run(&program, &none(), &[&x])
}

#[test]
fn rotations_turn_and_refuse() {
    let x = [32_767, -32_768];
    assert_eq!(rope(x, 65_536, 0).unwrap().values, x);
    assert_eq!(rope([-32_767, 5], 0, 65_536).unwrap().values, [-5, -32_767]);
    assert_eq!(failed(rope(x, 0, 65_536)).0, 32_768, "-(-32768)");
    assert_eq!(failed(rope([32_767, 32_767], 46_341, 46_341)).0, 46_340);
}

fn scores(q: i32, k: i32, multiplier: u32, shift: u8) -> Result<Computed, Failure> {
    let op = Op::Scores(Scores { multiplier, shift });
    let (q, k) = ([q; 4], [k; 4]);
    run(&program(op, &[1, 1, 1], 16, 0), &none(), &[&q, &k])
}

#[test]
fn scores_of_extreme_queries() {
    // 4·2^30 over 2^32.
    assert_eq!(scores(-32_768, -32_768, 1, 32).unwrap().values, [1]);
    let over = failed(scores(-32_768, -32_768, (1 << 24) - 1, 16));
    assert_eq!(over, (((1 << 24) - 1) << 16, -32_768, 32_767));
    assert_eq!(scores(-32_768, 16_384, 1, 16).unwrap().values, [-32_768]);
    assert_eq!(failed(scores(-32_768, -16_384, 1, 16)).0, 32_768);
}

#[test]
fn softmax_of_extreme_scores() {
    let mut program = program(Op::Softmax(Softmax { table: 0 }), &[1, 1, 4], 16, 2);
    program.tables.push(table(TableKind::Exp, 8));
    #[rustfmt::skip]
    let x = [
        -32_768, 32_767, 32_767, 32_767,
        32_767, -32_768, 0, 0,
        7, 7, 7, 32_767,
        -32_768, -32_768, -32_768, -32_767,
    ];
    let got = run(&program, &none(), &[&x]).unwrap();
    let one = 16_384;
    let near = i32::from(program.tables[0].values[1]);
    #[rustfmt::skip]
    let expected = [
        one, 0, 0, 0,
        one, 0, 0, 0,
        one, one, one, 0,
        near, near, near, one,
    ];
    assert_eq!(got.values, expected);
    let column = |role| got.aux.narrow(role);
    assert_eq!(column(Role::MAXIMUM), [0, 65_535, 32_775, 1]);
    assert_eq!(column(Role::DEPTH)[4..8], [0, 65_535, 65_535, 65_535]);
    assert_eq!(column(Role::PICK)[8..], [1, 0, 0, 0, 0, 0, 0, 1]);
}

fn mix(e: [i32; 4], v: [i32; 2]) -> Result<Computed, Failure> {
    run(&program(Mix, &[1, 1, 1], 16, 1), &none(), &[&e, &v])
}

#[test]
fn mixes_of_extreme_values() {
    let one = 16_384;
    let got = mix([one, 0, one, one], [-32_768, 32_767]).unwrap();
    assert_eq!(got.values, [-32_768, 0], "-0.5 rounds up");
    let got = mix([one, 0, 3, one], [32_767, 32_767]).unwrap();
    assert_eq!(
        got.values,
        [32_767, 32_767],
        "the reciprocal is fine enough"
    );
    assert_eq!(failed(mix([one, 0, 1, 0], [0, 0])), (1, 2, 4_294_967_295));
    assert_eq!(failed(mix([0, 0, 1, 0], [0, 0])).0, 0);
}

#[test]
fn argmax_takes_the_lowest_of_equals() {
    let logits = |values: [i32; 4]| {
        let got = run(&program(Argmax, &[1], 16, 0), &none(), &[&values]).unwrap();
        let [best, gap] = [Role::BEST, Role::GAP].map(|role| got.aux.narrow(role));
        (got.values[0] + 32_768, best[0], gap.to_vec())
    };
    // The fourth is padding.
    assert_eq!(logits([5, 5, 5, 9]), (0, 32_773, vec![0, 0, 0, 0]));
    assert_eq!(logits([-1, 7, 7, 0]), (1, 32_775, vec![7, 0, 0, 0]));
    let extreme = logits([-32_768, 32_767, -32_768, 0]);
    assert_eq!(extreme, (1, 65_535, vec![65_534, 0, 65_535, 0]));
    assert_eq!(logits([-32_768; 4]).0, 0);
}

#[test]
fn padded_blocks_have_no_weights() {
    let op = Op::Dense(Dense {
        weight: 0,
        shift: 32,
    });
    let mut program = program(op, &[3], 16, 0);
    program.weights.push(DenseShape {
        stack: 3,
        bias: false,
        ..DenseShape::new(3, 2)
    });
    let weights = Weights {
        dense: vec![DenseWeights {
            weight: vec![1; 18],
            bias: vec![],
            multiplier: vec![1 << 20; 9],
        }],
    };
    let block = |number: usize| block(&program, &weights, number, &[&[32_767; 2]]).unwrap();
    assert_eq!(block(2).values, [16, 16, 16, 0]);
    assert_eq!(block(2).aux.sums, [65_534, 65_534, 65_534, 0]);
    let padded = block(3);
    assert_eq!((padded.values, &padded.aux.sums), (vec![0; 4], &vec![0; 4]));
    assert_eq!(padded.aux.narrow(Role::REMAINDER), [1 << 31; 4]);
}

#[test]
fn ternary_layers_are_summed_alike_packed_or_not() {
    let (rows, cols) = (37u32, 300u32);
    let count = 2 * (rows * cols) as usize;
    let weights = Weights {
        dense: vec![DenseWeights {
            weight: (0..count).map(|i| (i * i % 7 % 3) as i8 - 1).collect(),
            bias: (0..2 * rows as i32).collect(),
            multiplier: (0..2 * rows).map(|i| 100 + i).collect(),
        }],
    };
    let x: Vec<i32> = (0..4 * 512).map(|i| (i * 7919) % 65_536 - 32_768).collect();
    let op = Dense {
        weight: 0,
        shift: 16,
    };
    let [plain, packed] = [WeightFormat::Int8, WeightFormat::Ternary].map(|format| {
        let mut program = program(op, &[rows], 16, 2);
        program.weights.push(DenseShape {
            stack: 2,
            format,
            ..DenseShape::new(rows, cols)
        });
        [0, 1, 2].map(|number| block(&program, &weights, number, &[&x]).unwrap())
    });
    assert_eq!(plain, packed);
    assert_ne!(plain[0], plain[1]);
}
