//! Initial states of zeros as exporters write them: as many as the batch has rows, by the shape of the input.
//!
//! Nothing has to be known of such a shape. What only recurrent operators read, as initial states, and is zero whatever its shape
//! is, is a constant zero.

use std::collections::{HashMap, HashSet};

use super::messages::{GraphProto, NodeProto, TensorProto};
use super::tensor::Constant;

/// Operators whose result is zero if their first operand is.
const KEEP: &[&str] = &[
    "Cast",
    "Expand",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

fn is_recurrent(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "LSTM" | "GRU" | "RNN")
}

fn is_zero(tensor: &TensorProto) -> bool {
    let constant = Constant::from_proto(tensor, &tensor.name);
    constant.is_ok_and(|own| own.floats().is_ok_and(|all| all.iter().all(|v| *v == 0.0)))
}

/// Nodes whose results are zeros that only recurrent operators read, as initial states, by their place.
pub fn find(graph: &GraphProto) -> HashSet<usize> {
    if !graph.node.iter().any(is_recurrent) {
        return HashSet::new();
    }
    let zeros = zeros(graph);
    let mut readers: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for (place, name) in node.input.iter().enumerate() {
            readers.entry(name).or_default().push((at, place));
        }
    }
    let given: HashSet<&str> = graph
        .output
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    let mut found = HashSet::new();
    // What reads a node is behind it; what nothing reads may be anything.
    for (index, name) in zeros.into_iter().rev() {
        let state = |(at, place): &(usize, usize)| match place {
            5 | 6 => graph.node.get(*at).is_some_and(is_recurrent),
            0 => *at > index && found.contains(at),
            _ => false,
        };
        if !given.contains(name) && readers.get(name).is_none_or(|all| all.iter().all(state)) {
            found.insert(index);
        }
    }
    found
}

/// Nodes whose one result is zero whatever its shape, with its name, in their order.
fn zeros(graph: &GraphProto) -> Vec<(usize, &str)> {
    let mut out = vec![];
    // Whether a name is one of zeros; constants are looked at when they are read, once.
    let mut known: HashMap<&str, bool> = HashMap::new();
    let initializers = graph.initializer.iter();
    let constants: HashMap<&str, &TensorProto> =
        initializers.map(|t| (t.name.as_str(), t)).collect();
    for (index, node) in graph.node.iter().enumerate() {
        let [output] = node.output.as_slice() else {
            continue;
        };
        let value = node.attribute.iter().find(|a| a.name == "value");
        let value = value.map(|a| a.t.as_ref().is_some_and(is_zero));
        let zero = match node.op_type.as_str() {
            "ConstantOfShape" => value.unwrap_or(true),
            "Constant" => value.unwrap_or(false),
            op if KEEP.contains(&op) => node.input.first().is_some_and(|name| {
                let constant = || {
                    constants
                        .get(name.as_str())
                        .is_some_and(|tensor| is_zero(tensor))
                };
                *known.entry(name).or_insert_with(constant)
            }),
            _ => false,
        };
        known.insert(output, zero);
        if zero && node.op_type != "Constant" {
            out.push((index, output.as_str()));
        }
    }
    out
}
