//! LSTM, GRU and RNN, in both directions: a recurrence over the steps of a sequence.
//!
//! `X` is `(steps, batch, inputs)`, or with layout 1 `(batch, steps, inputs)`; `Y` is `(steps, directions, batch, units)` or
//! `(batch, steps, directions, units)`, and the last states have no steps. The batch stays what it is ([`super::moved`]).
//! What a step computes is written out over all steps at once, with the state before each from [`Op::State`].

use super::super::builder::{Dense, Draft, Loop};
use super::super::error::ImportError;
use super::super::is_standard;
use super::super::messages::{GraphProto, NodeProto};
use super::super::tensor::Constant;
use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::ops::{Activation, Cell, Function, Kept, Op, Read, State};

/// Attributes of all three; GRU alone has one more, LSTM another.
pub const ATTRIBUTES: &[&str] = &[
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "input_forget",
    "layout",
    "linear_before_reset",
    "output_sequence",
];

/// Whether a value is read by a recurrent operator that wants steps before the batch.
pub fn reads_steps_first(graph: &GraphProto, name: &str) -> bool {
    let layout = |node: &NodeProto| {
        node.attribute
            .iter()
            .find(|a| a.name == "layout")
            .map_or(0, |a| a.i)
    };
    graph.node.iter().any(|node| {
        let recurrent =
            matches!(node.op_type.as_str(), "LSTM" | "GRU" | "RNN") && is_standard(&node.domain);
        recurrent && layout(node) == 0 && node.input.first().is_some_and(|input| input == name)
    })
}

/// Which operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rnn,
    Lstm,
    Gru,
}

impl Kind {
    /// Gates of its weights.
    fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// Its activations, if none are named.
    fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Rnn => &["Tanh"],
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Self::Gru => &["Sigmoid", "Tanh"],
        }
    }
}

/// Simple recurrence.
pub fn rnn(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    build(context, Kind::Rnn)
}

/// Long short-term memory.
pub fn lstm(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    build(context, Kind::Lstm)
}

/// Gated recurrent unit.
pub fn gru(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    build(context, Kind::Gru)
}

/// What an operator says of its sequence.
struct Sequence {
    kind: Kind,
    x: ValueId,
    steps: usize,
    inputs: usize,
    units: usize,
    /// Whether each direction runs from the last step to the first.
    backwards: Vec<bool>,
    cells: Vec<Cell>,
    /// Place of the batch among the axes of the operand.
    batch: usize,
}

fn build(context: &mut Context<'_, '_>, kind: Kind) -> Result<(), ImportError> {
    let sequence = read(context, kind)?;
    let mut made = vec![];
    for (number, backwards) in sequence.backwards.iter().enumerate() {
        made.push(direction(context, &sequence, number, *backwards)?);
    }
    let results: Vec<(usize, String)> = context.outputs().iter().cloned().enumerate().collect();
    for (at, name) in results.into_iter().filter(|(_, name)| !name.is_empty()) {
        let (values, moved): (Vec<ValueId>, usize) = match at {
            0 => (made.iter().map(|own| own.all).collect(), 2 * sequence.batch),
            1 => (made.iter().map(|own| own.last).collect(), sequence.batch),
            _ => {
                let cells: Option<Vec<ValueId>> = made.iter().map(|own| own.cell).collect();
                let none = || context.fail(format!("has a result {name:?} beside its states"));
                (cells.ok_or_else(none)?, sequence.batch)
            }
        };
        together(context, &name, &values)?;
        context.set_batch(&name, moved);
    }
    Ok(())
}

