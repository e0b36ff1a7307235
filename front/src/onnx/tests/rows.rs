//! Operators along axes of rows: what they compute, what becomes of them, what is refused.

use super::build::Model;
use crate::ops::{Function, Op};

fn ops(model: &Model) -> Vec<Op> {
    let graph = model.import().unwrap();
    graph.nodes().iter().map(|node| node.op.clone()).collect()
}

/// `(1, 1)`, `(2, 3)`.
fn rows() -> Model {
    Model::new(&[2, 2])
}

const X: [f32; 4] = [1.0, 1.0, 2.0, 3.0];

#[test]
fn matrices_at_places() {
    let model = rows()
        .floats("w", &[2, 3], &[1.0, 0.0, 2.0, 0.0, 1.0, 2.0])
        .floats("b", &[3], &[0.0, 10.0, 0.0])
        .node("MatMul", &["x", "w"], "h")
        .node("Add", &["h", "b"], "y");
    assert_eq!(model.run(&X), [1.0, 11.0, 4.0, 2.0, 13.0, 10.0]);
    assert_eq!(ops(&model), [Op::Linear]);
    // A constant on the left contracts the other axis.
    let left = rows()
        .floats("w", &[1, 2], &[1.0, -1.0])
        .node("MatMul", &["w", "x"], "y");
    assert_eq!(left.run(&X), [-1.0, -2.0]);
    let error = rows().floats("w", &[3, 1], &[1.0; 3]);
    assert!(
        error
            .node("MatMul", &["x", "w"], "y")
            .error()
            .contains("takes 3 features")
    );
}

#[test]
fn products_of_activations_take_a_factor() {
    let model = rows()
        .floats("two", &[], &[2.0])
        .node("Transpose", &["x"], "t")
        .int_list("perm", &[0, 2, 1])
        .node("MatMul", &["x", "t"], "s")
        .node("Div", &["s", "two"], "y");
    assert_eq!(model.run(&X), [1.0, 2.5, 2.5, 6.5]);
    assert_eq!(ops(&model)[1], Op::MatMul { factor: 0.5 });
    let flat = Model::new(&[2]).node("MatMul", &["x", "x"], "y");
    assert!(flat.error().contains("expected (…, m, k) and (…, k, n)"));
}

fn written_out(axes: &[i64], exponent: f32) -> Model {
    rows()
        .floats("e", &[], &[exponent])
        .floats("eps", &[], &[0.25])
        .node("ReduceMean", &["x"], "m")
        .int_list("axes", axes)
        .node("Sub", &["x", "m"], "d")
        .node("Pow", &["d", "e"], "q")
        .node("ReduceMean", &["q"], "v")
        .int_list("axes", axes)
        .node("Add", &["v", "eps"], "a")
        .node("Sqrt", &["a"], "s")
        .node("Div", &["d", "s"], "y")
}

#[test]
fn layer_normalisation_is_recognised_and_nothing_like_it() {
    let normalise = Op::Normalise {
        eps: 0.25,
        centred: true,
    };
    assert_eq!(ops(&written_out(&[-1], 2.0)), [normalise]);
    let found = written_out(&[-1], 2.0).run(&[1.0, 2.0, 0.0, 0.0]);
    let expected = [-0.5 / 0.5f32.sqrt(), 0.5 / 0.5f32.sqrt(), 0.0, 0.0];
    assert!(
        { found.iter().zip(expected) }.all(|(a, b)| (a - b).abs() < 1e-6),
        "{found:?}"
    );
    for other in [written_out(&[1], 2.0), written_out(&[-1], 4.0)] {
        let ops = ops(&other);
        assert!(
            !ops.iter().any(|op| matches!(op, Op::Normalise { .. })),
            "{ops:?}"
        );
    }
    // As one operator, whose factors fold into the two layers behind it.
    let one = |axis: i64| {
        rows()
            .floats("g", &[2], &[2.0, 1.0])
            .floats("b", &[2], &[0.0, 1.0])
            .floats("w", &[2, 1], &[1.0, 1.0])
            .node("LayerNormalization", &["x", "g", "b"], "n")
            .int("axis", axis)
            .node("MatMul", &["n", "w"], "l")
            .node("MatMul", &["n", "w"], "r")
            .node("Mul", &["l", "r"], "y")
    };
    let ops = ops(&one(-1));
    assert!(matches!(
        ops.as_slice(),
        [Op::Normalise { .. }, Op::Linear, Op::Linear, Op::Mul]
    ));
    let joint = one(1).import().expect("both axes together");
    let norms = |node: &&crate::graph::Node| matches!(node.op, Op::Normalise { .. });
    assert_eq!(joint.nodes().iter().filter(norms).count(), 1);
    assert!(one(0).error().contains("the batch stays"));
}

