//! What is read, folded and refused of convolutions, pools and ops that move numbers. That they compute what others do is
//! `tests/networks`.

use super::build::Model;

/// A model of images `(2, 4, 4)`, with weights of 3x3 windows of both channels.
fn image() -> Model {
    Model::new(&[2, 4, 4])
        .floats("w", &[3, 2, 3, 3], &[0.5; 54])
        .floats("b", &[3], &[1.0, 2.0, 3.0])
        .floats("c", &[3], &[2.0, 1.0, 0.5])
        .floats("two", &[2], &[2.0, 0.5])
        .floats("zero", &[2], &[0.0, 0.0])
}

fn names(model: &Model) -> Vec<&'static str> {
    let graph = model.import().unwrap();
    graph.nodes().iter().map(|n| n.op.name()).collect()
}

#[test]
fn windows_of_zeros_beside_the_image() {
    let ones = [1.0; 32];
    let whole = image().node("Conv", &["x", "w", "b"], "y");
    // 18 products of a half, and the bias.
    assert_eq!(whole.run(&ones)[..4], [10.0; 4]);
    assert_eq!(whole.run(&ones)[8..], [12.0; 4]);
    let padded = image()
        .node("Conv", &["x", "w"], "y")
        .int_list("pads", &[1, 1, 1, 1]);
    let got = padded.run(&ones);
    assert_eq!((got.len(), got[0], got[1], got[5]), (48, 4.0, 6.0, 9.0));
}

#[test]
fn factors_and_offsets_of_channels_fold_into_convolutions() {
    let behind = image().node("Conv", &["x", "w", "b"], "h").node(
        "BatchNormalization",
        &["h", "c", "b", "b", "c"],
        "y",
    );
    assert_eq!(names(&behind), ["convolve"]);
    let deviation = (2.0f32 + 1e-5).sqrt();
    let expected = (10.0 - 1.0) * 2.0 / deviation + 1.0;
    assert!((behind.run(&[1.0; 32])[0] - expected).abs() < 1e-4);
    let before = |shift: &str| {
        image()
            .node(
                "BatchNormalization",
                &["x", "two", shift, "zero", "two"],
                "h",
            )
            .float("epsilon", 0.0)
            .node("Conv", &["h", "w"], "y")
    };
    assert_eq!(names(&before("two")), ["convolve"]);
    // Zeros beside the image have no offset, so that only factors fold into a convolution that reads them.
    let padded = |shift| before(shift).int_list("pads", &[1, 1, 1, 1]);
    assert_eq!(names(&padded("zero")), ["convolve"]);
    assert_eq!(names(&padded("two")), ["affine", "convolve"]);
    let alone = image()
        .node(
            "BatchNormalization",
            &["x", "two", "two", "zero", "two"],
            "h",
        )
        .float("epsilon", 0.0)
        .node("Relu", &["h"], "y");
    assert_eq!(names(&alone), ["affine", "rectify"]);
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let conv = |attribute: &str, values: &[i64]| {
        let model = image().node("Conv", &["x", "w"], "y");
        model.int_list(attribute, values).error()
    };
    for (error, words) in [
        (conv("kernel_shape", &[2, 3]), "kernel_shape is [2, 3]"),
        (conv("strides", &[1, 0]), "expected 2 positive numbers"),
        (conv("strides", &[1]), "expected 2 positive numbers"),
        (conv("dilations", &[-1, 1]), "expected 2 positive numbers"),
        (conv("dilations", &[2, 1]), "larger than operand 0"),
        (conv("pads", &[1, 1]), "expected 2 numbers from 0 on before"),
        (
            conv("pads", &[0, 0, 0, -1]),
            "expected 2 numbers from 0 on before",
        ),
        (conv("pads", &[3, 0, 0, 0]), "some windows hold nothing"),
        (
            image()
                .node("Conv", &["x", "w"], "y")
                .int("group", 2)
                .error(),
            "group is 2, expected a divisor of 2 channels and 3 filters",
        ),
        (
            image().node("Conv", &["x", "b"], "y").error(),
            "W has shape [3], expected (made, channels, window…)",
        ),
        (
            image().node("Conv", &["x", "w", "two"], "y").error(),
            "B has shape [2], expected [3]",
        ),
        (
            image().node("MaxPool", &["x"], "y").error(),
            "kernel_shape is missing",
        ),
        (
            image()
                .node("MaxPool", &["x"], "y")
                .int_list("kernel_shape", &[2, 2])
                .outputs(&["indices"])
                .error(),
            "expected the maxima alone",
        ),
        (
            Model::new(&[4]).node("GlobalMaxPool", &["x"], "y").error(),
            "expected (channels, and one to three axes)",
        ),
        (
            Model::new(&[1, 600, 600])
                .node("MaxPool", &["x"], "y")
                .int_list("kernel_shape", &[5, 5])
                .error(),
            "entries of all windows",
        ),
    ] {
        assert!(error.contains(words), "{words:?} expected: {error}");
    }
}

