//! What stands in the padding of a tensor's axes, and who may sum over it.
//!
//! Every axis is padded to a power of two on its own. What an op computes there follows its formula, so it
//! need not be zero: a table may map zero elsewhere, and a padded query head attends like any other. A sum
//! over a padded axis is the sum that is meant only if one of its factors is proven zero there.

use super::{ACTIVATION_BOUND, Node, Program, ProgramError, TensorId};
use crate::ops::Io;
use laminate_engine::switch::on;

impl Program {
    /// The value of each tensor's padded features: what its producer computes from zero weights.
    ///
    /// # Errors
    /// [`ProgramError::Node`] if such a value leaves the activation range or a table's domain.
    pub fn padding_values(&self) -> Result<Vec<i64>, ProgramError> {
        let mut values = vec![0i64; self.tensors.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let operand = |i: usize| {
                let value = node.inputs.get(i).and_then(|id| values.get(*id));
                value.copied().unwrap_or(0)
            };
            let value = node.op.padding(self, &operand);
            let bounds = -ACTIVATION_BOUND..ACTIVATION_BOUND;
            let inside = value.filter(|v| bounds.contains(v) || !on("padding in range"));
            match (inside, values.get_mut(node.output)) {
                (Some(value), Some(slot)) => *slot = value,
                _ => {
                    return Err(ProgramError::Node {
                        node: index,
                        op: node.op.name(),
                        problem: format!(
                            "its value on zero padding is {value:?}, outside its range"
                        ),
                    });
                }
            }
        }
        Ok(values)
    }

    /// Whether a tensor's padded features are proven zero, so that what stands in the weights of
    /// padded columns is multiplied by zero. Claimed for sequence programs only.
    pub fn zero_padded(&self, id: TensorId) -> bool {
        if self.sequence.is_none() {
            return false;
        }
        let mut zero = vec![false; self.tensors.len()];
        // What comes into a shard is claimed to be.
        if let Some(slot) = zero.get_mut(self.input) {
            *slot = self.input_end().is_boundary();
        }
        for node in &self.nodes {
            self.follow_carry(&mut zero);
            let operand = |i: usize| {
                node.inputs
                    .get(i)
                    .is_some_and(|id| zero.get(*id) == Some(&true))
            };
            let io = Io {
                program: self,
                node,
            };
            let value = node.op.zero_padding(&io, &operand);
            if let Some(slot) = zero.get_mut(node.output) {
                *slot = value;
            }
        }
        self.follow_carry(&mut zero);
        zero.get(id) == Some(&true)
    }

    /// The entry is as its input, the output as its exit.
    fn follow_carry(&self, zero: &mut [bool]) {
        let Some(carry) = self.carry else {
            return;
        };
        for (from, to) in [(carry.input, carry.entry), (carry.exit, carry.output)] {
            let known = zero.get(from) == Some(&true);
            if let Some(slot) = zero.get_mut(to) {
                *slot = known;
            }
        }
    }

    /// Checks that a node sums over no padding that may hold something.
    ///
    /// # Errors
    /// Which sum it is.
    pub(super) fn check_padding(&self, node: &Node) -> Result<(), String> {
        let io = Io {
            program: self,
            node,
        };
        let Some(open) = node.op.open_padding(&io) else {
            return Ok(());
        };
        Err(format!(
            "reads features beside those that exist, and {open} known to be zero there (a table that maps 0 to \
             something else, a sum or a rectifier is between); an axis whose size is a power of two has none"
        ))
    }
}
