//! `y[t,d] = m[id_t]·w[id_t,d]`.

use laminate_model::ops::Embed;
use laminate_model::program::{ACTIVATION_BOUND, padded_index};

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Embed {
    /// `(slots, 1) -> (slots, width)`; `|y| <= 2^7·2^24` always fits.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let (shape, dense) = task.layers.get(self.weight);
        let (width, cols) = (task.width(), shape.col_count());
        let mut values = vec![0; task.len()];
        for (slot, row) in task.slots.clone().zip(values.chunks_exact_mut(width)) {
            let id = (i64::from(x[0].row(slot)[0]) + ACTIVATION_BOUND) as usize;
            // Multipliers are below 2^24, which was checked.
            let factor = dense.multiplier[id] as i32;
            for (d, w) in dense.weight[id * cols..][..cols].iter().enumerate() {
                row[padded_index(&shape.cols, d)] = factor * i32::from(*w);
            }
        }
        Ok(Computed::new(values))
    }
}
