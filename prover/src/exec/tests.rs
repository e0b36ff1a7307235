//! Whole programs: padding, batch slots, range errors, and the rounding identity of every op.

use laminate_model::ops::{Activation, Add, Dense, LeakyRelu, Mul, Relu, Reshape};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, Role, Table, TableKind, Tensor, Weights,
};
use proptest::prelude::*;

use super::tables::table;
use super::{ExecError, run};

/// A program whose nodes define tensors 1, 2, …, each given as (op, operands, width).
fn program(
    input: u32,
    batch_log: u8,
    nodes: &[(Op, &[usize], u32)],
    tables: Vec<Table>,
) -> Program {
    let tensor = |width| Tensor::new("t", width, 8);
    let widths = std::iter::once(input).chain(nodes.iter().map(|n| n.2));
    let node = |(i, n): (usize, &(Op, &[usize], u32))| Node {
        name: format!("n{i}"),
        op: n.0,
        inputs: n.1.to_vec(),
        output: i + 1,
    };
    let dense = |n: &&(Op, &[usize], u32)| matches!(n.0, Op::Dense(_));
    Program {
        tensors: widths.clone().map(tensor).collect(),
        nodes: nodes.iter().enumerate().map(node).collect(),
        output: nodes.len(),
        weights: nodes
            .iter()
            .filter(dense)
            .map(|n| DenseShape::new(n.2, widths.clone().nth(n.1[0]).unwrap()))
            .collect(),
        tables,
        ..Program::empty("test", batch_log, 8)
    }
}

fn layer(rows: usize, cols: usize, weight: i8, multiplier: u32) -> DenseWeights {
    DenseWeights {
        weight: vec![weight; rows * cols],
        bias: vec![0; rows],
        multiplier: vec![multiplier; rows],
    }
}

#[test]
fn shapes_slots_and_padding() {
    let dense = Op::Dense(Dense {
        weight: 0,
        shift: 16,
    });
    let sigmoid = Op::Activation(Activation { table: 0 });
    let nodes: &[(Op, &[usize], u32)] = &[
        (dense, &[0], 5),
        (sigmoid, &[1], 5),
        (
            Op::Add(Add {
                left: 128,
                right: 128,
                shift: 8,
            }),
            &[1, 2],
            5,
        ),
        (Op::Reshape(Reshape), &[3], 5),
    ];
    let program = program(3, 2, nodes, vec![table(TableKind::Sigmoid, 8)]);
    let weights = Weights {
        dense: vec![layer(5, 3, 1, 1 << 16)],
    };
    let trace = run(&program, &weights, &[vec![1, 2, 3], vec![-4, -5, -6]]).unwrap();
    let sizes: Vec<_> = trace.tensors.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4 * 4, 4 * 8, 4 * 8, 4 * 8, 4 * 8]);
    assert_eq!(trace.tensors[0][..8], [1, 2, 3, 0, -4, -5, -6, 0]);
    assert_eq!(
        trace.tensors[0][4..8],
        trace.tensors[0][12..],
        "the last row fills the unused slots"
    );
    assert_eq!(trace.tensors[1][..8], [6, 6, 6, 6, 6, 0, 0, 0]);
    assert_eq!(trace.aux[0].narrow(Role::REMAINDER)[..8], [1 << 15; 8]);
    assert_eq!(
        trace.tensors[2][5..8],
        [8192; 3],
        "padded features look up index 0"
    );
    assert_eq!(trace.tensors[3][5..8], [4096; 3]);
    assert_eq!(trace.tensors[4], trace.tensors[3]);
    assert!(trace.aux[1].columns.is_empty() && trace.aux[3].columns.is_empty());
    let outputs = trace.outputs(&program);
    assert_eq!((outputs.len(), outputs[0].len()), (4, 5));
    assert_eq!(outputs[1], outputs[3]);
}

#[test]
fn range_errors_name_the_place() {
    let program = program(
        3,
        1,
        &[(
            Op::Dense(Dense {
                weight: 0,
                shift: 16,
            }),
            &[0],
            3,
        )],
        vec![],
    );
    let mut weights = Weights {
        dense: vec![layer(3, 3, 0, 1 << 16)],
    };
    weights.dense[0].weight[5] = 127;
    let error = run(&program, &weights, &[vec![0, 0, 258], vec![0, 0, 259]]).unwrap_err();
    let ExecError::OutOfRange(at) = &error else {
        panic!("{error}");
    };
    assert_eq!(
        (at.node, at.block, at.slot, at.feature),
        (0, None, 1, 1),
        "{error}"
    );
    assert_eq!((at.value, at.highest), (32_893, 32_767));
    assert!(
        error
            .to_string()
            .contains("\"n0\" (dense), row 1, feature 1: output is 32893"),
        "{error}"
    );
    let table = super::tests::program(
        1,
        0,
        &[(Op::Activation(Activation { table: 0 }), &[0], 1)],
        vec![table(TableKind::Tanh, 8)],
    );
    let error = run(&table, &Weights { dense: vec![] }, &[vec![2048]]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("table index is 2048, expected -2048 to 2047"),
        "{error}"
    );
}

