//! Operators of `ai.onnx.ml`, and tables read by computed indices.

use super::build::Model;
use crate::onnx::messages::{AttributeProto, attribute_type, data_type};
use crate::onnx::ops::classical::DOMAIN;
use crate::predict::{self, Predict};

impl Model {
    /// Adds a node of the domain.
    fn ml(mut self, op: &str, inputs: &[&str], output: &str) -> Self {
        self = self.node(op, inputs, output);
        self.graph().node.last_mut().unwrap().domain = DOMAIN.into();
        self
    }

    fn numbers(self, name: &str, values: &[f32]) -> Self {
        self.attribute(AttributeProto {
            name: name.into(),
            floats: values.to_vec(),
            kind: attribute_type::FLOATS,
            ..AttributeProto::default()
        })
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.attribute(AttributeProto {
            name: name.into(),
            s: value.to_owned().into(),
            kind: attribute_type::STRING,
            ..AttributeProto::default()
        })
    }

    /// Makes other results those of the model.
    fn giving(mut self, names: &[&str]) -> Self {
        let output = names.iter().map(|name| super::build::value(name, vec![]));
        self.graph().output = output.collect();
        self
    }
}

fn base() -> Model {
    Model::new(&[2])
}

/// A classifier of two columns, with its label and scores.
fn classifier(coefficients: &[f32], intercepts: &[f32], post: &str) -> Model {
    let classes: Vec<i64> = (0..intercepts.len() as i64).collect();
    base()
        .ml("LinearClassifier", &["x"], "label")
        .outputs(&["scores"])
        .numbers("coefficients", coefficients)
        .numbers("intercepts", intercepts)
        .int_list("classlabels_ints", &classes)
        .text("post_transform", post)
        .giving(&["label", "scores"])
}

fn near(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (f64::from(*a) - b).abs() < 1e-5,
            "{found:?}, expected {expected:?}"
        );
    }
}

#[test]
fn columns_are_scaled_joined_and_chosen() {
    let scaler = base()
        .ml("Scaler", &["x"], "y")
        .numbers("offset", &[1.0, 2.0])
        .numbers("scale", &[2.0, 0.5]);
    near(&scaler.run(&[3.0, 4.0]), &[4.0, 1.0]);
    let one = base()
        .ml("Scaler", &["x"], "y")
        .numbers("offset", &[1.0])
        .numbers("scale", &[2.0]);
    near(&one.run(&[3.0, 4.0]), &[4.0, 6.0]);
    let joined = base()
        .ints("second", &[1, 0, 1])
        .ml("ArrayFeatureExtractor", &["x", "second"], "a")
        .ml("FeatureVectorizer", &["x", "a"], "y")
        .int_list("inputdimensions", &[2, 3]);
    near(&joined.run(&[3.0, 4.0]), &[3.0, 4.0, 4.0, 3.0, 4.0]);
    let imputed = base()
        .ml("Imputer", &["x"], "a")
        .numbers("imputed_value_floats", &[7.0, 7.0])
        .float("replaced_value_float", f32::NAN)
        .ml("Binarizer", &["a"], "y")
        .float("threshold", 3.5);
    near(&imputed.run(&[3.0, 4.0]), &[0.0, 1.0]);
    let normal = |norm: &str| base().ml("Normalizer", &["x"], "y").text("norm", norm);
    near(&normal("L1").run(&[3.0, -4.0]), &[3.0 / 7.0, -4.0 / 7.0]);
    near(&normal("L2").run(&[3.0, -4.0]), &[0.6, -0.8]);
}

