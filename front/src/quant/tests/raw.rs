//! Raw inputs: amounts beside ratios, what is far outside of calibration, and programs that saturate.

use laminate_model::ops::Saturate;
use laminate_model::program::Op;
use laminate_prover::exec::{self, ExecError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::saturate::{count, saturate};
use super::super::{Compiled, QuantError, compile, compile_raw, fidelity, quantise_input};
use super::rows::{Layer, RELU, SIGMOID, graph, measured, options};
use crate::graph::{Graph, Node, Param, Value};
use crate::ops::Op as FloatOp;

/// Amount up to 25,000, ratio up to 0.05, age, a year, a flag: mean and deviation.
const COLUMNS: [(f32, f32); 5] = [
    (900.0, 2500.0),
    (0.02, 0.01),
    (45.0, 15.0),
    (2010.0, 8.0),
    (0.5, 0.5),
];

fn row(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let amount = 25_000.0 * rng.gen_range(0.0f32..1.0).powi(6);
    vec![
        (amount * 100.0).round() / 100.0,
        rng.gen_range(0.0..0.05),
        rng.gen_range(18..80) as f32,
        rng.gen_range(1990..2026) as f32,
        f32::from(u8::from(rng.gen_bool(0.4))),
    ]
}

fn rows(seed: u64, count: usize) -> Vec<Vec<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| row(&mut rng)).collect()
}

/// A classifier of the unscaled columns, in which each counts about as much as the others.
fn classifier() -> Graph {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut weight, mut bias) = (vec![], vec![]);
    for _ in 0..8 {
        let mut offset = rng.gen_range(-0.5f32..0.5);
        for (mean, deviation) in COLUMNS {
            let w = rng.gen_range(-1.0f32..1.0) / deviation;
            offset -= w * mean;
            weight.push(w);
        }
        bias.push(offset);
    }
    let last: Vec<f32> = (0..8).map(|_| rng.gen_range(-1.5..1.5)).collect();
    let second = Layer::Dense {
        weight: last,
        bias: vec![0.1],
    };
    graph(
        5,
        vec![
            (Layer::Dense { weight, bias }, vec![0], 8),
            (RELU, vec![1], 8),
            (second, vec![2], 1),
            (SIGMOID, vec![3], 1),
        ],
    )
}

fn agreement(compiled: &Compiled, graph: &Graph, rows: &[Vec<f32>]) -> f64 {
    let found = fidelity(graph, &compiled.program, &compiled.weights, rows).expect("runs");
    found.agreement().expect("a classifier")
}

#[test]
fn amounts_stand_beside_ratios() {
    let (graph, calibration, others) = (classifier(), rows(1, 400), rows(2, 1000));
    let one = compile(&graph, &calibration, &options()).expect("compiles");
    let raw = compile_raw(&graph, &calibration, &options(), &[]).expect("compiles");
    // With one scale a unit is larger than every ratio and every flag.
    assert!(agreement(&one, &graph, &others) < 0.97);
    let found = agreement(&raw, &graph, &others);
    assert!(found >= 0.99, "{found}");
    assert!(measured(&raw).max_error < 0.05, "{:?}", measured(&raw));
    assert!(
        raw.columns.iter().all(|column| column.bits >= 20),
        "{:?}",
        raw.columns
    );
    let program = &raw.program;
    assert_eq!(program.input_scales.len(), 5);
    assert_eq!(program.tensors[program.input].bits, 32);
    // Each is the nearest integer at its column's scale.
    let inputs = quantise_input(program, &others[..3]).expect("inputs");
    for (row, found) in others.iter().zip(inputs) {
        for ((x, scale), found) in row.iter().zip(&program.input_scales).zip(found) {
            let exact = f64::from(*x) * libm::exp2((*scale).into());
            assert!((exact - f64::from(found)).abs() <= 0.5);
        }
    }
}

