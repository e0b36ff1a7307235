//! Shapes that a model computes: `x.view(x.size(0), -1)` and its relatives.

use super::build::Model;

/// Input `(n, 2, 3)`, summed over its six features in the end.
fn model() -> Model {
    Model::new(&[2, 3])
        .index("first", 0)
        .index("second", 1)
        .ints("axes", &[0])
        .ints("rest", &[-1])
        .floats("w", &[6, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .node("Shape", &["x"], "shape")
}

/// Reshapes to `target` and sums.
fn sum(model: Model, target: &str) -> Model {
    model
        .node("Reshape", &["x", target], "flat")
        .node("MatMul", &["flat", "w"], "y")
}

const ROW: [f32; 6] = [1.0, 0.0, 0.0, 10.0, 0.0, 100.0];

#[test]
fn the_batch_and_the_rest() {
    let view = |opset| {
        let model = model()
            .node("Gather", &["shape", "first"], "n")
            .int("axis", 0);
        let model = match opset {
            13.. => model.node("Unsqueeze", &["n", "axes"], "list"),
            _ => model
                .node("Unsqueeze", &["n"], "list")
                .int_list("axes", &[0]),
        };
        let model = model
            .node("Concat", &["list", "rest"], "target")
            .int("axis", 0);
        sum(model, "target").opset(opset)
    };
    for opset in [11, 13, 20] {
        assert_eq!(view(opset).run(&ROW), [641.0], "opset {opset}");
    }
    let mut kept = view(20);
    let reshape = kept
        .graph()
        .node
        .iter_mut()
        .find(|n| n.op_type == "Reshape");
    reshape.unwrap().attribute = Model::new(&[1])
        .node("Reshape", &[], "y")
        .int("allowzero", 1)
        .graph()
        .node[0]
        .attribute
        .clone();
    assert_eq!(kept.run(&ROW), [641.0]);
}

#[test]
fn the_whole_shape_and_parts_of_it() {
    // To its own shape and back.
    let own = sum(
        model()
            .node("Cast", &["shape"], "same")
            .int("to", 7)
            .node("Reshape", &["x", "same"], "again")
            .ints("two", &[1, 6]),
        "two",
    );
    assert_eq!(own.run(&ROW), [641.0]);
    // Dimensions of features are numbers: (n, 3, 2).
    let swapped = Model::new(&[2, 3])
        .ints("order", &[0, -1, 1])
        .floats("c", &[3, 1], &[1.0, 10.0, 100.0])
        .node("Shape", &["x"], "shape")
        .node("Gather", &["shape", "order"], "target")
        .node("Reshape", &["x", "target"], "h")
        .node("Mul", &["h", "c"], "y");
    assert_eq!(
        swapped.run(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        [1.0, 2.0, 30.0, 40.0, 500.0, 600.0]
    );
    // The first dimension only, by Shape's own attributes.
    let first = Model::new(&[2, 3])
        .ints("rest", &[6])
        .floats("w", &[6, 1], &[1.0; 6])
        .node("Shape", &["x"], "n")
        .int("start", 0)
        .int("end", -2)
        .node("Concat", &["n", "rest"], "target")
        .int("axis", 0);
    assert_eq!(sum(first, "target").run(&ROW), [111.0]);
}

/// `x.flatten(2)` and `unflatten`: exporters cut shapes into parts.
#[test]
fn parts_of_a_shape_by_slices() {
    let cut = model()
        .ints("from", &[0])
        .ints("to", &[-2])
        .node("Slice", &["shape", "from", "to"], "n")
        .node("Concat", &["n", "rest"], "target")
        .int("axis", 0);
    assert_eq!(sum(cut, "target").run(&ROW), [641.0]);
    // Backwards the dimensions are (3, 2, n): two of them are numbers, the batch is put before them.
    let turned = Model::new(&[2, 3])
        .ints("from", &[-1])
        .ints("to", &[i64::MIN])
        .ints("zero", &[0])
        .ints("by", &[-1])
        .index("last", 2)
        .ints("numbers", &[0, 1])
        .floats("c", &[3, 1], &[1.0, 10.0, 100.0])
        .node("Shape", &["x"], "shape")
        .node("Slice", &["shape", "from", "to", "zero", "by"], "turned")
        .node("Gather", &["turned", "last"], "one")
        .node("Unsqueeze", &["one", "zero"], "n")
        .node("Squeeze", &["n"], "scalar")
        .node("Unsqueeze", &["scalar", "zero"], "again")
        .node("Gather", &["turned", "numbers"], "rest")
        .node("Concat", &["again", "rest"], "target")
        .int("axis", 0)
        .node("Reshape", &["x", "target"], "h")
        .node("Mul", &["h", "c"], "y");
    assert_eq!(
        turned.run(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        [1.0, 2.0, 30.0, 40.0, 500.0, 600.0]
    );
    let axes = model()
        .ints("two", &[0, 1])
        .node("Slice", &["shape", "two", "two"], "t");
    let error = sum(axes, "t").error();
    assert!(error.contains("a shape, which has one axis"), "{error}");
    let several = model().node("Squeeze", &["shape"], "t");
    let error = sum(several, "t").error();
    assert!(
        error.contains("3 dimensions, expected a list of one"),
        "{error}"
    );
}

#[test]
fn what_is_not_a_reshape_that_keeps_the_batch_is_refused() {
    let gathered = |index: &str| {
        model()
            .node("Gather", &["shape", index], "n")
            .int("axis", 0)
    };
    let listed = |index: &str| gathered(index).node("Unsqueeze", &["n", "axes"], "list");
    for (model, expected) in [
        (
            listed("first")
                .node("Concat", &["rest", "list"], "t")
                .int("axis", 0),
            "dimension 1 of the target shape",
        ),
        // -1 for the batch would be joined with features.
        (
            listed("second")
                .node("Concat", &["list", "rest"], "t")
                .int("axis", 0),
            "starts with 2",
        ),
        (
            gathered("first").node("Identity", &["n"], "t"),
            "is a scalar",
        ),
        (
            listed("first")
                .node("Concat", &["list", "rest"], "t")
                .int("axis", 1),
            "axis is 1",
        ),
        (
            model()
                .index("far", 3)
                .node("Gather", &["shape", "far"], "t"),
            "index 3 is not in a shape of 3",
        ),
        (
            model()
                .index("far", i64::MIN)
                .node("Gather", &["shape", "far"], "t"),
            "is not in a shape of 3",
        ),
        (
            model().node("Gather", &["x", "first"], "t"),
            "the batch stays as it is",
        ),
        (
            model().node("Unsqueeze", &["shape", "axes"], "t"),
            "of 3 dimensions",
        ),
        (
            model().node("Add", &["shape", "w"], "t"),
            "computed from the batch's size",
        ),
        (
            model().node("Relu", &["shape"], "t"),
            "computed from the batch's size",
        ),
    ] {
        let error = sum(model, "t").error();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // Doubled again and again, a list does not grow without bound.
    let mut doubled = model();
    let mut last = "shape".to_owned();
    for i in 0..60 {
        let next = format!("d{i}");
        doubled = doubled
            .node("Concat", &[&last, &last], &next)
            .int("axis", 0);
        last = next;
    }
    let error = sum(doubled, &last).error();
    assert!(error.contains("at most 64"), "{error}");
}
