//! Operators that move numbers one by one: what goes where, and that every row of a batch is done the same.

use super::build::Model;

fn x() -> Vec<f32> {
    (0..6).map(|v| v as f32).collect()
}

fn base() -> Model {
    Model::new(&[2, 3])
}

#[test]
fn numbers_go_where_they_should() {
    let tile = base().ints("r", &[1, 2, 1]).node("Tile", &["x", "r"], "y");
    assert_eq!(tile.run(&x()), [x(), x()].concat());
    let gather = base()
        .ints("i", &[2, 0, 0])
        .node("Gather", &["x", "i"], "y")
        .int("axis", -1);
    assert_eq!(gather.run(&x()), [2.0, 0.0, 0.0, 5.0, 3.0, 3.0]);
    let reflected = |mode: &str| {
        let mut model = base()
            .ints("p", &[0, 0, 2, 0, 0, 1])
            .node("Pad", &["x", "p"], "y");
        let attribute = crate::onnx::messages::AttributeProto {
            name: "mode".into(),
            s: mode.to_owned().into(),
            kind: crate::onnx::messages::attribute_type::STRING,
            ..Default::default()
        };
        model = model.attribute(attribute);
        model.run(&x())[..6].to_vec()
    };
    assert_eq!(reflected("reflect"), [2.0, 1.0, 0.0, 1.0, 2.0, 1.0]);
    assert_eq!(reflected("edge"), [0.0, 0.0, 0.0, 1.0, 2.0, 2.0]);
    assert_eq!(reflected("wrap"), [1.0, 2.0, 0.0, 1.0, 2.0, 0.0]);
    let upper = base().node("Trilu", &["x"], "y");
    assert_eq!(upper.run(&x()), [0.0, 1.0, 2.0, 0.0, 4.0, 5.0]);
    let expand = Model::new(&[1, 2])
        .ints("s", &[1, 3, 1])
        .node("Expand", &["x", "s"], "y");
    assert_eq!(expand.run(&[1.0, 2.0]), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    let joined = base()
        .floats("c", &[1, 2, 1], &[7.0, 8.0])
        .node("Concat", &["x", "c"], "y")
        .int("axis", 2);
    // Constants beside a batch of any size are not the same for every row by their shape.
    let error = joined.error();
    assert!(error.contains("operands have shapes"), "{error}");
}

#[test]
fn rows_of_a_batch_are_not_mixed() {
    for model in [
        base().ints("r", &[2, 1, 1]).node("Tile", &["x", "r"], "y"),
        base()
            .ints("i", &[0])
            .node("Gather", &["x", "i"], "y")
            .int("axis", 0),
        base().ints("i", &[0, 1]).node("GatherND", &["x", "i"], "y"),
        base()
            .ints("p", &[1, 0, 0, 0, 0, 0])
            .node("CenterCropPad", &["x", "p"], "y"),
    ] {
        let error = model.error();
        assert!(
            error.contains("batch") || error.contains("reads outside"),
            "{error}"
        );
    }
}

#[test]
fn results_are_bounded_before_they_are_worked_out() {
    for model in [
        base()
            .ints("r", &[1, 1 << 40, 1])
            .node("Tile", &["x", "r"], "y"),
        base()
            .ints("s", &[1, 1 << 40, 1 << 40])
            .node("Expand", &["x", "s"], "y"),
        base()
            .ints("s", &[1, i64::MAX, i64::MAX])
            .node("CenterCropPad", &["x", "s"], "y"),
    ] {
        assert!(model.import().is_err());
    }
}
