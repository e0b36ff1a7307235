//! The lowest token of the largest logit, as `id - 2^15`, and the gaps that show it.

use laminate_model::ops::Argmax;
use laminate_model::program::{ACTIVATION_BOUND, Role};
use rayon::prelude::*;

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Argmax {
    /// `(slots, vocabulary) -> (slots, 1)`; `gap[v] = best - logit[v] - [v < id]`, zero for padded tokens.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let logits = &x[0];
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
        let best: Vec<u32> = rows.iter().map(|r| r.1).collect();
        let ids = rows.iter().map(|r| r.0 - ACTIVATION_BOUND as i32);
        Ok(Computed::new(ids.collect())
            .with(Role::BEST, best)
            .with(Role::GAP, gap))
    }
}