/// Checks everything but the parameters.
fn read(context: &mut Context<'_, '_>, kind: Kind) -> Result<Sequence, ImportError> {
    let (x, batch) = context.moved(0)?;
    let features = context.features(x);
    let layout = context.int("layout", 0)?;
    if !matches!(layout, 0 | 1) {
        return Err(context.fail(format!("layout is {layout}, expected 0 or 1")));
    }
    let expected = usize::from(layout == 0);
    let (&[steps, inputs], true) = (features.as_slice(), batch == expected) else {
        return Err(context.fail(format!(
            "layout {layout} wants the batch as axis {expected} of three, operand 0 has it as axis {batch} beside {features:?}; \
             transpose it in the model"
        )));
    };
    let direction = context.text("direction", "forward")?;
    let backwards = match direction.as_str() {
        "forward" => vec![false],
        "reverse" => vec![true],
        "bidirectional" => vec![false, true],
        _ => {
            return Err(context.fail(format!(
                "direction is {direction:?}, expected forward, reverse or bidirectional"
            )));
        }
    };
    for (name, default) in [("input_forget", 0), ("output_sequence", 0)] {
        let found = context.int(name, default)?;
        if found != default && name != "output_sequence" {
            return Err(context.fail(format!(
                "{name} is {found}, expected 0: input and forget gate are not one"
            )));
        }
    }
    let has = |name| context.attribute_exists(name);
    if let Some(name) = ["clip", "activation_alpha", "activation_beta"]
        .into_iter()
        .find(|name| has(name))
    {
        return Err(context.fail(format!(
            "attribute {name:?} is not supported; export the model without it"
        )));
    }
    let after = context.int("linear_before_reset", 0)? != 0;
    if kind != Kind::Gru && has("linear_before_reset") {
        return Err(context.fail("attribute \"linear_before_reset\" is one of GRU"));
    }
    lengths(context, steps)?;
    let units = recurrent_units(context)?;
    let stated = context.int("hidden_size", units as i64)?;
    if usize::try_from(stated) != Ok(units) {
        return Err(context.fail(format!(
            "hidden_size is {stated}, operand 2 has {units} units"
        )));
    }
    let cells = cells(context, kind, backwards.len(), after)?;
    Ok(Sequence {
        kind,
        x,
        steps,
        inputs,
        units,
        backwards,
        cells,
        batch,
    })
}

/// Every sequence is as long as all.
fn lengths(context: &Context<'_, '_>, steps: usize) -> Result<(), ImportError> {
    match context.optional(4)? {
        None => Ok(()),
        Some(Operand::Constant(lengths)) if lengths.integers()?.iter().all(|len| usize::try_from(*len) == Ok(steps)) => Ok(()),
        Some(_) => Err(context.fail(format!(
            "sequence_lens are not all {steps}, the number of steps; shorter sequences are not supported, pad the input instead"
        ))),
    }
}

fn recurrent_units(context: &Context<'_, '_>) -> Result<usize, ImportError> {
    let dims = context.constant(2)?.dims;
    match dims.as_slice() {
        &[_, _, units] if units > 0 => Ok(units),
        _ => Err(context.fail(format!(
            "operand 2 has shape {dims:?}, expected (directions, gates·units, units)"
        ))),
    }
}

/// The cell of each direction, by its activations.
fn cells(
    context: &Context<'_, '_>,
    kind: Kind,
    directions: usize,
    reset_after: bool,
) -> Result<Vec<Cell>, ImportError> {
    let own = kind.activations();
    let named = context.texts("activations")?;
    let names: Vec<String> = match named {
        Some(names) if !names.is_empty() => names,
        _ => own
            .iter()
            .cycle()
            .take(own.len() * directions)
            .map(|name| (*name).to_owned())
            .collect(),
    };
    if names.len() != own.len() * directions {
        return Err(context.fail(format!(
            "activations are {names:?}, expected {} for each of {directions} directions",
            own.len()
        )));
    }
    let of = |name: &String| {
        activation(name).ok_or_else(|| {
            context.fail(format!(
                "activation {name:?} is not supported, expected Sigmoid, Tanh, Relu, LeakyRelu, HardSigmoid, Softsign or Softplus"
            ))
        })
    };
    let all = names.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    let cell = |own: &[Activation]| match (kind, own) {
        (Kind::Rnn, &[activation]) => Ok(Cell::Rnn { activation }),
        (Kind::Lstm, &[gate, candidate, output]) => Ok(Cell::Lstm {
            gate,
            candidate,
            output,
        }),
        (Kind::Gru, &[gate, candidate]) if is_symmetric(gate) => Ok(Cell::Gru {
            gate,
            candidate,
            reset_after,
        }),
        _ => Err(context.fail(format!(
            "activations are {names:?}; of gates of a GRU Sigmoid and HardSigmoid are supported"
        ))),
    };
    all.chunks(own.len()).map(cell).collect()
}

/// An activation by its name, without parameters: those that ONNX gives it.
fn activation(name: &str) -> Option<Activation> {
    let function = match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Function::Sigmoid,
        "tanh" => Function::Tanh,
        "hardsigmoid" => HARD_SIGMOID,
        "softsign" => Function::Softsign,
        "softplus" => Function::Softplus,
        "relu" => return Some(Activation::Rectify { slope: 0.0 }),
        "leakyrelu" => return Some(Activation::Rectify { slope: 0.01 }),
        _ => return None,
    };
    Some(Activation::Function(function))
}

