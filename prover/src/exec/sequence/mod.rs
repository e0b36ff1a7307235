//! Programs over tokens: a run of all slots for the proof, and generation token by token.
//!
//! | what | module |
//! | --- | --- |
//! | which nodes form the repeated body | `plan` |
//! | one node for some slots of one block | `task`, each op in its own file of `ops` |
//! | sums of products of int8 weights and int16 activations | `dot`; of ternary weights the kernel |
//! | tensors of a whole run, blocks wired by the carry | `memory` |
//! | keys and values of earlier slots, for generation | [`generator`] |
//! | generation by shards of a model | `shards` |
//!
//! The body runs block by block. Blocks beyond the model's (the stack is padded) start from zeros and
//! compute every formula with weights and multipliers zero; so do padded heads and features. Slots
//! beyond the given tokens hold token 0. Nothing saturates: a value outside its range is an error that
//! names node, block, slot, feature, value and bounds.

pub(crate) mod dot;
pub mod generator;
mod memory;
pub(super) mod ops;
mod plan;
mod rows;
mod shards;
mod task;
#[cfg(test)]
mod tests;

pub use generator::{Generator, generate};
pub use rows::{Failure, Rows};
pub use shards::ShardGenerator;
pub use task::Task;

use laminate_model::program::{ACTIVATION_BOUND, Program, Sequence, Weights};

use super::{ExecError, Trace, check_weights};
use memory::TraceMemory;
use plan::Plan;
use task::{execute, packed};

/// Runs `program` on 1 to `slots` tokens.
///
/// # Errors
/// [`ExecError`] if the program or the weights are malformed, the program is not one over tokens, the
/// tokens do not fit, or a value leaves its range.
pub fn run_tokens(
    program: &Program,
    weights: &Weights,
    tokens: &[u32],
) -> Result<Trace, ExecError> {
    program.check()?;
    check_weights(program, weights)?;
    run_checked(program, weights, tokens)
}

/// Runs a shard that reads the residual stream: all slots of it, padded, as the shard before gives it
/// out ([`Trace::residual`]).
///
/// # Errors
/// [`ExecError`] if the program or the weights are malformed, the program reads something else, or a
/// value leaves its range.
pub fn run_residual(
    program: &Program,
    weights: &Weights,
    residual: &[i32],
) -> Result<Trace, ExecError> {
    program.check()?;
    check_weights(program, weights)?;
    reads(program, false)?;
    let expected = 1 << program.column_log(program.input);
    if residual.len() != expected {
        return Err(ExecError::Residual {
            found: residual.len(),
            expected,
        });
    }
    run_padded(program, weights, residual.to_vec())
}

/// [`run_tokens`] for a program over tokens that has been checked with its weights ([`Program::check`],
/// [`check_weights`]), for many texts.
///
/// # Errors
/// [`ExecError`] if the program is not one over tokens, the tokens do not fit, or a value leaves its range.
///
/// # Panics
/// If the program was not checked, or its weights were not.
pub fn run_checked(
    program: &Program,
    weights: &Weights,
    tokens: &[u32],
) -> Result<Trace, ExecError> {
    let slots = program.slots();
    let mut input = encode(program, tokens, slots)?;
    input.resize(slots, -(ACTIVATION_BOUND as i32));
    run_padded(program, weights, input)
}

fn run_padded(program: &Program, weights: &Weights, input: Vec<i32>) -> Result<Trace, ExecError> {
    let plan = Plan::new(program)?;
    let slots = program.slots();
    let mut memory = TraceMemory::new(program, input);
    execute(
        program,
        (weights, &packed(program, weights)),
        &plan,
        plan.padded_blocks(),
        0..slots,
        &mut memory,
    )?;
    Ok(memory.into_trace())
}

/// Refuses a shard that reads the other kind of input.
fn reads(program: &Program, tokens: bool) -> Result<(), ExecError> {
    let sequence = program.sequence.ok_or(ExecError::NotSequence)?;
    if sequence.reads_tokens() == tokens {
        return Ok(());
    }
    Err(ExecError::ShardInput {
        shard: sequence.shard.map_or(0, |s| s.index),
        expected: match tokens {
            true => "the residual stream, not tokens",
            false => "tokens, not the residual stream",
        },
    })
}

/// The input values that a proof's commitment is of: the program's number of tokens, as `id - 2^15`.
///
/// # Errors
/// [`ExecError`] if the program is malformed or does not read tokens, or the tokens do not fit.
pub fn token_values(program: &Program, tokens: &[u32]) -> Result<Vec<i32>, ExecError> {
    program.check()?;
    let values = encode(program, tokens, program.input_len())?;
    if values.len() == program.input_len() {
        return Ok(values);
    }
    Err(ExecError::TokenCount {
        found: values.len(),
        expected: program.input_len(),
    })
}

/// Tokens as the input tensor holds them, `id - 2^15`.
fn encode(program: &Program, tokens: &[u32], limit: usize) -> Result<Vec<i32>, ExecError> {
    reads(program, true)?;
    let Sequence { vocab, .. } = program.sequence.ok_or(ExecError::NotSequence)?;
    if tokens.is_empty() || tokens.len() > limit {
        return Err(ExecError::Tokens {
            found: tokens.len(),
            limit,
        });
    }
    let one = |(position, token): (usize, &u32)| {
        if *token < vocab {
            return Ok(*token as i32 - ACTIVATION_BOUND as i32);
        }
        Err(ExecError::Token {
            position,
            token: *token,
            vocab,
        })
    };
    tokens.iter().enumerate().map(one).collect()
}