#[test]
fn linear_models_give_scores() {
    let regressor = base()
        .ml("LinearRegressor", &["x"], "y")
        .numbers("coefficients", &[1.0, -2.0, 0.5, 0.25])
        .numbers("intercepts", &[3.0, -1.0])
        .int("targets", 2);
    near(&regressor.run(&[2.0, 4.0]), &[-3.0, 1.0]);
    let vectors = base()
        .ml("SVMRegressor", &["x"], "y")
        .text("kernel_type", "LINEAR")
        .numbers("support_vectors", &[1.0, 2.0, 3.0, -1.0])
        .numbers("coefficients", &[0.5, -1.0])
        .numbers("rho", &[0.25])
        .int("n_supports", 2);
    // 0.5·(1, 2) - (3, -1) = (-2.5, 2).
    near(&vectors.run(&[2.0, 4.0]), &[3.25]);
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let margin = 0.5 * 2.0 - 1.0 * 4.0 + 0.25;
    let binary = classifier(&[-0.5, 1.0, 0.5, -1.0], &[-0.25, 0.25], "LOGISTIC");
    near(
        &binary.run(&[2.0, 4.0]),
        &[sigmoid(-margin), sigmoid(margin)],
    );
    let other = classifier(&[-0.5, 1.0, 0.5, 1.0], &[-0.25, 0.25], "LOGISTIC");
    near(&other.run(&[2.0, 4.0]), &[sigmoid(-margin), sigmoid(5.25)]);
    let plain = classifier(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[0.0, 1.0, -1.0], "NONE");
    near(&plain.run(&[2.0, 4.0]), &[2.0, 5.0, 5.0]);
    let shares = classifier(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0], &[0.0; 3], "SOFTMAX");
    let sum = libm::exp(2.0) + libm::exp(4.0) + 1.0;
    let expected = [libm::exp(2.0) / sum, libm::exp(4.0) / sum, 1.0 / sum];
    near(&shares.run(&[2.0, 4.0]), &expected);
    // As converters go on: the label cast, the scores normalised and put into dictionaries.
    let whole = shares
        .node("Cast", &["label"], "output_label")
        .int("to", 7)
        .ml("Normalizer", &["scores"], "normal")
        .text("norm", "L1")
        .ml("ZipMap", &["normal"], "output_probability")
        .int_list("classlabels_int64s", &[0, 1, 2])
        .giving(&["output_label", "output_probability"]);
    near(&whole.run(&[2.0, 4.0]), &expected);
    assert_eq!(
        whole.import().unwrap().nodes().len(),
        2,
        "a layer and a softmax"
    );
}

/// A decision and a class are of the logits.
#[test]
fn classifiers_decide() {
    let binary = classifier(&[-0.5, 1.0, 0.5, -1.0], &[-0.25, 0.25], "LOGISTIC");
    let headed = |predict, threshold| {
        let found = predict::network(binary.import().unwrap(), predict, threshold);
        found.unwrap().graph
    };
    for (row, class) in [([2.0f32, 0.5], 1.0), ([2.0, 4.0], 0.0)] {
        for graph in [headed(None, Some(0.5)), headed(Some(Predict::Class), None)] {
            assert_eq!(graph.run(&[row]).unwrap(), [[class]]);
        }
    }
}

#[test]
fn labels_are_left_out_and_not_computed_with() {
    let scores = classifier(&[1.0, 0.0, 0.0, 1.0], &[0.0; 2], "NONE");
    let classes = Model::new(&[2])
        .node("ArgMax", &["x"], "place")
        .int("axis", 1)
        .ints("classes", &[7, 9])
        .ml("ArrayFeatureExtractor", &["classes", "place"], "label")
        .node("Relu", &["x"], "y")
        .giving(&["label", "y"]);
    near(&classes.run(&[2.0, -4.0]), &[2.0, 0.0]);
    let error = classifier(&[1.0; 4], &[0.0; 2], "NONE")
        .giving(&["label"])
        .error();
    assert!(error.contains("the label of a class alone"), "{error}");
    let error = scores
        .node("Add", &["scores", "label"], "y")
        .giving(&["y"])
        .error();
    assert!(
        error.contains("operand 1 is the label of a class"),
        "{error}"
    );
    let error = classifier(&[1.0; 4], &[0.0; 2], "NONE")
        .node("Relu", &["label"], "y")
        .giving(&["y"])
        .error();
    assert!(error.contains("computes with a class's label"), "{error}");
}

