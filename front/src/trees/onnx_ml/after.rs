//! What an isolation forest makes of its trees, as skl2onnx writes it: one operator for each tree that gives the number of
//! a leaf, and arithmetic on it.
//!
//! Until trees are added up, everything is a function of one tree's leaf, which is computed for every leaf by the graph's
//! own float32 operations. The sum of all trees is `x`, and the score `d - 2^(-x / c)`.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::columns;
use crate::onnx::messages::{NodeProto, TensorProto, data_type};

/// A value for every leaf of one tree.
#[derive(Clone, Debug)]
struct Leafwise {
    tree: usize,
    values: Vec<f32>,
}

/// What is known of a tensor behind the trees.
#[derive(Clone, Debug)]
enum Value {
    Leaves(Leafwise),
    /// The sum of all trees' values of `leaves`, and what was done with it so far.
    Sum {
        leaves: Vec<Vec<f32>>,
        steps: Vec<Step>,
    },
    /// Something of the score that decides.
    Label,
}

/// A step on the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Divided(f32),
    Negated,
    PowerOf(f32),
    Plus(f32),
}

/// A score and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    /// Values of the leaves of each tree.
    pub(super) leaves: Vec<Vec<f32>>,
    /// `c`.
    pub(super) scale: f32,
    /// `d`.
    pub(super) offset: f32,
}

/// Tensors behind the trees.
#[derive(Debug, Default)]
pub(super) struct After<'a> {
    known: HashMap<&'a str, Value>,
    trees: usize,
    score: Option<Score>,
}

impl<'a> After<'a> {
    /// One more tree: its result is a value of each leaf.
    pub(super) fn tree(&mut self, name: &'a str, values: &[f64]) {
        let values = values.iter().map(|v| *v as f32).collect();
        let tree = self.trees;
        self.known
            .insert(name, Value::Leaves(Leafwise { tree, values }));
        self.trees += 1;
    }

    /// The score of an isolation forest of all trees, where there is one.
    pub(super) fn score(self) -> Option<Score> {
        let trees = self.trees;
        self.score.filter(|score| score.leaves.len() == trees)
    }

    /// Whether a node is understood.
    pub(super) fn node(
        &mut self,
        node: &'a NodeProto,
        a: &Attributes<'_>,
        constants: &HashMap<&str, &TensorProto>,
    ) -> bool {
        let (Some(to), Some(value)) = (node.output.first(), self.value(node, a, constants)) else {
            return false;
        };
        if let Value::Sum { leaves, steps } = &value
            && let [
                Step::Divided(scale),
                Step::Negated,
                Step::PowerOf(2.0),
                Step::Negated,
                Step::Plus(offset),
            ] = steps.as_slice()
        {
            self.score = Some(Score {
                leaves: leaves.clone(),
                scale: *scale,
                offset: *offset,
            });
        }
        self.known.insert(to, value);
        true
    }

    fn value(
        &self,
        node: &NodeProto,
        a: &Attributes<'_>,
        constants: &HashMap<&str, &TensorProto>,
    ) -> Option<Value> {
        let op = node.op_type.as_str();
        let known = |at: usize| self.known.get(node.input.get(at)?.as_str());
        let constant = |at: usize| number(constants.get(node.input.get(at)?.as_str())?);
        let adds = op == "Sum" || (op == "Add" && constant(1).is_none());
        if let Some(sum) = adds.then(|| self.sum(node)).flatten() {
            return Some(sum);
        }
        match (known(0), known(1)) {
            (Some(Value::Leaves(one)), None) => {
                let other = node.input.get(1).map(|_| constant(1));
                leafwise(op, a, one, other.flatten().as_slice())
            }
            (Some(Value::Leaves(one)), Some(Value::Leaves(other))) if one.tree == other.tree => {
                leafwise(op, a, one, &other.values)
            }
            (Some(Value::Sum { leaves, steps }), None) => {
                let step = match (op, constant(1)) {
                    ("Less", Some(0.0)) => return Some(Value::Label),
                    ("Div", Some(by)) => Step::Divided(by),
                    ("Neg", None) => Step::Negated,
                    ("Add", Some(by)) => Step::Plus(by),
                    _ => return None,
                };
                Some(with(leaves, steps, step))
            }
            (None, Some(Value::Sum { leaves, steps })) if op == "Pow" => {
                Some(with(leaves, steps, Step::PowerOf(constant(0)?)))
            }
            (Some(Value::Label), _) if matches!(op, "Cast" | "Mul" | "Add") => Some(Value::Label),
            _ => None,
        }
    }

