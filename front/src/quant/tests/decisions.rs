//! Decisions in the place of scores, and inputs at a scale that is given.

use laminate_model::program::Op;
use laminate_prover::exec;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::{Compiled, Decides, Decision, QuantError, compile, fidelity, quantise_input};
use super::rows::{ADD, Layer, RELU, SIGMOID, dense, graph, measured, options, rows};
use crate::graph::Graph;
use crate::ops::{Function, Op as FloatOp};
use crate::predict::{Predict, network};

/// A perceptron of `width` outputs with something behind it.
fn model(rng: &mut ChaCha8Rng, width: usize, last: Option<FloatOp>) -> Graph {
    let mut nodes = vec![
        (dense(rng, 8, 4), vec![0], 8),
        (RELU, vec![1], 8),
        (dense(rng, width, 8), vec![2], width),
    ];
    if let Some(last) = last {
        nodes.push((Layer::Plain(last), vec![3], width));
    }
    graph(4, nodes)
}

/// The integers that a program decides on, and what it decides, row by row.
fn decisions(compiled: &Compiled, rows: &[Vec<f32>]) -> Vec<(Vec<i32>, i32)> {
    let program = &compiled.program;
    let last = program.nodes.last().expect("a node");
    let maker = |id: usize| program.nodes.iter().find(|n| n.output == id).expect("made");
    let read = match last.op {
        Op::RowArgmax(_) => last.inputs[0],
        // A clip, of two logits behind the view of their difference.
        _ => match maker(maker(last.inputs[0]).inputs[0]) {
            difference if matches!(difference.op, Op::View(_)) => difference.inputs[0],
            logit => logit.output,
        },
    };
    let width = program.tensors[read].width();
    let inputs = quantise_input(program, rows).expect("inputs");
    let row = |input: &Vec<i32>| {
        let trace = exec::run(program, &compiled.weights, std::slice::from_ref(input));
        let trace = trace.expect("in range");
        let output = trace.outputs(program).into_iter().next().expect("a row");
        (trace.tensors[read][..width].to_vec(), output[0])
    };
    inputs.iter().map(row).collect()
}

#[test]
fn a_threshold_is_exact_on_the_logit_that_it_reads() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for (width, last) in [
        (1, FloatOp::Unary(Function::Sigmoid)),
        (2, FloatOp::Share { axis: 0 }),
    ] {
        let scores = model(&mut rng, width, Some(last));
        let calibration = rows(&mut rng, 300, 4);
        let run = scores.run(&calibration).expect("floats");
        let probability = |row: &Vec<f32>| f64::from(row[width - 1]);
        for quantile in [30, 150, 270] {
            let mut sorted: Vec<f64> = run.iter().map(probability).collect();
            sorted.sort_by(f64::total_cmp);
            let least = sorted[quantile];
            let headed = network(scores.clone(), None, Some(least)).expect("a threshold");
            let compiled = compile(&headed.graph, &calibration, &options()).expect("compiles");
            let program = &compiled.program;
            assert!(program.tables.is_empty(), "no table is left");
            let output = &program.tensors[program.output];
            assert_eq!((output.scale, output.bits, output.width()), (0, 16, 1));
            let Some(Decides::Threshold { least: at, scale }) = Decides::of(program) else {
                panic!("no threshold");
            };
            let logit = libm::log(least / (1.0 - least)) * libm::exp2(scale.into());
            assert_eq!(
                f64::from(at),
                logit.ceil(),
                "the least integer that reaches it"
            );
            for (z, decided) in decisions(&compiled, &calibration) {
                let score = z[width - 1] - if width == 2 { z[0] } else { 0 };
                assert_eq!(decided, i32::from(score >= at), "{z:?} {at}");
            }
            let own = measured(&compiled);
            assert_eq!(own.decision, Some(Decision::Class));
            assert!(own.agreement() > Some(0.97), "{own:?}");
            // The float rule is the model's own, up to rounding of the function that is left out.
            let rule = headed.graph.run(&calibration).expect("floats");
            let same = run.iter().zip(&rule);
            let same = same.filter(|(p, y)| (probability(p) >= least) == (y[0] == 1.0));
            assert!(same.count() >= 299);
        }
    }
}

