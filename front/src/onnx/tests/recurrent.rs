//! Recurrent operators: what is refused and why, and batches that are not the first axis.

use super::build::Model;
use crate::onnx::messages::{AttributeProto, attribute_type};

/// Two steps of one feature, and a cell of one unit whose weights are ones and biases zeros.
fn base(kind: &str, gates: i64) -> Model {
    let ones = |dims: &[i64]| vec![1.0f32; dims.iter().product::<i64>() as usize];
    let (w, b) = ([1, gates, 1], [1, 2 * gates]);
    Model::new(&[2, 1])
        .floats("w", &w, &ones(&w))
        .floats("b", &b, &vec![0.0; 2 * gates as usize])
        .node("Transpose", &["x"], "t")
        .int_list("perm", &[1, 0, 2])
        .node(kind, &["t", "w", "w", "b"], "y")
}

fn with(kind: &str, gates: i64, extra: &[&str]) -> Model {
    let mut model = base(kind, gates);
    let node = model.graph().node.last_mut().expect("a node");
    node.input
        .extend(extra.iter().map(|name| (*name).to_owned()));
    model
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        kind: attribute_type::STRING,
        s: value.as_bytes().to_vec().into(),
        ..AttributeProto::default()
    }
}

fn texts(name: &str, values: &[&str]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        kind: attribute_type::STRINGS,
        strings: values
            .iter()
            .map(|v| v.as_bytes().to_vec().into())
            .collect(),
        ..AttributeProto::default()
    }
}

#[test]
fn what_a_recurrence_cannot_have_is_refused_by_name() {
    let lstm = || base("LSTM", 4);
    for (error, words) in [
        (
            lstm().attribute(text("direction", "sideways")).error(),
            "expected forward, reverse or bidirectional",
        ),
        (
            lstm().int("layout", 1).error(),
            "layout 1 wants the batch as axis 0",
        ),
        (lstm().int("layout", 7).error(), "expected 0 or 1"),
        (
            lstm().int("input_forget", 1).error(),
            "input and forget gate are not one",
        ),
        (
            lstm().float("clip", 3.0).error(),
            "attribute \"clip\" is not supported",
        ),
        (
            lstm().int("linear_before_reset", 1).error(),
            "is one of GRU",
        ),
        (
            lstm().int("hidden_size", 3).error(),
            "operand 2 has 1 units",
        ),
        (lstm().int("odd", 3).error(), "attribute \"odd\""),
        (
            lstm().attribute(texts("activations", &["Sigmoid"])).error(),
            "expected 3 for each",
        ),
        (
            lstm()
                .attribute(texts("activations", &["Sigmoid", "Affine", "Tanh"]))
                .error(),
            "activation \"Affine\" is not supported",
        ),
        (
            base("GRU", 3)
                .attribute(texts("activations", &["Tanh", "Tanh"]))
                .error(),
            "of gates of a GRU Sigmoid and HardSigmoid",
        ),
        (
            base("LSTM", 3).error(),
            "operand 1 has shape [1, 3, 1], expected [1, 4, 1]",
        ),
        (
            lstm().attribute(text("direction", "bidirectional")).error(),
            "expected [2, 4, 1]",
        ),
        (
            with("LSTM", 4, &["lens"]).ints("lens", &[1]).error(),
            "sequence_lens are not all 2",
        ),
        (with("LSTM", 4, &["t"]).error(), "operand 4"),
        (
            with("LSTM", 4, &["", "h"])
                .floats("h", &[1, 2, 1], &[0.5, 0.5])
                .error(),
            "one initial state for all of the batch",
        ),
        (
            with("LSTM", 4, &["", "x"]).error(),
            "operand 5 has features [2, 1] and the batch as axis 0",
        ),
        (
            with("LSTM", 4, &["", "", "", "p"])
                .floats("p", &[1, 3], &[0.0, 1.0, 0.0])
                .error(),
            "peephole weights",
        ),
        (
            Model::new(&[2, 1])
                .floats("w", &[1, 1, 1], &[1.0])
                .node("RNN", &["x", "w", "w"], "y")
                .error(),
            "layout 0 wants the batch as axis 1",
        ),
        (
            Model::new(&[3])
                .floats("w", &[1, 1, 1], &[1.0])
                .node("RNN", &["x", "w", "w"], "y")
                .error(),
            "layout 0 wants the batch as axis 1 of three",
        ),
    ] {
        assert!(error.contains(words), "{words:?} expected: {error}");
    }
}

#[test]
fn what_changes_nothing_is_read() {
    let relu = || texts("activations", &["relu"]);
    // h = max(x + h, 0).
    let expected = [1.0, 3.0];
    let rnn = |model: Model| model.attribute(relu()).run(&[1.0, 2.0]);
    assert_eq!(rnn(base("RNN", 1)), expected);
    assert_eq!(rnn(with("RNN", 1, &["lens"]).ints("lens", &[2])), expected);
    let zero = with("RNN", 1, &["", "h"]).floats("h", &[1, 1, 1], &[0.0]);
    assert_eq!(rnn(zero), expected);
    let four = with("RNN", 1, &["", "h"]).floats("h", &[1, 1, 1], &[4.0]);
    assert_eq!(rnn(four), [5.0, 7.0]);
    assert_eq!(
        rnn(base("RNN", 1).attribute(text("direction", "reverse"))),
        [3.0, 2.0]
    );
    let peepholes = with("LSTM", 4, &["", "", "", "p"]).floats("p", &[1, 3], &[0.0; 3]);
    assert_eq!(peepholes.run(&[1.0, 2.0]), base("LSTM", 4).run(&[1.0, 2.0]));
}

