//! The imported model: a graph of float ops over values with axes.
//!
//! | what | module |
//! | --- | --- |
//! | axes, values, nodes | `value` |
//! | equal blocks of nodes | `blocks` |
//! | weights, read when they are used | `param` |
//! | what each op takes and computes | [`crate::ops`] |
//! | values that are computed step by step | `recurrence` |
//! | the interpreter | `run` |
//!
//! It is the first value of the pipeline and the baseline that the integer program is measured against.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod blocks;
mod error;
mod param;
mod recurrence;
mod run;
#[cfg(test)]
mod tests;
mod value;

pub use blocks::Blocks;
pub use error::GraphError;
pub use param::{Owned, Param, ParamError, Source};
pub use run::{Memory, Observer, Texts};
pub use value::{Axis, Len, Node, ParamId, Value, ValueId};

use crate::ops;

/// A validated float model. Nodes are in topological order and every value but the input is defined by exactly
/// one node.
#[derive(Clone, Debug)]
pub struct Graph {
    values: Vec<Value>,
    params: Vec<Param>,
    nodes: Vec<Node>,
    input: ValueId,
    output: ValueId,
    arithmetic: Arithmetic,
    blocks: Option<Blocks>,
}

/// How contractions take their sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// In f64, in the order of the columns.
    #[default]
    Double,
    /// In f32, sixteen side by side, for models of many parameters; the same whatever the number of rows or threads.
    Lanes,
}

impl Graph {
    /// Builds a graph from its parts, with sums in f64.
    ///
    /// # Errors
    /// [`GraphError`] if a value is undefined or defined twice, or has other axes than rows and features, or an
    /// op's shapes disagree.
    pub fn new(
        values: Vec<Value>,
        params: Vec<Param>,
        nodes: Vec<Node>,
        input: ValueId,
        output: ValueId,
    ) -> Result<Self, GraphError> {
        let graph = Self {
            values,
            params,
            nodes,
            input,
            output,
            arithmetic: Arithmetic::Double,
            blocks: None,
        };
        graph.check()?;
        Ok(graph)
    }

    /// The same graph with other sums.
    pub fn with_arithmetic(mut self, arithmetic: Arithmetic) -> Self {
        self.arithmetic = arithmetic;
        self
    }

    /// The part of the graph that leads to a value, which is its output; nothing is known of equal blocks in it.
    ///
    /// # Errors
    /// [`GraphError`] if there is no such value.
    pub fn until(&self, output: ValueId) -> Result<Self, GraphError> {
        let mut needed = self.ancestors(output);
        needed.insert(self.input);
        let mut places = vec![0; self.values.len()];
        let mut values = vec![];
        for (id, (value, place)) in self.values.iter().zip(&mut places).enumerate() {
            if needed.contains(&id) {
                *place = values.len();
                values.push(value.clone());
            }
        }
        let place = |id: &ValueId| places.get(*id).copied().unwrap_or(usize::MAX);
        let nodes = self.nodes.iter().filter(|n| needed.contains(&n.output));
        let nodes = nodes.map(|node| Node {
            inputs: node.inputs.iter().map(place).collect(),
            output: place(&node.output),
            ..node.clone()
        });
        let graph = Self {
            values,
            nodes: nodes.collect(),
            input: place(&self.input),
            output: place(&output),
            blocks: None,
            params: self.params.clone(),
            arithmetic: self.arithmetic,
        };
        graph.check()?;
        Ok(graph)
    }

    /// The graph with one op more, on its output, that gives values of the shape `features`.
    ///
    /// # Errors
    /// [`GraphError`] if the op has no such operand or result.
    pub fn followed_by(
        mut self,
        op: ops::Op,
        name: impl Into<String>,
        features: &[usize],
    ) -> Result<Self, GraphError> {
        let name = name.into();
        self.values.push(Value::new(name.clone(), features));
        let output = self.values.len() - 1;
        self.nodes.push(Node {
            name,
            op,
            inputs: vec![self.output],
            params: vec![],
            output,
        });
        self.output = output;
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), GraphError> {
        let wrong = |value: String, problem: &str| GraphError::Value {
            value,
            problem: problem.into(),
        };
        for value in &self.values {
            let (first, rest) = match value.axes.split_first() {
                Some((first, rest)) => (Some(first.len), rest),
                None => (None, &[][..]),
            };
            let (_, inner) = rest.split_last().unzip();
            let others = inner.unwrap_or_default();
            if first != Some(Len::Rows) || others.iter().any(|axis| axis.len == Len::Rows) {
                return Err(wrong(
                    format!("{:?} of shape {}", value.name, value.shape()),
                    "expected the rows as first axis, and else at most as last",
                ));
            }
        }
        let mut defined = vec![false; self.values.len()];
        match defined.get_mut(self.input) {
            Some(flag) => *flag = true,
            None => return Err(wrong(self.input.to_string(), "the input does not exist")),
        }
        for node in &self.nodes {
            self.check_node(node, &mut defined)
                .map_err(|problem| GraphError::Node {
                    node: node.name.clone(),
                    op: node.op.name(),
                    problem,
                })?;
        }
        if self.output >= self.values.len() {
            return Err(wrong(self.output.to_string(), "the output does not exist"));
        }
        self.check_states()
            .map_err(|(node, problem)| GraphError::Node {
                node,
                op: "state",
                problem,
            })?;
        match self.values.iter().zip(&defined).find(|(_, d)| !**d) {
            Some((value, _)) => Err(wrong(format!("{:?}", value.name), "is never defined")),
            None => Ok(()),
        }
    }

    fn check_node(&self, node: &Node, defined: &mut [bool]) -> Result<(), String> {
        let operand = |id: &ValueId| match (self.values.get(*id), defined.get(*id)) {
            (Some(value), Some(true)) => Ok(value),
            _ => Err(format!("operand {id} is not defined before it")),
        };
        let operands = node.inputs.iter().map(operand);
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let param = |id: &ParamId| {
            let found = self.params.get(*id);
            found.ok_or_else(|| format!("parameter {id} does not exist"))
        };
        let params = node.params.iter().map(param);
        let params = params.collect::<Result<Vec<_>, _>>()?;
        match (self.values.get(node.output), defined.get_mut(node.output)) {
            (Some(output), Some(flag)) if !*flag => {
                *flag = true;
                ops::check(&node.op, &operands, &params, output)
            }
            _ => Err(format!(
                "output {} does not exist or is defined twice",
                node.output
            )),
        }
    }

    /// All values.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// All parameters.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The parameters of a node, in their order.
    pub fn params_of(&self, node: &Node) -> impl Iterator<Item = &Param> {
        node.params.iter().filter_map(|id| self.params.get(*id))
    }

    /// Nodes in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The value that the input fills.
    pub fn input(&self) -> ValueId {
        self.input
    }

    /// The result.
    pub fn output(&self) -> ValueId {
        self.output
    }

    /// Number of features of a value; zero if there is no such value.
    pub fn width(&self, id: ValueId) -> usize {
        self.values.get(id).map_or(0, Value::width)
    }

    /// The node that defines a value; `None` for the input.
    pub fn producer(&self, id: ValueId) -> Option<&Node> {
        self.nodes.iter().find(|n| n.output == id)
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.params.iter().map(Param::count).sum()
    }
}
