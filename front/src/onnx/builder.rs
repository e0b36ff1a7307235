//! The draft of a graph while its nodes are read.

use std::collections::{HashMap, HashSet};

use laminate_model::program::{MAX_NODES, MAX_WIDTH};

use super::error::ImportError;
use super::fold;
use super::messages::{GraphProto, TensorProto, data_type};
use super::tensor::Constant;
use crate::graph::{self, Graph, Node, Param, ValueId};
use crate::ops::{Op, Picks, Read, State, Window};

/// Largest number of 32-bit words of parameters of the whole graph: what the largest file can hold.
/// Constants used by many nodes, or broadcast, are counted each time.
const MAX_PARAMETERS: usize = 1 << 29;

/// Largest number of numbers in constants that the importer computes.
const MAX_COMPUTED: usize = 1 << 24;

/// What the first axis of values is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// The batch, which is in no shape of features.
    Batch,
    /// A feature axis as all others: the whole model is one row.
    Feature,
}

/// What a name in the model stands for.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// An activation.
    Tensor(ValueId),
    /// An activation whose batch is this axis, not the first; features are in the order of the others.
    Moved(ValueId, usize),
    /// A constant in the file, decoded when it is used.
    Stored(&'a TensorProto),
    /// A constant given by attributes.
    Constant(Constant),
    /// A shape, or part of one, that has the batch in it.
    Shape(Shape),
    /// The label of a class, of which the scores beside it say which it is.
    Label,
}

impl Value<'_> {
    /// Whether it is known from the file alone.
    pub fn is_constant(&self) -> bool {
        matches!(self, Self::Stored(_) | Self::Constant(_))
    }
}

/// A dimension as Shape gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The batch, whatever it is.
    Batch,
    /// A number.
    Size(i64),
}

/// What nodes compute from the shape of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its dimensions.
    pub extents: Vec<Extent>,
    /// Whether it is one dimension without an axis.
    pub scalar: bool,
}

/// `y = x·weightᵀ + bias` over all features; shapes: `weight (rows, cols)` row-major, `bias (rows)`.
#[derive(Clone, Debug)]
pub struct Dense {
    /// Output features.
    pub rows: usize,
    /// Input features.
    pub cols: usize,
    /// Weights.
    pub weight: Vec<f32>,
    /// Bias.
    pub bias: Vec<f32>,
}

/// The state before every step of a recurrence, whose steps are nodes behind it.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The op; its source is a value of the draft.
    pub state: State,
    /// Values of the layers whose parameters a step has, in the cell's order.
    pub layers: Vec<ValueId>,
}

/// A node of the draft.
#[derive(Clone, Debug)]
pub enum Draft {
    /// A state.
    State(Loop),
    /// An op of the float graph that has no parameters.
    Op(Op),
    /// A contraction.
    Dense(Dense),
    /// A contraction of the last axis at each place of the others.
    Linear(Dense),
    /// A convolution: a contraction of the channels and entries of each window.
    Conv {
        /// Windows of the axes behind the channels.
        windows: Vec<Window>,
        /// Groups of channels: one, or as many as are made.
        groups: usize,
        /// Weights and biases.
        dense: Dense,
    },
    /// `y = scale·x + shift` per feature, folded into a dense layer in the end; shapes `(width)`.
    Affine {
        /// Factors.
        scale: Vec<f64>,
        /// Offsets.
        shift: Vec<f64>,
    },
}

/// An input of the model.
#[derive(Clone, Debug)]
pub struct Input<'g> {
    /// Its name.
    pub name: &'g str,
    /// Its element type.
    pub kind: i32,
    /// Its feature dimensions.
    pub features: Vec<usize>,
    /// Which of its axes is the batch, if one is.
    pub batch: usize,
}

/// A node of the draft and the tensors it joins.
#[derive(Clone, Debug)]
pub struct DraftNode {
    /// Name in the model.
    pub name: String,
    /// What it computes.
    pub draft: Draft,
    /// Operands.
    pub inputs: Vec<ValueId>,
    /// The tensor it defines.
    pub output: ValueId,
}

