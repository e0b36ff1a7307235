//! Programs over sequences of tokens: what repeats, what is carried from block to block, and which
//! of the tokens are claimed.

use serde::{Deserialize, Serialize};

use super::TensorId;

/// A sequence program's slots are token positions. Its input is the token ids, held as int16
/// `id - 2^15`; its output is the argmax token at the positions `prompt - 1 .. tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Input tokens; the slots beyond hold id 0.
    pub tokens: u32,
    /// How many of them are the prompt (at least one). Every later input token must be the output
    /// at the position before it.
    pub prompt: u32,
    /// Size of the vocabulary.
    pub vocab: u32,
}

impl Sequence {
    /// Number of public output tokens.
    pub fn generated(&self) -> usize {
        (self.tokens + 1).saturating_sub(self.prompt) as usize
    }
}

/// How the residual stream passes through the stacked blocks: `entry[0] = input`,
/// `entry[l+1] = exit[l]`, `output = exit[last]`. `entry` and `output` are committed; `input` and
/// `exit` are views of them, so the wiring holds by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// What enters the first block, shape `(1, slots, width)`.
    pub input: TensorId,
    /// Inputs of the blocks, `(stack, slots, width)`.
    pub entry: TensorId,
    /// Outputs of the blocks, `(stack, slots, width)`.
    pub exit: TensorId,
    /// What leaves the last block, `(1, slots, width)`.
    pub output: TensorId,
}

/// Rotation angles: shape `(slots, half head)`, `round(cos·2^16)` and `round(sin·2^16)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RopeTable {
    /// Cosines.
    pub cos: Vec<i32>,
    /// Sines.
    pub sin: Vec<i32>,
}