#[test]
fn bad_inputs_and_weights() {
    let program = program(
        2,
        1,
        &[(
            Op::Dense(Dense {
                weight: 0,
                shift: 16,
            }),
            &[0],
            1,
        )],
        vec![],
    );
    let weights = Weights {
        dense: vec![layer(1, 2, 1, 1)],
    };
    let fails = |inputs: &[Vec<i32>]| run(&program, &weights, inputs).unwrap_err();
    assert!(matches!(fails(&[]), ExecError::Rows { .. }));
    assert!(matches!(
        fails(&vec![vec![0, 0]; 3]),
        ExecError::Rows { found: 3, slots: 2 }
    ));
    assert!(matches!(fails(&[vec![0]]), ExecError::Columns { .. }));
    assert!(matches!(
        fails(&[vec![0, 0], vec![0, 32_768]]),
        ExecError::Input {
            row: 1,
            feature: 1,
            ..
        }
    ));
    assert!(matches!(
        fails(&[vec![-32_769, 0]]),
        ExecError::Input { .. }
    ));
    for (part, change) in [
        (0, |w: &mut Weights| w.dense.clear()),
        (1, |w: &mut Weights| w.dense[0].weight.truncate(1)),
        (2, |w: &mut Weights| w.dense[0].bias.push(0)),
        (3, |w: &mut Weights| w.dense[0].multiplier.clear()),
        (4, |w: &mut Weights| w.dense[0].multiplier[0] = 1 << 24),
    ] as [(u8, fn(&mut Weights)); 5]
    {
        let mut bad = weights.clone();
        change(&mut bad);
        let error = run(&program, &bad, &[vec![0, 0]]).unwrap_err();
        assert!(
            matches!(
                error,
                ExecError::Weights { .. } | ExecError::Multiplier { .. }
            ),
            "{part}: {error}"
        );
    }
    let mut malformed = program.clone();
    malformed.nodes[0].inputs[0] = 9;
    assert!(matches!(
        run(&malformed, &weights, &[vec![0, 0]]),
        Err(ExecError::Program(_))
    ));
}

fn identity(y: i32, remainder: u32, exact: i128, shift: u8) -> Result<(), TestCaseError> {
    prop_assert!(u64::from(remainder) < 1 << shift);
    prop_assert_eq!(
        (i128::from(y) << shift) + i128::from(remainder),
        exact + (1 << (shift - 1))
    );
    Ok(())
}

proptest! {
    #[test]
    fn dense_identity(
        x in prop::collection::vec(-32_768i32..32_768, 6),
        w in prop::collection::vec(any::<i8>(), 9),
        bias in prop::collection::vec(-(1i32 << 28)..1 << 28, 3),
        m in prop::collection::vec(0u32..1 << 8, 3),
        shift in prop::sample::select(vec![16u8, 24, 32]),
    ) {
        let program = program(3, 1, &[(Op::Dense(Dense { weight: 0, shift }), &[0], 3)], vec![]);
        let weights = Weights { dense: vec![DenseWeights { weight: w.clone(), bias: bias.clone(), multiplier: m.clone() }] };
        let rows: Vec<_> = x.chunks(3).map(<[i32]>::to_vec).collect();
        let exact = |b: usize, j: usize| {
            let sum: i128 = (0..3).map(|k| i128::from(w[3 * j + k]) * i128::from(rows[b][k])).sum();
            (sum + i128::from(bias[j])) * i128::from(m[j])
        };
        match run(&program, &weights, &rows) {
            Ok(trace) => for (b, j) in (0..2).flat_map(|b| (0..4).map(move |j| (b, j))) {
                let at = 4 * b + j;
                let exact = if j < 3 { exact(b, j) } else { 0 };
                identity(trace.tensors[1][at], trace.aux[0].narrow(Role::REMAINDER)[at], exact, shift)?;
            },
            Err(ExecError::OutOfRange(at)) => {
                let rounded = (exact(at.slot, at.feature) + (1 << (shift - 1))).div_euclid(1 << shift);
                prop_assert_eq!(rounded, at.value);
                prop_assert!(!(-32_768..32_768).contains(&at.value));
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn elementwise_identities(
        a in prop::collection::vec(-32_768i32..32_768, 4),
        left in 0u32..1 << 15, right in 0u32..1 << 15, slope in 1u32..1 << 16, multiplier in 0u32..1 << 9,
    ) {
        let leaky = Op::LeakyRelu(LeakyRelu { slope });
        let add = Op::Add(Add { left, right, shift: 16 });
        let mul = Op::Mul(Mul { multiplier, shift: 24 });
        let program = program(4, 0, &[(leaky, &[0], 4), (Op::Relu(Relu), &[0], 4), (add, &[0, 1], 4), (mul, &[0, 1], 4)], vec![]);
        let trace = run(&program, &Weights { dense: vec![] }, std::slice::from_ref(&a)).unwrap();
        for (i, &raw) in a.iter().enumerate() {
            let (x, y) = (i128::from(raw), trace.tensors[1][i]);
            let [leaky, relu, add, mul] = &trace.aux[..] else { unreachable!() };
            let [p, n] = [Role::POSITIVE, Role::NEGATIVE].map(|role| i128::from(leaky.narrow(role)[i]));
            prop_assert!(p - n == x && p * n == 0);
            identity(y, leaky.narrow(Role::REMAINDER)[i], (p << 16) - n * i128::from(slope), 16)?;
            let negative = relu.narrow(Role::NEGATIVE)[i] as i32;
            prop_assert_eq!(trace.tensors[2][i] - negative, raw);
            prop_assert_eq!(trace.tensors[2][i] * negative, 0);
            let y = i128::from(y);
            identity(trace.tensors[3][i], add.narrow(Role::REMAINDER)[i], x * i128::from(left) + y * i128::from(right), 16)?;
            identity(trace.tensors[4][i], mul.narrow(Role::REMAINDER)[i], x * y * i128::from(multiplier), 24)?;
        }
    }
}
