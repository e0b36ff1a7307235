//! Generation with a model in shards.

use laminate_model::program::{ACTIVATION_BOUND, Program, Weights};

use super::Generator;
use crate::exec::ExecError;
use crate::exec::input::encode;

/// A sequence under way, every shard with its own earlier keys and values.
pub struct ShardGenerator<'p> {
    shards: Vec<(&'p Program, Generator<'p>)>,
}

impl<'p> ShardGenerator<'p> {
    /// An empty sequence; the shards in their order.
    ///
    /// # Errors
    /// [`ExecError`] if a program or its weights are malformed, or the shards are not in their order.
    pub fn new(shards: &'p [(Program, Weights)]) -> Result<Self, ExecError> {
        let mut out = Vec::with_capacity(shards.len());
        for (place, (program, weights)) in shards.iter().enumerate() {
            let shard = program.sequence.and_then(|s| s.shard);
            let shard = shard.ok_or(ExecError::NotSequence)?;
            if (shard.index as usize, shard.count as usize) != (place, shards.len()) {
                return Err(ExecError::ShardInput {
                    shard: shard.index,
                    expected: "what the shard before it gives out",
                });
            }
            out.push((program, Generator::new(program, weights)?));
        }
        Ok(Self { shards: out })
    }

    /// Appends tokens and returns the one that follows them.
    ///
    /// # Errors
    /// [`ExecError`] if they do not fit, or a value leaves its range.
    pub fn push(&mut self, tokens: &[u32]) -> Result<u32, ExecError> {
        let mut values = vec![];
        for (place, (program, generator)) in self.shards.iter_mut().enumerate() {
            if place == 0 {
                values = encode(program, tokens, program.slots() - generator.len())?;
            }
            values = generator.push_values(values, tokens.len())?.to_vec();
        }
        let last = values.last().copied().unwrap_or_default();
        Ok((i64::from(last) + ACTIVATION_BOUND) as u32)
    }
}
