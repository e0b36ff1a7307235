//! One node, for some slots of one block: what it reads, what it gives, and what it says when a value does
//! not fit.

use std::ops::Range;

use laminate_model::program::{ACTIVATION_BOUND, Node, Program, Role, Tensor, WORD_BOUND};
use laminate_model::with_op;

use super::layers::Layers;
use super::{ExecError, NodeAux, OutOfRange, Values};

/// How an op is computed, for the struct of its parameters; [`laminate_model::with_op`] finds the implementation.
pub trait Execute {
    /// Some slots of one block, all padded features included.
    ///
    /// # Errors
    /// The first value that does not fit.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure>;

    /// The operand of which earlier slots are read as well, so that a generator keeps them.
    fn kept(&self) -> Option<usize> {
        None
    }
}

/// What an op computes from, beside its operands.
#[derive(Clone, Debug)]
pub struct Task<'t> {
    /// The program.
    pub program: &'t Program,
    /// Its weights.
    pub layers: &'t Layers<'t>,
    /// The node.
    pub node: &'t Node,
    /// Block, from 0; the padded ones come last.
    pub block: usize,
    /// Slots to compute.
    pub slots: Range<usize>,
}

impl Task<'_> {
    /// Unpadded axes of the output.
    pub fn axes(&self) -> &[u32] {
        &self.program.tensors[self.node.output].axes
    }

    /// Padded features of the output.
    pub fn width(&self) -> usize {
        1 << self.program.tensors[self.node.output].width_log()
    }

    /// Number of values of the output.
    pub fn len(&self) -> usize {
        self.slots.len() * self.width()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// An operand's tensor.
    pub fn operand(&self, operand: usize) -> Option<&Tensor> {
        let id = self.node.inputs.get(operand)?;
        self.program.tensors.get(*id)
    }

    /// Half the range of the output's values.
    pub fn bound(&self) -> i64 {
        match self.program.tensors[self.node.output].bits {
            32 => WORD_BOUND,
            _ => ACTIVATION_BOUND,
        }
    }

    /// Row and feature of a flat index of the output.
    pub fn place(&self, flat: usize) -> (usize, usize) {
        (flat / self.width(), flat % self.width())
    }

    /// Computes the node.
    ///
    /// # Errors
    /// The first value that does not fit.
    pub fn execute(&self, operands: &[Rows<'_>]) -> Result<Computed, Failure> {
        with_op!(self.node.op, op => op.execute(self, operands))
    }

    /// The error for a value that does not fit.
    pub(super) fn located(&self, index: usize, repeats: bool, failure: Failure) -> ExecError {
        ExecError::OutOfRange(Box::new(OutOfRange {
            node: index,
            name: self.node.name.clone(),
            op: self.node.op.name(),
            what: failure.what,
            block: repeats.then_some(self.block),
            slot: self.slots.start + failure.row,
            feature: unpadded(self.axes(), failure.feature),
            value: failure.value,
            lowest: failure.lowest,
            highest: failure.highest,
        }))
    }
}

/// Rows of one block of a tensor: slots `first..`, each of `width` padded features.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'t> {
    /// Values, row-major.
    pub values: &'t [i32],
    /// Slot of the first row.
    pub first: usize,
    /// Padded features of a row.
    pub width: usize,
}

impl<'t> Rows<'t> {
    /// The row of a slot.
    pub fn row(&self, slot: usize) -> &'t [i32] {
        self.range(slot..slot + 1)
    }

    /// The rows of some slots.
    pub fn range(&self, slots: Range<usize>) -> &'t [i32] {
        &self.values[(slots.start - self.first) * self.width..][..slots.len() * self.width]
    }
}

/// Output values and witnesses of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// Output, of padded shape.
    pub values: Vec<i32>,
    /// Witnesses.
    pub aux: NodeAux,
}

impl Computed {
    /// An output without witnesses.
    pub fn new(values: Vec<i32>) -> Self {
        Self {
            values,
            aux: NodeAux::default(),
        }
    }

    /// Adds a witness column.
    pub fn with(mut self, role: Role, values: impl Into<Values>) -> Self {
        self.aux.columns.insert(role, values.into());
        self
    }
}

/// A value that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which value of the node.
    pub what: &'static str,
    /// Its row among the task's slots.
    pub row: usize,
    /// Its feature among the padded ones.
    pub feature: usize,
    /// The value.
    pub value: i128,
    /// Lowest accepted.
    pub lowest: i64,
    /// Highest accepted.
    pub highest: i64,
}

/// The unpadded index of a padded one; padding counts as the next place.
fn unpadded(axes: &[u32], mut padded: usize) -> usize {
    let (mut out, mut step) = (0, 1);
    for axis in axes.iter().rev() {
        let size = axis.next_power_of_two() as usize;
        out += (padded % size) * step;
        padded /= size;
        step *= *axis as usize;
    }
    out
}

#[cfg(test)]
mod tests {
    use laminate_model::program::padded_index;

    use super::unpadded;

    #[test]
    fn features_are_named_by_their_unpadded_index() {
        let axes = [3, 5, 6];
        assert!((0..90).all(|i| unpadded(&axes, padded_index(&axes, i)) == i));
    }
}
