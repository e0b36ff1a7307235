//! The node tests of ONNX itself, in three classes: equal within the scale's error, refused by name with the reason, and nothing
//! else. A value that is wrong fails, as does a panic.
//!
//! The data is not part of this repository: `LAMINATE_ONNX_NODES` names the folder `onnx/backend/test/data/node` of the
//! Python package `onnx`. The suite gives every operand as an input of the model, also shapes and axes that are constants in any
//! file that an exporter writes. So a case is tried as it is, then with its integers but the first operand as constants, then with
//! all but the first, and last with the first axis of that as a batch; what is equal first counts.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use laminate_front::onnx;
use laminate_front::onnx::messages::data_type::{BFLOAT16, FLOAT16, is_float};
use laminate_front::onnx::messages::{
    DimensionProto, DimensionValue, ModelProto, NodeProto, TensorProto,
};
use laminate_front::onnx::tensor::Constant;
use laminate_front::quant::{Options, compile, fidelity};
use prost::Message;

/// Cases whose expected results are not those of the operator's specification: integers out of range wrap around there, where it
/// says that they are clamped.
const MISTAKEN: &[&str] = &[
    "test_qlinearmatmul_2D_int8_float16",
    "test_qlinearmatmul_2D_int8_float32",
    "test_qlinearmatmul_3D_int8_float16",
    "test_qlinearmatmul_3D_int8_float32",
];

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

/// Numbers of a tensor, whatever their type.
fn numbers(path: &Path) -> Result<Vec<f32>, String> {
    let constant = Constant::from_proto(&tensor(path)?, "data").map_err(|e| e.to_string())?;
    Ok(constant.numbers().into_iter().map(|v| v as f32).collect())
}

/// Which operands stay inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Inputs {
    All,
    FirstAndFloats,
    First,
    FirstOfBatch,
}

const TRIED: [Inputs; 4] = [
    Inputs::All,
    Inputs::FirstAndFloats,
    Inputs::First,
    Inputs::FirstOfBatch,
];

/// The case's model, and the numbers of its inputs.
fn prepared(folder: &Path, which: Inputs) -> Result<(ModelProto, Vec<f32>), String> {
    let bytes = std::fs::read(folder.join("model.onnx")).map_err(|e| e.to_string())?;
    let mut model = ModelProto::decode(bytes.as_slice()).map_err(|e| e.to_string())?;
    let graph = model.graph.as_mut().ok_or("no graph")?;
    let data = folder.join("test_data_set_0");
    let (mut kept, mut row) = (vec![], vec![]);
    for (i, input) in std::mem::take(&mut graph.input).into_iter().enumerate() {
        let file = data.join(format!("input_{i}.pb"));
        let kind = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        let kind = kind.map_or(0, |t| t.elem_type);
        let stays = match which {
            Inputs::All => true,
            Inputs::FirstAndFloats => i == 0 || is_float(kind),
            Inputs::First | Inputs::FirstOfBatch => i == 0,
        };
        match stays {
            true => {
                row.extend(numbers(&file)?);
                kept.push(input);
            }
            false => graph.initializer.push(TensorProto {
                name: input.name.clone(),
                ..tensor(&file)?
            }),
        }
    }
    graph.input = kept;
    // A factor of one behind every result is what there is to commit to: a model without weights is refused.
    graph.initializer.push(TensorProto {
        name: "one".into(),
        data_type: 1,
        float_data: vec![1.0],
        ..TensorProto::default()
    });
    for output in &mut graph.output {
        let result = format!("{} by one", output.name);
        graph.node.push(NodeProto {
            input: vec![
                std::mem::replace(&mut output.name, result.clone()),
                "one".into(),
            ],
            output: vec![result],
            name: "factor".into(),
            op_type: "Mul".into(),
            ..NodeProto::default()
        });
    }
    let shape = graph.input.first_mut().and_then(|input| {
        let tensor = input.r#type.as_mut()?.tensor_type.as_mut()?;
        tensor.shape.as_mut()?.dim.first_mut()
    });
    if let (Some(batch), Inputs::FirstOfBatch) = (shape, which) {
        *batch = DimensionProto {
            value: Some(DimensionValue::Symbol("n".into())),
        };
    }
    Ok((model, row))
}