/// Collects tensors and nodes; `'a` is the model file.
#[derive(Debug)]
pub struct Builder<'a> {
    values: HashMap<String, Value<'a>>,
    /// Name of every tensor.
    pub(super) names: Vec<String>,
    /// Feature dimensions of every tensor, their product is its width.
    features: Vec<Vec<usize>>,
    /// Element type of every tensor in the model.
    types: Vec<i32>,
    /// What the first axis of every value is.
    pub(super) first: First,
    parameters: usize,
    /// Numbers of constants that were computed.
    computed: usize,
    pub(super) nodes: Vec<DraftNode>,
    pub(super) output: ValueId,
}

impl<'a> Builder<'a> {
    /// Starts with the initializers of `graph`.
    ///
    /// # Errors
    /// [`ImportError::Graph`] if a name is given twice.
    pub fn new(graph: &'a GraphProto, first: First) -> Result<Self, ImportError> {
        let mut builder = Self {
            values: HashMap::new(),
            names: Vec::new(),
            features: Vec::new(),
            types: Vec::new(),
            first,
            parameters: 0,
            computed: 0,
            nodes: Vec::new(),
            output: 0,
        };
        for tensor in &graph.initializer {
            builder.define(&tensor.name, Value::Stored(tensor))?;
        }
        Ok(builder)
    }