    /// The sum of values of all trees, each once.
    fn sum(&self, node: &NodeProto) -> Option<Value> {
        let mut leaves: Vec<Option<Vec<f32>>> = vec![None; self.trees];
        for name in &node.input {
            match self.known.get(name.as_str())? {
                Value::Leaves(one) => {
                    let slot = leaves.get_mut(one.tree)?;
                    if slot.replace(one.values.clone()).is_some() {
                        return None;
                    }
                }
                Value::Sum { .. } | Value::Label => return None,
            }
        }
        let leaves: Option<Vec<Vec<f32>>> = leaves.into_iter().collect();
        Some(Value::Sum {
            leaves: leaves?,
            steps: vec![],
        })
    }
}

fn with(leaves: &[Vec<f32>], steps: &[Step], step: Step) -> Value {
    Value::Sum {
        leaves: leaves.to_vec(),
        steps: steps.iter().copied().chain([step]).collect(),
    }
}

/// An operation on every leaf's value, with one number or one of each leaf.
fn leafwise(op: &str, a: &Attributes<'_>, of: &Leafwise, other: &[f32]) -> Option<Value> {
    let encoder = match op {
        "LabelEncoder" => Some(columns::labels(a).ok()?),
        _ => None,
    };
    let to = a.int("to").ok()?;
    let cast = |kind: i32| to == Some(i64::from(kind));
    let one = |at: usize, x: f32| -> Option<f32> {
        let y = match other {
            [y] => Some(*y),
            all => all.get(at).copied(),
        };
        Some(match (op, y) {
            ("Identity" | "Reshape", _) => x,
            ("Cast", _) if cast(data_type::FLOAT) => x,
            ("Cast", _) if cast(data_type::INT64) => x.trunc(),
            ("LabelEncoder", _) => encoder.as_ref()?.apply(x),
            ("Log", None) => libm::logf(x),
            ("Equal", Some(y)) => f32::from(x == y),
            ("Greater", Some(y)) => f32::from(x > y),
            ("Mul", Some(y)) => x * y,
            ("Add", Some(y)) => x + y,
            ("Div", Some(y)) => x / y,
            ("Max", Some(y)) => x.max(y),
            _ => return None,
        })
    };
    let values = of.values.iter().enumerate();
    let values = values.map(|(at, x)| one(at, *x)).collect::<Option<_>>()?;
    Some(Value::Leaves(Leafwise {
        tree: of.tree,
        values,
    }))
}

/// The number that a constant of one element holds.
fn number(tensor: &&TensorProto) -> Option<f32> {
    if tensor.data_location != 0 {
        return None;
    }
    let raw = tensor.raw_data.as_ref();
    match (tensor.data_type, tensor.float_data.as_slice(), raw) {
        (data_type::FLOAT, [one], []) => Some(*one),
        (data_type::FLOAT, [], raw) => Some(f32::from_le_bytes(raw.try_into().ok()?)),
        (data_type::INT64, _, raw) if tensor.int64_data.is_empty() => {
            Some(i64::from_le_bytes(raw.try_into().ok()?) as f32)
        }
        (data_type::INT64, ..) => match tensor.int64_data.as_slice() {
            [one] => Some(*one as f32),
            _ => None,
        },
        _ => None,
    }
}
