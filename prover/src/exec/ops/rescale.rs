//! `y = round_s(multiplier·x)`.

use laminate_model::ops::Rescale;

use super::rescaled;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Rescale {
    /// Element by element, int16.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone());
        rescaled(task, self.shift, |flat| {
            i128::from(x[flat]) * i128::from(self.multiplier)
        })
    }
}
