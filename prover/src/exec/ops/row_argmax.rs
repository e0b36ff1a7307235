//! `y = min{k : x[k] = max_j x[j]}`, how far every entry is below the greatest, and which one it is.

use laminate_model::ops::RowArgmax;
use laminate_model::program::Role;

use crate::exec::{Computed, Execute, Failure, Rows, Task, Values};

impl Execute for RowArgmax {
    /// `(slots, classes) -> (slots, 1)`; always in range.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let count = task.program.tensor_width(task.node.inputs[0]);
        let width = x[0].width;
        let padded = task.slots.len() * width;
        let (mut values, mut best) = (vec![], vec![]);
        let (mut pick, mut gaps) = (vec![0u32; padded], vec![0u128; padded]);
        for (row, slot) in task.slots.clone().enumerate() {
            let entries = &x[0].row(slot)[..count];
            let rank = |(k, x): (usize, &i32)| RowArgmax::rank(*x, k, count);
            let greatest = entries.iter().enumerate().map(rank).max().unwrap_or(0);
            for k in 0..width {
                let gap = match entries.get(k) {
                    Some(x) => greatest - RowArgmax::rank(*x, k, count),
                    None => RowArgmax::outside(k),
                };
                gaps[row * width + k] = gap.into();
                if gap == 0 {
                    pick[row * width + k] = 1;
                    values.push(k as i32);
                }
            }
            best.push(u128::from(greatest));
        }
        Ok(Computed::new(values)
            .with(Role::BEST, Values::Wide(best))
            .with(Role::PICK, pick)
            .with(Role::GAP, Values::Wide(gaps)))
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{Node, Op, Program, Tensor, Weights};

    use crate::exec;

    #[test]
    fn the_first_of_the_greatest_is_the_class() {
        let mut program = Program::empty("classes", 0, 17);
        program.limb_bits = 16;
        let wide = Tensor {
            bits: 32,
            ..Tensor::new("x", 3, 0)
        };
        program.tensors = vec![wide, Tensor::new("class", 1, 0)];
        program.nodes = vec![Node {
            name: "class".into(),
            op: Op::RowArgmax(super::RowArgmax),
            inputs: vec![0],
            output: 1,
        }];
        program.output = 1;
        let weights = Weights { dense: vec![] };
        for (row, class) in [
            ([1, 2, 3], 2),
            ([3, 3, 3], 0),
            ([i32::MIN, i32::MIN, i32::MIN], 0),
            ([i32::MIN, i32::MAX, i32::MAX], 1),
            ([-5, -9, -4], 2),
        ] {
            let trace = exec::run(&program, &weights, &[row.to_vec()]).expect("run");
            assert_eq!(trace.outputs(&program), [[class]], "{row:?}");
        }
    }
}
