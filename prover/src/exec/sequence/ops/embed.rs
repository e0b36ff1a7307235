//! `y[t,d] = m[id_t]·w[id_t,d]`.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use crate::exec::sequence::rows::Failure;
use laminate_model::ops::Embed;
use laminate_model::program::{ACTIVATION_BOUND, padded_index};
use laminate_model::program::{Program, Weights};

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

impl Execute for Embed {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        _: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        None
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        Ok(execute(task, self.weight, operand(0)))
    }
}
