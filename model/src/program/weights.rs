//! The program that is about weights alone: its proof is the commitment proof of a model.

use super::check::bound;
use super::{MAX_NODES, Program, ProgramError};
use crate::layout::{Layout, weight_pieces};

/// Most lookup trees of a commitment proof.
const MAX_PIECES: usize = 1 << 10;

impl Program {
    /// Whether this is a program without nodes, whose proof says only that the committed weights are
    /// in their ranges.
    pub fn is_weights_only(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The program whose proof shows the range of this program's weights, under the same weight
    /// commitment. Proofs of a program with [`Program::check_weights`] show it themselves; others
    /// mean something only beside one such proof.
    pub fn weights_program(&self) -> Self {
        let mut program = Self::empty(self.name.clone(), 0, 0);
        // Rows of the weight polynomial are the same rows, or the one row is as long as it is.
        program.row_log = Layout::new(self).geometry.row_log as u8;
        program.weights.clone_from(&self.weights);
        program
    }

    /// Nothing but weights, and those checked.
    pub(super) fn check_weights_only(&self) -> Result<(), ProgramError> {
        let others = self.tensors.len()
            + self.tables.len()
            + self.rope.len()
            + self.views.len()
            + self.input_scales.len()
            + usize::from(self.batch_log)
            + usize::from(self.sequence.is_some())
            + usize::from(!self.binding.is_none())
            + usize::from(self.carry.is_some())
            + usize::from(self.input != 0)
            + usize::from(self.output != 0)
            + usize::from(self.limb_bits != 8)
            + usize::from(!self.check_weights);
        bound(
            "parts beside weights",
            others,
            others == 0,
            "0 in a program without nodes",
        )?;
        bound(
            "number of layers",
            self.weights.len(),
            (1..=MAX_NODES).contains(&self.weights.len()),
            format!("1 to {MAX_NODES}"),
        )?;
        let pieces = weight_pieces(self, MAX_PIECES);
        bound(
            "pieces of the weights",
            pieces,
            (1..=MAX_PIECES).contains(&pieces),
            format!("1 to {MAX_PIECES}; compile with longer rows, tables of words alone have none"),
        )
    }
}
