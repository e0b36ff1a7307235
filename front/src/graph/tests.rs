//! What graphs are refused, and what small ones compute.

use super::*;
use crate::ops::{Function, Op};

fn values(shapes: &[&[usize]]) -> Vec<Value> {
    let named = shapes.iter().enumerate();
    named
        .map(|(i, shape)| Value::new(format!("v{i}"), shape))
        .collect()
}

fn node(op: Op, inputs: &[usize], params: &[usize], output: usize) -> Node {
    Node {
        name: "n".into(),
        op,
        inputs: inputs.to_vec(),
        params: params.to_vec(),
        output,
    }
}

fn params(rows: usize, cols: usize) -> Vec<Param> {
    vec![
        Param::owned("w", vec![rows, cols], vec![1.0; rows * cols]),
        Param::owned("b", vec![rows], vec![0.0; rows]),
    ]
}

#[test]
fn runs_contractions_and_pointwise_ops() {
    let params = vec![
        Param::owned("w", vec![1, 2], vec![2.0, -3.0]),
        Param::owned("b", vec![1], vec![0.5]),
    ];
    let nodes = vec![
        node(Op::Contract, &[0], &[0, 1], 1),
        node(Op::Rectify { slope: 0.0 }, &[1], &[], 2),
        node(Op::Add, &[1, 2], &[], 3),
    ];
    let graph = Graph::new(values(&[&[2], &[1], &[1], &[1]]), params, nodes, 0, 3).unwrap();
    assert_eq!(graph.parameters(), 3);
    let rows = [vec![1.0, 0.0], vec![0.0, 1.0]];
    assert_eq!(graph.run(&rows).unwrap(), [[5.0], [-2.5]]);
    assert_eq!(graph.max_abs(&rows).unwrap(), [1.0, 2.5, 2.5, 5.0]);
    let narrow = graph.run(&[vec![1.0, 2.0], vec![1.0]]).unwrap_err();
    assert_eq!(
        narrow.to_string(),
        "float graph: row 1: 1 columns, expected 2"
    );
    let large = [vec![0.0, 0.0], vec![f32::MAX, f32::MIN]];
    let error = graph.max_abs(&large).unwrap_err();
    assert_eq!(
        error.to_string(),
        "float graph: row 1: value \"v1\" holds inf"
    );
}

/// Weights are read a part at a time, here one row of three, and a bias may be missing.
#[test]
fn large_matrices_are_read_in_parts() {
    let cols = 1 << 22;
    let weight = (0..3 * cols).map(|i| (i % 5) as f32).collect();
    let params = vec![
        Param::owned("w", vec![3, cols], weight),
        Param::owned("b", vec![3], vec![0.5, -1.0, 2.0]),
    ];
    let row: Vec<f32> = (0..cols).map(|i| (i % 3) as f32).collect();
    let expected: Vec<f64> = (0..3)
        .map(|j| {
            let products = (0..cols).map(|i| ((j * cols + i) % 5) * (i % 3));
            products.sum::<usize>() as f64
        })
        .collect();
    for (used, biases) in [(vec![0, 1], [0.5, -1.0, 2.0]), (vec![0], [0.0; 3])] {
        let nodes = vec![node(Op::Contract, &[0], &used, 1)];
        let values = values(&[&[cols], &[3]]);
        let graph = Graph::new(values, params.clone(), nodes, 0, 1).unwrap();
        let found = graph.run(&[row.clone(), vec![0.0; cols]]).unwrap();
        for (j, bias) in biases.into_iter().enumerate() {
            assert_eq!(found[0][j], (expected[j] + bias) as f32);
            assert_eq!(found[1][j], bias as f32);
        }
    }
}