const HARD_SIGMOID: Function = Function::HardSigmoid {
    alpha: 0.2,
    beta: 0.5,
};

/// Whether `1 - f(x) = f(-x)`.
fn is_symmetric(activation: Activation) -> bool {
    [Function::Sigmoid, HARD_SIGMOID]
        .map(Activation::Function)
        .contains(&activation)
}

/// What a direction gives: all steps in the order of the input, the last hidden and the last cell state.
struct Made {
    all: ValueId,
    last: ValueId,
    cell: Option<ValueId>,
}

fn direction(
    context: &mut Context<'_, '_>,
    sequence: &Sequence,
    number: usize,
    backwards: bool,
) -> Result<Made, ImportError> {
    let parts = Parts {
        steps: sequence.steps,
        inputs: sequence.inputs,
        units: sequence.units,
        prefix: match sequence.backwards.len() {
            1 => String::new(),
            _ => format!("{}/", if backwards { "backward" } else { "forward" }),
        },
    };
    let x = match backwards {
        true => parts.turned(context, sequence.x, "steps", sequence.inputs)?,
        false => sequence.x,
    };
    let cell = *sequence
        .cells
        .get(number)
        .ok_or_else(|| context.fail("has no activations"))?;
    let layers = layers(context, sequence, cell, number)?;
    let initial = [
        initial(context, sequence, &parts, (5, number))?,
        match sequence.kind {
            Kind::Lstm => initial(context, sequence, &parts, (6, number))?,
            Kind::Rnn | Kind::Gru => None,
        },
    ];
    peepholes(context, sequence.kind)?;
    let [hidden, cell] = parts.cell(context, cell, x, (initial, layers))?;
    let hidden = hidden.ok_or_else(|| context.fail("has no state"))?;
    let all = match backwards {
        true => parts.turned(context, hidden, "as the input", sequence.units)?,
        false => hidden,
    };
    Ok(Made {
        all,
        last: parts.last(context, hidden, "last")?,
        cell: match cell {
            Some(cell) => Some(parts.last(context, cell, "last cell")?),
            None => None,
        },
    })
}

/// Peepholes of zero are none.
fn peepholes(context: &Context<'_, '_>, kind: Kind) -> Result<(), ImportError> {
    if kind != Kind::Lstm || context.optional(7)?.is_none() {
        return Ok(());
    }
    let zero = context.constant(7)?.floats()?.iter().all(|p| *p == 0.0);
    match zero {
        true => Ok(()),
        false => Err(context.fail("has peephole weights (operand 7), which are not supported")),
    }
}

/// One direction of a parameter of this shape behind the directions.
fn part(
    context: &Context<'_, '_>,
    (operand, number): (usize, usize),
    directions: usize,
    shape: &[usize],
) -> Result<Vec<f32>, ImportError> {
    let constant: Constant = context.constant(operand)?;
    let expected = [&[directions], shape].concat();
    if constant.dims != expected {
        return Err(context.fail(format!(
            "operand {operand} has shape {:?}, expected {expected:?}",
            constant.dims
        )));
    }
    let count: usize = shape.iter().product();
    let own = constant.floats()?.get(number * count..(number + 1) * count);
    Ok(own.unwrap_or_default().to_vec())
}

/// The layers of a cell in the order of [`Cell`]; weights have ONNX's order of gates.
fn layers(
    context: &Context<'_, '_>,
    sequence: &Sequence,
    cell: Cell,
    number: usize,
) -> Result<Vec<Dense>, ImportError> {
    let (units, inputs, directions) = (sequence.units, sequence.inputs, sequence.backwards.len());
    let gates = sequence.kind.gates();
    let w = part(context, (1, number), directions, &[gates * units, inputs])?;
    let r = part(context, (2, number), directions, &[gates * units, units])?;
    let biases = match context.optional(3)? {
        Some(_) => part(context, (3, number), directions, &[2 * gates * units])?,
        None => vec![0.0; 2 * gates * units],
    };
    let (of_w, of_r) = biases.split_at(gates * units);
    let weights = Weights {
        units,
        inputs,
        w: &w,
        r: &r,
        of_w,
        of_r,
    };
    Ok(match cell {
        Cell::Rnn { .. } | Cell::Lstm { .. } => {
            vec![weights.both((0..gates).map(|gate| (gate, 1.0)))]
        }
        Cell::Gru { reset_after, .. } => {
            // ONNX has z, r, n; 1 - f(x) is f(-x).
            let both = weights.both([(0, 1.0), (0, -1.0), (1, 1.0)].into_iter());
            match reset_after {
                true => vec![both, weights.input(2), weights.state(2)],
                false => vec![both, weights.both([(2, 1.0)].into_iter())],
            }
        }
    })
}

