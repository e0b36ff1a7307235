//! The integer executor: a program, its weights and an input to the trace that the proof speaks of.
//!
//! | what | module |
//! | --- | --- |
//! | what a run begins with: rows, tokens or the residual stream | `input` |
//! | which nodes form the repeated body | `plan` |
//! | nodes that read their own results, one step before | `recurrence` |
//! | one node for some slots of one block | [`step`], each op in its own file of [`ops`] |
//! | weights as the kernels take them | [`layers`] |
//! | tensors of a run, blocks wired by the carry | `memory` |
//! | tokens one after the other, with earlier keys and values kept | [`generate`] |
//!
//! Semantics: `docs/specs/numerics.md`. Every tensor has its padded shape `(stack, slots, axes…)`, row-major,
//! every axis padded on its own. Slots beyond the given rows repeat the last row, slots beyond the given tokens
//! hold token 0; padded input features are zero, and padded features are computed by the same formulas with
//! weights, bias and multiplier zero. The body runs block by block; blocks beyond the model's (the stack is
//! padded) start from zeros and have no weights. Nothing saturates: a value outside its range is an error that
//! names node, block, row, feature, value and bounds.

mod error;
pub mod generate;
mod input;
pub mod layers;
mod memory;
pub mod ops;
mod plan;
mod recurrence;
mod round;
pub mod step;
pub mod tables;
#[cfg(test)]
mod tests;
mod trace;

pub use error::{ExecError, OutOfRange};
pub use generate::{Generator, ShardGenerator, generate};
pub use input::{row_values, token_values};
pub use layers::check_weights;
pub use step::{Computed, Execute, Failure, Rows, Task};
pub use trace::{NodeAux, Trace, Values};

use std::ops::Range;

use laminate_model::program::{Program, Weights};

use layers::Layers;
use memory::Memory;
use plan::Plan;
use recurrence::Steps;

/// A program with its weights, checked and made ready for any number of runs.
#[derive(Clone, Debug)]
pub struct Executor<'p> {
    program: &'p Program,
    layers: Layers<'p>,
    plan: Plan,
    recurrences: Vec<Steps>,
}

impl<'p> Executor<'p> {
    /// Checks program and weights.
    ///
    /// # Errors
    /// [`ExecError`] if one of them is malformed, or the weights are another program's.
    pub fn new(program: &'p Program, weights: &'p Weights) -> Result<Self, ExecError> {
        program.check()?;
        check_weights(program, weights)?;
        Ok(Self {
            program,
            layers: Layers::new(program, weights),
            plan: Plan::new(program)?,
            recurrences: Steps::all(program),
        })
    }

    /// Runs on 1 to `slots` rows of the input's width.
    ///
    /// # Errors
    /// [`ExecError`] if the program is not over rows, the rows do not fit, or a value leaves its range.
    pub fn rows(&self, rows: &[Vec<i32>]) -> Result<Trace, ExecError> {
        self.run(input::padded_rows(self.program, rows)?)
    }

    /// Runs on 1 to `slots` tokens.
    ///
    /// # Errors
    /// [`ExecError`] if the program does not read tokens, they do not fit, or a value leaves its range.
    pub fn tokens(&self, tokens: &[u32]) -> Result<Trace, ExecError> {
        self.run(input::padded_tokens(self.program, tokens)?)
    }

    /// Runs a shard that reads the residual stream: all slots of it, padded, as the shard before gives it
    /// out ([`Trace::residual`]).
    ///
    /// # Errors
    /// [`ExecError`] if the program reads something else, or a value leaves its range.
    pub fn residual(&self, residual: &[i32]) -> Result<Trace, ExecError> {
        self.run(input::residual(self.program, residual)?)
    }

    /// Runs all slots and blocks, padded ones too, and keeps everything.
    fn run(&self, input: Vec<i32>) -> Result<Trace, ExecError> {
        let mut memory = Memory::recording(self.program);
        memory.begin(0..self.program.slots(), input);
        self.steps(self.plan.padded_blocks(), &mut memory)?;
        Ok(memory.into_trace())
    }

    /// Runs all nodes for the slots that `memory` holds, with `blocks` blocks of the body.
    fn steps(&self, blocks: usize, memory: &mut Memory<'_>) -> Result<(), ExecError> {
        for (index, block) in self.plan.order(blocks) {
            let steps = self.recurrences.iter().find(|own| own.contains(index));
            match steps {
                Some(steps) if steps.begins(index) => {
                    for index in steps.others() {
                        self.node(index, block, memory)?;
                    }
                    steps.run(self, memory)?;
                }
                Some(_) => {}
                None => self.node(index, block, memory)?,
            }
        }
        Ok(())
    }

    /// Runs a node for the slots that `memory` holds, and keeps what it computes.
    fn node(&self, index: usize, block: usize, memory: &mut Memory<'_>) -> Result<(), ExecError> {
        let operands: Vec<Rows<'_>> = self.program.nodes[index]
            .inputs
            .iter()
            .map(|id| memory.rows(*id, block))
            .collect();
        let computed = self.step(index, block, memory.slots(), &operands)?;
        memory.store(index, block, computed);
        Ok(())
    }

    /// One node for some slots of a block.
    ///
    /// # Errors
    /// [`ExecError::OutOfRange`] for the first value that does not fit.
    ///
    /// # Panics
    /// If there is no such node, or the operands are not of its shapes.
    pub fn step(
        &self,
        index: usize,
        block: usize,
        slots: Range<usize>,
        operands: &[Rows<'_>],
    ) -> Result<Computed, ExecError> {
        let task = Task {
            program: self.program,
            layers: &self.layers,
            node: &self.program.nodes[index],
            block,
            slots,
        };
        let repeats = self.plan.blocks > 1;
        task.execute(operands)
            .map_err(|failure| task.located(index, repeats, failure))
    }
}

/// Runs `program` on rows: [`Executor::rows`].
///
/// # Errors
/// Those of [`Executor::new`] and [`Executor::rows`].
pub fn run(program: &Program, weights: &Weights, rows: &[Vec<i32>]) -> Result<Trace, ExecError> {
    Executor::new(program, weights)?.rows(rows)
}

/// Runs `program` on tokens: [`Executor::tokens`].
///
/// # Errors
/// Those of [`Executor::new`] and [`Executor::tokens`].
pub fn run_tokens(
    program: &Program,
    weights: &Weights,
    tokens: &[u32],
) -> Result<Trace, ExecError> {
    Executor::new(program, weights)?.tokens(tokens)
}

/// Runs a shard on the residual stream: [`Executor::residual`].
///
/// # Errors
/// Those of [`Executor::new`] and [`Executor::residual`].
pub fn run_residual(
    program: &Program,
    weights: &Weights,
    residual: &[i32],
) -> Result<Trace, ExecError> {
    Executor::new(program, weights)?.residual(residual)
}
