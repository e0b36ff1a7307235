//! LSTM, GRU and RNN, in both directions: a recurrence over the steps of a sequence.
//!
//! `X` is `(steps, batch, inputs)`, or with layout 1 `(batch, steps, inputs)`; `Y` is `(steps, directions, batch, units)` or
//! `(batch, steps, directions, units)`, and the last states have no steps. The batch stays what it is ([`super::moved`]).
//! What a step computes is written out over all steps at once, with the state before each from [`Op::State`].

mod activations;
mod parameters;
mod parts;

use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::onnx::builder::Draft;
use crate::onnx::error::ImportError;
use crate::onnx::is_standard;
use crate::onnx::messages::{GraphProto, NodeProto};
use crate::ops::{Cell, Op};
use activations::cells;
use parameters::{initial, layers, peepholes};
use parts::Parts;

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
