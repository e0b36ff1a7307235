//! The integer executor: a program, its weights and an input to the trace that the proof speaks of.
//!
//! Semantics: `docs/specs/numerics.md`. Every tensor has its padded shape `(slots, padded width)`,
//! row-major; slots beyond the given rows repeat the last row, padded input features are zero, and
//! padded features are computed by the same formulas with weights, bias and multiplier zero. Nothing
//! saturates: a value outside its range is an error that names node, row, feature, value and bound.
//! Programs over tokens are run by [`sequence`]; the tables of activations are computed in [`tables`].

mod error;
pub mod execute;
pub mod ops;
mod requantise;
pub mod sequence;
pub mod tables;
mod trace;

pub use error::{BlockRange, ExecError};
pub use requantise::requantise;
pub use sequence::{Generator, ShardGenerator, generate, run_residual, run_tokens, token_values};
pub use trace::{NodeAux, Trace, Values};

use laminate_model::program::{
    ACTIVATION_BOUND, MULTIPLIER_BOUND, Program, WORD_BOUND, WeightFormat, Weights, padded_log,
};
use laminate_model::with_op;

use execute::Execute;
use ops::Operand;

/// Runs `program` on `inputs`: 1 to `slots` rows of the input's width.
///
/// # Errors
/// [`ExecError`] if the program or the weights are malformed, the rows do not fit, or a value leaves
/// its range.
pub fn run(program: &Program, weights: &Weights, inputs: &[Vec<i32>]) -> Result<Trace, ExecError> {
    program.check()?;
    check_weights(program, weights)?;
    check_rows_program(program)?;
    run_checked(program, weights, inputs)
}

/// A program over rows: no tokens, no repeated blocks, flat tensors, and none of the ops that need them.
fn check_rows_program(program: &Program) -> Result<(), ExecError> {
    let flat = program
        .tensors
        .iter()
        .all(|t| t.stack == 1 && t.axes.len() == 1);
    if program.sequence.is_some() || program.carry.is_some() || !flat {
        return Err(ExecError::IsSequence);
    }
    if program.nodes.iter().all(|node| !node.op.over_tokens()) {
        Ok(())
    } else {
        Err(ExecError::IsSequence)
    }
}

/// [`run`] for a program over rows that has been checked with its weights ([`Program::check`],
/// [`check_weights`]), for many inputs.
///
/// # Errors
/// [`ExecError`] if the rows do not fit or a value leaves its range.
///
/// # Panics
/// If the program was not checked, its weights were not, or it is not over rows.
pub fn run_checked(
    program: &Program,
    weights: &Weights,
    inputs: &[Vec<i32>],
) -> Result<Trace, ExecError> {
    let mut tensors = vec![Vec::new(); program.tensors.len()];
    tensors[program.input] = padded_input(program, inputs)?;
    let mut aux = Vec::with_capacity(program.nodes.len());
    for (index, node) in program.nodes.iter().enumerate() {
        let computed = {
            let operand = |i: usize| {
                let id = node.inputs[i];
                Operand {
                    values: &tensors[id],
                    log_width: padded_log(program.tensor_width(id)),
                }
            };
            let computed = with_op!(node.op, op => op.on_rows((program, weights), &operand));
            // There is no op over tokens: `check_rows_program`.
            computed.unwrap_or(Err((0, 0)))
        };
        let computed =
            computed.map_err(|(flat, value)| out_of_range(program, index, flat, value))?;
        tensors[node.output] = computed.values;
        aux.push(computed.aux);
    }
    Ok(Trace { tensors, aux })
}

/// The input values of all slots as [`run`] takes them from `inputs`, without padding: row-major `(slots, width)`.
///
/// # Errors
/// [`ExecError`] if the program is malformed or not over rows, or the rows do not fit.
pub fn row_values(program: &Program, inputs: &[Vec<i32>]) -> Result<Vec<i32>, ExecError> {
    program.check()?;
    check_rows_program(program)?;
    let width = program.tensor_width(program.input);
    let padded = padded_input(program, inputs)?;
    let rows = padded.chunks_exact(width.next_power_of_two());
    Ok(rows.flat_map(|row| &row[..width]).copied().collect())
}

