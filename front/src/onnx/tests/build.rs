//! A small builder of ONNX models from the importer's own message types.

use crate::graph::Graph;
use crate::onnx::messages::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, ShapeProto, TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
    attribute_type, data_type,
};
use crate::onnx::{ImportError, decode};
use prost::Message;

/// A model whose input is `x` of shape `(n, features…)` and whose output is `y`.
pub struct Model(pub ModelProto);

impl Model {
    pub fn new(features: &[i64]) -> Self {
        let mut dims = vec![DimensionValue::Symbol("n".into())];
        dims.extend(features.iter().map(|d| DimensionValue::Value(*d)));
        let graph = GraphProto {
            input: vec![value("x", dims)],
            output: vec![value("y", vec![])],
            ..GraphProto::default()
        };
        Self(ModelProto {
            ir_version: 8,
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: 17,
            }],
        })
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.as_mut().unwrap()
    }

    /// Adds a node `op: inputs -> output`.
    pub fn node(mut self, op: &str, inputs: &[&str], output: &str) -> Self {
        self.graph().node.push(NodeProto {
            input: inputs.iter().map(|s| (*s).into()).collect(),
            output: vec![output.into()],
            name: format!("node_{output}"),
            op_type: op.into(),
            ..NodeProto::default()
        });
        self
    }

    /// Adds an attribute to the last node.
    pub fn attribute(mut self, attribute: AttributeProto) -> Self {
        self.graph()
            .node
            .last_mut()
            .unwrap()
            .attribute
            .push(attribute);
        self
    }

    pub fn int(self, name: &str, i: i64) -> Self {
        self.attribute(AttributeProto {
            name: name.into(),
            i,
            kind: attribute_type::INT,
            ..AttributeProto::default()
        })
    }

    pub fn int_list(self, name: &str, ints: &[i64]) -> Self {
        self.attribute(AttributeProto {
            name: name.into(),
            ints: ints.to_vec(),
            kind: attribute_type::INTS,
            ..AttributeProto::default()
        })
    }

    pub fn float(self, name: &str, f: f32) -> Self {
        self.attribute(AttributeProto {
            name: name.into(),
            f,
            kind: attribute_type::FLOAT,
            ..AttributeProto::default()
        })
    }

    pub fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.graph()
            .initializer
            .push(float_tensor(name, dims, values));
        self
    }

    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        self.graph().initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: data_type::INT64,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// One integer without an axis.
    pub fn index(self, name: &str, value: i64) -> Self {
        let mut model = self.ints(name, &[value]);
        model.graph().initializer.last_mut().unwrap().dims.clear();
        model
    }

    /// Names more results of the last node.
    pub fn outputs(mut self, names: &[&str]) -> Self {
        let node = self.graph().node.last_mut().unwrap();
        node.output.extend(names.iter().map(|s| (*s).to_owned()));
        self
    }

    pub fn opset(mut self, version: i64) -> Self {
        self.0.opset_import[0].version = version;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// Through the bytes, so that the decoder is always part of the test.
    pub fn import(&self) -> Result<Graph, ImportError> {
        decode(self.bytes())
    }

    pub fn run(&self, row: &[f32]) -> Vec<f32> {
        self.import()
            .unwrap()
            .run(&[row.to_vec()])
            .unwrap()
            .remove(0)
    }

    pub fn error(&self) -> String {
        self.import().unwrap_err().to_string()
    }
}

pub fn float_tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        raw_data: raw.into(),
        ..TensorProto::default()
    }
}

pub fn value(name: &str, dims: Vec<DimensionValue>) -> ValueInfoProto {
    let dim = dims
        .into_iter()
        .map(|d| DimensionProto { value: Some(d) })
        .collect();
    let tensor = TensorTypeProto {
        elem_type: data_type::FLOAT,
        shape: Some(ShapeProto { dim }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}

/// Dense 2-3-1 with every kind of op between.
pub fn rich() -> Model {
    Model::new(&[2])
        .floats("w", &[3, 2], &[1.0, 2.0, -1.0, 0.5, 0.25, -0.75])
        .floats("b", &[3], &[0.1, -0.2, 0.3])
        .floats("v", &[3, 1], &[1.0, -2.0, 0.5])
        .floats("half", &[], &[0.5])
        .floats("c", &[3], &[1.0, 1.5, 2.0])
        .ints("shape", &[-1, 1])
        .node("Gemm", &["x", "w", "b"], "h")
        .int("transB", 1)
        .node("BatchNormalization", &["h", "c", "b", "b", "c"], "n")
        .node("LeakyRelu", &["n"], "l")
        .float("alpha", 0.125)
        .node("Tanh", &["h"], "t")
        .node("Add", &["l", "t"], "a")
        .node("Mul", &["a", "t"], "m")
        .node("Relu", &["m"], "r")
        .node("MatMul", &["r", "v"], "o")
        .node("Add", &["o", "half"], "p")
        .node("Reshape", &["p", "shape"], "q")
        .node("Sigmoid", &["q"], "y")
}
