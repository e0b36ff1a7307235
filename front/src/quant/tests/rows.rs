//! Models over rows.

use std::path::{Path, PathBuf};

use laminate_model::ops::{Activation, Add};
use laminate_model::program::Op;
use laminate_prover::exec;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::{
    Compiled, Decision, Fidelity, Options, QuantError, Rows, compile, fidelity, quantise_input,
};
use crate::graph::{Graph, Node, Param, Value};
use crate::ops::{Function, Op as FloatOp};
use crate::rows::{self as files, RowsError};

pub(super) fn options() -> Options<Rows> {
    Options::rows("test", 1).in_rows_of(10)
}

/// What a compilation has measured.
pub(super) fn measured(compiled: &Compiled) -> &Fidelity {
    compiled.fidelity.as_ref().unwrap()
}

/// An op and what it needs beside its operands.
pub(super) enum Layer {
    Plain(FloatOp),
    Dense { weight: Vec<f32>, bias: Vec<f32> },
}

pub(super) const RELU: Layer = Layer::Plain(FloatOp::Rectify { slope: 0.0 });
pub(super) const SIGMOID: Layer = Layer::Plain(FloatOp::Unary(Function::Sigmoid));
const TANH: Layer = Layer::Plain(FloatOp::Unary(Function::Tanh));
pub(super) const ADD: Layer = Layer::Plain(FloatOp::Add);
const MUL: Layer = Layer::Plain(FloatOp::Mul);

/// Nodes define values 1, 2, …, each given as (op, operands, width).
pub(super) fn graph(input: usize, layers: Vec<(Layer, Vec<usize>, usize)>) -> Graph {
    let widths = std::iter::once(input).chain(layers.iter().map(|n| n.2));
    let values = widths.map(|width| Value::new("t", &[width])).collect();
    let count = layers.len();
    let (mut params, mut nodes) = (vec![], vec![]);
    for (i, (layer, inputs, width)) in layers.into_iter().enumerate() {
        let first = params.len();
        let op = match layer {
            Layer::Plain(op) => op,
            Layer::Dense { weight, bias } => {
                let cols = weight.len() / width;
                params.push(Param::owned("w", vec![width, cols], weight));
                params.push(Param::owned("b", vec![width], bias));
                FloatOp::Contract
            }
        };
        nodes.push(Node {
            name: format!("n{i}"),
            op,
            inputs,
            params: (first..params.len()).collect(),
            output: i + 1,
        });
    }
    Graph::new(values, params, nodes, 0, count).unwrap()
}

fn random(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| rng.gen_range(-1.0..1.0)).collect()
}

pub(super) fn dense(rng: &mut ChaCha8Rng, rows: usize, cols: usize) -> Layer {
    Layer::Dense {
        weight: random(rng, rows * cols),
        bias: random(rng, rows),
    }
}

pub(super) fn rows(rng: &mut ChaCha8Rng, count: usize, width: usize) -> Vec<Vec<f32>> {
    (0..count).map(|_| random(rng, width)).collect()
}

#[test]
fn mlp_is_close_to_the_float_model() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let nodes = vec![
        (dense(&mut rng, 16, 5), vec![0], 16),
        (RELU, vec![1], 16),
        (dense(&mut rng, 7, 16), vec![2], 7),
        (Layer::Plain(FloatOp::Rectify { slope: 0.1 }), vec![3], 7),
        (dense(&mut rng, 1, 7), vec![4], 1),
        (SIGMOID, vec![5], 1),
    ];
    let graph = graph(5, nodes);
    let calibration = rows(&mut rng, 200, 5);
    let Compiled {
        program,
        weights,
        fidelity: own,
        report,
        ..
    } = compile(&graph, &calibration, &options()).unwrap();
    let own = own.unwrap();
    assert_eq!(
        (own.rows, own.refused, own.decision),
        (200, 0, Some(Decision::Threshold))
    );
    assert!(own.max_error < 0.03 && own.mean_error < 0.01, "{own:?}");
    assert_eq!(program.tensors[program.output].scale, 14);
    assert!(
        matches!(program.nodes[4].op, Op::Activation(Activation { table }) if program.tables[table].input_scale == program.tensors[4].scale)
    );
    // A table's outputs have a fixed scale, which is wide enough for ±1 but not for twice that.
    let roomy = report.iter().filter(|n| n.op != "activation");
    assert!(
        roomy
            .clone()
            .all(|n| n.bits() < 60 && n.calibrated * 2.0 <= n.accepted),
        "{report:?}"
    );
    assert_eq!(
        report[3].accepted,
        2048.0 / libm::exp2(report[3].scale.into()),
        "an index"
    );
    let fresh = fidelity(&graph, &program, &weights, &rows(&mut rng, 200, 5)).unwrap();
    assert!(
        fresh.rows > 195 && fresh.agreement().unwrap() > 0.97,
        "{fresh:?}"
    );
}