/// Shapes of attention: two query heads of each of three groups.
#[test]
fn attention_is_checked_and_shifted_by_memory() {
    let shaped = |axes: &[Len]| Value {
        name: "v".into(),
        axes: axes
            .iter()
            .map(|len| Axis {
                name: "a".into(),
                len: *len,
            })
            .collect(),
    };
    let (row, f) = (Len::Rows, Len::Fixed);
    let graph = |scores: &[Len], mixed: &[Len]| {
        let values = vec![
            shaped(&[row, f(3), f(2), f(4)]),
            shaped(&[row, f(3), f(4)]),
            shaped(scores),
            shaped(scores),
            shaped(mixed),
        ];
        let nodes = vec![
            node(Op::Contract, &[0], &[0], 1),
            node(Op::Scores { factor: 0.5 }, &[0, 1], &[], 2),
            node(Op::Softmax, &[2], &[], 3),
            node(Op::Mix, &[3, 1], &[], 4),
        ];
        let shape = vec![3, 4, 3, 2, 4];
        let weight = (0..288).map(|i| ((i * 7 % 11) as f32 - 5.0) / 16.0);
        let params = vec![Param::owned("w", shape, weight.collect())];
        Graph::new(values, params, nodes, 0, 4)
    };
    let (scores, mixed) = ([row, f(3), f(2), row], [row, f(3), f(2), f(4)]);
    for (scores, mixed) in [
        (&[row, f(2), f(2), row], &mixed),
        (&[row, f(3), f(2), f(5)], &mixed),
        (&scores, &[row, f(3), f(2), f(2)]),
    ] {
        let error = graph(scores, mixed).unwrap_err().to_string();
        assert!(error.contains("operands have shapes"), "{error}");
    }
    let values = vec![shaped(&scores), shaped(&scores[..3])];
    let nodes = vec![node(Op::Unary(Function::Tanh), &[0], &[], 1)];
    let error = Graph::new(values, vec![], nodes, 0, 1).unwrap_err();
    assert!(
        error.to_string().contains("expected one axis of rows"),
        "{error}"
    );
    let graph = graph(&scores, &mixed).unwrap();
    // Two texts, whole and row by row with a memory.
    let rows: Vec<f32> = (0..2 * 3 * 24)
        .map(|i| ((i * 5 % 13) as f32) / 8.0)
        .collect();
    let mut whole = vec![vec![]; 2];
    let texts = Texts {
        rows: &rows,
        lens: &[3, 3],
    };
    let all = &mut |id, text: usize, values: &[f32]| {
        if id == 4 {
            whole[text] = values.to_vec();
        }
        Ok::<_, GraphError>(())
    };
    graph.observe(texts, 4, None, all).unwrap();
    let mut memory = Memory::default();
    for position in 0..3 {
        let row = |text: usize| &rows[(text * 3 + position) * 24..][..24];
        let texts = Texts {
            rows: &[row(0), row(1)].concat(),
            lens: &[1, 1],
        };
        let step = &mut |id, text: usize, values: &[f32]| {
            if id == 4 {
                assert_eq!(whole[text][position * 24..][..24], *values);
            }
            Ok::<_, GraphError>(())
        };
        graph.observe(texts, 4, Some(&mut memory), step).unwrap();
    }
    assert_eq!(memory.rows(), 3);
    // The first position sees itself alone: its mix is its own values.
    let own = |i: usize| whole[0][i * 8..][..4] == whole[0][i * 8 + 4..][..4];
    assert!((0..3).all(own) && whole[0][24..] != whole[0][..48]);
}

#[test]
fn rows_of_many_blocks_are_those_of_one() {
    // A block holds 2^22 numbers: 2^20 rows and a few are two blocks.
    let nodes = vec![node(Op::Unary(Function::Tanh), &[0], &[], 1)];
    let graph = Graph::new(values(&[&[4], &[4]]), vec![], nodes, 0, 1).unwrap();
    let count = (1 << 20) + 3;
    let rows: Vec<Vec<f32>> = (0..count).map(|i| vec![i as f32 * 1e-6; 4]).collect();
    let found = graph.run(&rows).unwrap();
    assert_eq!(found.len(), count);
    let last = graph.run(&rows[count - 1..]).unwrap();
    assert_eq!(found[count - 1..], last);
}

