//! Recurrent cells: what a step makes of its input and of the state that the step before left.
//!
//! A graph has no cycles, so a recurrence stands in it twice. `State` computes the state *before* every step by itself, step
//! after step, from the same parameters; what a step does with it is written out with the ops that there are, over all steps at
//! once ([`crate::onnx`]). Both give the same numbers, and a program reads the second with a delay instead of the first.

use super::{Function, Op};
use crate::graph::{Param, Value, ValueId};

/// An activation of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// A function of one number.
    Function(Function),
    /// `x` where positive, else `slope·x`.
    Rectify {
        /// In `[0, 1)`.
        slope: f32,
    },
}

impl Activation {
    /// The op that computes it.
    pub fn op(self) -> Op {
        match self {
            Self::Function(function) => Op::Unary(function),
            Self::Rectify { slope } => Op::Rectify { slope },
        }
    }

    fn of(self, x: f32) -> f32 {
        self.op().scalar(x.into(), 0.0) as f32
    }
}

/// What a step computes. Parameters are those of its layers, weights `(rows, columns)` and biases `(rows)` of each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// `h = f(W·[x|h])`.
    Rnn {
        /// `f`.
        activation: Activation,
    },
    /// Rows of gates `i, o, f, g` of `[x|h]`: `c = f·c + i·g`, `h = o·a(c)` (Hochreiter and Schmidhuber 1997).
    Lstm {
        /// Of `i`, `o` and `f`.
        gate: Activation,
        /// Of `g`.
        candidate: Activation,
        /// `a`.
        output: Activation,
    },
    /// Rows of gates `z, 1 - z, r` of `[x|h]`: `h = (1 - z)·n + z·h` (Cho et al. 2014).
    Gru {
        /// Of the gates.
        gate: Activation,
        /// Of `n`.
        candidate: Activation,
        /// Whether `n` is of `W·x + r·(R·h)`, two layers, and not of `W·[x|r·h]`, one.
        reset_after: bool,
    },
}

impl Cell {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rnn { .. } => "RNN",
            Self::Lstm { .. } => "LSTM",
            Self::Gru { .. } => "GRU",
        }
    }

    /// Number of its layers.
    pub fn layers(self) -> usize {
        match self {
            Self::Rnn { .. } | Self::Lstm { .. } => 1,
            Self::Gru { reset_after, .. } => 2 + usize::from(reset_after),
        }
    }

    /// Rows and columns of each layer for so many inputs and units.
    fn shapes(self, inputs: usize, units: usize) -> Vec<[usize; 2]> {
        let both = inputs + units;
        match self {
            Self::Rnn { .. } => vec![[units, both]],
            Self::Lstm { .. } => vec![[4 * units, both]],
            Self::Gru {
                reset_after: true, ..
            } => vec![[3 * units, both], [units, inputs], [units, units]],
            Self::Gru { .. } => vec![[3 * units, both], [units, both]],
        }
    }
}

/// Which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// What a cell gives out, `h`.
    Hidden,
    /// What an LSTM keeps, `c`.
    Cell,
}

/// The state before every step of a recurrence, `(steps, units)`; operands are the input `(steps, inputs)` and, if there are,
/// the initial hidden and cell states, `(units)` each.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What a step computes.
    pub cell: Cell,
    /// Which state.
    pub kept: Kept,
    /// Whether there are an initial hidden and an initial cell state.
    pub initial: [bool; 2],
    /// The value, defined later, that is this state after every step.
    pub source: ValueId,
}

impl State {
    /// The operand that is its own initial state.
    pub fn begins(&self) -> Option<usize> {
        let [hidden, cell] = self.initial;
        match self.kept {
            Kept::Hidden => hidden.then_some(1),
            Kept::Cell => cell.then_some(1 + usize::from(hidden)),
        }
    }
}

