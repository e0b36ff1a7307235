//! Models that are one row, several inputs and outputs, whole numbers, and constants that are computed.

use super::build::{Model, value};
use crate::onnx::messages::{DimensionValue, data_type};
use crate::quant::{Options, compile, fidelity};

fn numbers(dims: &[i64]) -> Vec<DimensionValue> {
    dims.iter().map(|d| DimensionValue::Value(*d)).collect()
}

/// Inputs of static shapes, `x` first.
fn with_inputs(shapes: &[(&str, &[i64])]) -> Model {
    let mut model = Model::new(&[]);
    let inputs = shapes.iter().map(|(name, dims)| value(name, numbers(dims)));
    model.graph().input = inputs.collect();
    model
}

fn typed(mut model: Model, kind: i32) -> Model {
    for input in &mut model.graph().input {
        let tensor = input.r#type.as_mut().and_then(|t| t.tensor_type.as_mut());
        tensor.expect("a tensor").elem_type = kind;
    }
    model
}

/// What a model gives of a row; its program gives exactly the same.
fn integers(model: &Model, row: &[f32]) -> Vec<f32> {
    let graph = model.import().expect("a model");
    let rows = [row.to_vec()];
    let compiled =
        compile(&graph, &rows, &Options::rows("whole", 1).in_rows_of(12)).expect("a program");
    let own = fidelity(&graph, &compiled.program, &compiled.weights, &rows).expect("a row");
    assert_eq!((own.refused, own.max_error), (0, 0.0));
    model.run(row)
}

