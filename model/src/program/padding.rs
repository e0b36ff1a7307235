//! What stands in the padding of a tensor's axes, and who may sum over it.
//!
//! Every axis is padded to a power of two on its own. What an op computes there follows its formula, so it
//! need not be zero: a table may map zero elsewhere, and a padded query head attends like any other. A sum
//! over a padded axis is the sum that is meant only if one of its factors is proven zero there.

use super::{ACTIVATION_BOUND, Node, Program, ProgramError, Tensor, TensorId};
use crate::ops::{Io, Output};
use laminate_engine::switch::on;

impl Program {
    /// The value of each tensor's padded features: what its producer computes from zero weights; none where it is not
    /// one that follows from the program.
    ///
    /// # Errors
    /// [`ProgramError::Node`] if such a value leaves the activation range or a table's domain.
    pub fn padding_values(&self) -> Result<Vec<Option<i64>>, ProgramError> {
        let mut values = vec![Some(0i64); self.tensors.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let of = |i: usize| node.inputs.get(i).and_then(|id| values.get(*id)).copied();
            let io = Io {
                program: self,
                node,
            };
            if !node.op.even_padding(&io, &|i| of(i).flatten().is_some()) {
                if let Some(slot) = values.get_mut(node.output) {
                    *slot = None;
                }
                continue;
            }
            let operand = |i: usize| of(i).flatten().unwrap_or(0);
            let value = node.op.padding(self, &operand);
            let bounds = -ACTIVATION_BOUND..ACTIVATION_BOUND;
            let inside = value.filter(|v| bounds.contains(v) || !on("padding in range"));
            match (inside, values.get_mut(node.output)) {
                (Some(value), Some(slot)) => *slot = Some(value),
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

    /// For every feature axis of each tensor, whether the tensor is proven zero behind its end: whatever stands there in
    /// a factor is multiplied by zero. So it is where nothing is behind the end.
    pub fn zero_axes(&self) -> Vec<Vec<bool>> {
        let full = |tensor: &Tensor| tensor.axes.iter().map(|a| a.is_power_of_two()).collect();
        let mut zero: Vec<Vec<bool>> = self.tensors.iter().map(full).collect();
        // What comes into a shard is claimed to be, and the rows of an input are.
        if self.sequence.is_none() || self.input_end().is_boundary() {
            let input = zero.get_mut(self.input);
            input.into_iter().flatten().for_each(|zero| *zero = true);
        }
        for node in &self.nodes {
            self.follow_carry(&mut zero);
            let operand = |i: usize, axis: usize| {
                let of = node.inputs.get(i).and_then(|id| zero.get(*id));
                of.and_then(|of| of.get(axis)) == Some(&true)
            };
            let io = Io {
                program: self,
                node,
            };
            let axes = zero.get(node.output).cloned().unwrap_or_default();
            let axes = axes.iter().enumerate();
            let found = axes
                .map(|(axis, full)| *full || node.op.zero_padding(&io, axis, &operand))
                .collect();
            if let Some(slot) = zero.get_mut(node.output) {
                *slot = found;
            }
        }
        self.follow_carry(&mut zero);
        zero
    }

    /// Whether a tensor is read off others by maps, or is another shape of one that is.
    pub fn is_view(&self, id: TensorId) -> bool {
        let mut id = id;
        for node in self.nodes.iter().rev().filter(|_| self.sequence.is_none()) {
            match node.op.output() {
                Output::View if node.output == id => return true,
                Output::Operand(operand) if node.output == id => {
                    id = node.inputs.get(operand).copied().unwrap_or(id);
                }
                _ => {}
            }
        }
        false
    }

    /// The entry is as its input, the output as its exit.
    fn follow_carry(&self, zero: &mut [Vec<bool>]) {
        let Some(carry) = self.carry else {
            return;
        };
        for (from, to) in [(carry.input, carry.entry), (carry.exit, carry.output)] {
            let known = zero.get(from).cloned().unwrap_or_default();
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
