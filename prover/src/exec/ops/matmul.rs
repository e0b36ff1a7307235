//! `y[s…, m…, n…] = round(multiplier·Σ_k a[s…, m…, k]·b[s…, n…, k])`.

use laminate_model::ops::MatMul;

use super::{padded, rescaled};
use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for MatMul {
    /// `(slots, shared…, own…, k)² -> (slots, shared…, own…, own…)`, int16. Padded entries are summed like all others.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let [a, b] = [0, 1].map(|i: usize| x[i].range(task.slots.clone()));
        let axes = [0, 1].map(|i: usize| &task.program.tensors[task.node.inputs[i]].axes);
        let shared = padded(&axes[0][..self.shared]);
        let count = axes[0].last().map_or(1, |last| padded(&[*last]));
        let [rows, cols] = [0, 1].map(|i: usize| x[i].width / shared / count);
        rescaled(task, self.shift, |flat| {
            // Both operands begin with slots and shared axes.
            let (line, col) = (flat / cols, flat % cols);
            let right = (line / rows * cols + col) * count;
            let both = a[line * count..][..count].iter().zip(&b[right..][..count]);
            let sum: i64 = both.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
            i128::from(sum) * i128::from(self.multiplier)
        })
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{Role, Tensor};

    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn contracts_the_last_axes_of_each_shared_place() {
        let op = MatMul {
            shared: 1,
            multiplier: 1 << 8,
            shift: 8,
        };
        // Two shared places of one row and two columns, three entries of which a fourth is padding.
        let mut program = program(op, &[2, 1, 2], 16, 0);
        for axes in [vec![2, 1, 3], vec![2, 2, 3]] {
            program.tensors.push(Tensor {
                axes,
                ..Tensor::new("operand", 1, 0)
            });
        }
        program.nodes[0].inputs = vec![1, 2];
        let a = [1, 2, 3, 0, -1, 0, 1, 0];
        let b = [1, 1, 1, 9, 0, 0, 2, 9, 5, 6, 7, 9, -1, 0, 1, 9];
        let got = run(&program, &none(), &[&a, &b]).unwrap();
        assert_eq!(got.values, [6, 6, 2, 2]);
        assert_eq!(got.aux.narrow(Role::REMAINDER), [128; 4]);
    }
}
