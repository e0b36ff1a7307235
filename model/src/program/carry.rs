//! What stacked blocks share: the residual stream that passes through them, and rotation angles.

use serde::{Deserialize, Serialize};

use super::TensorId;

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
