//! One clear message for every kind of unusable model.

use super::build::{Model, value};
use crate::onnx::ImportError;
use crate::onnx::messages::{AttributeProto, DimensionValue, attribute_type};

#[test]
fn unknown_op_lists_the_supported() {
    let error = Model::new(&[2]).node("Unique", &["x"], "y").error();
    assert!(
        error.contains("\"Unique\"")
            && error.contains("node_y")
            && error.contains("MatMul, MatMulInteger"),
        "{error}"
    );
    let mut foreign = Model::new(&[2]).node("Relu", &["x"], "y");
    foreign.graph().node[0].domain = "com.example".into();
    assert!(foreign.error().contains("com.example::Relu"));
}

/// The list of operators in the documentation is the registry.
#[test]
fn documented_operators() {
    let text = include_str!("../../../../docs/onnx.md");
    let tables = [
        ("operators", crate::onnx::ops::OPS),
        ("classical", crate::onnx::ops::classical::OPS),
    ];
    for (table, operators) in tables {
        let list = text
            .split(&format!("<!-- {table} -->"))
            .nth(1)
            .expect("a list");
        let list = list.split("<!-- end -->").next().expect("an end");
        let listed: Vec<&str> = list.split(',').map(str::trim).collect();
        let known: Vec<&str> = operators.iter().map(|(name, ..)| *name).collect();
        assert_eq!(listed, known);
        assert!(known.is_sorted(), "by name");
    }
}

#[test]
fn dynamic_shapes() {
    let with = |dims: Vec<DimensionValue>| {
        let mut model = Model::new(&[2]).node("Relu", &["x"], "y");
        model.graph().input = vec![value("x", dims)];
        model.import()
    };
    let number = DimensionValue::Value;
    let symbol = || DimensionValue::Symbol("seq".into());
    for bad in [symbol(), number(-1), number(0)] {
        assert!(matches!(
            with(vec![symbol(), bad]),
            Err(ImportError::DynamicShape { index: 1, .. })
        ));
    }
    assert!(matches!(
        with(vec![number(7), symbol()]),
        Err(ImportError::FixedBatch { found: 7, .. })
    ));
    let row = with(vec![number(7), number(2)]).expect("a row");
    assert_eq!(row.width(row.input()), 14);
    for batch in [symbol(), number(-1), number(1)] {
        assert!(with(vec![batch, number(2)]).is_ok());
    }
    assert!(with(vec![symbol()]).is_err() && with(vec![]).is_ok());
    assert!(matches!(
        with(vec![symbol(), number(i64::MAX), number(i64::MAX)]),
        Err(ImportError::TooLarge { .. })
    ));
}

#[test]
fn numbers_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let model =
            Model::new(&[2])
                .floats("w", &[2, 1], &[1.0, bad])
                .node("MatMul", &["x", "w"], "y");
        assert!(
            matches!(model.import(), Err(ImportError::NonFinite { index: 1, .. })),
            "{bad}"
        );
        let attribute = Model::new(&[2])
            .node("LeakyRelu", &["x"], "y")
            .float("alpha", bad);
        assert!(attribute.import().is_err());
    }
    let overflow = Model::new(&[1])
        .floats("w", &[1, 1], &[1e30])
        .node("MatMul", &["x", "w"], "h")
        .node("MatMul", &["h", "w"], "k")
        .floats("c", &[], &[1e30])
        .node("Mul", &["k", "c"], "y");
    assert!(
        overflow.error().contains("after folding"),
        "{}",
        overflow.error()
    );
}

