//! The node tests of ONNX itself, in three classes: equal within the scale's error, refused by name with the reason, and nothing
//! else. A value that is wrong fails, as does a panic.
//!
//! The data is not part of this repository: `LAMINATE_ONNX_NODES` names the folder `onnx/backend/test/data/node` of the
//! Python package `onnx`. The first operand of a case is the input, its first axis the batch; the others are constants. A factor of
//! one behind the result is what there is to commit to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use laminate_front::onnx;
use laminate_front::onnx::messages::{
    DimensionProto, DimensionValue, ModelProto, NodeProto, TensorProto,
};
use laminate_front::onnx::tensor::{Constant, Elements};
use laminate_front::quant::{Options, compile, fidelity};
use prost::Message;

/// What became of a case.
enum Class {
    Equal,
    Refused(String),
}

/// A tensor of a case's data.
fn tensor(path: &Path) -> Result<TensorProto, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("no tensor: {e}"))?;
    TensorProto::decode(bytes.as_slice()).map_err(|e| format!("no tensor: {e}"))
}

fn floats(tensor: &TensorProto) -> Result<(Vec<usize>, Vec<f32>), String> {
    let constant = Constant::from_proto(tensor, "data").map_err(|e| e.to_string())?;
    match constant.elements {
        Elements::Float(values) => Ok((constant.dims, values)),
        Elements::Int(_) => Err("data of integers".into()),
    }
}

/// The case's model with constants for all operands but the first, and a factor of one at the end.
fn prepared(folder: &Path) -> Result<ModelProto, String> {
    let bytes = std::fs::read(folder.join("model.onnx")).map_err(|e| e.to_string())?;
    let mut model = ModelProto::decode(bytes.as_slice()).map_err(|e| e.to_string())?;
    let graph = model.graph.as_mut().ok_or("no graph")?;
    let data = folder.join("test_data_set_0");
    for (i, input) in graph.input.iter().enumerate().skip(1) {
        let constant = tensor(&data.join(format!("input_{i}.pb")))?;
        graph.initializer.push(TensorProto {
            name: input.name.clone(),
            ..constant
        });
    }
    graph.input.truncate(1);
    let shape = graph.input.first_mut().and_then(|input| {
        let tensor = input.r#type.as_mut()?.tensor_type.as_mut()?;
        tensor.shape.as_mut()?.dim.first_mut()
    });
    if let Some(batch) = shape {
        *batch = DimensionProto {
            value: Some(DimensionValue::Symbol("n".into())),
        };
    }
    if let [output] = graph.output.as_mut_slice() {
        graph.initializer.push(TensorProto {
            name: "one".into(),
            data_type: 1,
            float_data: vec![1.0],
            ..Default::default()
        });
        graph.node.push(NodeProto {
            input: vec![output.name.clone(), "one".into()],
            output: vec!["result".into()],
            name: "factor".into(),
            op_type: "Mul".into(),
            ..Default::default()
        });
        output.name = "result".into();
    }
    Ok(model)
}