fn padded_input(program: &Program, inputs: &[Vec<i32>]) -> Result<Vec<i32>, ExecError> {
    let slots = program.slots();
    if inputs.is_empty() || inputs.len() > slots {
        return Err(ExecError::Rows {
            found: inputs.len(),
            slots,
        });
    }
    let width = program.tensor_width(program.input);
    let padded = width.next_power_of_two();
    let mut out = vec![0; slots * padded];
    for (slot, target) in out.chunks_exact_mut(padded).enumerate() {
        let row = slot.min(inputs.len() - 1);
        let source = &inputs[row];
        if source.len() != width {
            return Err(ExecError::Columns {
                row,
                found: source.len(),
                expected: width,
            });
        }
        let bound = match program.tensors[program.input].bits {
            32 => WORD_BOUND,
            _ => ACTIVATION_BOUND,
        };
        let fits = |v: &i32| (-bound..bound).contains(&i64::from(*v));
        if let Some(feature) = source.iter().position(|v| !fits(v)) {
            return Err(ExecError::Input {
                row,
                feature,
                value: source[feature],
                bound,
            });
        }
        target[..width].copy_from_slice(source);
    }
    Ok(out)
}

/// Checks that `weights` have the shapes and formats of `program`.
///
/// # Errors
/// [`ExecError`] naming the layer and the part.
pub fn check_weights(program: &Program, weights: &Weights) -> Result<(), ExecError> {
    let size = |layer, part: &'static str, found: usize, expected: usize| {
        if found == expected {
            Ok(())
        } else {
            Err(ExecError::Weights {
                layer,
                part,
                found,
                expected,
            })
        }
    };
    size(
        0,
        "dense layers",
        weights.dense.len(),
        program.weights.len(),
    )?;
    for (layer, (dense, shape)) in weights.dense.iter().zip(&program.weights).enumerate() {
        let rows = shape.stack as usize * shape.row_count();
        if shape.format == WeightFormat::Word {
            size(layer, "weights", dense.weight.len(), 0)?;
            size(layer, "words", dense.bias.len(), rows * shape.col_count())?;
            size(layer, "multipliers", dense.multiplier.len(), 0)?;
            continue;
        }
        let biases = if shape.bias { rows } else { 0 };
        size(
            layer,
            "weights",
            dense.weight.len(),
            rows * shape.col_count(),
        )?;
        size(layer, "biases", dense.bias.len(), biases)?;
        size(layer, "multipliers", dense.multiplier.len(), rows)?;
        if let Some(index) = dense.weight.iter().position(|w| !shape.format.contains(*w)) {
            let value = dense.weight[index];
            return Err(ExecError::Weight {
                layer,
                index,
                value,
            });
        }
        if let Some(row) = dense
            .multiplier
            .iter()
            .position(|m| i64::from(*m) >= MULTIPLIER_BOUND)
        {
            return Err(ExecError::Multiplier {
                layer,
                row,
                value: dense.multiplier[row],
                bound: MULTIPLIER_BOUND,
            });
        }
    }
    ops::forest::check_tables(program, weights)
}

fn out_of_range(program: &Program, index: usize, flat: usize, value: i128) -> ExecError {
    let node = &program.nodes[index];
    let padded = program.tensor_width(node.output).next_power_of_two();
    let (what, lowest) = with_op!(node.op, op => op.limit(program));
    ExecError::OutOfRange {
        node: index,
        name: node.name.clone(),
        op: node.op.name(),
        what,
        row: flat / padded,
        feature: flat % padded,
        value,
        lowest,
        highest: -lowest - 1,
    }
}

#[cfg(test)]
mod tests;
