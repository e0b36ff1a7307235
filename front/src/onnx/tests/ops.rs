//! Each operator against its definition.

use super::build::{Model, float_tensor, rich};
use crate::onnx::messages::{AttributeProto, attribute_type, data_type};
use laminate_prover::exec::tables::sigmoid;

use crate::ops::{Function, Op};

fn names(model: &Model) -> Vec<&'static str> {
    model
        .import()
        .unwrap()
        .nodes()
        .iter()
        .map(|n| n.op.name())
        .collect()
}

#[test]
fn gemm_attributes() {
    // (2) -> (3): B is (2, 3), or (3, 2) with transB.
    let b = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let plain = Model::new(&[2])
        .floats("b", &[2, 3], &b)
        .node("Gemm", &["x", "b"], "y");
    assert_eq!(plain.run(&[1.0, 10.0]), [41.0, 52.0, 63.0]);
    let all = Model::new(&[2])
        .floats("b", &[3, 2], &b)
        .floats("c", &[1, 3], &[1.0, 2.0, 3.0])
        .node("Gemm", &["x", "b", "c"], "y")
        .int("transB", 1)
        .float("alpha", 2.0)
        .float("beta", -1.0);
    assert_eq!(all.run(&[1.0, 10.0]), [41.0, 84.0, 127.0]);
    let scalar = Model::new(&[2])
        .floats("b", &[2, 1], &[1.0, 1.0])
        .floats("c", &[], &[0.5])
        .node("Gemm", &["x", "b", "c"], "y");
    assert_eq!(scalar.run(&[1.0, 2.0]), [3.5]);
}

#[test]
fn matmul_and_bias_become_one_dense() {
    let model = Model::new(&[2])
        .floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .floats("b", &[2], &[0.5, -0.5])
        .node("MatMul", &["x", "w"], "h")
        .node("Add", &["b", "h"], "y");
    assert_eq!(names(&model), ["contract"]);
    assert_eq!(model.run(&[1.0, 1.0]), [4.5, 5.5]);
    assert_eq!(model.import().unwrap().values()[1].name, "y");
}

#[test]
fn activations() {
    let x = [-2.0, 0.5];
    let run = |op: &str| Model::new(&[2]).node(op, &["x"], "y").run(&x);
    assert_eq!(run("Relu"), [0.0, 0.5]);
    assert_eq!(run("Sigmoid"), x.map(|v| sigmoid(v.into()) as f32));
    assert_eq!(run("Tanh"), x.map(|v| f64::from(v).tanh() as f32));
    assert_eq!(run("LeakyRelu"), [-0.02, 0.5]);
    assert_eq!(run("Identity"), x);
    assert_eq!(run("Dropout"), x);
    let zero = Model::new(&[2])
        .node("LeakyRelu", &["x"], "y")
        .float("alpha", 0.0);
    assert_eq!(names(&zero), ["rectify"]);
}

#[test]
fn elementwise_of_activations_and_constants() {
    let base = || {
        Model::new(&[2])
            .floats("c", &[1, 2], &[2.0, -4.0])
            .node("Relu", &["x"], "r")
    };
    let run = |op: &str, a: &str, b: &str| base().node(op, &[a, b], "y").run(&[1.0, -3.0]);
    assert_eq!(run("Add", "x", "r"), [2.0, -3.0]);
    assert_eq!(run("Mul", "x", "x"), [1.0, 9.0]);
    assert_eq!(run("Sub", "r", "x"), [0.0, 3.0]);
    assert_eq!(run("Add", "x", "c"), [3.0, -7.0]);
    assert_eq!(run("Mul", "c", "x"), [2.0, 12.0]);
    assert_eq!(run("Sub", "x", "c"), [-1.0, 1.0]);
    assert_eq!(run("Sub", "c", "x"), [1.0, -1.0]);
    assert_eq!(run("Div", "x", "c"), [0.5, 0.75]);
}

#[test]
fn normalisation_by_sub_and_div_folds_into_the_next_layer() {
    let model = |second: f32| {
        Model::new(&[2])
            .floats("mean", &[2], &[1.0, -2.0])
            .floats("deviation", &[2], &[0.5, second])
            .floats("w", &[2, 1], &[1.0, 10.0])
            .node("Sub", &["x", "mean"], "centred")
            .node("Div", &["centred", "deviation"], "z")
            .node("MatMul", &["z", "w"], "y")
    };
    // (2 - 1)/0.5 + 10·(6 + 2)/2
    assert_eq!(model(2.0).run(&[2.0, 6.0]), [42.0]);
    assert_eq!(names(&model(2.0)), ["contract"]);
    // Columns whose deviations are further apart keep their own.
    assert_eq!(model(4.0).run(&[2.0, 6.0]), [22.0]);
    assert_eq!(names(&model(4.0)), ["affine", "contract"]);
}

#[test]
fn casts_that_change_no_value() {
    for to in [data_type::FLOAT, data_type::DOUBLE] {
        let model = Model::new(&[2])
            .floats("w", &[2, 1], &[1.0, -1.0])
            .ints("shift", &[3])
            .node("Cast", &["x"], "h")
            .int("to", to.into())
            .node("Cast", &["w"], "v")
            .int("to", to.into())
            .node("Cast", &["shift"], "s")
            .int("to", to.into())
            .node("MatMul", &["h", "v"], "m")
            .node("Add", &["m", "s"], "y");
        assert_eq!(model.run(&[5.0, 1.5]), [6.5]);
    }
    let large = Model::new(&[1])
        .ints("shift", &[(1 << 24) + 1])
        .node("Cast", &["shift"], "s")
        .int("to", data_type::FLOAT.into())
        .node("Add", &["x", "s"], "y");
    assert_eq!(large.run(&[0.0]), [16_777_216.0], "to the nearest float");
}