#[test]
fn columns_that_the_scale_loses_are_told() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let graph = graph(5, vec![(dense(&mut rng, 1, 5), vec![0], 1)]);
    // Twice 30,000 fits below 2^15 units of 2.
    let calibration: Vec<Vec<f32>> = (0..20)
        .map(|i| {
            let x = i as f32 / 20.0;
            vec![
                30_000.0 - i as f32,
                x,
                62.0 * x,
                66.0 * x,
                4.0 * (i % 3) as f32,
            ]
        })
        .collect();
    let columns = compile(&graph, &calibration, &options()).unwrap().columns;
    let found: Vec<_> = columns.iter().map(|c| (c.bits, c.exact)).collect();
    assert_eq!(columns[1].unit, 2.0);
    // 15,000, 0 (0.475 rounds to 0), 29 and 31 units; 4 units of which every value is a whole number.
    assert_eq!(
        found,
        [(14, false), (0, false), (5, false), (5, false), (3, true)]
    );
}

#[test]
fn what_cancels_gets_a_coarser_scale() {
    // x - tanh(x) for small x is x³/3, far below the units of x, whose rounding leaves more than that.
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let negate = Layer::Dense {
        weight: vec![-1.0, 0.0, 0.0, -1.0],
        bias: vec![0.0; 2],
    };
    let nodes = vec![
        (TANH, vec![0], 2),
        (negate, vec![1], 2),
        (ADD, vec![0, 2], 2),
    ];
    let graph = graph(2, nodes);
    let calibration: Vec<Vec<f32>> = (0..50)
        .map(|_| random(&mut rng, 2).iter().map(|x| x * 0.01).collect())
        .collect();
    let compiled = compile(&graph, &calibration, &options()).unwrap();
    assert_eq!(measured(&compiled).refused, 0);
    let largest = graph.max_abs(&calibration).unwrap()[3];
    assert!(
        largest < 4e-7 && measured(&compiled).max_error < 1e-3,
        "{largest:e} {:?}",
        measured(&compiled)
    );
    // Without coarser scales the result would be held to twice its largest float value.
    assert!(compiled.report[2].accepted > 4.0 * largest);
}

#[test]
fn products_of_small_probabilities_have_room_for_zero_padding() {
    // Without padded features, too: sigmoid(0)·sigmoid(0) = 1/4 is far above what the rows give.
    let probability = |bias: f32| Layer::Dense {
        weight: vec![0.5, -0.25],
        bias: vec![bias],
    };
    let nodes = vec![
        (probability(-4.0), vec![0], 1),
        (SIGMOID, vec![1], 1),
        (probability(-3.0), vec![0], 1),
        (SIGMOID, vec![3], 1),
        (MUL, vec![2, 4], 1),
    ];
    let graph = graph(2, nodes);
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let calibration = rows(&mut rng, 64, 2);
    let compiled = compile(&graph, &calibration, &options()).unwrap();
    // 1/4 takes 2^14 of 2^15 units.
    assert_eq!(compiled.program.tensors[5].scale, 16);
    assert!(
        measured(&compiled).max_error < 2e-5,
        "{:?}",
        measured(&compiled)
    );
    assert!(
        measured(&compiled).determination.unwrap() > 0.99,
        "{:?}",
        measured(&compiled)
    );
}

#[test]
fn models_without_weights_are_refused() {
    let graph = graph(4, vec![(MUL, vec![0, 0], 4)]);
    let error = compile(&graph, &[vec![1.0; 4]], &options()).unwrap_err();
    assert!(matches!(error, QuantError::Weightless), "{error}");
}

#[test]
fn every_op_and_a_table_behind_a_table() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let nodes = vec![
        (dense(&mut rng, 6, 3), vec![0], 6),
        (TANH, vec![1], 6),
        (SIGMOID, vec![2], 6),
        (ADD, vec![1, 3], 6),
        (MUL, vec![4, 2], 6),
        (Layer::Plain(FloatOp::Reshape), vec![5], 6),
        (dense(&mut rng, 3, 6), vec![6], 3),
    ];
    let graph = graph(3, nodes);
    let calibration = rows(&mut rng, 100, 3);
    let compiled = compile(
        &graph,
        &calibration,
        &Options {
            inputs: Rows {
                batch: 3,
                ..Rows::default()
            },
            ..options()
        },
    )
    .unwrap();
    let program = &compiled.program;
    assert_eq!(
        (program.slots(), program.nodes.len(), program.tensors.len()),
        (4, 8, 9)
    );
    assert!(
        program
            .nodes
            .iter()
            .any(|n| n.name == "n2/rescale" && matches!(n.op, Op::Add(Add { right: 0, .. })))
    );
    assert_eq!(measured(&compiled).decision, Some(Decision::Argmax));
    assert!(
        measured(&compiled).max_error < 0.05,
        "{:?}",
        measured(&compiled)
    );
    let inputs = quantise_input(program, &calibration[..2]).unwrap();
    let trace = exec::run(program, &compiled.weights, &inputs).unwrap();
    assert_eq!(trace.outputs(program).len(), 4);
}

