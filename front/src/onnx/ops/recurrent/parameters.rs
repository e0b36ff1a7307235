//! Weights, biases and initial states of a direction.

use super::parts::Parts;
use super::{Kind, Sequence};
use crate::graph::ValueId;
use crate::onnx::builder::{Dense, Draft};
use crate::onnx::error::ImportError;
use crate::onnx::ops::Context;
use crate::onnx::tensor::Constant;
use crate::ops::Cell;

/// Peepholes of zero are none.
pub(super) fn peepholes(context: &Context<'_, '_>, kind: Kind) -> Result<(), ImportError> {
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
pub(super) fn layers(
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
pub(super) fn initial(
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
