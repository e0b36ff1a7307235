//! Programs that are no forests.

use laminate_model::ops::{Dense, Forest, View};
use laminate_model::program::{
    AxisMap, DenseShape, Node, Op, Program, Tensor, TensorView, ViewTerm, WeightFormat,
};
use laminate_tests::{programs, sequence};

use super::forest;

/// What `Program::check` says of a changed program.
fn refusal(change: impl FnOnce(&mut Program)) -> String {
    let mut program = forest().0.program.clone();
    assert_eq!(program.check(), Ok(()));
    change(&mut program);
    match program.check() {
        Ok(()) => "accepted".into(),
        Err(error) => error.to_string(),
    }
}

fn parameters(program: &mut Program) -> &mut Forest {
    match &mut program.nodes[0].op {
        Op::Forest(forest) => forest,
        _ => panic!("a forest"),
    }
}

#[test]
fn programs_that_are_no_forests_are_refused() {
    type Change = fn(&mut Program);
    let changes: [(&str, Change); 24] = [
        ("4 chains", |p| parameters(p).chains = 4),
        ("2 chains", |p| parameters(p).chains = 2),
        ("0 steps", |p| parameters(p).steps = 0),
        ("1048577 steps", |p| {
            parameters(p).steps = (1 << 20) + 1;
            p.batch_log = 0;
        }),
        ("with all chains and slots (2^29)", |p| {
            parameters(p).steps = 1 << 20;
            p.batch_log = 7;
        }),
        ("weights 1 do not exist", |p| parameters(p).weight = 1),
        ("has 16 bits, expected 32", |p| p.tensors[0].bits = 16),
        ("has 16 bits, expected 32", |p| p.tensors[1].bits = 16),
        ("one axis each", |p| {
            p.tensors[0].axes = vec![3, 2];
        }),
        ("stacked or rotated tensors", |p| p.tensors[0].stack = 2),
        ("stacked or rotated tensors", |p| p.tensors[1].stack = 2),
        ("works with limbs of 16 bits", |p| p.limb_bits = 8),
        ("have [3] words an entry", |p| p.weights[0].rows = vec![3]),
        ("have [5] words an entry", |p| p.weights[0].rows = vec![5]),
        ("axes of a table of words", |p| {
            p.weights[0].rows = vec![2, 2]
        }),
        ("axes of a table of words", |p| {
            p.weights[0].cols = vec![2, 12]
        }),
        ("axes of a table of words", |p| p.weights[0].stack = 2),
        ("axes of a table of words", |p| p.weights[0].bias = true),
        ("weights of a layer is 26", |p| {
            p.weights[0].cols = vec![(1 << 23) + 1]
        }),
        ("weights of a layer is", |p| {
            // Of a layer there are fewer.
            p.weights[0].format = WeightFormat::Int8;
            p.weights[0].cols = vec![(1 << 20) + 1];
        }),
        ("there are 2 nodes", |p| p.weights[0].cols = vec![2]),
        ("weights 0 are no table of words", |p| {
            p.weights[0].format = WeightFormat::Int8
        }),
        ("weights 0 are used twice", |p| {
            let mut again = p.nodes[0].clone();
            again.output = 2;
            p.tensors.push(p.tensors[1].clone());
            p.nodes.push(again);
        }),
        ("unused weights", |p| {
            p.weights.push(DenseShape::of_words(4, 8))
        }),
    ];
    for (expected, change) in changes {
        let found = refusal(change);
        assert!(found.contains(expected), "{expected}: {found}");
    }
    assert_eq!(refusal(|p| p.weights[0].cols = vec![1 << 23]), "accepted");
    // On a view of the input.
    let found = refusal(|p| {
        p.views.push(TensorView {
            constant: 0,
            terms: vec![ViewTerm {
                operand: 0,
                coefficient: 1,
                maps: vec![AxisMap::Same { axis: 0 }],
                masks: vec![],
            }],
        });
        p.tensors.push(p.tensors[0].clone());
        let op = Op::View(View {
            view: 0,
            operands: 1,
        });
        p.nodes.insert(
            0,
            Node {
                name: "view".into(),
                op,
                inputs: vec![0],
                output: 2,
            },
        );
        p.nodes[1].inputs = vec![2];
    });
    assert!(found.contains("a column of its own"), "{found}");
    // Over tokens, on a norm's output.
    let mut program = sequence::case(5, &sequence::Shape::SMALL, false).program;
    assert_eq!(program.check(), Ok(()));
    let flat = |t: &Tensor| t.axes.len() == 1 && t.stack == 1 && t.bits == 16;
    let norms = program
        .nodes
        .iter()
        .filter(|n| matches!(n.op, Op::RmsNorm(_)));
    let mut norms = norms.filter(|n| flat(&program.tensors[n.output]));
    let normed = norms.next().expect("a norm").output;
    let sums = forest().0.program.tensors[1].clone();
    program.weights.push(DenseShape::of_words(4, 8));
    let op = Op::Forest(Forest {
        weight: program.weights.len() - 1,
        chains: 3,
        steps: 2,
        missing: false,
    });
    programs::node(&mut program, op, &[normed], sums);
    let found = program.check().unwrap_err().to_string();
    assert!(found.contains("works on rows"), "{found}");
    // A layer on a table of words.
    let mut program = Program::empty("dense", 0, 17);
    program.tensors = vec![Tensor::new("x", 8, 0), Tensor::new("y", 4, 0)];
    program.nodes = vec![Node {
        name: "dense".into(),
        op: Op::Dense(Dense {
            weight: 0,
            shift: 16,
        }),
        inputs: vec![0],
        output: 1,
    }];
    program.output = 1;
    program.weights = vec![DenseShape {
        bias: false,
        ..DenseShape::new(4, 8)
    }];
    assert_eq!(program.check(), Ok(()));
    program.weights[0] = DenseShape::of_words(4, 8);
    let found = program.check().unwrap_err().to_string();
    assert!(found.contains("weights 0 are a table of words"), "{found}");
}