#[test]
fn batch_normalisation_folds_both_ways() {
    let model = |first: &str| {
        let base = Model::new(&[2])
            .floats("g", &[2], &[2.0, 0.5])
            .floats("b", &[2], &[1.0, -1.0])
            .floats("m", &[2], &[0.5, 0.25])
            .floats("v", &[2], &[4.0, 1.0])
            .floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        match first {
            "norm" => base
                .node("BatchNormalization", &["x", "g", "b", "m", "v"], "h")
                .float("epsilon", 0.0)
                .node("MatMul", &["h", "w"], "y"),
            "contract" => base
                .node("MatMul", &["x", "w"], "h")
                .node("BatchNormalization", &["h", "g", "b", "m", "v"], "y")
                .float("epsilon", 0.0),
            _ => base
                .node("Relu", &["x"], "h")
                .node("BatchNormalization", &["h", "g", "b", "m", "v"], "y")
                .float("epsilon", 0.0),
        }
    };
    let norm = |x: [f32; 2]| [(x[0] - 0.5) + 1.0, (x[1] - 0.25) * 0.5 - 1.0];
    let dense = |x: [f32; 2]| [x[0] + 3.0 * x[1], 2.0 * x[0] + 4.0 * x[1]];
    for (first, expected, ops) in [
        ("norm", dense(norm([3.0, 5.0])), vec!["contract"]),
        ("contract", norm(dense([3.0, 5.0])), vec!["contract"]),
        ("neither", norm([3.0, 5.0]), vec!["rectify", "affine"]),
    ] {
        assert_eq!(model(first).run(&[3.0, 5.0]), expected, "{first}");
        assert_eq!(names(&model(first)), ops, "{first}");
    }
}

#[test]
fn folding_keeps_tensors_that_others_read() {
    // h is read twice, so the factor behind it may not disappear into the dense layer.
    let model = Model::new(&[1])
        .floats("w", &[1, 1], &[3.0])
        .floats("c", &[], &[10.0])
        .node("MatMul", &["x", "w"], "h")
        .node("Mul", &["h", "c"], "k")
        .node("Add", &["h", "k"], "y");
    assert_eq!(model.run(&[1.0]), [33.0]);
    assert_eq!(names(&model), ["contract", "affine", "add"]);
}

#[test]
fn chains_of_constants_fold_through_reshapes() {
    let model = Model::new(&[2])
        .floats("w", &[2, 1], &[1.0, 1.0])
        .floats("c", &[], &[10.0])
        .ints("s", &[0, -1])
        .node("Relu", &["x"], "r")
        .node("Mul", &["r", "c"], "a")
        .node("Add", &["a", "c"], "b")
        .node("Reshape", &["b", "s"], "d")
        .node("Flatten", &["d"], "e")
        .node("MatMul", &["e", "w"], "y");
    assert_eq!(model.run(&[1.0, 2.0]), [50.0]);
    assert_eq!(names(&model), ["rectify", "reshape", "reshape", "contract"]);
}

#[test]
fn features_of_several_axes_are_flattened() {
    let model = Model::new(&[2, 2])
        .floats("c", &[2, 1], &[10.0, 20.0])
        .floats("w", &[4, 1], &[1.0, 2.0, 3.0, 4.0])
        .node("Relu", &["x"], "r")
        .node("Add", &["r", "c"], "a")
        .node("Flatten", &["a"], "f")
        .node("Gemm", &["f", "w"], "y");
    assert_eq!(
        model.run(&[1.0, 1.0, 1.0, 1.0]),
        [11.0 + 22.0 + 63.0 + 84.0]
    );
}

#[test]
fn constants_by_attribute_and_by_name() {
    let tensor = AttributeProto {
        name: "value".into(),
        t: Some(float_tensor("", &[2, 1], &[1.0, 2.0])),
        kind: attribute_type::TENSOR,
        ..AttributeProto::default()
    };
    let model = Model::new(&[2])
        .node("Constant", &[], "w")
        .attribute(tensor)
        .node("Constant", &[], "c")
        .float("value_float", 0.5)
        .node("Identity", &["w"], "v")
        .node("MatMul", &["x", "v"], "h")
        .node("Add", &["h", "c"], "y");
    assert_eq!(model.run(&[1.0, 1.0]), [3.5]);
}

#[test]
fn unread_nodes_are_dropped() {
    let model = Model::new(&[1])
        .node("Relu", &["x"], "y")
        .node("Tanh", &["x"], "unused");
    assert_eq!(names(&model), ["rectify"]);
}

#[test]
fn initializers_listed_as_inputs_are_not_inputs() {
    let mut model = Model::new(&[1])
        .floats("w", &[1, 1], &[2.0])
        .node("MatMul", &["x", "w"], "y");
    let listed = super::build::value("w", vec![]);
    model.graph().input.insert(0, listed);
    assert_eq!(model.run(&[3.0]), [6.0]);
}

#[test]
fn rich_model_runs() {
    let graph = rich().import().unwrap();
    assert!(matches!(
        graph.nodes().last().map(|n| &n.op),
        Some(Op::Unary(Function::Sigmoid))
    ));
    let y = graph.run(&[vec![0.3, -0.7], vec![1.0, 1.0]]).unwrap();
    assert!(
        y.iter()
            .all(|row| row.len() == 1 && (0.0..=1.0).contains(&row[0])),
        "{y:?}"
    );
}