    /// Gives `name` its meaning.
    ///
    /// # Errors
    /// [`ImportError::Graph`] if it has one already.
    pub fn define(&mut self, name: &str, value: Value<'a>) -> Result<(), ImportError> {
        match self.values.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(ImportError::Graph {
                problem: format!("defines {name:?} twice; export the model again"),
            }),
        }
    }

    /// What `name` stands for.
    pub fn value(&self, name: &str) -> Option<&Value<'a>> {
        self.values.get(name)
    }

    /// Feature dimensions of a tensor.
    pub fn features(&self, id: ValueId) -> &[usize] {
        self.features.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Number of features of a tensor.
    pub fn width(&self, id: ValueId) -> usize {
        self.features.get(id).map_or(0, |f| f.iter().product())
    }

    /// Defines the model's inputs: one is tensor 0, of several each is a part of it.
    ///
    /// # Errors
    /// [`ImportError::TooLarge`] or [`ImportError::Graph`] if a width is out of bounds.
    pub fn define_inputs(&mut self, inputs: &[Input<'_>]) -> Result<(), ImportError> {
        if let [input] = inputs {
            let id = self.tensor(input.name, input.features.clone())?;
            self.set_kind(id, input.kind);
            self.define(input.name, Value::Tensor(id))?;
            self.set_batch(input.name, input.batch);
            return Ok(());
        }
        let names: Vec<&str> = inputs.iter().map(|input| input.name).collect();
        let width = |input: &Input<'_>| {
            let sizes = input.features.iter();
            { sizes }.try_fold(1usize, |n, d| n.checked_mul(*d))
        };
        let total = inputs
            .iter()
            .try_fold(0usize, |all, input| all.checked_add(width(input)?));
        let row = self.tensor(&names.join(", "), vec![total.unwrap_or(usize::MAX)])?;
        let mut start = 0usize;
        for input in inputs {
            let own = width(input).unwrap_or(usize::MAX);
            let part = Op::Arrange(vec![Read {
                start: start as i64,
                ..Read::all(0)
            }]);
            let name = format!("{}/part", input.name);
            let part = self.push(&name, Draft::Op(part), vec![row], &name, vec![own])?;
            self.set_kind(part, input.kind);
            let reshape = Draft::Op(Op::Reshape);
            self.push(
                input.name,
                reshape,
                vec![part],
                input.name,
                input.features.clone(),
            )?;
            self.set_batch(input.name, input.batch);
            start += own;
        }
        Ok(())
    }

    /// Appends a node whose result is called `output` in the model.
    ///
    /// # Errors
    /// [`ImportError::TooLarge`] above the caps of a program, [`ImportError::Graph`] if the name is taken.
    pub fn push(
        &mut self,
        name: &str,
        draft: Draft,
        inputs: Vec<ValueId>,
        output: &str,
        features: Vec<usize>,
    ) -> Result<ValueId, ImportError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(too_large(
                "number of nodes",
                self.nodes.len() + 1,
                MAX_NODES,
            ));
        }
        self.charge(match &draft {
            Draft::Dense(dense) | Draft::Linear(dense) | Draft::Conv { dense, .. } => {
                dense.weight.len() + dense.bias.len()
            }
            Draft::Op(Op::Pick(picks)) => 2 * picks.len(),
            Draft::Op(_) | Draft::State(_) => 0,
            Draft::Affine { scale, shift } => 2 * (scale.len() + shift.len()),
        })?;
        let id = self.tensor(output, features)?;
        self.define(output, Value::Tensor(id))?;
        let kind = inputs.first().map_or(data_type::FLOAT, |x| self.kind(*x));
        self.set_kind(id, kind);
        self.nodes.push(DraftNode {
            name: name.to_owned(),
            draft,
            inputs,
            output: id,
        });
        Ok(id)
    }

    /// Says what states are one step later, and of which layers they are.
    pub fn close(&mut self, states: &[(ValueId, ValueId)], layers: &[ValueId]) {
        for node in &mut self.nodes {
            let found = states.iter().find(|(state, _)| *state == node.output);
            if let (Some((_, source)), Draft::State(own)) = (found, &mut node.draft) {
                own.state.source = *source;
                own.layers = layers.to_vec();
            }
        }
    }

    /// Says which axis of an activation is the batch.
    pub fn set_batch(&mut self, name: &str, batch: usize) {
        if let Some(value) = self.values.get_mut(name)
            && let Value::Tensor(id) | Value::Moved(id, _) = value
        {
            *value = match batch {
                0 => Value::Tensor(*id),
                _ => Value::Moved(*id, batch),
            };
        }
    }

    /// Element type of a tensor: that of the first operand of what makes it, unless it was set.
    pub fn kind(&self, id: ValueId) -> i32 {
        self.types.get(id).copied().unwrap_or(data_type::FLOAT)
    }

    /// Sets a tensor's element type.
    pub fn set_kind(&mut self, id: ValueId, kind: i32) {
        if let Some(own) = self.types.get_mut(id) {
            *own = kind;
        }
    }

    /// Calls a tensor by another name if its own begins so.
    pub fn rename(&mut self, id: ValueId, prefix: &str, name: &str) -> bool {
        match self.names.get_mut(id) {
            Some(own) if own.starts_with(prefix) => {
                name.clone_into(own);
                true
            }
            _ => false,
        }
    }

    /// Number of tensors.
    pub fn count(&self) -> usize {
        self.features.len()
    }

    /// Counts the numbers of a constant before they are computed.
    ///
    /// # Errors
    /// [`ImportError::TooLarge`] above what is computed for one model.
    pub fn compute(&mut self, numbers: usize) -> Result<(), ImportError> {
        self.computed = self.computed.saturating_add(numbers);
        if self.computed > MAX_COMPUTED {
            return Err(too_large(
                "number of numbers in computed constants",
                self.computed,
                MAX_COMPUTED,
            ));
        }
        Ok(())
    }

    /// Counts parameters before they are kept.
    fn charge(&mut self, words: usize) -> Result<(), ImportError> {
        self.parameters = self.parameters.saturating_add(words);
        if self.parameters > MAX_PARAMETERS {
            return Err(too_large(
                "number of parameters",
                self.parameters,
                MAX_PARAMETERS,
            ));
        }
        Ok(())
    }

    fn tensor(&mut self, name: &str, features: Vec<usize>) -> Result<ValueId, ImportError> {
        let width = features
            .iter()
            .try_fold(1usize, |n, d| n.checked_mul(*d))
            .unwrap_or(usize::MAX);
        if width > MAX_WIDTH as usize {
            return Err(too_large(
                &format!("number of features of {name:?}"),
                width,
                MAX_WIDTH as usize,
            ));
        }
        if width == 0 {
            return Err(ImportError::Graph {
                problem: format!("value {name:?} has no elements (shape {features:?})"),
            });
        }
        self.names.push(name.to_owned());
        self.features.push(features);
        self.types.push(data_type::FLOAT);
        Ok(self.features.len() - 1)
    }

    /// Drops nodes that the output does not need.
    fn prune(&mut self) {
        let mut needed = HashSet::from([self.output]);
        loop {
            let before = needed.len();
            for node in self.nodes.iter().rev() {
                if needed.contains(&node.output) {
                    needed.extend(&node.inputs);
                    // What a state is one step later is defined behind it.
                    if let Draft::State(own) = &node.draft {
                        needed.insert(own.state.source);
                        needed.extend(&own.layers);
                    }
                }
            }
            if needed.len() == before {
                break;
            }
        }
        self.nodes.retain(|node| needed.contains(&node.output));
    }

    /// The tensor of an output.
    fn result(&self, output: &str) -> Result<ValueId, ImportError> {
        let problem = |what: &str| ImportError::Graph {
            problem: format!("output {output:?} {what}"),
        };
        match self.values.get(output) {
            Some(Value::Tensor(id) | Value::Moved(id, _)) => Ok(*id),
            Some(_) => Err(problem("is a constant: there is nothing to prove of it")),
            None => Err(problem(
                "is not defined by any node; the file is truncated or altered",
            )),
        }
    }

    /// Several results as one row, one behind the other.
    fn row_of(&mut self, names: &[&str], ids: &[ValueId]) -> Result<ValueId, ImportError> {
        let widths = ids.iter().map(|id| self.width(*id));
        let widths: Vec<usize> = widths.collect();
        let total = widths
            .iter()
            .fold(0usize, |all, own| all.saturating_add(*own));
        if total > MAX_WIDTH as usize {
            return Err(too_large(
                "number of features of all outputs",
                total,
                MAX_WIDTH as usize,
            ));
        }
        let own =
            |(i, width): (usize, &usize)| (0..*width as u32).map(move |at| Some((i as u32, at)));
        let picks: Picks = widths.iter().enumerate().flat_map(own).collect();
        let name = names.join(", ");
        let draft = Draft::Op(Op::Pick(picks));
        self.push(&name, draft, ids.to_vec(), &name, vec![total])
    }

    /// Folds the constants, drops nodes that the output does not need, and numbers the tensors anew.
    ///
    /// # Errors
    /// [`ImportError::Graph`] if `output` is not a computed value, and errors of the folding.
    pub fn finish(mut self, outputs: &[&str]) -> Result<Graph, ImportError> {
        let label = |output: &&&str| matches!(self.values.get(**output), Some(Value::Label));
        if !outputs.is_empty() && outputs.iter().all(|output| label(&output)) {
            return Err(ImportError::Graph {
                problem: "gives the label of a class alone, expected its scores, too, of which --argmax makes the index of the class".into(),
            });
        }
        let outputs: Vec<&str> = outputs.iter().filter(|o| !label(o)).copied().collect();
        let outputs = outputs.as_slice();
        let found = outputs.iter().map(|output| self.result(output));
        let found = found.collect::<Result<Vec<ValueId>, _>>()?;
        self.output = match found.as_slice() {
            [output] => *output,
            several => self.row_of(outputs, several)?,
        };
        let problem = |what: &str| ImportError::Graph {
            problem: format!("output {:?} {what}", outputs.join(", ")),
        };
        self.prune();
        fold::fold(&mut self);
        self.prune();
        if self.nodes.is_empty() {
            return Err(problem("is the input itself: the model computes nothing"));
        }
        let order: Vec<_> = std::iter::once(0)
            .chain(self.nodes.iter().map(|n| n.output))
            .collect();
        let renumber: HashMap<_, _> = order
            .iter()
            .enumerate()
            .map(|(new, old)| (*old, new))
            .collect();
        let new_id = |old: &ValueId| renumber.get(old).copied().unwrap_or(usize::MAX);
        let values = order.iter().filter_map(|old| {
            let (name, features) = (self.names.get(*old)?, self.features.get(*old)?);
            Some(graph::Value::new(name, features))
        });
        let values: Vec<graph::Value> = values.collect();
        let output = new_id(&self.output);
        let (mut params, mut nodes) = (vec![], Vec::with_capacity(self.nodes.len()));
        // Parameters of layers by their values, and states that have them.
        let mut layers: HashMap<ValueId, std::ops::Range<usize>> = HashMap::new();
        let mut states = vec![];
        for node in std::mem::take(&mut self.nodes) {
            let features = self.features(node.output).to_vec();
            let (op, own) = match node.draft {
                Draft::Op(op) => (op, None),
                Draft::State(own) => {
                    states.push((nodes.len(), own.layers));
                    let source = new_id(&own.state.source);
                    (
                        Op::State(State {
                            source,
                            ..own.state
                        }),
                        None,
                    )
                }
                Draft::Dense(dense) => (Op::Contract, Some(dense)),
                Draft::Linear(dense) => (Op::Linear, Some(dense)),
                Draft::Conv {
                    windows,
                    groups,
                    dense,
                } => (Op::Convolve { windows, groups }, Some(dense)),
                Draft::Affine { scale, shift } => {
                    let (axis, dense) = fold::left(&features, &scale, &shift);
                    (Op::Affine { axis }, Some(dense))
                }
            };
            let first = params.len();
            if let Some(own) = own {
                check_finite(&node.name, &own)?;
                let operand = node.inputs.iter().flat_map(|id| self.features(*id));
                let (rows, cols): (Vec<usize>, Vec<usize>) = match &op {
                    Op::Convolve { windows, groups } => {
                        let sizes = windows.iter().map(|window| window.size);
                        let channels = operand.copied().take(1);
                        let channels = channels.map(|all| all / groups.max(&1));
                        (vec![own.rows], channels.chain(sizes).collect())
                    }
                    Op::Linear => (vec![own.rows], vec![own.cols]),
                    Op::Affine { axis: Some(_) } => (vec![own.rows], vec![]),
                    // A row of one number without an axis.
                    Op::Affine { axis: None } if features.is_empty() => (vec![1], vec![]),
                    Op::Affine { axis: None } => (features, vec![]),
                    _ => (features, operand.copied().collect()),
                };
                let shape = [rows.as_slice(), &cols].concat();
                let name = |what| format!("{what} of {}", node.name);
                params.push(Param::owned(name("weights"), shape, own.weight));
                params.push(Param::owned(name("biases"), rows, own.bias));
            }
            layers.insert(node.output, first..params.len());
            nodes.push(Node {
                name: node.name,
                op,
                inputs: node.inputs.iter().map(new_id).collect(),
                params: (first..params.len()).collect(),
                output: new_id(&node.output),
            });
        }
        for (at, own) in states {
            let own = own
                .iter()
                .filter_map(|id| layers.get(id).cloned())
                .flatten();
            if let Some(node) = nodes.get_mut(at) {
                node.params = own.collect();
            }
        }
        Ok(Graph::new(values, params, nodes, 0, output)?)
    }
}

fn too_large(what: &str, found: usize, limit: usize) -> ImportError {
    ImportError::TooLarge {
        what: what.into(),
        found: found as u64,
        limit: limit as u64,
    }
}

/// Constants are finite, but folding multiplies them.
fn check_finite(node: &str, dense: &Dense) -> Result<(), ImportError> {
    match dense
        .weight
        .iter()
        .chain(&dense.bias)
        .enumerate()
        .find(|(_, v)| !v.is_finite())
    {
        Some((index, value)) => Err(ImportError::NonFinite {
            tensor: format!("weights of {node} after folding"),
            index,
            value: f64::from(*value),
        }),
        None => Ok(()),
    }
}