#[test]
fn refuses_inconsistent_graphs() {
    let add = |inputs: &[usize], output| vec![node(Op::Add, inputs, &[], output)];
    let new = |shapes: &[&[usize]], nodes, output| {
        Graph::new(values(shapes), params(2, 3), nodes, 0, output)
    };
    assert!(new(&[&[2], &[2]], add(&[0, 0], 1), 1).is_ok());
    let dense = |output: &'static [usize]| {
        let nodes = vec![node(Op::Contract, &[0], &[0, 1], 1)];
        new(&[&[3], output], nodes, 1)
    };
    assert!(dense(&[2]).is_ok());
    let cases = [
        (new(&[&[2], &[2]], add(&[0], 1), 1), "expected 2 and 0 to 0"),
        (new(&[&[2], &[2]], add(&[0, 1], 1), 1), "not defined before"),
        (new(&[&[2], &[2]], add(&[0, 7], 1), 1), "not defined before"),
        (new(&[&[2], &[3]], add(&[0, 0], 1), 1), "(batch, axis 1 2)"),
        (
            new(&[&[2, 3], &[6]], add(&[0, 0], 1), 1),
            "(batch, axis 1 6)",
        ),
        (new(&[&[2], &[2]], add(&[0, 0], 0), 1), "defined twice"),
        (new(&[&[2], &[2]], add(&[0, 0], 9), 1), "does not exist"),
        (new(&[&[2], &[2]], add(&[0, 0], 1), 2), "output does not"),
        (
            new(&[&[2], &[2], &[2]], add(&[0, 0], 1), 1),
            "never defined",
        ),
        (new(&[], vec![], 0), "input does not exist"),
        (dense(&[3]), "[2, 3], expected [3, 3]"),
        (
            new(&[&[3], &[2]], vec![node(Op::Contract, &[0], &[], 1)], 1),
            "expected 1 and 1 to 2",
        ),
        (
            new(&[&[3], &[2]], vec![node(Op::Contract, &[0], &[0, 5], 1)], 1),
            "parameter 5",
        ),
        (
            new(&[&[3], &[4]], vec![node(Op::Reshape, &[0], &[], 1)], 1),
            "(batch, axis 1 4)",
        ),
    ];
    for (result, expected) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    for axes in [
        vec![],
        vec![Axis::fixed("x", 2)],
        vec![
            Axis::rows("batch"),
            Axis::rows("token"),
            Axis::fixed("x", 2),
        ],
    ] {
        let value = Value {
            name: "v".into(),
            axes,
        };
        let error = Graph::new(vec![value], vec![], vec![], 0, 0).unwrap_err();
        assert!(matches!(error, GraphError::Value { .. }), "{error}");
    }
}

/// Two blocks of two nodes each, and a sum behind them of what `last` names.
fn blocks(slope: f32, second: usize, last: usize) -> Result<Graph, GraphError> {
    let nodes = vec![
        node(Op::Rectify { slope: 0.5 }, &[0], &[], 1),
        node(Op::Add, &[0, 1], &[], 2),
        node(Op::Rectify { slope }, &[second], &[], 3),
        node(Op::Add, &[2, 3], &[], 4),
        node(Op::Add, &[last, 4], &[], 5),
    ];
    let graph = Graph::new(values(&[&[2][..]; 6]), vec![], nodes, 0, 5).unwrap();
    graph.with_blocks("blocks", 0..4, 2)
}

#[test]
fn blocks_are_equal_and_read_one_another_alone() {
    let graph = blocks(0.5, 2, 4).unwrap();
    let found = graph.blocks().unwrap();
    assert_eq!((found.entry, found.len(), found.copies(1..2)), (0, 2, 2..4));
    let of = |node: usize, copy| graph.in_copy(&graph.nodes()[node], copy).output;
    assert_eq!(
        [of(0, 1), of(3, 0), of(1, 0), of(4, 1), of(0, 2)],
        [3, 2, 2, 5, 1]
    );
    let other = "is not as in the first of equal blocks";
    for (case, problem) in [
        (blocks(0.25, 2, 4), other),
        // What the first block reads.
        (blocks(0.5, 0, 4), other),
        (blocks(0.5, 2, 3), "reads the inside of a block"),
        (blocks(0.5, 2, 1), "reads the inside of a block"),
    ] {
        let error = case.unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    let plain = |nodes, count| blocks(0.5, 2, 4).unwrap().with_blocks("b", nodes, count);
    for (nodes, count) in [(0..4, 0), (0..4, 3), (0..0, 1), (0..9, 1)] {
        assert!(plain(nodes, count).is_err());
    }
    assert!(plain(0..4, 1).is_ok());
}
