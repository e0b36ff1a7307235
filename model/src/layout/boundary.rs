//! Rows of their own for the residual stream at the ends of a shard.

use halo2curves_axiom::bn256::Fr;

use super::Layout;
use crate::program::{Program, TensorId, padded_log};
use laminate_engine::claim::View;
use laminate_engine::geometry::{BLINDS_LOG, Block};
use laminate_engine::packer::Packer;

/// A copy of the tensor at an end of a shard, in commitment rows of its own: two shards that place the
/// same values and blinds there commit to the same points.
#[derive(Clone, Debug)]
pub struct Boundary {
    /// The tensor.
    pub tensor: TensorId,
    /// Whether it is the program's input.
    pub input: bool,
    /// Limbs of the copy.
    pub limbs: Vec<Block>,
    /// Random entries in its last row, which make its commitment hiding.
    pub blinds: Block,
    /// The blocks of whole rows that it takes.
    blocks: Vec<Block>,
}

impl Boundary {
    /// Numbers of its commitment rows in their order.
    pub fn rows(&self, row_log: usize) -> impl Iterator<Item = usize> + '_ {
        self.blocks.iter().flat_map(move |block| {
            let first = block.offset >> row_log;
            first..first + (1 << block.log.saturating_sub(row_log))
        })
    }

    /// Zero wherever the copy is the tensor.
    pub fn difference(&self, layout: &Layout, bits: usize) -> View {
        let tensor = layout.tensor(self.tensor);
        let copy = View::limbs(tensor.constant, &self.limbs, bits);
        copy.scale_add(-Fr::from(1), &tensor)
    }
}

/// The ends of a shard that are the residual stream: tensor, and whether it is the input.
pub(super) fn ends(program: &Program) -> Vec<(TensorId, bool)> {
    let ends = program.ends().into_iter().zip([true, false]);
    let boundaries = ends.filter(|((_, end), _)| end.is_boundary());
    boundaries.map(|((id, _), input)| (id, input)).collect()
}

/// The rows of a boundary before placement. Blocks of a row or more are placed before all smaller ones,
/// so they begin at a row and share none.
pub(super) struct EndRequest {
    end: (TensorId, bool),
    /// log2 of a limb, number of limbs.
    limbs: (usize, usize),
    values: usize,
    /// A row for the blinds, where the limbs leave no room.
    blinds: Option<usize>,
}

impl EndRequest {
    pub(super) fn new(top: &mut Packer, program: &Program, end: (TensorId, bool)) -> Self {
        let (log, count) = (program.column_log(end.0), program.limbs(4));
        let (row_log, all) = (usize::from(program.row_log), log + padded_log(count));
        Self {
            end,
            limbs: (log, count),
            values: top.request(all.max(row_log)),
            blinds: (all >= row_log).then(|| top.request(row_log)),
        }
    }

    pub(super) fn place(self, get: &impl Fn(usize) -> Block) -> Boundary {
        let values = get(self.values);
        let last = self.blinds.map_or(values, get);
        let (log, count) = self.limbs;
        let limb = |i: usize| Block {
            offset: values.offset + (i << log),
            log,
            ..values
        };
        let mut blocks = vec![values];
        blocks.extend(self.blinds.map(get));
        Boundary {
            tensor: self.end.0,
            input: self.end.1,
            limbs: (0..count).map(limb).collect(),
            blinds: Block {
                offset: last.offset + (1 << last.log) - (1 << BLINDS_LOG),
                log: BLINDS_LOG,
                ..last
            },
            blocks,
        }
    }
}