#[test]
fn the_batch_is_not_moved() {
    let base = || {
        Model::new(&[2, 3])
            .ints("zero", &[0])
            .ints("one", &[1])
            .ints("four", &[4])
            .ints("ahead", &[1, 0, 0, 0, 0, 0])
            .ints("many", &[1, 2, 3, 4])
    };
    for (error, words) in [
        (
            base()
                .node("Transpose", &["x"], "t")
                .int_list("perm", &[1, 0, 2])
                .node("Softmax", &["t"], "y")
                .error(),
            "has the batch as axis 1, expected it as the first",
        ),
        (
            base()
                .node("Transpose", &["x"], "t")
                .node("Flatten", &["t"], "y")
                .error(),
            "has the batch as axis 2, expected it as the first",
        ),
        (
            base()
                .node("Slice", &["x", "zero", "one", "zero"], "y")
                .error(),
            "the batch stays as it is",
        ),
        (
            base()
                .node("Slice", &["x", "four", "four", "one"], "y")
                .error(),
            "nothing is left",
        ),
        (
            base().node("Slice", &["x", "zero", "many"], "y").error(),
            "have different lengths",
        ),
        (
            base().node("Pad", &["x", "ahead"], "y").error(),
            "0 for the batch",
        ),
        (
            base().node("Pad", &["x", "many"], "y").error(),
            "0 for the batch",
        ),
        (
            base()
                .node("Concat", &["x", "x"], "y")
                .int("axis", 0)
                .error(),
            "the batch stays as it is",
        ),
        (
            base().node("Reshape", &["x", "many"], "y").error(),
            "target shape",
        ),
        (
            base()
                .node("Unsqueeze", &["x", "zero"], "u")
                .node("Softmax", &["u"], "y")
                .error(),
            "has the batch as axis 1, expected it as the first",
        ),
        (
            base().node("Squeeze", &["x", "one"], "y").error(),
            "leaves out axis 1",
        ),
    ] {
        assert!(error.contains(words), "{words:?} expected: {error}");
    }
}

#[test]
fn numbers_are_moved() {
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let model = || {
        Model::new(&[2, 3])
            .ints("from", &[-1])
            .ints("to", &[i64::MIN])
            .ints("axis", &[2])
            .ints("back", &[-2])
            .ints("pads", &[0, 1, 0, 0, 0, 0])
            .floats("low", &[], &[2.5])
    };
    let transposed = model()
        .node("Transpose", &["x"], "y")
        .int_list("perm", &[0, 2, 1]);
    assert_eq!(transposed.run(&x), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let slice = model().node("Slice", &["x", "from", "to", "axis", "back"], "y");
    assert_eq!(slice.run(&x), [3.0, 1.0, 6.0, 4.0]);
    let pad = model().node("Pad", &["x", "pads"], "y");
    assert_eq!(pad.run(&x)[..4], [0.0, 0.0, 0.0, 1.0]);
    let joined = model()
        .node("Relu", &["x"], "r")
        .node("Concat", &["x", "r"], "y")
        .int("axis", -1);
    assert_eq!(joined.run(&x)[..7], [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0]);
    let clipped = model().node("Clip", &["x", "low"], "y");
    assert_eq!(clipped.run(&x), [2.5, 2.5, 3.0, 4.0, 5.0, 6.0]);
    let old = model()
        .opset(10)
        .node("Clip", &["x"], "y")
        .float("max", 4.5);
    assert_eq!(old.run(&x), [1.0, 2.0, 3.0, 4.0, 4.5, 4.5]);
    let absolute = model().node("Abs", &["x"], "y");
    assert_eq!(absolute.run(&x.map(|v| -v)), x);
    let squeezed = Model::new(&[1, 6, 1])
        .node("Squeeze", &["x"], "s")
        .node("Unsqueeze", &["s"], "u")
        .int_list("axes", &[1, -1])
        .node("Relu", &["u"], "y");
    let graph = squeezed.opset(11).import().unwrap();
    let shape: Vec<usize> = graph.values()[graph.output()].features().collect();
    assert_eq!(shape, [1, 6, 1]);
}

/// Groups of which each makes several channels are one layer of zeros beside them, which a small file must not make large.
#[test]
fn convolutions_in_groups() {
    let model = |made: i64, group: i64| {
        Model::new(&[2, 3])
            .floats("w", &[made, 1, 2], &[1.0, 2.0].repeat(made as usize))
            .node("Conv", &["x", "w"], "y")
            .int("group", group)
    };
    let x = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
    assert_eq!(model(2, 2).run(&x), [5.0, 8.0, 50.0, 80.0]);
    let four = [5.0, 8.0, 5.0, 8.0, 50.0, 80.0, 50.0, 80.0];
    assert_eq!(model(4, 2).run(&x), four);
    let wide = 1 << 14;
    let large = Model::new(&[wide, 1])
        .floats("w", &[2 * wide, 1, 1], &vec![1.0; 2 << 14])
        .node("Conv", &["x", "w"], "y")
        .int("group", wide);
    assert!(large.error().contains("weights of all groups"));
}

#[test]
fn convolutions_that_spread() {
    let model = |pads: &[i64]| {
        Model::new(&[1, 2])
            .floats("w", &[1, 1, 3], &[1.0, 2.0, 3.0])
            .node("ConvTranspose", &["x", "w"], "y")
            .int_list("strides", &[2])
            .int_list("pads", pads)
    };
    // 10·(1, 2, 3) from entry 0 on, (1, 2, 3) from entry 2 on.
    assert_eq!(
        model(&[0, 0]).run(&[10.0, 1.0]),
        [10.0, 20.0, 31.0, 2.0, 3.0]
    );
    assert_eq!(model(&[1, 1]).run(&[10.0, 1.0]), [20.0, 31.0, 2.0]);
    assert!(model(&[3, 2]).error().contains("would have 0 entries"));
    assert!(model(&[0]).error().contains("expected 2 numbers from 0 on"));
}
