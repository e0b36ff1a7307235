//! The imported model: a graph of float ops over tensors of shape `(batch, width)`.
//!
//! It is the first value of the pipeline and the baseline that the integer program is measured
//! against: [`FloatGraph::run`] accumulates in f64 and rounds every tensor to f32.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

use laminate_prover::exec::tables::sigmoid;
use rayon::prelude::*;

use crate::onnx::ImportError;

/// Index of a tensor in [`FloatGraph::tensors`].
pub type FloatTensorId = usize;

/// A tensor of shape `(batch, width)`; further feature axes are flattened, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatTensor {
    /// Name of the value in the model.
    pub name: String,
    /// Number of features.
    pub width: usize,
}

/// `y = x·weightᵀ + bias`; shapes: `weight (rows, cols)` row-major, `bias (rows)`.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatDense {
    /// Output features.
    pub rows: usize,
    /// Input features.
    pub cols: usize,
    /// Weights.
    pub weight: Vec<f32>,
    /// Bias.
    pub bias: Vec<f32>,
}

/// The float ops.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatOp {
    /// `(batch, cols) -> (batch, rows)`.
    Dense(FloatDense),
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, else `slope·x`.
    LeakyRelu {
        /// In `[0, 1)`.
        slope: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Sum of two tensors of equal width.
    Add,
    /// Elementwise product of two tensors of equal width.
    Mul,
    /// The same values under another shape.
    Reshape,
}

impl FloatOp {
    /// Name as it stands in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Relu => "relu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Reshape => "reshape",
        }
    }

    /// Number of operands.
    pub fn arity(&self) -> usize {
        match self {
            Self::Add | Self::Mul => 2,
            _ => 1,
        }
    }

    /// Value of an elementwise op at `a` and, for ops of two operands, `b`; a dense op has none and
    /// gives zero, which is what it computes for a feature without weights.
    pub fn scalar(&self, a: f64, b: f64) -> f64 {
        match self {
            Self::Dense(_) => 0.0,
            Self::Relu => a.max(0.0),
            Self::LeakyRelu { slope } if a < 0.0 => a * f64::from(*slope),
            Self::LeakyRelu { .. } | Self::Reshape => a,
            Self::Sigmoid => sigmoid(a),
            Self::Tanh => libm::tanh(a),
            Self::Add => a + b,
            Self::Mul => a * b,
        }
    }
}

/// One op applied to tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNode {
    /// Name of the node in the model.
    pub name: String,
    /// What it computes.
    pub op: FloatOp,
    /// Operands, defined earlier.
    pub inputs: Vec<FloatTensorId>,
    /// The tensor it defines.
    pub output: FloatTensorId,
}

/// A validated float model. Nodes are in topological order and every tensor but the input is defined
/// by exactly one node.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatGraph {
    tensors: Vec<FloatTensor>,
    nodes: Vec<FloatNode>,
    input: FloatTensorId,
    output: FloatTensorId,
}

impl FloatGraph {
    /// Builds a graph from its parts.
    ///
    /// # Errors
    /// [`ImportError::FloatGraph`] if a tensor is undefined or defined twice, or an op's shapes
    /// disagree.
    pub fn new(
        tensors: Vec<FloatTensor>,
        nodes: Vec<FloatNode>,
        input: FloatTensorId,
        output: FloatTensorId,
    ) -> Result<Self, ImportError> {
        let graph = Self {
            tensors,
            nodes,
            input,
            output,
        };
        graph.check().map_err(ImportError::FloatGraph)?;
        Ok(graph)
    }

