//! `y[t,j] = res[t,j] + round_s(m[j]·(Σ_k w[j,k]·x[t,k] + bias[j]))`: [`super::dense`] with a residual.

use laminate_model::ops::DenseAdd;
use laminate_model::program::BIAS_BOUND;

use super::dense;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for DenseAdd {
    /// `(slots, cols)`, `(slots, rows)` to `(slots, rows)`, int32.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let residual = x[1].range(task.slots.clone()).to_vec();
        dense::add(task, (self.weight, self.shift), &x[0], residual, BIAS_BOUND)
    }
}
