//! `y = x`, the same flat index.

use super::{Computed, Operand};
use crate::exec::NodeAux;

/// `(slots, width) -> (slots, width)`.
pub fn execute(x: Operand<'_>) -> Computed {
    Computed {
        values: x.values.to_vec(),
        aux: NodeAux::default(),
    }
}