#[test]
fn what_is_outside_of_calibration_is_refused_or_clamped() {
    let (graph, calibration) = (classifier(), rows(1, 400));
    let mut unusual = calibration[0].clone();
    unusual[0] = 190_000.0;
    let raw = compile_raw(&graph, &calibration, &options(), &[]).expect("compiles");
    let input = quantise_input(&raw.program, &[unusual.clone()]).expect("int32 has room");
    let refused = exec::run(&raw.program, &raw.weights, &input).expect_err("no int16 holds it");
    assert!(matches!(refused, ExecError::OutOfRange(_)), "{refused}");

    let mut options = options();
    options.inputs.saturate = true;
    let clamped = compile_raw(&graph, &calibration, &options, &[]).expect("compiles");
    assert!(count(&clamped.program) > 1);
    assert_eq!(measured(&clamped).clamped, 0, "scales hold calibration");
    exec::run(&clamped.program, &clamped.weights, &input).expect("every int32");
    let mut rows = calibration.clone();
    rows.push(unusual);
    let found = fidelity(&graph, &clamped.program, &clamped.weights, &rows).expect("runs");
    assert_eq!((found.refused, found.clamped), (0, 1));
    // Whatever an int32 holds.
    for value in [i32::MIN, i32::MAX] {
        exec::run(&clamped.program, &clamped.weights, &[vec![value; 5]]).expect("every int32");
    }
    // Rows that nothing leaves its range on have the same integers.
    let inputs = quantise_input(&raw.program, &calibration[..20]).expect("inputs");
    for row in inputs {
        let row = [row];
        let [a, b] = [&raw, &clamped].map(|of| {
            let trace = exec::run(&of.program, &of.weights, &row).expect("runs");
            trace.outputs(&of.program)
        });
        assert_eq!(a, b);
    }
    let far = vec![vec![4.0e9, 0.0, 30.0, 2000.0, 0.0]];
    let refused = quantise_input(&raw.program, &far).expect_err("no int32");
    assert!(
        matches!(refused, QuantError::InputRange { column: 0, .. }),
        "{refused}"
    );
}

#[test]
fn scales_that_are_given_are_the_programs() {
    let (graph, calibration, others) = (classifier(), rows(1, 400), rows(2, 1000));
    let given = [Some(2), None, Some(0), Some(0), Some(0)];
    let raw = compile_raw(&graph, &calibration, &options(), &given).expect("compiles");
    let scales = &raw.program.input_scales;
    assert_eq!([0, 2, 3, 4].map(|at| scales[at]), [2, 0, 0, 0]);
    assert!(scales[1] > 20, "{scales:?}");
    let found = agreement(&raw, &graph, &others);
    assert!(found >= 0.99, "{found}");
    let inputs = quantise_input(&raw.program, &[vec![12.5, 0.0, 61.0, 1999.0, 1.0]]);
    let inputs = inputs.expect("inputs");
    assert_eq!([0, 2, 3, 4].map(|at| inputs[0][at]), [50, 61, 1999, 1]);
    let given = [Some(20), None, None, None, None];
    let refused = compile_raw(&graph, &calibration, &options(), &given).expect_err("too fine");
    let message = refused.to_string();
    assert!(
        message.contains("column 1") && message.contains("a scale of 20"),
        "{message}"
    );
}

/// A scaler before something that is no layer, as it stands in the model.
#[test]
fn a_scaler_of_the_models_is_the_columns() {
    let features = [5];
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let factors = COLUMNS.map(|(_, deviation)| 1.0 / deviation);
    let offsets = COLUMNS.map(|(mean, deviation)| -mean / deviation);
    let weight: Vec<f32> = (0..10).map(|_| rng.gen_range(-1.0..1.0)).collect();
    let params = vec![
        Param::owned("factors", vec![5], factors.to_vec()),
        Param::owned("offsets", vec![5], offsets.to_vec()),
        Param::owned("w", vec![2, 5], weight),
        Param::owned("b", vec![2], vec![0.1, -0.1]),
    ];
    let widths: [&[usize]; 4] = [&features, &features, &features, &[2]];
    let values = widths.map(|features| Value::new("t", features)).to_vec();
    let node = |op, input, params: &[usize]| Node {
        name: format!("n{input}"),
        op,
        inputs: vec![input],
        params: params.to_vec(),
        output: input + 1,
    };
    let clip = FloatOp::Clip {
        lowest: -3.0,
        highest: 3.0,
    };
    let nodes = vec![
        node(FloatOp::Affine { axis: Some(0) }, 0, &[0, 1]),
        node(clip, 1, &[]),
        node(FloatOp::Contract, 2, &[2, 3]),
    ];
    let graph = Graph::new(values, params, nodes, 0, 3).expect("a graph");
    let (calibration, others) = (rows(3, 300), rows(4, 500));
    let raw = compile_raw(&graph, &calibration, &options(), &[]).expect("compiles");
    let names: Vec<_> = raw.program.nodes.iter().map(|n| n.op.name()).collect();
    assert_eq!(names, ["grouped", "clip", "dense"]);
    let found = agreement(&raw, &graph, &others);
    assert!(found >= 0.99, "{found}");
}