#[test]
fn gelu_is_recognised() {
    let model = |half: f32| {
        rows()
            .floats("r", &[], &[std::f32::consts::SQRT_2])
            .floats("one", &[], &[1.0])
            .floats("half", &[], &[half])
            .node("Div", &["x", "r"], "a")
            .node("Erf", &["a"], "e")
            .node("Add", &["e", "one"], "s")
            .node("Mul", &["x", "s"], "p")
            .node("Mul", &["p", "half"], "y")
    };
    assert_eq!(ops(&model(0.5)), [Op::Unary(Function::Gelu)]);
    assert!(!ops(&model(0.6)).contains(&Op::Unary(Function::Gelu)));
}

#[test]
fn softmax_and_reductions() {
    let softmax = |axis: i64, opset: i64| {
        rows()
            .node("Softmax", &["x"], "y")
            .int("axis", axis)
            .opset(opset)
    };
    assert_eq!(softmax(2, 13).run(&[0.0, 0.0, 1.0, 1.0]), [0.5; 4]);
    assert_eq!(softmax(2, 11).run(&[0.0, 0.0, 1.0, 1.0]), [0.5; 4]);
    assert_eq!(softmax(1, 11).run(&[1.0; 4]), [0.25; 4]);
    assert!(softmax(0, 13).error().contains("the batch stays"));
    let reduce = |kind: &str, keep: i64| {
        rows()
            .node(kind, &["x"], "y")
            .int_list("axes", &[1])
            .int("keepdims", keep)
    };
    assert_eq!(reduce("ReduceMean", 1).run(&X), [1.5, 2.0]);
    assert_eq!(reduce("ReduceMax", 0).run(&X), [2.0, 3.0]);
    assert_eq!(reduce("ReduceMin", 0).run(&X), [1.0, 1.0]);
    assert_eq!(reduce("ReduceL2", 0).run(&[3.0, 0.0, 4.0, 0.0]), [5.0, 0.0]);
    // What is left of one axis is a number without one.
    let number = Model::new(&[2])
        .floats("c", &[], &[2.0])
        .node("ReduceSum", &["x"], "s")
        .int_list("axes", &[1])
        .int("keepdims", 0)
        .node("Mul", &["s", "c"], "y");
    assert_eq!(number.run(&[1.0, 2.0]), [6.0]);
    let options = &crate::quant::Options::rows("number", 1).in_rows_of(12);
    let compiled = crate::quant::compile(&number.import().unwrap(), &[vec![1.0, 2.0]], options);
    assert_eq!(compiled.unwrap().fidelity.unwrap().refused, 0);
    let all = rows().node("ReduceSum", &["x"], "y");
    assert!(all.error().contains("the batch among them"));
}

#[test]
fn what_broadcasts_is_repeated() {
    let model = rows()
        .node("ReduceMax", &["x"], "m")
        .int_list("axes", &[-1])
        .node("Sub", &["x", "m"], "y");
    assert_eq!(model.run(&X), [0.0, 0.0, -1.0, 0.0]);
    let model = rows()
        .floats("c", &[2], &[1.0, 2.0])
        .node("PRelu", &["x", "c"], "y");
    assert_eq!(model.run(&[-1.0, -1.0, 5.0, 6.0]), [-1.0, -2.0, 5.0, 6.0]);
}

#[test]
fn parts_of_an_axis() {
    let split = |sizes: &[i64]| {
        rows()
            .ints("s", sizes)
            .node("Split", &["x", "s"], "a")
            .int("axis", 2)
            .outputs(&["y"])
    };
    assert_eq!(split(&[1, 1]).run(&X), [1.0, 3.0]);
    assert!(split(&[1, 2]).error().contains("cuts 2 entries"));
    let gather = |at: i64| {
        rows()
            .index("i", at)
            .node("Gather", &["x", "i"], "y")
            .int("axis", 1)
    };
    assert_eq!(gather(-1).run(&X), [2.0, 3.0]);
    assert!(gather(2).error().contains("reads outside"));
}