/// Shapes; see [`State`].
pub(super) fn check(
    state: &State,
    operands: &[&Value],
    params: &[&Param],
    output: &Value,
) -> Result<(), String> {
    let shapes: Vec<Vec<usize>> = operands.iter().map(|x| x.features().collect()).collect();
    let made: Vec<usize> = output.features().collect();
    let params: Vec<&[usize]> = params.iter().map(|param| param.shape.as_slice()).collect();
    let initial = state.initial.iter().filter(|is| **is).count();
    let fits = match (shapes.as_slice(), made.as_slice()) {
        ([x, others @ ..], &[steps, units]) => {
            let [time, inputs] = match x.as_slice() {
                &[time, inputs] => [time, inputs],
                _ => [0, 0],
            };
            let layers = state.cell.shapes(inputs, units);
            let expected: Vec<Vec<usize>> = layers
                .iter()
                .flat_map(|[rows, cols]| [vec![*rows, *cols], vec![*rows]])
                .collect();
            time == steps
                && others.len() == initial
                && others.iter().all(|other| *other == [units])
                && params == expected
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(format!(
        "operands of a {} have feature shapes {shapes:?}, parameters {params:?}, its state {made:?}",
        state.cell.name()
    ))
}

/// A layer of a step: every value is rounded to f32 where the ops that are written out round it.
fn layer([weight, bias]: [&[f32]; 2], parts: [&[f32]; 2]) -> Vec<f32> {
    let cols = (weight.len() / bias.len().max(1)).max(1);
    let row = |(weight, bias): (&[f32], &f32)| {
        let x = parts.iter().flat_map(|part| part.iter());
        let products = weight.iter().zip(x);
        let sum: f64 = products.map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
        (sum + f64::from(*bias)) as f32
    };
    weight.chunks_exact(cols).zip(bias).map(row).collect()
}

/// Two vectors number by number.
fn zip(a: &[f32], b: &[f32], of: impl Fn(f64, f64) -> f64) -> Vec<f32> {
    let both = a.iter().zip(b);
    both.map(|(a, b)| of((*a).into(), (*b).into()) as f32)
        .collect()
}

fn times(a: &[f32], b: &[f32]) -> Vec<f32> {
    zip(a, b, |a, b| a * b)
}

fn plus(a: &[f32], b: &[f32]) -> Vec<f32> {
    zip(a, b, |a, b| a + b)
}

fn each(x: &[f32], activation: Activation) -> Vec<f32> {
    x.iter().map(|x| activation.of(*x)).collect()
}

/// What one step makes of hidden and cell state.
fn step(cell: Cell, params: &[&[f32]], x: &[f32], [h, c]: [&[f32]; 2]) -> [Vec<f32>; 2] {
    let own = |at: usize| {
        let of = |at: usize| params.get(at).copied().unwrap_or_default();
        [of(2 * at), of(2 * at + 1)]
    };
    let units = h.len();
    let gates = layer(own(0), [x, h]);
    let gate = |at: usize, activation| {
        let rows = gates.iter().skip(at * units).take(units);
        let rows: Vec<f32> = rows.copied().collect();
        each(&rows, activation)
    };
    match cell {
        Cell::Rnn { activation } => [gate(0, activation), vec![]],
        Cell::Lstm {
            gate: squash,
            candidate,
            output,
        } => {
            let kept = times(&gate(2, squash), c);
            let added = times(&gate(0, squash), &gate(3, candidate));
            let cell = plus(&kept, &added);
            [times(&gate(1, squash), &each(&cell, output)), cell]
        }
        Cell::Gru {
            gate: squash,
            candidate,
            reset_after,
        } => {
            let reset = gate(2, squash);
            let sum = match reset_after {
                true => plus(
                    &layer(own(1), [x, &[]]),
                    &times(&reset, &layer(own(2), [h, &[]])),
                ),
                false => layer(own(1), [x, &times(&reset, h)]),
            };
            let new = times(&gate(1, squash), &each(&sum, candidate));
            [plus(&new, &times(&gate(0, squash), h)), vec![]]
        }
    }
}

/// The states before the steps of rows `(steps, inputs)`, one behind the other.
pub(super) fn evaluate(
    state: &State,
    operands: &[(&[f32], &[usize])],
    params: &[&[f32]],
    made: &[usize],
) -> Vec<f32> {
    let (Some((x, shape)), &[steps, units]) = (operands.first(), made) else {
        return vec![];
    };
    let inputs = shape.get(1).copied().unwrap_or(1).max(1);
    let initial = |kept: Kept, row: usize| -> Vec<f32> {
        let own = State {
            kept,
            ..state.clone()
        };
        let values = own.begins().and_then(|at| operands.get(at));
        let values = values.and_then(|(values, _)| values.get(row * units..(row + 1) * units));
        values.map_or_else(|| vec![0.0; units], <[f32]>::to_vec)
    };
    let rows = x.chunks_exact((steps * inputs).max(1)).enumerate();
    rows.flat_map(|(row, x)| {
        let mut now = [initial(Kept::Hidden, row), initial(Kept::Cell, row)];
        let mut out = Vec::with_capacity(steps * units);
        for x in x.chunks_exact(inputs) {
            let [h, c] = &now;
            out.extend(match state.kept {
                Kept::Hidden => h,
                Kept::Cell => c,
            });
            now = step(state.cell, params, x, [h, c]);
        }
        out
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TANH: Activation = Activation::Function(Function::Tanh);
    const SIGMOID: Activation = Activation::Function(Function::Sigmoid);

    #[test]
    fn a_state_is_that_before_the_step() {
        let state = State {
            cell: Cell::Rnn {
                activation: Activation::Rectify { slope: 0.0 },
            },
            kept: Kept::Hidden,
            initial: [true, false],
            source: 9,
        };
        // h = max(x + 2·h + 1, 0), from 3.
        let (weight, bias) = ([1.0, 2.0], [1.0]);
        let x: (&[f32], &[usize]) = (&[0.0, -99.0, 5.0], &[3, 1]);
        let got = evaluate(&state, &[x, (&[3.0], &[1])], &[&weight, &bias], &[3, 1]);
        assert_eq!(got, [3.0, 7.0, 0.0]);
        let without = State {
            initial: [false; 2],
            ..state
        };
        let got = evaluate(&without, &[x], &[&weight, &bias], &[3, 1]);
        assert_eq!(got, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn cells_are_those_of_their_definitions() {
        let lstm = Cell::Lstm {
            gate: SIGMOID,
            candidate: TANH,
            output: TANH,
        };
        // Gates are their biases: i = σ(1), o = σ(2), f = σ(3), g = tanh(0.5).
        let [h, c] = step(
            lstm,
            &[&[0.0; 8], &[1.0, 2.0, 3.0, 0.5]],
            &[7.0],
            [&[9.0], &[2.0]],
        );
        let s = |x: f64| Function::Sigmoid.of(x);
        let cell = s(3.0) * 2.0 + s(1.0) * 0.5f64.tanh();
        assert!((f64::from(c[0]) - cell).abs() < 1e-6);
        assert!((f64::from(h[0]) - s(2.0) * cell.tanh()).abs() < 1e-6);
        // z = σ(1), r = σ(-1), of x = 2 and h = 3.
        let gates = ([0.0; 6], [1.0, -1.0, -1.0]);
        for reset_after in [false, true] {
            let gru = Cell::Gru {
                gate: SIGMOID,
                candidate: TANH,
                reset_after,
            };
            let (one, bias) = ([0.1, 0.2], [0.3]);
            let params: Vec<&[f32]> = match reset_after {
                false => vec![&gates.0, &gates.1, &one, &bias],
                true => vec![&gates.0, &gates.1, &one[..1], &bias, &one[1..], &bias],
            };
            let [h, _] = step(gru, &params, &[2.0], [&[3.0], &[]]);
            let reset = s(-1.0);
            let sum = match reset_after {
                false => 0.2 + 0.2 * reset * 3.0 + 0.3,
                true => 0.2 + 0.3 + reset * (0.6 + 0.3),
            };
            let expected = (1.0 - s(1.0)) * f64::tanh(sum) + s(1.0) * 3.0;
            assert!((f64::from(h[0]) - expected).abs() < 1e-6, "{reset_after}");
        }
    }
}
