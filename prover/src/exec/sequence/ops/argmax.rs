//! The lowest token of the largest logit, as `id - 2^15`, and the gaps that show it.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use crate::exec::sequence::rows::Failure;
use laminate_model::ops::Argmax;
use laminate_model::program::{ACTIVATION_BOUND, Role};
use laminate_model::program::{Program, Weights};
use rayon::prelude::*;

use crate::exec::ops::Computed;
use crate::exec::sequence::rows::Rows;
use crate::exec::sequence::task::Task;
use crate::exec::{NodeAux, Values};

/// `(slots, vocabulary) -> (slots, 1)`; `gap[v] = best - logit[v] - [v < id]`, zero for padded tokens.
pub fn execute(task: &Task<'_>, logits: Rows<'_>) -> Computed {
    let vocab = task.program.sequence.map_or(0, |s| s.vocab as usize);
    let mut gap = vec![0u32; task.slots.len() * logits.width];
    let rows: Vec<(i32, u32)> = gap
        .par_chunks_exact_mut(logits.width)
        .enumerate()
        .map(|(row, gap)| {
            let logits = &logits.row(task.slots.start + row)[..vocab];
            let best = logits.iter().copied().fold(i32::MIN, i32::max);
            let id = logits.iter().position(|l| *l == best).unwrap_or(0);
            for (v, (gap, logit)) in gap.iter_mut().zip(logits).enumerate() {
                // Before `id` every logit is smaller than the best.
                *gap = (best - logit) as u32 - u32::from(v < id);
            }
            (id as i32, (i64::from(best) + ACTIVATION_BOUND) as u32)
        })
        .collect();
    let best = rows.iter().map(|r| r.1).collect();
    let others = [(Role::Best, best), (Role::Gap, gap)];
    Computed {
        values: rows.iter().map(|r| r.0 - ACTIVATION_BOUND as i32).collect(),
        aux: NodeAux {
            others: others.map(|(role, v)| (role, Values::Narrow(v))).into(),
            ..NodeAux::default()
        },
    }
}

impl Execute for Argmax {
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
        Ok(execute(task, operand(0)))
    }
}