fn run(folder: &Path, which: Inputs) -> Result<Class, String> {
    let (model, input) = match prepared(folder, which) {
        Ok(prepared) => prepared,
        Err(reason) => return Ok(Class::Refused(reason)),
    };
    if input.is_empty() {
        return Ok(Class::Refused("data: the inputs have no elements".into()));
    }
    let graph = match onnx::decode(model.encode_to_vec()) {
        Ok(graph) => graph,
        Err(reason) => return Ok(Class::Refused(reason.to_string())),
    };
    let data = folder.join("test_data_set_0");
    let count = model.graph.map_or(0, |graph| graph.output.len());
    let (mut results, mut precision) = (vec![], 1e-4f32);
    for i in 0..count {
        let file = data.join(format!("output_{i}.pb"));
        match numbers(&file) {
            Ok(own) => results.push(own),
            Err(reason) => return Ok(Class::Refused(format!("data: {reason}"))),
        }
        // Results of the suite are rounded to their own type.
        precision = precision.max(match tensor(&file)?.data_type {
            FLOAT16 => 1e-3,
            BFLOAT16 => 1e-2,
            _ => 0.0,
        });
    }
    let width = graph.width(graph.input()).max(1);
    if input.len() % width != 0 || (which != Inputs::FirstOfBatch && input.len() != width) {
        return Err(format!("{} numbers for rows of {width}", input.len()));
    }
    let rows: Vec<Vec<f32>> = input.chunks(width).map(<[f32]>::to_vec).collect();
    // A row has its part of every result.
    let count = rows.len();
    let part = |row: usize, own: &Vec<f32>| {
        let each = own.len() / count;
        own[row * each..(row + 1) * each].to_vec()
    };
    let output: Vec<f32> = (0..rows.len())
        .flat_map(|row| results.iter().flat_map(move |own| part(row, own)))
        .collect();
    let found = graph.run(&rows).map_err(|e| e.to_string())?.concat();
    if found.len() != output.len() {
        return Err(format!(
            "{} numbers, expected {}",
            found.len(),
            output.len()
        ));
    }
    let largest = output.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    let room = 1e-4 + precision * largest;
    // NaN is apart from everything.
    let apart = |(a, b): &(&f32, &f32)| {
        let far = (*a - *b).abs().partial_cmp(&room);
        far.is_none_or(|order| order.is_gt())
    };
    if let Some((a, b)) = { found.iter().zip(&output) }.find(apart) {
        return Err(format!("{a}, expected {b}"));
    }
    match compile(&graph, &rows, &Options::rows("node", 1).in_rows_of(12)) {
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
    let mut ways: BTreeMap<String, usize> = BTreeMap::new();
    let (mut refused, mut reasons, mut wrong) = (0, BTreeMap::<String, usize>::new(), vec![]);
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        if MISTAKEN.contains(&&*name) {
            refused += 1;
            println!("{name}: skipped, the suite's result is not the specification's");
            continue;
        }
        let mut said = vec![];
        for which in TRIED {
            let found = catch_unwind(AssertUnwindSafe(|| run(case, which)));
            match found {
                Ok(Ok(Class::Equal)) => {
                    *equal.entry(operator(case)).or_default() += 1;
                    *ways.entry(format!("{which:?}")).or_default() += 1;
                    said.clear();
                    break;
                }
                Ok(Ok(Class::Refused(reason))) => {
                    assert!(reason.len() > 8, "{name}: no reason");
                    said.push(reason);
                }
                Ok(Err(problem)) => wrong.push(format!("{name} ({which:?}): {problem}")),
                Err(_) => wrong.push(format!("{name} ({which:?}): panicked")),
            }
        }
        if !said.is_empty() {
            refused += 1;
            *reasons.entry(operator(case)).or_default() += 1;
            if std::env::var_os("LAMINATE_ONNX_REASONS").is_some() {
                said.dedup();
                println!("{name}: {}", said.join(" | "));
            }
        }
    }
    let sum: usize = equal.values().sum();
    println!("equal, by operator: {equal:?}");
    println!("equal, by inputs: {ways:?}");
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
    assert!(sum >= 900, "{sum} equal");
}
