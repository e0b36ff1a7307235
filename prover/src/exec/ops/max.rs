//! `y(…) = max_w x(…, w)` over the last axes; what is outside counts as the least that the operand's column stores.

use laminate_model::ops::{Io, Max, OpSpec};
use laminate_model::program::Role;

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Max {
    /// `(slots, axes…, reduced axes…) -> (slots, axes…)`; always in range.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let (program, node) = (task.program, task.node);
        // The program was checked.
        let outside = self.outside(&Io { program, node });
        let outside = outside.expect("an operand of a checked program");
        let size = x[0].width / task.width();
        let count = task.slots.len() * x[0].width;
        let (mut values, mut pick, mut gap) = (vec![], vec![0u32; count], vec![0u32; count]);
        for (row, slot) in task.slots.clone().enumerate() {
            let mut entries: Vec<i32> = x[0].row(slot).to_vec();
            let both = entries.iter_mut().zip(&outside.entries);
            both.filter(|(_, outside)| **outside)
                .for_each(|(entry, _)| *entry = outside.least);
            for (window, entries) in entries.chunks_exact(size).enumerate() {
                let best = entries.iter().copied().max().unwrap_or(0);
                let start = row * x[0].width + window * size;
                if let Some(at) = entries.iter().position(|entry| *entry == best) {
                    pick[start + at] = 1;
                }
                let gaps = gap[start..start + size].iter_mut().zip(entries);
                gaps.for_each(|(gap, entry)| *gap = best.abs_diff(*entry));
                values.push(best);
            }
        }
        let computed = Computed::new(values).with(Role::PICK, pick);
        Ok(match self.is_viewed(program, Role::GAP) {
            true => computed,
            false => computed.with(Role::GAP, gap),
        })
    }
}
