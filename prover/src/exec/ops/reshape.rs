//! `y = x`, the same flat index.

use laminate_model::ops::Reshape;

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Reshape {
    /// `(slots, width) -> (slots, width)`.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        Ok(Computed::new(x[0].range(task.slots.clone()).to_vec()))
    }
}
