//! `y[t,d] = m[id_t]·w[id_t,d]`.

use laminate_model::program::{ACTIVATION_BOUND, padded_index};

use crate::exec::NodeAux;
use crate::exec::ops::Computed;
use crate::exec::sequence::rows::Rows;
use crate::exec::sequence::task::Task;

/// `(slots, 1) -> (slots, width)`; `|y| <= 2^7·2^24` always fits.
pub fn execute(task: &Task<'_>, weight: usize, tokens: Rows<'_>) -> Computed {
    let shape = &task.program.weights[weight];
    let (width, cols) = (task.width(), shape.col_count());
    let dense = &task.weights.dense[weight];
    let mut values = vec![0; task.slots.len() * width];
    for (slot, row) in task.slots.clone().zip(values.chunks_exact_mut(width)) {
        let id = (i64::from(tokens.row(slot)[0]) + ACTIVATION_BOUND) as usize;
        // Multipliers are below 2^24, which was checked.
        let factor = dense.multiplier[id] as i32;
        for (d, w) in dense.weight[id * cols..][..cols].iter().enumerate() {
            row[padded_index(&shape.cols, d)] = factor * i32::from(*w);
        }
    }
    Computed {
        values,
        aux: NodeAux::default(),
    }
}
