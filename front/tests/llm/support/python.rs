//! The independent executor in Python.

use std::io::Write;
use std::process::{Command, Stdio};

use laminate_model::program::{Program, Role, Weights, padded_index};
use laminate_prover::exec::Trace;
use serde_json::{Value, json};

/// What the Python model says of a case: all tensors and remainders, or why it refuses. Nothing where
/// Python is not installed.
pub fn python(
    program: &Program,
    weights: &Weights,
    tokens: &[u32],
) -> Option<Result<Value, String>> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/reference/llm_model.py"
    );
    let spawned = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: python3 is not installed");
            return None;
        }
        Err(e) => panic!("python3: {e}"),
    };
    let case = json!({ "program": program, "weights": weights, "tokens": tokens });
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(case.to_string().as_bytes()).expect("write");
    drop(stdin);
    let output = child.wait_with_output().expect("python3");
    if output.status.success() {
        return Some(Ok(serde_json::from_slice(&output.stdout).expect("JSON")));
    }
    Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// A trace as the Python model prints it: without padding, the views of the carry filled in.
pub fn unpadded(program: &Program, trace: &Trace) -> Value {
    let tensors: Vec<Value> = (0..program.tensors.len())
        .map(|id| {
            let (values, skip) = viewed(program, trace, id);
            blocks(program, id, &values[skip..])
        })
        .collect();
    let remainders: Vec<Value> = program
        .nodes
        .iter()
        .zip(&trace.aux)
        .map(|(node, aux)| match aux.narrow(Role::REMAINDER) {
            [] => Value::Null,
            rest => blocks(program, node.output, rest),
        })
        .collect();
    json!({ "tensors": tensors, "remainders": remainders })
}

/// Values that hold a tensor from an offset on.
fn viewed(program: &Program, trace: &Trace, id: usize) -> (Vec<i32>, usize) {
    match program.carry {
        Some(carry) if id == carry.input => (trace.tensors[carry.entry].clone(), 0),
        Some(carry) if id == carry.exit => {
            let block = trace.tensors[carry.output].len();
            let stack = program.tensors[carry.entry].stack as usize;
            let mut values = trace.tensors[carry.entry][..stack * block].to_vec();
            values.extend(&trace.tensors[carry.output]);
            (values, block)
        }
        _ => (trace.tensors[id].clone(), 0),
    }
}

fn blocks<T: serde::Serialize>(program: &Program, id: usize, values: &[T]) -> Value {
    let tensor = &program.tensors[id];
    let width = 1 << tensor.width_log();
    let row = |row: &[T]| -> Value {
        (0..tensor.width())
            .map(|i| json!(row[padded_index(&tensor.axes, i)]))
            .collect()
    };
    values
        .chunks(program.slots() * width)
        .take(tensor.stack as usize)
        .map(|block| block.chunks(width).map(row).collect::<Value>())
        .collect()
}