/// Whatever an int16 input holds, nothing is refused; what fits, computes the same.
#[test]
fn programs_that_saturate_refuse_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let dense = |rng: &mut ChaCha8Rng, rows: usize, cols: usize| Layer::Dense {
        weight: (0..rows * cols).map(|_| rng.gen_range(-1.0..1.0)).collect(),
        bias: vec![0.2; rows],
    };
    let tanh = || Layer::Plain(FloatOp::Unary(crate::ops::Function::Tanh));
    let graph = graph(
        4,
        vec![
            (dense(&mut rng, 6, 4), vec![0], 6),
            (RELU, vec![1], 6),
            (dense(&mut rng, 3, 6), vec![2], 3),
            (tanh(), vec![3], 3),
            (Layer::Plain(FloatOp::Mul), vec![3, 4], 3),
            (dense(&mut rng, 3, 6), vec![2], 3),
            (Layer::Plain(FloatOp::Abs), vec![6], 3),
            (Layer::Plain(FloatOp::Add), vec![5, 7], 3),
            (SIGMOID, vec![8], 3),
        ],
    );
    let calibration: Vec<Vec<f32>> = (0..100)
        .map(|_| (0..4).map(|_| rng.gen_range(-1.0..1.0)).collect())
        .collect();
    let plain = compile(&graph, &calibration, &options()).expect("compiles");
    let mut program = plain.program.clone();
    let new = saturate(&mut program, &plain.weights);
    program.check().expect("a legal program");
    assert_eq!(
        program.tensors.len(),
        plain.program.tensors.len() + new.len()
    );
    let ends: Vec<Saturate> = program
        .nodes
        .iter()
        .filter_map(|node| match node.op {
            Op::Saturate(op) => Some(op),
            _ => None,
        })
        .collect();
    // What tables read, and a layer whose absolute value is taken.
    let at = |lowest: i16, highest: i16| ends.contains(&Saturate { lowest, highest });
    assert!(at(-2048, 2047) && at(-i16::MAX, i16::MAX), "{ends:?}");
    let (mut refused, mut same) = (0, 0);
    for _ in 0..300 {
        // Inside, and at the ends, where layers leave their range.
        let row: Vec<i32> = match rng.gen_bool(0.5) {
            true => (0..4).map(|_| rng.gen_range(-900..=900)).collect(),
            false => (0..4)
                .map(|_| [-32_767, 32_767][rng.gen_range(0..2)])
                .collect(),
        };
        let found = exec::run(&program, &plain.weights, std::slice::from_ref(&row))
            .expect("nothing is refused");
        match exec::run(&plain.program, &plain.weights, &[row]) {
            Ok(trace) => {
                assert_eq!(trace.outputs(&plain.program), found.outputs(&program));
                same += 1;
            }
            Err(_) => refused += 1,
        }
    }
    for value in [i16::MIN, i16::MAX] {
        let row = vec![i32::from(value); 4];
        exec::run(&program, &plain.weights, &[row]).expect("nothing is refused");
    }
    assert!(
        refused > 20 && same > 20,
        "{refused} refused, {same} the same"
    );
}
