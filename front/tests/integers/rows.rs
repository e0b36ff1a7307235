//! Models over rows of numbers.

use std::path::{Path, PathBuf};

use laminate_front::graph::Graph;
use laminate_front::onnx::messages::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, ShapeProto, TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
    attribute_type, data_type,
};
use laminate_front::onnx::{self, from_model};
use laminate_front::quant::{self, Options, WeightChoice};
use laminate_front::rows;
use laminate_prover::exec;

use crate::golden;
use crate::text::describe;

/// Compiles a graph and runs it on the first rows that its calibration holds.
fn integers(
    title: &str,
    graph: &Graph,
    rows: (&[Vec<f32>], &[Vec<f32>]),
    weights: WeightChoice,
) -> String {
    let (calibration, inputs) = rows;
    let options = Options {
        weights,
        ..Options::rows(title, inputs.len()).in_rows_of(12)
    };
    let compiled = quant::compile(graph, calibration, &options).unwrap();
    let inputs = quant::quantise_input(&compiled.program, inputs).unwrap();
    let trace = exec::run(&compiled.program, &compiled.weights, &inputs).unwrap();
    describe(title, &compiled.program, &compiled.weights, &[trace])
}

#[test]
fn fraud() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    let mut text = String::new();
    for (title, file, weights) in [
        ("int8", "fraud.onnx", WeightChoice::Int8),
        ("ternary", "ternary.onnx", WeightChoice::Ternary),
        ("rounded", "fraud.onnx", WeightChoice::Ternary),
    ] {
        let graph = onnx::read(&folder.join(file)).unwrap();
        let read = |file| rows::read(&folder.join(file), 29).unwrap();
        let (calibration, samples) = (read("calibration.csv"), read("samples.csv"));
        text += &integers(title, &graph, (&calibration, &samples[..6]), weights);
    }
    golden::check("integers_fraud.txt", text.as_bytes());
}

/// A model with every op, one after another and side by side, and tables that read tables.
#[test]
fn every_op() {
    let graph = from_model(&model()).unwrap();
    let rows: Vec<Vec<f32>> = (0..40).map(|i| numbers(i, 6)).collect();
    let mut text = String::new();
    for (title, weights) in [
        ("int8", WeightChoice::Int8),
        ("ternary", WeightChoice::Ternary),
    ] {
        text += &integers(title, &graph, (&rows, &rows[..3]), weights);
    }
    golden::check("integers_every_op.txt", text.as_bytes());
}

/// A model that somebody else has made and that is not part of the project.
#[test]
fn iris() {
    let shared = std::env::var_os("LAMINATE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/onnx/deepprove-mlp-iris-01.onnx");
    if !path.exists() {
        eprintln!("skipped: {} is missing", path.display());
        return;
    }
    let graph = onnx::read(&path).unwrap();
    let width = graph.width(graph.input());
    let rows: Vec<Vec<f32>> = (0..40).map(|i| numbers(i, width)).collect();
    let text = integers("iris", &graph, (&rows, &rows[..3]), WeightChoice::Int8);
    golden::check("integers_iris.txt", text.as_bytes());
}

/// Numbers in `[-2, 2)` without a pattern.
fn numbers(seed: usize, count: usize) -> Vec<f32> {
    let number = |i: usize| {
        let mixed = ((seed * 4099 + i + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (mixed as f32 / f32::from(1u16 << 11)) / f32::from(1u16 << 11) - 2.0
    };
    (0..count).map(number).collect()
}

fn model() -> ModelProto {
    let constant = |seed, name: &str, dims: &[i64]| TensorProto {
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: numbers(seed, dims.iter().product::<i64>() as usize),
        name: name.into(),
        ..TensorProto::default()
    };
    let attribute = |name: &str, i: i64, f: f32, kind: i32| AttributeProto {
        name: name.into(),
        i,
        f,
        kind,
        ..AttributeProto::default()
    };
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        input: inputs.iter().map(|s| (*s).into()).collect(),
        output: vec![output.into()],
        name: format!("{op}_{output}"),
        op_type: op.into(),
        attribute: match op {
            "LeakyRelu" => vec![attribute("alpha", 0, 0.1, attribute_type::FLOAT)],
            "Gemm" => vec![attribute("transB", 1, 0.0, attribute_type::INT)],
            _ => vec![],
        },
        ..NodeProto::default()
    };
    let value = |name: &str, dims: Vec<DimensionValue>| {
        let dim = dims
            .into_iter()
            .map(|value| DimensionProto { value: Some(value) });
        ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto {
                tensor_type: Some(TensorTypeProto {
                    elem_type: data_type::FLOAT,
                    shape: Some(ShapeProto { dim: dim.collect() }),
                }),
            }),
        }
    };
    let (batch, size) = (DimensionValue::Symbol("n".into()), DimensionValue::Value);
    let graph = GraphProto {
        input: vec![value("x", vec![batch, size(2), size(3)])],
        output: vec![value("y", vec![])],
        initializer: vec![
            constant(101, "w0", &[5, 6]),
            constant(102, "b0", &[5]),
            constant(103, "factor", &[5]),
            constant(104, "offset", &[5]),
            constant(105, "w1", &[5, 3]),
        ],
        node: vec![
            node("Flatten", &["x"], "flat"),
            node("Gemm", &["flat", "w0", "b0"], "h"),
            node("Sigmoid", &["h"], "gate"),
            node("Tanh", &["h"], "state"),
            node("Mul", &["gate", "state"], "gated"),
            node("Add", &["gated", "h"], "sum"),
            node("LeakyRelu", &["sum"], "leaky"),
            node("Mul", &["leaky", "factor"], "scaled"),
            node("Add", &["scaled", "offset"], "shifted"),
            node("Relu", &["shifted"], "positive"),
            node("Tanh", &["gate"], "twice"),
            node("Add", &["positive", "twice"], "both"),
            node("MatMul", &["both", "w1"], "y"),
        ],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
    }
}