#[test]
fn padding_is_part_of_the_range() {
    // Three features: the padded one is sigmoid(0) + sigmoid(0) = 1, the calibrated sums are near 0.
    let bias = Layer::Dense {
        weight: vec![0.01; 3],
        bias: vec![-6.0; 3],
    };
    let nodes = vec![
        (bias, vec![0], 3),
        (SIGMOID, vec![1], 3),
        (ADD, vec![2, 2], 3),
    ];
    let graph = graph(1, nodes);
    let compiled = compile(&graph, &[vec![1.0], vec![-1.0]], &options()).unwrap();
    assert_eq!(compiled.program.tensors[3].scale, 13);
}

#[test]
fn unusable_calibration_and_options() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let graph = graph(2, vec![(dense(&mut rng, 1, 2), vec![0], 1)]);
    let good = vec![vec![1.0, 2.0]];
    let fails = |rows: &[Vec<f32>], options| compile(&graph, rows, &options).unwrap_err();
    assert!(matches!(
        fails(&[], options()),
        QuantError::Rows(RowsError::Empty)
    ));
    assert!(matches!(
        fails(&[vec![1.0]], options()),
        QuantError::Rows(RowsError::Columns {
            row: 0,
            found: 1,
            expected: 2
        })
    ));
    assert!(matches!(
        fails(&[vec![1.0, f32::NAN]], options()),
        QuantError::Rows(RowsError::NonFinite {
            row: 0,
            column: 1,
            ..
        })
    ));
    assert!(matches!(
        fails(&[vec![1e30, 0.0]], options()),
        QuantError::Range { .. }
    ));
    for batch in [0, 1 << 13, usize::MAX] {
        assert!(matches!(
            fails(
                &good,
                Options {
                    inputs: Rows {
                        batch,
                        ..Rows::default()
                    },
                    ..options()
                }
            ),
            QuantError::Batch { .. }
        ));
    }
    for headroom in [0.5, f64::NAN, f64::INFINITY, -1.0] {
        assert!(matches!(
            fails(
                &good,
                Options {
                    headroom,
                    ..options()
                }
            ),
            QuantError::Headroom(_)
        ));
    }
    assert!(matches!(
        fails(
            &good,
            Options {
                row_log: Some(63),
                ..options()
            }
        ),
        QuantError::Program(_)
    ));
    let constant = compile(&graph, &[vec![0.0, 0.0]], &options()).unwrap();
    assert_eq!(measured(&constant).refused, 0);
}

#[test]
fn inputs_beyond_the_calibrated_range_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let graph = graph(2, vec![(dense(&mut rng, 1, 2), vec![0], 1)]);
    let Compiled {
        program, weights, ..
    } = compile(&graph, &[vec![1.0, -1.0]], &options()).unwrap();
    assert_eq!(
        program.tensors[0].scale, 13,
        "2^15/(1·2) leaves 2^13, since 2^14·2 is one too many"
    );
    let error = quantise_input(&program, &[vec![0.0, 0.0], vec![0.0, 4.5]]).unwrap_err();
    assert!(
        error.to_string().contains("row 1, column 1: value 4.5")
            && error.to_string().contains("-4 to 3.99"),
        "{error}"
    );
    let fidelity = fidelity(
        &graph,
        &program,
        &weights,
        &[vec![0.5, 0.5], vec![9.0, 0.0]],
    )
    .unwrap();
    assert_eq!((fidelity.rows, fidelity.refused), (1, 1));
    assert!(
        fidelity
            .first_refusal
            .unwrap()
            .to_string()
            .contains("input row 0, feature 0")
    );
}

#[test]
fn fraud_model_decides_like_the_float_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    let file = |name: &str| -> Option<PathBuf> {
        let path = folder.join(name);
        if !path.is_file() {
            println!("skipped: {} is not there", path.display());
            return None;
        }
        Some(path)
    };
    let (Some(model), Some(calibration), Some(evaluation)) = (
        file("fraud.onnx"),
        file("calibration.csv"),
        file("evaluation.csv"),
    ) else {
        return;
    };
    let graph = crate::onnx::read(&model).unwrap();
    let columns = graph.width(graph.input());
    let compiled = compile(
        &graph,
        &files::read(&calibration, columns).unwrap(),
        &options(),
    )
    .unwrap();
    let rows = files::read(&evaluation, columns).unwrap();
    let measured = fidelity(&graph, &compiled.program, &compiled.weights, &rows).unwrap();
    println!("{measured:?}");
    for node in &compiled.report {
        println!("{node:?} {} bits", node.bits());
    }
    assert!(
        rows.len() >= 1000 && measured.refused * 100 <= rows.len(),
        "{measured:?}"
    );
    assert!(measured.agreement().unwrap() >= 0.995, "{measured:?}");
}
