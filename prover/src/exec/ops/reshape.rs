//! `y = x`, the same flat index.

use super::elementwise;
use super::{Computed, Operand};
use crate::exec::NodeAux;
use crate::exec::execute::{Execute, Outcome};
use crate::exec::sequence::{Failure, Rows, Task};
use laminate_model::ops::Reshape;
use laminate_model::program::{Program, Weights};

/// `(slots, width) -> (slots, width)`.
pub fn execute(x: Operand<'_>) -> Computed {
    Computed {
        values: x.values.to_vec(),
        aux: NodeAux::default(),
    }
}

impl Execute for Reshape {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        Some(Ok(execute(operand(0))))
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        elementwise(self, task, operand)
    }
}
