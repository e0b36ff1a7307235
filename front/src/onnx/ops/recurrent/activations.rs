//! Activations, by their names.

use super::Kind;
use crate::onnx::error::ImportError;
use crate::onnx::ops::Context;
use crate::ops::{Activation, Cell, Function};

/// The cell of each direction, by its activations.
pub(super) fn cells(
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