#[test]
fn versions() {
    for (version, ok) in [(6, false), (7, true), (25, true), (26, false), (-1, false)] {
        let mut model = Model::new(&[2]).node("Relu", &["x"], "y");
        model.0.opset_import[0].version = version;
        assert_eq!(model.import().is_ok(), ok, "opset {version}");
    }
    for (version, ok) in [(0, false), (2, false), (3, true), (14, true), (99, false)] {
        let mut model = Model::new(&[2]).node("Relu", &["x"], "y");
        model.0.ir_version = version;
        assert_eq!(model.import().is_ok(), ok, "IR {version}");
    }
    let mut none = Model::new(&[2]).node("Relu", &["x"], "y");
    none.0.opset_import.clear();
    assert!(none.error().contains("operator set"));
    // Converters write an import twice; two versions leave open which.
    for (second, ok) in [(17, true), (16, false)] {
        let mut twice = Model::new(&[2]).node("Relu", &["x"], "y");
        let mut import = twice.0.opset_import[0].clone();
        (import.version, import.domain) = (second, "ai.onnx".into());
        twice.0.opset_import.push(import);
        assert_eq!(twice.import().is_ok(), ok);
        if !ok {
            assert!(
                twice.error().contains("versions 17 and 16"),
                "{}",
                twice.error()
            );
        }
    }
    let mut foreign = Model::new(&[2]).node("LinearRegressor", &["x"], "y");
    let import = foreign.0.opset_import[0].clone();
    foreign.0.opset_import.push(import);
    assert!(
        foreign.error().contains("LinearRegressor"),
        "{}",
        foreign.error()
    );
}

#[test]
fn missing_values() {
    let error = Model::new(&[2]).node("MatMul", &["x", "w"], "y").error();
    assert!(
        error.contains("\"w\"") && error.contains("initializer is missing"),
        "{error}"
    );
    let order = Model::new(&[2])
        .node("Relu", &["h"], "y")
        .node("Relu", &["x"], "h");
    assert!(matches!(
        order.import(),
        Err(ImportError::MissingValue { .. })
    ));
    assert!(
        Model::new(&[2])
            .node("Relu", &["x"], "z")
            .error()
            .contains("output \"y\"")
    );
    assert!(
        Model::new(&[2])
            .node("Relu", &[], "y")
            .error()
            .contains("operand 0 is missing")
    );
    let twice = Model::new(&[2])
        .node("Relu", &["x"], "y")
        .node("Relu", &["x"], "y");
    assert!(twice.error().contains("twice"));
    let mut empty = Model::new(&[2]);
    empty.graph().output = empty.graph().input.clone();
    assert!(empty.error().contains("computes nothing"));
}

#[test]
fn operands_and_attributes() {
    let w = |dims: &[i64], n: usize| Model::new(&[2]).floats("w", dims, &vec![1.0; n]);
    for model in [
        w(&[3, 1], 3).node("MatMul", &["x", "w"], "y"),
        w(&[3, 1], 3).node("Gemm", &["x", "w"], "y"),
        w(&[2], 2).node("Gemm", &["x", "w"], "y"),
        w(&[2, 1], 2)
            .node("Gemm", &["x", "w"], "y")
            .int("transA", 1),
        w(&[2, 1], 2).node("Gemm", &["x", "w", "w"], "y"),
        w(&[2, 1], 2).node("MatMul", &["w", "x"], "y"),
        Model::new(&[2]).node("MatMul", &["x", "x"], "y"),
        w(&[3], 3).node("Add", &["x", "w"], "y"),
        w(&[1, 1], 1)
            .node("MatMul", &["x", "w"], "h")
            .node("Add", &["x", "h"], "y"),
        Model::new(&[2])
            .node("LeakyRelu", &["x"], "y")
            .float("alpha", -0.5),
        Model::new(&[2])
            .node("LeakyRelu", &["x"], "y")
            .float("alpha", 1.0),
        Model::new(&[2])
            .node("LeakyRelu", &["x"], "y")
            .int("alpha", 0),
        Model::new(&[2]).node("Flatten", &["x"], "y").int("axis", 0),
        Model::new(&[2])
            .ints("s", &[2])
            .node("Reshape", &["x", "s"], "y"),
        w(&[2], 2).node("Reshape", &["x", "w"], "y"),
        w(&[2], 2).node("BatchNormalization", &["x", "w", "w", "w"], "y"),
        w(&[1], 1).node("BatchNormalization", &["x", "w", "w", "w", "w"], "y"),
        w(&[2], 2)
            .node("BatchNormalization", &["x", "w", "w", "w", "w"], "y")
            .float("epsilon", -2.0),
        w(&[2], 2)
            .node("BatchNormalization", &["x", "w", "w", "w", "w"], "y")
            .int("training_mode", 1),
        w(&[2], 2)
            .node("BatchNormalization", &["x", "w", "w", "w", "w"], "y")
            .int("is_test", 0),
        w(&[2], 2)
            .node("BatchNormalization", &["x", "w", "w", "w", "w"], "y")
            .int("spatial", 0),
        Model::new(&[2])
            .node("Relu", &["x"], "y")
            .int("consumed_inputs", 1),
        Model::new(&[2])
            .floats("w", &[2], &[1.0, 0.0])
            .node("Div", &["x", "w"], "y"),
        Model::new(&[2]).node("Cast", &["x"], "y").int("to", 8),
        Model::new(&[2]).node("Cast", &["x"], "y"),
        w(&[2], 2)
            .node("Cast", &["w"], "i")
            .int("to", 7)
            .node("Reshape", &["x", "i"], "y"),
        Model::new(&[2])
            .ints("t", &[1])
            .node("Dropout", &["x", "", "t"], "y"),
        Model::new(&[2]).node("Constant", &[], "y"),
    ] {
        let error = model.import().unwrap_err();
        assert!(
            matches!(error, ImportError::Node { .. } | ImportError::Tensor { .. }),
            "{error}"
        );
    }
    let reference = AttributeProto {
        name: "alpha".into(),
        ref_attr_name: "a".into(),
        kind: attribute_type::FLOAT,
        ..AttributeProto::default()
    };
    assert!(
        Model::new(&[2])
            .node("LeakyRelu", &["x"], "y")
            .attribute(reference)
            .error()
            .contains("reference")
    );
}