    fn check(&self) -> Result<(), String> {
        let mut defined = vec![false; self.tensors.len()];
        *defined
            .get_mut(self.input)
            .ok_or("the input tensor does not exist")? = true;
        for node in &self.nodes {
            let fail = |problem: String| {
                Err(format!(
                    "node {:?} ({}): {problem}",
                    node.name,
                    node.op.name()
                ))
            };
            if node.inputs.len() != node.op.arity() {
                return fail(format!(
                    "{} operands, expected {}",
                    node.inputs.len(),
                    node.op.arity()
                ));
            }
            if let Some(id) = node
                .inputs
                .iter()
                .find(|id| defined.get(**id) != Some(&true))
            {
                return fail(format!("operand tensor {id} is not defined before it"));
            }
            match defined.get_mut(node.output) {
                Some(flag) if !*flag => *flag = true,
                _ => {
                    return fail(format!(
                        "output tensor {} does not exist or is defined twice",
                        node.output
                    ));
                }
            }
            let out = self.width(node.output);
            let cols = match &node.op {
                FloatOp::Dense(d)
                    if d.rows != out
                        || d.weight.len() != d.rows * d.cols
                        || d.bias.len() != d.rows =>
                {
                    return fail(format!(
                        "{} weights and {} biases for {out}x{}",
                        d.weight.len(),
                        d.bias.len(),
                        d.cols
                    ));
                }
                FloatOp::Dense(d) => d.cols,
                _ => out,
            };
            if let Some(id) = node.inputs.iter().find(|id| self.width(**id) != cols) {
                return fail(format!(
                    "operand width {}, expected {cols}",
                    self.width(*id)
                ));
            }
        }
        match defined.iter().position(|d| !*d) {
            Some(id) => Err(format!("tensor {id} is never defined")),
            None if self.output >= self.tensors.len() => {
                Err("the output tensor does not exist".into())
            }
            None => Ok(()),
        }
    }

    /// All tensors.
    pub fn tensors(&self) -> &[FloatTensor] {
        &self.tensors
    }

    /// Nodes in topological order.
    pub fn nodes(&self) -> &[FloatNode] {
        &self.nodes
    }

    /// The tensor that the input fills.
    pub fn input(&self) -> FloatTensorId {
        self.input
    }

    /// The result.
    pub fn output(&self) -> FloatTensorId {
        self.output
    }

    /// Width of a tensor; zero if there is no such tensor.
    pub fn width(&self, id: FloatTensorId) -> usize {
        self.tensors.get(id).map_or(0, |t| t.width)
    }

    /// The node that defines a tensor; `None` for the input.
    pub fn producer(&self, id: FloatTensorId) -> Option<&FloatNode> {
        self.nodes.iter().find(|n| n.output == id)
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        let count = |node: &FloatNode| match &node.op {
            FloatOp::Dense(d) => d.weight.len() + d.bias.len(),
            _ => 0,
        };
        self.nodes.iter().map(count).sum()
    }

    /// Runs the model: rows of the input's width to rows of the output's width.
    ///
    /// # Errors
    /// [`ImportError::FloatGraph`] if a row has another width.
    pub fn run(&self, rows: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, ImportError> {
        rows.par_iter()
            .enumerate()
            .map(|(index, row)| {
                let mut values = self.run_row(row).map_err(|e| at_row(index, &e))?;
                values
                    .get_mut(self.output)
                    .map(std::mem::take)
                    .ok_or_else(|| at_row(index, "no output"))
            })
            .collect()
    }

    /// Largest absolute value of every tensor over `rows`.
    ///
    /// # Errors
    /// [`ImportError::FloatGraph`] if a row has another width or a value is not finite.
    pub fn max_abs(&self, rows: &[Vec<f32>]) -> Result<Vec<f64>, ImportError> {
        rows.par_iter()
            .enumerate()
            .map(|(index, row)| {
                let values = self.run_row(row).map_err(|e| at_row(index, &e))?;
                let tensors = self.tensors.iter().zip(&values);
                tensors
                    .map(
                        |(tensor, values)| match values.iter().find(|v| !v.is_finite()) {
                            Some(v) => Err(at_row(
                                index,
                                &format!("tensor {:?} holds {v}", tensor.name),
                            )),
                            None => Ok(values
                                .iter()
                                .fold(0.0, |m: f64, v| m.max(f64::from(v.abs())))),
                        },
                    )
                    .collect::<Result<Vec<_>, _>>()
            })
            .try_reduce(
                || vec![0.0; self.tensors.len()],
                |a, b| Ok(a.into_iter().zip(b).map(|(x, y)| x.max(y)).collect()),
            )
    }

    /// Every tensor's values for one row.
    fn run_row(&self, row: &[f32]) -> Result<Vec<Vec<f32>>, String> {
        if row.len() != self.width(self.input) {
            return Err(format!(
                "{} columns, expected {}",
                row.len(),
                self.width(self.input)
            ));
        }
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); self.tensors.len()];
        if let Some(slot) = values.get_mut(self.input) {
            *slot = row.to_vec();
        }
        for node in &self.nodes {
            let operand = |i: usize| {
                let id = node
                    .inputs
                    .get(i)
                    .or(node.inputs.first())
                    .copied()
                    .unwrap_or(self.input);
                values.get(id).map_or(&[][..], Vec::as_slice)
            };
            let (a, b) = (operand(0), operand(1));
            let out = match &node.op {
                FloatOp::Dense(dense) => dense.apply(a),
                op => a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| op.scalar((*a).into(), (*b).into()) as f32)
                    .collect(),
            };
            if let Some(slot) = values.get_mut(node.output) {
                *slot = out;
            }
        }
        Ok(values)
    }
}