#[test]
fn other_forms_are_refused_by_name() {
    let svm = |kernel: &str| {
        base()
            .ml("SVMRegressor", &["x"], "y")
            .text("kernel_type", kernel)
            .numbers("coefficients", &[1.0, 1.0])
            .numbers("rho", &[0.0])
    };
    for (model, expected) in [
        (
            base()
                .ml("Scaler", &["x"], "y")
                .numbers("offset", &[1.0; 3]),
            "3 numbers for 2 columns",
        ),
        (
            base()
                .ml("Scaler", &["x"], "y")
                .numbers("offset", &[0.0])
                .numbers("scale", &[f32::INFINITY]),
            "holds inf",
        ),
        (
            base()
                .ml("Imputer", &["x"], "y")
                .float("replaced_value_float", -1.0),
            "replaces -1",
        ),
        (
            base().ml("Normalizer", &["x"], "y").text("norm", "MAX"),
            "norm is \"MAX\"",
        ),
        (
            base()
                .ints("c", &[2])
                .ml("ArrayFeatureExtractor", &["x", "c"], "y"),
            "column 2 is extracted, expected 0 to 1",
        ),
        (
            base()
                .ml("LinearRegressor", &["x"], "y")
                .numbers("coefficients", &[1.0; 3]),
            "3 coefficients, expected 1 times 2 columns",
        ),
        (
            base()
                .ml("LinearRegressor", &["x"], "y")
                .numbers("coefficients", &[1.0; 2])
                .int("targets", i64::MAX),
            "coefficients, expected",
        ),
        (
            base()
                .ml("LinearRegressor", &["x"], "y")
                .numbers("coefficients", &[1.0; 2])
                .text("post_transform", "PROBIT"),
            "post_transform is \"PROBIT\"",
        ),
        (
            classifier(&[1.0; 4], &[0.0; 2], "PROBIT"),
            "post_transform is \"PROBIT\"",
        ),
        (
            classifier(&[1.0; 6], &[0.0; 2], "NONE"),
            "6 coefficients, expected 2 times 2",
        ),
        (svm("RBF"), "kernel_type is \"RBF\""),
        (
            svm("LINEAR").int("n_supports", 2),
            "0 numbers of support vectors",
        ),
        (svm("LINEAR").int("one_class", 1), "more than one class"),
        (
            Model::new(&[2, 2])
                .ml("Scaler", &["x"], "y")
                .numbers("offset", &[0.0])
                .numbers("scale", &[1.0]),
            "expected a row of columns",
        ),
        (base().ml("CastMap", &["x"], "y"), "ai.onnx.ml::CastMap"),
    ] {
        let error = model.error();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// A table of four rows and places 0 to 3, or -4 to -1 from the end.
fn embedded(shape: &[i64]) -> Model {
    Model::new(shape)
        .floats(
            "table",
            &[4, 3],
            &(0..12).map(|v| v as f32).collect::<Vec<_>>(),
        )
        .node("Cast", &["x"], "ids")
        .int("to", data_type::INT64.into())
        .node("Gather", &["table", "ids"], "y")
}

#[test]
fn tables_are_read_by_computed_indices() {
    for id in -4i64..4 {
        let place = (id + 4) % 4;
        let expected: Vec<f64> = (3 * place..3 * place + 3).map(|v| v as f64).collect();
        near(&embedded(&[1]).run(&[id as f32]), &expected);
    }
    let found = embedded(&[2, 1]).run(&[2.0, -4.0]);
    near(&found, &[6.0, 7.0, 8.0, 0.0, 1.0, 2.0]);
    // None is outside.
    for id in [-5.0, 4.0, 100.0] {
        near(&embedded(&[1]).run(&[id]), &[0.0; 3]);
    }
    let error = base()
        .floats("table", &[4, 3], &[0.0; 12])
        .node("Gather", &["table", "x"], "y")
        .error();
    assert!(error.contains("expected indices"), "{error}");
    let error = embedded(&[1]).int("axis", 1).error();
    assert!(error.contains("axis is 1, expected 0"), "{error}");
    let error = base()
        .floats("table", &[5000, 1], &[0.0; 5000])
        .node("Cast", &["x"], "ids")
        .int("to", 7)
        .node("Gather", &["table", "ids"], "y")
        .error();
    assert!(error.contains("a table of 5000 rows"), "{error}");
}
