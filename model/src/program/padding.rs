//! What stands in the padding of a tensor's axes, and who may sum over it.
//!
//! Every axis is padded to a power of two on its own. What an op computes there follows its formula, so it
//! need not be zero: a table may map zero elsewhere, and a padded query head attends like any other. A sum
//! over a padded axis is the sum that is meant only if one of its factors is proven zero there.

use super::{ACTIVATION_BOUND, Op, Program, ProgramError, Tensor, TensorId, round};
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
                node.inputs
                    .get(i)
                    .and_then(|id| values.get(*id))
                    .copied()
                    .unwrap_or(0)
            };
            let (a, b) = (operand(0), operand(1));
            let value = match node.op {
                Op::Dense { .. }
                | Op::Embed { .. }
                | Op::DenseAdd { .. }
                | Op::RmsNorm { .. }
                | Op::Rope { .. }
                | Op::Scores { .. }
                | Op::Softmax { .. }
                | Op::Mix
                | Op::Argmax => Some(0),
                Op::Relu => Some(a.max(0)),
                Op::LeakyRelu { slope } => {
                    Some(round((a.max(0) << 16) + a.min(0) * i64::from(slope), 16))
                }
                Op::Activation { table } => {
                    self.tables.get(table).and_then(|t| t.get(a)).map(i64::from)
                }
                Op::Add { left, right, shift } => {
                    Some(round(a * i64::from(left) + b * i64::from(right), shift))
                }
                Op::Mul { multiplier, shift } => Some(round(a * b * i64::from(multiplier), shift)),
                Op::Reshape => Some(a),
            };
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
        let Some(sequence) = self.sequence else {
            return false;
        };
        let mut zero = vec![false; self.tensors.len()];
        // What comes into a shard is claimed to be.
        if let Some(slot) = zero.get_mut(self.input) {
            *slot = !sequence.reads_tokens();
        }
        for node in &self.nodes {
            self.follow_carry(&mut zero);
            let operand = |i: usize| {
                node.inputs
                    .get(i)
                    .is_some_and(|id| zero.get(*id) == Some(&true))
            };
            let value = match node.op {
                Op::Embed { .. } | Op::Dense { .. } => true,
                // With these two, whatever has 32 bits is zero: so no norm squares anything else, and
                // blocks of a stack that read zeros give zeros to the next.
                Op::DenseAdd { .. } => operand(1),
                Op::RmsNorm { .. } | Op::Rope { .. } | Op::Reshape => operand(0),
                Op::Mul { .. } => operand(0) || operand(1),
                Op::Activation { table } => {
                    let zero = self.tables.get(table).and_then(|t| t.get(0)) == Some(0);
                    operand(0) && (zero || !on("padding behind a table"))
                }
                // A padded query head attends like any other; only an unpadded axis has none.
                Op::Mix => {
                    let axes = self
                        .tensors
                        .get(node.output)
                        .map_or(&[] as &[u32], |t| &t.axes);
                    let full = axes.get(1).is_some_and(|queries| queries.is_power_of_two());
                    operand(1) && (full || !on("padded queries of a mix"))
                }
                _ => false,
            };
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

    /// Checks that node `index` sums over no padding that may hold something. Dense layers and embeddings
    /// need no rule: where their operand is not zero, their weights of padded columns are. Norms square what
    /// has 32 bits, softmax and mix sum over slots, which are a power of two.
    ///
    /// # Errors
    /// Which sum it is.
    pub(super) fn check_padding(&self, index: usize) -> Result<(), String> {
        let Some(node) = self.nodes.get(index) else {
            return Err("does not exist".into());
        };
        let tensor = |operand: usize| {
            node.inputs
                .get(operand)
                .and_then(|id| self.tensors.get(*id))
        };
        let padded =
            |operand: usize, from: usize| tensor(operand).is_none_or(|t| is_padded(t, from));
        let zero = |operand: usize| {
            node.inputs
                .get(operand)
                .is_some_and(|id| self.zero_padded(*id))
        };
        let open = match node.op {
            // Summed: the features of a head, from the key's second axis on.
            Op::Scores { .. } if padded(1, 1) && !zero(0) && !zero(1) && on("padding of heads") => {
                "neither queries nor keys are"
            }
            // Not summed, but gaps of padded tokens are limbs only if their logits are zero.
            Op::Argmax if padded(0, 0) && !zero(0) && on("padding of the vocabulary") => {
                "the logits are not"
            }
            _ => return Ok(()),
        };
        Err(format!(
            "reads features beside those that exist, and {open} known to be zero there (a table that maps 0 to \
             something else, a sum or a rectifier is between); an axis whose size is a power of two has none"
        ))
    }
}

/// Whether an axis, from the given one on, is not a power of two.
fn is_padded(tensor: &Tensor, from: usize) -> bool {
    let axes = tensor.axes.get(from..).unwrap_or(&[]);
    axes.iter().any(|axis| !axis.is_power_of_two())
}