/// Parameters of a direction, gate after gate.
struct Weights<'w> {
    units: usize,
    inputs: usize,
    w: &'w [f32],
    r: &'w [f32],
    of_w: &'w [f32],
    of_r: &'w [f32],
}

impl Weights<'_> {
    fn gate(of: &[f32], gate: usize, count: usize) -> &[f32] {
        of.get(gate * count..(gate + 1) * count).unwrap_or_default()
    }

    fn input(&self, gate: usize) -> Dense {
        Dense {
            rows: self.units,
            cols: self.inputs,
            weight: Self::gate(self.w, gate, self.units * self.inputs).to_vec(),
            bias: Self::gate(self.of_w, gate, self.units).to_vec(),
        }
    }

    fn state(&self, gate: usize) -> Dense {
        Dense {
            rows: self.units,
            cols: self.units,
            weight: Self::gate(self.r, gate, self.units * self.units).to_vec(),
            bias: Self::gate(self.of_r, gate, self.units).to_vec(),
        }
    }

    /// Rows of gates of input and state together, each times a sign.
    fn both(&self, gates: impl Iterator<Item = (usize, f32)>) -> Dense {
        let (mut weight, mut bias, mut rows) = (vec![], vec![], 0);
        for (gate, sign) in gates {
            let (input, state) = (self.input(gate), self.state(gate));
            let own = input.weight.chunks(self.inputs.max(1));
            for (w, r) in own.zip(state.weight.chunks(self.units.max(1))) {
                weight.extend(w.iter().chain(r).map(|v| sign * v));
            }
            let sums = input.bias.iter().zip(&state.bias);
            bias.extend(sums.map(|(a, b)| sign * (a + b)));
            rows += self.units;
        }
        Dense {
            rows,
            cols: self.inputs + self.units,
            weight,
            bias,
        }
    }
}

/// The initial state of a direction; none if it is zero.
fn initial(
    context: &mut Context<'_, '_>,
    sequence: &Sequence,
    parts: &Parts,
    (operand, number): (usize, usize),
) -> Result<Option<ValueId>, ImportError> {
    let (units, directions) = (sequence.units, sequence.backwards.len());
    let name = if operand == 5 {
        "initial"
    } else {
        "initial cell"
    };
    let constant = match context.raw(operand)? {
        None => return Ok(None),
        Some(value) => value.is_constant(),
    };
    if !constant {
        let (id, batch) = context.moved(operand)?;
        let features = context.features(id);
        if features != [directions, units] || batch != sequence.batch {
            return Err(context.fail(format!(
                "operand {operand} has features {features:?} and the batch as axis {batch}, expected {:?} and {}",
                [directions, units],
                sequence.batch
            )));
        }
        let one = parts.entry(context, id, &format!("{name}/direction"), (number, units))?;
        return Ok(Some(one));
    }
    let constant = context.constant(operand)?;
    if constant.floats()?.iter().all(|v| *v == 0.0) {
        return Ok(None);
    }
    let expected = match sequence.batch {
        0 => [1, directions, units],
        _ => [directions, 1, units],
    };
    if constant.dims != expected {
        return Err(context.fail(format!(
            "operand {operand} has shape {:?}, expected {expected:?}: one initial state for all of the batch",
            constant.dims
        )));
    }
    let own = constant.floats()?.get(number * units..(number + 1) * units);
    let own = own.unwrap_or_default().to_vec();
    // Hidden like all parameters: the biases of a layer that reads nothing of the input.
    let first = parts.entry(
        context,
        sequence.x,
        &format!("{name}/step"),
        (0, sequence.inputs),
    )?;
    let dense = Dense {
        rows: units,
        cols: sequence.inputs,
        weight: vec![0.0; units * sequence.inputs],
        bias: own,
    };
    let id = parts.push(context, name, Draft::Dense(dense), vec![first], vec![units])?;
    Ok(Some(id))
}