/// Steps, batch and features in any order, and back.
#[test]
fn a_batch_may_stand_elsewhere() {
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    // (n, 2, 3) → (3, n, 2): features are those of the transpose.
    let turned = || {
        Model::new(&[2, 3])
            .node("Transpose", &["x"], "t")
            .int_list("perm", &[2, 0, 1])
    };
    assert_eq!(
        turned().node("Relu", &["t"], "y").run(&x),
        [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
    );
    let back = turned()
        .node("Transpose", &["t"], "y")
        .int_list("perm", &[1, 2, 0]);
    assert_eq!(back.run(&x), x);
    // The last of three, which leaves the batch first.
    let last = turned()
        .index("at", -1)
        .node("Gather", &["t", "at"], "g")
        .int("axis", 0);
    assert_eq!(
        last.node("Softsign", &["g"], "y").run(&x),
        [0.75, 6.0 / 7.0]
    );
    let part = turned()
        .ints("a", &[1])
        .ints("b", &[3])
        .ints("c", &[0])
        .node("Slice", &["t", "a", "b", "c"], "y");
    assert_eq!(part.run(&x), [2.0, 5.0, 3.0, 6.0]);
    // (3, n, 2) → (3, n, 1, 2) → (3, n, 2) → (3, n, 2).
    let squeezed = turned()
        .ints("two", &[2])
        .ints("shape", &[0, -1, 2])
        .node("Unsqueeze", &["t", "two"], "u")
        .node("Squeeze", &["u", "two"], "s")
        .node("Reshape", &["s", "shape"], "y");
    assert_eq!(squeezed.run(&x), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    for (error, words) in [
        (
            turned()
                .index("at", 0)
                .node("Gather", &["t", "at"], "y")
                .int("axis", 1)
                .error(),
            "is not the batch, 1",
        ),
        (
            turned()
                .index("at", 3)
                .node("Gather", &["t", "at"], "y")
                .error(),
            "takes entry 3 of an axis of 3",
        ),
        (
            turned()
                .ints("one", &[1])
                .node("Squeeze", &["t", "one"], "y")
                .error(),
            "is not the batch, 1",
        ),
        (
            turned()
                .ints("s", &[-1, 6])
                .node("Reshape", &["t", "s"], "y")
                .error(),
            "transpose the batch to the front",
        ),
        (
            turned()
                .ints("s", &[0, 0, 3])
                .node("Reshape", &["t", "s"], "y")
                .error(),
            "transpose the batch to the front",
        ),
        (
            turned().node("Flatten", &["t"], "y").error(),
            "batch as axis 1, expected it as the first",
        ),
        (
            turned().node("Add", &["t", "t"], "y").error(),
            "batch as axis 1, expected it as the first",
        ),
        (
            turned()
                .node("Transpose", &["t"], "y")
                .int_list("perm", &[0, 0, 1])
                .error(),
            "expected an order of 3 axes",
        ),
    ] {
        assert!(error.contains(words), "{words:?} expected: {error}");
    }
}

/// A model that is read with its steps first.
#[test]
fn an_input_may_have_its_steps_first() {
    let mut model = base("RNN", 1).attribute(texts("activations", &["Relu"]));
    let graph = model.graph();
    graph.node.remove(0);
    graph.node[0].input[0] = "x".into();
    let dims = &mut graph.input[0].r#type.as_mut().expect("a type");
    let shape = dims
        .tensor_type
        .as_mut()
        .expect("a tensor")
        .shape
        .as_mut()
        .expect("a shape");
    shape.dim.swap(0, 1);
    assert_eq!(model.run(&[1.0, 2.0]), [1.0, 3.0]);
    // Of an operator that is none of these it is a batch of two.
    model.graph().node[0].op_type = "Relu".into();
    model.graph().node[0].attribute.clear();
    assert!(model.error().contains("batch"), "{}", model.error());
}

/// What exporters write for states of zeros, one for each row of the batch: by the shape of the input, cut into layers.
#[test]
fn initial_states_of_zeros_have_any_shape() {
    let model = |value: f32, reads: &str| {
        let mut model = base("RNN", 1)
            .attribute(texts("activations", &["Relu"]))
            .floats("state", &[1, 1, 1], &[value])
            .index("one", 1)
            .ints("front", &[0])
            .ints("ends", &[1])
            .ints("units", &[1]);
        let recurrent = model.graph().node.pop().expect("a node");
        let mut model = model
            .node("Shape", &["t"], "dims")
            .node("Gather", &["dims", "one"], "size")
            .node("Unsqueeze", &["size", "front"], "rows")
            .node("Concat", &["units", "rows", "units"], "shape")
            .int("axis", 0)
            .node("Expand", &["state", "shape"], "states")
            .node("Slice", &["states", "front", "ends", "front"], "h");
        let graph = model.graph();
        graph.node.push(recurrent);
        let node = graph.node.last_mut().expect("a node");
        node.input.extend(["".to_owned(), reads.to_owned()]);
        model
    };
    assert_eq!(model(0.0, "h").run(&[1.0, 2.0]), [1.0, 3.0]);
    assert_eq!(model(0.0, "states").run(&[1.0, 2.0]), [1.0, 3.0]);
    // Other numbers are not taken for zeros.
    let four = model(4.0, "h");
    match four.import() {
        Ok(_) => assert_eq!(four.run(&[1.0, 2.0]), [5.0, 7.0]),
        Err(error) => assert!(error.to_string().contains("Expand"), "{error}"),
    }
}
