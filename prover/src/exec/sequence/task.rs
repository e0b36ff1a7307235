//! One node, for some slots of one block.

use std::ops::Range;

use laminate_model::program::{Node, Program, WeightFormat, Weights};
use laminate_model::with_op;

use super::memory::Memory;
use super::plan::Plan;
use super::rows::Failure;
use crate::exec::execute::Execute;
use crate::exec::{BlockRange, ExecError};
use crate::kernels::ternary::Packed;

/// What an op computes from.
#[derive(Clone, Debug)]
pub struct Task<'t> {
    /// The program.
    pub program: &'t Program,
    /// Its weights.
    pub weights: &'t Weights,
    /// Those of its layers that [`packed`] holds with two bits a weight.
    pub packed: &'t [Option<Packed>],
    /// The node.
    pub node: &'t Node,
    /// Block, from 0; the padded ones come last.
    pub block: usize,
    /// Slots to compute.
    pub slots: Range<usize>,
}

/// Packs the layers of ternary weights that are multiplied with activations.
pub fn packed(program: &Program, weights: &Weights) -> Vec<Option<Packed>> {
    let multiplied = |layer: usize| {
        let mut nodes = program.nodes.iter();
        nodes.any(|node| with_op!(node.op, op => op.layer()) == Some(layer))
    };
    let layers = program.weights.iter().zip(&weights.dense).enumerate();
    layers
        .map(|(layer, (shape, dense))| {
            let ternary = shape.format == WeightFormat::Ternary && multiplied(layer);
            ternary.then(|| Packed::new(&dense.weight, shape.col_count()))
        })
        .collect()
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
}

/// Runs all nodes for `slots`, with `blocks` blocks of the body.
pub(super) fn execute(
    program: &Program,
    (weights, packed): (&Weights, &[Option<Packed>]),
    plan: &Plan,
    blocks: usize,
    slots: Range<usize>,
    memory: &mut impl Memory,
) -> Result<(), ExecError> {
    let mut run = |nodes: Range<usize>, block: usize| {
        for index in nodes {
            let node = &program.nodes[index];
            let task = Task {
                program,
                weights,
                packed,
                node,
                block,
                slots: slots.clone(),
            };
            let computed = {
                let operand = |i: usize| memory.rows(node.inputs[i], block);
                with_op!(node.op, op => op.on_slots(&task, &operand))
                    .map_err(|f| located(index, &task, f))?
            };
            memory.store(index, block, &slots, computed);
        }
        Ok(())
    };
    run(0..plan.body.start, 0)?;
    for block in 0..blocks {
        run(plan.body.clone(), block)?;
    }
    run(plan.body.end..program.nodes.len(), 0)
}

/// The error for a value that does not fit.
fn located(index: usize, task: &Task<'_>, failure: Failure) -> ExecError {
    ExecError::BlockRange(Box::new(BlockRange {
        node: index,
        name: task.node.name.clone(),
        op: task.node.op.name(),
        what: failure.what,
        block: task.block,
        slot: task.slots.start + failure.row,
        feature: unpadded(task.axes(), failure.feature),
        value: failure.value,
        lowest: failure.lowest,
        highest: failure.highest,
    }))
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