/// Nodes of one direction.
struct Parts {
    steps: usize,
    inputs: usize,
    units: usize,
    prefix: String,
}

impl Parts {
    fn push(
        &self,
        context: &mut Context<'_, '_>,
        part: &str,
        draft: Draft,
        inputs: Vec<ValueId>,
        features: Vec<usize>,
    ) -> Result<ValueId, ImportError> {
        context.push_part(&format!("{}{part}", self.prefix), draft, inputs, features)
    }

    /// An op whose result has the shape of a state.
    fn op(
        &self,
        context: &mut Context<'_, '_>,
        part: &str,
        op: Op,
        inputs: &[ValueId],
    ) -> Result<ValueId, ImportError> {
        let shape = vec![self.steps, self.units];
        self.push(context, part, Draft::Op(op), inputs.to_vec(), shape)
    }

    /// The steps in the other order.
    fn turned(
        &self,
        context: &mut Context<'_, '_>,
        x: ValueId,
        part: &str,
        features: usize,
    ) -> Result<ValueId, ImportError> {
        let last = Read {
            start: self.steps as i64 - 1,
            step: -1,
            ..Read::all(0)
        };
        let op = Draft::Op(Op::Arrange(vec![last, Read::all(1)]));
        self.push(context, part, op, vec![x], vec![self.steps, features])
    }

    /// An entry of the first of two axes.
    fn entry(
        &self,
        context: &mut Context<'_, '_>,
        x: ValueId,
        part: &str,
        (at, features): (usize, usize),
    ) -> Result<ValueId, ImportError> {
        let read = Read {
            start: at as i64,
            ..Read::all(0)
        };
        let op = Draft::Op(Op::Arrange(vec![read, Read::all(1)]));
        let one = self.push(
            context,
            &format!("{part}/entry"),
            op,
            vec![x],
            vec![1, features],
        )?;
        let op = Draft::Op(Op::Reshape);
        self.push(context, part, op, vec![one], vec![features])
    }

    /// The last step.
    fn last(
        &self,
        context: &mut Context<'_, '_>,
        x: ValueId,
        part: &str,
    ) -> Result<ValueId, ImportError> {
        self.entry(context, x, part, (self.steps - 1, self.units))
    }

    /// Some units of a layer's result.
    fn gate(
        &self,
        context: &mut Context<'_, '_>,
        (gates, at): (ValueId, usize),
        name: &str,
        activation: Activation,
    ) -> Result<ValueId, ImportError> {
        let read = Read {
            start: (at * self.units) as i64,
            ..Read::all(1)
        };
        let op = Op::Arrange(vec![Read::all(0), read]);
        let part = self.op(context, &format!("{name}/sum"), op, &[gates])?;
        self.op(context, name, activation.op(), &[part])
    }

    fn linear(
        &self,
        context: &mut Context<'_, '_>,
        name: &str,
        layer: Option<Dense>,
        x: ValueId,
    ) -> Result<ValueId, ImportError> {
        let layer = layer.ok_or_else(|| context.fail("has too few layers"))?;
        let shape = vec![self.steps, layer.rows];
        self.push(context, name, Draft::Linear(layer), vec![x], shape)
    }

    fn joined(
        &self,
        context: &mut Context<'_, '_>,
        name: &str,
        x: ValueId,
        h: ValueId,
    ) -> Result<ValueId, ImportError> {
        let shape = vec![self.steps, self.inputs + self.units];
        let draft = Draft::Op(Op::Concat { axis: 1 });
        self.push(context, name, draft, vec![x, h], shape)
    }

    /// The state before every step, to be closed.
    fn state(
        &self,
        context: &mut Context<'_, '_>,
        (cell, kept): (Cell, Kept),
        x: ValueId,
        initial: [Option<ValueId>; 2],
    ) -> Result<ValueId, ImportError> {
        let state = State {
            cell,
            kept,
            initial: initial.map(|id| id.is_some()),
            source: ValueId::MAX,
        };
        let inputs = [x]
            .into_iter()
            .chain(initial.into_iter().flatten())
            .collect();
        let name = match kept {
            Kept::Hidden => "state",
            Kept::Cell => "cell state",
        };
        let draft = Draft::State(Loop {
            state,
            layers: vec![],
        });
        self.push(context, name, draft, inputs, vec![self.steps, self.units])
    }