#[test]
fn the_first_axis_is_a_feature_where_it_is_fixed() {
    let sum = |axis: i64| {
        with_inputs(&[("x", &[2, 3])])
            .node("ReduceSum", &["x"], "y")
            .int_list("axes", &[axis])
            .int("keepdims", 0)
    };
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(sum(0).run(&x), [5.0, 7.0, 9.0]);
    assert_eq!(sum(1).run(&x), [6.0, 15.0]);
    assert_eq!(sum(-2).run(&x), [5.0, 7.0, 9.0]);
    assert!(sum(2).error().contains("expected one of 2 axes"));
    let turned = with_inputs(&[("x", &[2, 3])]).node("Transpose", &["x"], "y");
    assert_eq!(turned.run(&x), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    // A scalar and a vector.
    let product = with_inputs(&[("x", &[]), ("v", &[2])]).node("Mul", &["x", "v"], "y");
    assert_eq!(product.run(&[3.0, 4.0, 5.0]), [12.0, 15.0]);
}

#[test]
fn a_batch_of_one_is_a_batch_where_it_can_be() {
    let one = |perm: &[i64]| {
        with_inputs(&[("x", &[1, 2])])
            .node("Transpose", &["x"], "y")
            .int_list("perm", perm)
    };
    let kept = one(&[0, 1]).import().expect("a model");
    assert_eq!(
        kept.run(&[vec![1.0, 2.0], vec![3.0, 4.0]])
            .expect("rows")
            .len(),
        2
    );
    assert_eq!(one(&[1, 0]).run(&[1.0, 2.0]), [1.0, 2.0]);
}

#[test]
fn inputs_and_outputs_are_one_behind_the_other() {
    let mut model = with_inputs(&[("x", &[2]), ("z", &[2, 2])]).node("Add", &["x", "z"], "y");
    model = model.node("Sub", &["z", "x"], "d");
    model.graph().output.push(value("d", vec![]));
    assert_eq!(
        model.run(&[1.0, 2.0, 10.0, 20.0, 30.0, 40.0]),
        [11.0, 22.0, 31.0, 42.0, 9.0, 18.0, 29.0, 38.0]
    );
    // Of a batch, parts of every row.
    let mut batch = Model::new(&[2]).node("Add", &["x", "z"], "y");
    let symbol = DimensionValue::Symbol("n".into());
    let dims = vec![symbol, DimensionValue::Value(1)];
    batch.graph().input.push(value("z", dims));
    assert_eq!(batch.run(&[1.0, 2.0, 10.0]), [11.0, 12.0]);
}

#[test]
fn convolutions_read_the_entries_of_a_fixed_batch() {
    let model = with_inputs(&[("x", &[2, 1, 3])])
        .floats("w", &[1, 1, 2], &[1.0, -1.0])
        .node("Conv", &["x", "w"], "y");
    assert_eq!(
        model.run(&[1.0, 2.0, 4.0, 8.0, 4.0, 1.0]),
        [-1.0, -2.0, 4.0, 3.0]
    );
    let many = with_inputs(&[("x", &[65, 1, 3])])
        .floats("w", &[1, 1, 2], &[1.0, -1.0])
        .node("Conv", &["x", "w"], "y");
    assert!(many.error().contains("at most 64"));
}

#[test]
fn whole_numbers_are_compared_exactly() {
    let compare = |op: &str| {
        let model = with_inputs(&[("x", &[3]), ("z", &[3])]).floats("one", &[], &[1.0]);
        let model = model
            .node(op, &["x", "z"], "b")
            .node("Mul", &["b", "one"], "y");
        integers(
            &typed(model, data_type::INT32),
            &[1.0, 2.0, 900.0, 2.0, 2.0, 899.0],
        )
    };
    assert_eq!(compare("Less"), [1.0, 0.0, 0.0]);
    assert_eq!(compare("LessOrEqual"), [1.0, 1.0, 0.0]);
    assert_eq!(compare("Greater"), [0.0, 0.0, 1.0]);
    assert_eq!(compare("GreaterOrEqual"), [0.0, 1.0, 1.0]);
    assert_eq!(compare("Equal"), [0.0, 1.0, 0.0]);
    // Thousands of units apart, one unit decides.
    let model = with_inputs(&[("x", &[2])]).floats("one", &[], &[1.0]);
    let zero = model
        .floats("c", &[], &[0.0])
        .node("Greater", &["x", "c"], "b");
    let zero = zero.node("Mul", &["b", "one"], "y");
    let row = [100.0, 1.0 / 256.0];
    assert_eq!(integers(&zero, &row), [1.0, 1.0]);
}

#[test]
fn division_of_whole_numbers_is_towards_zero() {
    let model = with_inputs(&[("x", &[4])])
        .ints("c", &[3])
        .node("Div", &["x", "c"], "y");
    let model = typed(model, data_type::INT64);
    assert_eq!(model.run(&[7.0, -7.0, 6.0, -6.0]), [2.0, -2.0, 2.0, -2.0]);
    let by = with_inputs(&[("x", &[1]), ("z", &[1])]).node("Div", &["x", "z"], "y");
    assert!(
        typed(by, data_type::INT64)
            .error()
            .contains("constant divisor")
    );
}

#[test]
fn places_of_the_largest() {
    let arg = |last: i64| {
        with_inputs(&[("x", &[2, 3])])
            .node("ArgMax", &["x"], "y")
            .int("axis", 1)
            .int("select_last_index", last)
    };
    let x = [1.0, 5.0, 5.0, 2.0, 1.0, 0.0];
    assert_eq!(arg(0).run(&x), [1.0, 0.0]);
    assert_eq!(arg(1).run(&x), [2.0, 0.0]);
    let hard = with_inputs(&[("x", &[2, 3])]).node("Hardmax", &["x"], "y");
    assert_eq!(hard.run(&x), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    let top = with_inputs(&[("x", &[4])])
        .ints("k", &[3])
        .node("TopK", &["x", "k"], "y")
        .outputs(&["places"]);
    assert_eq!(top.run(&[3.0, 9.0, 3.0, 4.0]), [9.0, 4.0, 3.0]);
}

#[test]
fn constants_are_computed() {
    let model = with_inputs(&[("x", &[2, 3])])
        .node("Shape", &["x"], "s")
        .node("ReduceProd", &["s"], "n")
        .int("keepdims", 1)
        .node("Reshape", &["x", "n"], "y");
    assert_eq!(model.run(&[1.0; 6]).len(), 6);
    // Small files do not become large constants.
    let huge = with_inputs(&[("x", &[2])])
        .ints("s", &[1 << 20, 1 << 20])
        .node("ConstantOfShape", &["s"], "c")
        .node("Add", &["x", "c"], "y");
    assert!(huge.error().contains("at most"));
    let mut many = with_inputs(&[("x", &[2])]).ints("s", &[1 << 21]);
    for i in 0..9 {
        many = many.node("ConstantOfShape", &["s"], &format!("c{i}"));
    }
    assert!(
        many.node("Relu", &["x"], "y")
            .error()
            .contains("computed constants")
    );
}

/// Powers of e as they stand would be out of every range.
#[test]
fn logarithms_of_sums_of_powers() {
    let model = with_inputs(&[("x", &[1, 3])])
        .node("Exp", &["x"], "e")
        .node("ReduceSum", &["e"], "s")
        .int_list("axes", &[1])
        .node("Log", &["s"], "y");
    assert_eq!(model.run(&[200.0, 200.0, 0.0]), [200.0 + 2f32.ln()]);
}

#[test]
fn half_precision_weights() {
    for (kind, bits) in [
        (data_type::FLOAT16, [0x3e00, 0xbc00]),
        (data_type::BFLOAT16, [0x3fc0, 0xbf80]),
    ] {
        let mut model = with_inputs(&[("x", &[2])])
            .floats("c", &[2], &[0.0; 2])
            .node("Mul", &["x", "c"], "y");
        let tensor = &mut model.graph().initializer[0];
        tensor.data_type = kind;
        tensor.raw_data = bits
            .iter()
            .flat_map(|b: &u16| b.to_le_bytes())
            .collect::<Vec<u8>>()
            .into();
        assert_eq!(model.run(&[2.0, 2.0]), [3.0, -2.0]);
    }
}