impl FloatDense {
    /// `(cols) -> (rows)`, accumulated in f64.
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let dot = |w: &[f32]| {
            w.iter()
                .zip(x)
                .map(|(w, x)| f64::from(*w) * f64::from(*x))
                .sum::<f64>()
        };
        let rows = self.weight.chunks_exact(self.cols.max(1)).zip(&self.bias);
        rows.map(|(w, bias)| (dot(w) + f64::from(*bias)) as f32)
            .collect()
    }
}

fn at_row(index: usize, problem: &str) -> ImportError {
    ImportError::FloatGraph(format!("row {index}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(widths: &[usize]) -> Vec<FloatTensor> {
        widths
            .iter()
            .map(|w| FloatTensor {
                name: format!("t{w}"),
                width: *w,
            })
            .collect()
    }

    fn node(op: FloatOp, inputs: &[usize], output: usize) -> FloatNode {
        FloatNode {
            name: "n".into(),
            op,
            inputs: inputs.to_vec(),
            output,
        }
    }

    #[test]
    fn runs_dense_and_elementwise() {
        let dense = FloatDense {
            rows: 1,
            cols: 2,
            weight: vec![2.0, -3.0],
            bias: vec![0.5],
        };
        let nodes = vec![
            node(FloatOp::Dense(dense), &[0], 1),
            node(FloatOp::Relu, &[1], 2),
        ];
        let graph = FloatGraph::new(tensors(&[2, 1, 1]), nodes, 0, 2).unwrap();
        let rows = [vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(graph.run(&rows).unwrap(), [[2.5], [0.0]]);
        assert_eq!(graph.max_abs(&rows).unwrap(), [1.0, 2.5, 2.5]);
        assert!(graph.run(&[vec![1.0]]).is_err());
    }

    #[test]
    fn refuses_inconsistent_graphs() {
        let add = |inputs: &[usize], output| vec![node(FloatOp::Add, inputs, output)];
        assert!(FloatGraph::new(tensors(&[2, 2]), add(&[0, 0], 1), 0, 1).is_ok());
        assert!(FloatGraph::new(tensors(&[2, 2]), add(&[0], 1), 0, 1).is_err());
        assert!(FloatGraph::new(tensors(&[2, 2]), add(&[0, 1], 1), 0, 1).is_err());
        assert!(FloatGraph::new(tensors(&[2, 3]), add(&[0, 0], 1), 0, 1).is_err());
        assert!(FloatGraph::new(tensors(&[2, 2]), add(&[0, 0], 1), 0, 2).is_err());
        assert!(FloatGraph::new(tensors(&[2, 2, 2]), add(&[0, 0], 1), 0, 1).is_err());
    }
}