    /// Hidden and cell states of all steps.
    fn cell(
        &self,
        context: &mut Context<'_, '_>,
        cell: Cell,
        x: ValueId,
        (initial, layers): ([Option<ValueId>; 2], Vec<Dense>),
    ) -> Result<[Option<ValueId>; 2], ImportError> {
        let mut layers = layers.into_iter();
        let h = self.state(context, (cell, Kept::Hidden), x, initial)?;
        let joined = self.joined(context, "joined", x, h)?;
        match cell {
            Cell::Rnn { activation } => {
                let sum = self.linear(context, "sums", layers.next(), joined)?;
                let hidden = self.op(context, "hidden", activation.op(), &[sum])?;
                context.close(&[(h, hidden)], &[sum]);
                Ok([Some(hidden), None])
            }
            Cell::Lstm {
                gate,
                candidate,
                output,
            } => {
                let c = self.state(context, (cell, Kept::Cell), x, initial)?;
                let gates = self.linear(context, "gates", layers.next(), joined)?;
                let i = self.gate(context, (gates, 0), "input", gate)?;
                let o = self.gate(context, (gates, 1), "output", gate)?;
                let f = self.gate(context, (gates, 2), "forget", gate)?;
                let g = self.gate(context, (gates, 3), "candidate", candidate)?;
                let kept = self.op(context, "kept", Op::Mul, &[f, c])?;
                let added = self.op(context, "added", Op::Mul, &[i, g])?;
                let cell = self.op(context, "cell", Op::Add, &[kept, added])?;
                let squashed = self.op(context, "squashed", output.op(), &[cell])?;
                let hidden = self.op(context, "hidden", Op::Mul, &[o, squashed])?;
                context.close(&[(h, hidden), (c, cell)], &[gates]);
                Ok([Some(hidden), Some(cell)])
            }
            Cell::Gru {
                gate,
                candidate,
                reset_after,
            } => {
                let gates = self.linear(context, "gates", layers.next(), joined)?;
                let z = self.gate(context, (gates, 0), "update", gate)?;
                let u = self.gate(context, (gates, 1), "no update", gate)?;
                let r = self.gate(context, (gates, 2), "reset", gate)?;
                let (sum, all) = match reset_after {
                    true => {
                        let a = self.linear(context, "candidate/input", layers.next(), x)?;
                        let b = self.linear(context, "candidate/state", layers.next(), h)?;
                        let reset = self.op(context, "candidate/reset", Op::Mul, &[r, b])?;
                        let sum = self.op(context, "candidate/sum", Op::Add, &[a, reset])?;
                        (sum, vec![gates, a, b])
                    }
                    false => {
                        let reset = self.op(context, "candidate/reset", Op::Mul, &[r, h])?;
                        let joined = self.joined(context, "candidate/joined", x, reset)?;
                        let sum = self.linear(context, "candidate/sum", layers.next(), joined)?;
                        (sum, vec![gates, sum])
                    }
                };
                let n = self.op(context, "candidate", candidate.op(), &[sum])?;
                let new = self.op(context, "new", Op::Mul, &[u, n])?;
                let kept = self.op(context, "kept", Op::Mul, &[z, h])?;
                let hidden = self.op(context, "hidden", Op::Add, &[new, kept])?;
                context.close(&[(h, hidden)], &all);
                Ok([Some(hidden), None])
            }
        }
    }
}

/// Values of directions as one result, in which directions are the second to last axis. They are joined along the last one, so that
/// exporters' next Reshape, which joins the two, finds them so.
fn together(
    context: &mut Context<'_, '_>,
    name: &str,
    values: &[ValueId],
) -> Result<(), ImportError> {
    let Some(first) = values.first() else {
        return Ok(());
    };
    let mut shape = context.features(*first);
    let units = shape.pop().unwrap_or(1);
    let axis = shape.len();
    let made = [shape.as_slice(), &[values.len(), units]].concat();
    let joined = match values {
        [one] => *one,
        several => {
            shape.push(units * values.len());
            let concat = Draft::Op(Op::Concat { axis });
            context.push_value(
                &format!("{name}/directions"),
                concat,
                several.to_vec(),
                shape,
            )?
        }
    };
    context.push_named(name, Draft::Op(Op::Reshape), vec![joined], made)
}
