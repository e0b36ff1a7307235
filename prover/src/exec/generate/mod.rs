//! Generation with the integer program: every token is computed once, with the keys and values of
//! earlier slots kept. It gives the tokens that a run of the whole sequence proves.

mod shards;

pub use shards::ShardGenerator;

use laminate_model::program::{ACTIVATION_BOUND, Program, Weights};

use super::input::encode;
use super::memory::Memory;
use super::{ExecError, Executor};

/// A sequence under way.
#[derive(Clone, Debug)]
pub struct Generator<'p> {
    executor: Executor<'p>,
    memory: Memory<'p>,
    length: usize,
}

impl<'p> Generator<'p> {
    /// An empty sequence.
    ///
    /// # Errors
    /// [`ExecError`] if the program or the weights are malformed, or the program is not over tokens.
    pub fn new(program: &'p Program, weights: &'p Weights) -> Result<Self, ExecError> {
        let executor = Executor::new(program, weights)?;
        program.sequence.ok_or(ExecError::NotSequence)?;
        Ok(Self {
            executor,
            memory: Memory::generating(program),
            length: 0,
        })
    }

    /// Appends tokens and returns the one that follows them.
    ///
    /// # Errors
    /// [`ExecError`] if they do not fit, or a value leaves its range.
    pub fn push(&mut self, tokens: &[u32]) -> Result<u32, ExecError> {
        let program = self.executor.program;
        let input = encode(program, tokens, program.slots() - self.length)?;
        let last = self.push_values(input, tokens.len())?.last().copied();
        Ok((i64::from(last.unwrap_or_default()) + ACTIVATION_BOUND) as u32)
    }

    /// Appends `count` slots of the input, padded, and returns those of the output.
    pub(super) fn push_values(
        &mut self,
        input: Vec<i32>,
        count: usize,
    ) -> Result<&[i32], ExecError> {
        let end = self.length + count;
        self.memory.begin(self.length..end, input);
        let blocks = self.executor.plan.blocks;
        self.executor.steps(blocks, &mut self.memory)?;
        self.length = end;
        Ok(self.memory.output())
    }

    /// Number of tokens so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// `count` tokens that follow `prompt`, each the likeliest (of equals, the lowest).
///
/// # Errors
/// [`ExecError`] if program, weights or prompt are unusable, the whole does not fit the program's
/// slots (the last token may be one beyond), or a value leaves its range.
pub fn generate(
    program: &Program,
    weights: &Weights,
    prompt: &[u32],
    count: usize,
) -> Result<Vec<u32>, ExecError> {
    let mut generator = Generator::new(program, weights)?;
    let mut out = Vec::with_capacity(count);
    if count > 0 {
        out.push(generator.push(prompt)?);
    }
    while out.len() < count {
        let last = out.last().copied().unwrap_or_default();
        out.push(generator.push(&[last])?);
    }
    Ok(out)
}