fn run(folder: &Path) -> Result<Class, String> {
    let model = match prepared(folder) {
        Ok(model) => model,
        Err(reason) => return Ok(Class::Refused(reason)),
    };
    let graph = match onnx::decode(model.encode_to_vec()) {
        Ok(graph) => graph,
        Err(reason) => return Ok(Class::Refused(reason.to_string())),
    };
    let data = folder.join("test_data_set_0");
    let of = |name: &str| tensor(&data.join(name)).and_then(|t| floats(&t));
    let (Ok((dims, input)), Ok((_, output))) = (of("input_0.pb"), of("output_0.pb")) else {
        return Ok(Class::Refused("data that is not finite floats".into()));
    };
    let rows = dims.first().copied().unwrap_or(1).max(1);
    let width = graph.width(graph.input());
    if input.len() != rows * width {
        return Err(format!(
            "{} numbers for {rows} rows of {width}",
            input.len()
        ));
    }
    let rows: Vec<Vec<f32>> = input.chunks(width).map(<[f32]>::to_vec).collect();
    let found = graph.run(&rows).map_err(|e| e.to_string())?.concat();
    if found.len() != output.len() {
        return Err(format!(
            "{} numbers, expected {}",
            found.len(),
            output.len()
        ));
    }
    let largest = output.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let room = 1e-4 + 1e-4 * largest;
    if let Some((a, b)) = { found.iter().zip(&output) }.find(|(a, b)| (*a - *b).abs() > room) {
        return Err(format!("{a}, expected {b}"));
    }
    match compile(&graph, &rows, &Options::rows("node", 1, 12)) {
        Err(reason) => Ok(Class::Refused(reason.to_string())),
        Ok(model) => {
            let own = fidelity(&graph, &model.program, &model.weights, &rows);
            let own = own.map_err(|e| e.to_string())?;
            // A unit of the input is as far as integers tell inputs apart.
            let unit = -f32::from(model.program.tensors[model.program.input].scale);
            let moved = [unit.exp2(), -unit.exp2()].map(|by| {
                let row = |row: &Vec<f32>| row.iter().map(|v| v + by).collect();
                let rows: Vec<Vec<f32>> = rows.iter().map(row).collect();
                let moved = graph.run(&rows).map_or(vec![], |found| found.concat());
                let both = { moved.iter().zip(&found) }.map(|(a, b)| (a - b).abs());
                both.filter(|d| d.is_finite()).fold(0.0f32, f32::max)
            });
            let steep = f64::from(moved[0].max(moved[1]));
            let room = 0.02 * f64::from(largest).max(0.1) + steep;
            match own.refused == 0 && own.max_error <= room {
                true => Ok(Class::Equal),
                false => Err(format!("error {} of {largest}", own.max_error)),
            }
        }
    }
}

/// The operator of a case, by the last node of its model.
fn operator(folder: &Path) -> String {
    let bytes = std::fs::read(folder.join("model.onnx")).unwrap_or_default();
    let model = ModelProto::decode(bytes.as_slice()).unwrap_or_default();
    let last = model.graph.as_ref().and_then(|graph| graph.node.last());
    last.map_or("no graph".into(), |node| node.op_type.clone())
}

#[test]
fn every_node_is_equal_or_refused() {
    let Some(folder) = std::env::var_os("LAMINATE_ONNX_NODES").map(PathBuf::from) else {
        println!(
            "skipped: LAMINATE_ONNX_NODES names no folder (pip install onnx==1.17.0, then onnx/backend/test/data/node)"
        );
        return;
    };
    let entries = std::fs::read_dir(&folder).expect("the folder of LAMINATE_ONNX_NODES");
    let mut cases: Vec<PathBuf> = { entries }.flatten().map(|entry| entry.path()).collect();
    cases.sort();
    let mut equal: BTreeMap<String, usize> = BTreeMap::new();
    let (mut refused, mut reasons, mut wrong) = (0, BTreeMap::<String, usize>::new(), vec![]);
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        let found = catch_unwind(AssertUnwindSafe(|| run(case)));
        match found {
            Ok(Ok(Class::Equal)) => *equal.entry(operator(case)).or_default() += 1,
            Ok(Ok(Class::Refused(reason))) => {
                assert!(reason.len() > 8, "{name}: no reason");
                refused += 1;
                *reasons.entry(operator(case)).or_default() += 1;
                if std::env::var_os("LAMINATE_ONNX_REASONS").is_some() {
                    println!("{name}: {reason}");
                }
            }
            Ok(Err(problem)) => wrong.push(format!("{name}: {problem}")),
            Err(_) => wrong.push(format!("{name}: panicked")),
        }
    }
    let sum: usize = equal.values().sum();
    println!("equal, by operator: {equal:?}");
    println!("refused, by operator: {reasons:?}");
    println!(
        "nodes: {} cases, {sum} equal, {refused} refused by name",
        cases.len()
    );
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(sum > 100, "{sum} equal");
}