#[test]
fn a_class_is_the_first_of_the_largest_logits() {
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let softmax = model(&mut rng, 5, Some(FloatOp::Share { axis: 0 }));
    // Of parts that are joined, which are a view and have to be stored first.
    let joined = graph(
        4,
        vec![
            (dense(&mut rng, 2, 4), vec![0], 2),
            (dense(&mut rng, 3, 4), vec![0], 3),
            (Layer::Plain(FloatOp::Concat { axis: 0 }), vec![1, 2], 5),
        ],
    );
    // All outputs of a row are one number.
    let even = Layer::Dense {
        weight: vec![0.5; 20],
        bias: vec![0.25; 5],
    };
    let even = graph(4, vec![(even, vec![0], 5)]);
    for (name, scores) in [("softmax", softmax), ("joined", joined), ("even", even)] {
        let calibration = rows(&mut rng, 200, 4);
        let headed = network(scores, Some(Predict::Class), None).expect("a class");
        let compiled = compile(&headed.graph, &calibration, &options()).expect(name);
        let program = &compiled.program;
        assert_eq!(
            Decides::of(program),
            Some(Decides::Class { of: 5 }),
            "{name}"
        );
        assert!(program.tables.is_empty(), "{name}");
        for (z, class) in decisions(&compiled, &calibration) {
            let largest = z.iter().max().expect("an entry");
            let first = z.iter().position(|x| x == largest);
            assert_eq!(first, Some(class as usize), "{name}: {z:?}");
        }
        let own = measured(&compiled);
        assert!(own.agreement() > Some(0.95), "{name}: {own:?}");
        if name == "even" {
            assert_eq!(own.agreement(), Some(1.0), "the first of equals is both's");
        }
    }
}

#[test]
fn scores_are_no_decisions_and_thresholds_out_of_reach_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let scores = model(&mut rng, 1, Some(FloatOp::Unary(Function::Sigmoid)));
    let calibration = rows(&mut rng, 100, 4);
    let compiled = compile(&scores, &calibration, &options()).expect("compiles");
    assert_eq!(Decides::of(&compiled.program), None);
    let far = network(scores, Some(Predict::Margin), Some(1e6)).expect("a threshold");
    let error = compile(&far.graph, &calibration, &options()).expect_err("refused");
    let message = error.to_string();
    assert!(
        message.contains("at least 1000000") && message.contains("decided alike"),
        "{message}"
    );
}

#[test]
fn an_input_scale_that_is_given_is_the_programs() {
    let mut rng = ChaCha8Rng::seed_from_u64(24);
    let whole = |rng: &mut ChaCha8Rng| -> Vec<Vec<f32>> {
        let row = |rng: &mut ChaCha8Rng| (0..4).map(|_| rng.gen_range(-90..=90) as f32).collect();
        (0..200).map(|_| row(rng)).collect()
    };
    let calibration = whole(&mut rng);
    // Behind a layer, a ReLU of the input itself, a function of it, and a sum with it.
    let graphs = [
        model(&mut rng, 2, None),
        graph(
            4,
            vec![(RELU, vec![0], 4), (dense(&mut rng, 2, 4), vec![1], 2)],
        ),
        graph(
            4,
            vec![(SIGMOID, vec![0], 4), (dense(&mut rng, 2, 4), vec![1], 2)],
        ),
        graph(
            4,
            vec![
                (dense(&mut rng, 4, 4), vec![0], 4),
                (ADD, vec![0, 1], 4),
                (dense(&mut rng, 2, 4), vec![2], 2),
            ],
        ),
    ];
    for (at, graph) in graphs.iter().enumerate() {
        for scale in [0, 3, -2] {
            let mut options = options();
            options.inputs.input_scale = Some(scale);
            let compiled = compile(graph, &calibration, &options).expect("compiles");
            let program = &compiled.program;
            assert_eq!(program.tensors[program.input].scale, scale, "graph {at}");
            let own = fidelity(graph, program, &compiled.weights, &calibration).expect("runs");
            assert_eq!(own.refused, 0);
            if scale >= 0 {
                let inputs = quantise_input(program, &calibration[..1]).expect("inputs");
                let unit = 1 << scale;
                let same = calibration[0].iter().map(|x| *x as i32 * unit);
                assert_eq!(inputs[0], same.collect::<Vec<_>>());
                assert!(
                    own.agreement() > Some(0.9),
                    "graph {at} at {scale}: {own:?}"
                );
            }
        }
    }
    let mut options = options();
    options.inputs.input_scale = Some(9);
    let error = compile(&graphs[0], &calibration, &options).expect_err("refused");
    let message = error.to_string();
    assert!(
        matches!(error, QuantError::InputScale { .. })
            && message.contains("an input scale of 9 holds -64 to 63.99"),
        "{message}"
    );
}
