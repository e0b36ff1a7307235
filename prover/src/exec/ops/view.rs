//! `y(x) = constant + Σ coefficient · Π masks(x) · Σ_z Π_i A_i(x; z_i) · operand(z)`, slot by slot.

use laminate_model::ops::View;
use laminate_model::program::TensorView;
use rayon::prelude::*;

use super::first;
use crate::exec::round::within;
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for View {
    /// `(slots, axes…)` of each operand to `(slots, axes…)`; int16, or int32.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        read(&task.program.views[self.view], task, x)
    }
}

/// A view of a node's operands.
pub(super) fn read(
    view: &TensorView,
    task: &Task<'_>,
    x: &[Rows<'_>],
) -> Result<Computed, Failure> {
    let runs = view.terms.iter().map(|term| {
        let operand = task.node.inputs[term.operand as usize];
        let axes = &task.program.tensors[operand].axes;
        // The program was checked.
        let wiring = term.wiring(&[], task.axes(), axes);
        let runs = wiring.expect("maps of a checked program").runs();
        (term, runs)
    });
    let runs: Vec<_> = runs.collect();
    let width = task.width();
    let mut values = vec![0i32; task.len()];
    let rows = values.par_chunks_exact_mut(width).enumerate();
    let results = rows.map(|(row, out)| {
        let mut sums = vec![view.constant; width];
        for (term, runs) in &runs {
            let operand = x[term.operand as usize].row(task.slots.start + row);
            let parts = sums.chunks_exact_mut(1 << runs.inner).zip(&runs.parts);
            for (sums, parts) in parts {
                for (part, entry) in parts {
                    let factor = term.coefficient * entry;
                    let read = &operand[part << runs.inner..];
                    let pairs = sums.iter_mut().zip(read);
                    pairs.for_each(|(sum, v)| *sum += factor * i64::from(*v));
                }
            }
        }
        let bound = 1i64 << (task.program.tensors[task.node.output].bits - 1);
        for (feature, (sum, out)) in sums.into_iter().zip(out).enumerate() {
            *out = within(sum.into(), bound, (row, feature))?;
        }
        Ok(())
    });
    first(results.collect())?;
    Ok(Computed::new(values))
}