/// Before opset 14 training mode has no attribute: it is more than one result.
#[test]
fn batch_normalisation_in_training_mode() {
    for opset in [9, 13, 14, 15] {
        let model = |more: &[&str]| {
            Model::new(&[2])
                .floats("w", &[2], &[1.0, 1.0])
                .node("BatchNormalization", &["x", "w", "w", "w", "w"], "y")
                .outputs(more)
                .opset(opset)
        };
        for more in [&["m", "v", "sm", "sv"][..], &["m", "v"], &["", "v"]] {
            let error = model(more).error();
            assert!(error.contains("training mode"), "opset {opset}: {error}");
        }
        assert!(model(&[]).import().is_ok());
        assert!(
            model(&["", ""]).import().is_ok(),
            "omitted results are none"
        );
    }
}

#[test]
fn inputs_and_outputs() {
    let mut none = Model::new(&[2]).node("Relu", &["x"], "y");
    none.graph().output.clear();
    assert!(none.error().contains("no outputs"));
    let mut none = Model::new(&[2]).node("Relu", &["x"], "y");
    none.graph().input.clear();
    assert!(none.error().contains("no inputs"));
    let mut inputs = Model::new(&[2]).node("Relu", &["x"], "y");
    inputs.graph().input.push(value("z", vec![]));
    assert!(inputs.error().contains("input \"z\" has no shape"));
    let mut sparse = Model::new(&[2]).node("Relu", &["x"], "y");
    sparse.graph().sparse_initializer.push(Default::default());
    assert!(sparse.error().contains("sparse"));
    let mut external =
        Model::new(&[2])
            .floats("w", &[2, 1], &[1.0; 2])
            .node("MatMul", &["x", "w"], "y");
    external.graph().initializer[0].data_location = 1;
    assert!(external.error().contains("another file"));
}

#[test]
fn small_files_do_not_become_large_graphs() {
    // One scalar broadcast to 2^20 features by every node of a chain of 4,000.
    let mut model = Model::new(&[1 << 20]).floats("c", &[], &[1.0]);
    let mut last = "x".to_owned();
    for i in 0..4000 {
        let next = if i == 3999 {
            "y".into()
        } else {
            format!("t{i}")
        };
        model = model.node("Mul", &[&last, "c"], &next);
        last = next;
    }
    assert!(matches!(model.import(), Err(ImportError::TooLarge { .. })));
    // A factor for each number is no matrix.
    let wide = Model::new(&[1 << 20])
        .floats("c", &[], &[1.0])
        .node("Mul", &["x", "c"], "y");
    assert_eq!(wide.import().expect("a model").parameters(), 1 << 21);
}
