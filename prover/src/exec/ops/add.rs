//! `z = floor((a·left + b·right + 2^(s-1)) / 2^s)`.

use super::elementwise;
use super::{Computed, Operand, with_remainder};
use crate::exec::execute::{Execute, Outcome};
use crate::exec::requantise;
use crate::exec::sequence::{Failure, Rows, Task};
use laminate_model::ops::Add;
use laminate_model::program::{Program, Weights};

/// `(slots, width)² -> (slots, width)`.
///
/// # Errors
/// Flat index and value of the first output out of range.
pub fn execute(
    factors: [u32; 2],
    shift: u8,
    a: Operand<'_>,
    b: Operand<'_>,
) -> Result<Computed, (usize, i128)> {
    let [left, right] = factors.map(i128::from);
    with_remainder(a.values.len(), |flat| {
        requantise(
            i128::from(a.values[flat]) * left + i128::from(b.values[flat]) * right,
            shift,
        )
    })
}

impl Execute for Add {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        Some(execute(
            [self.left, self.right],
            self.shift,
            operand(0),
            operand(1),
        ))
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        elementwise(self, task, operand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_both_operands() {
        let (a, b) = (
            Operand {
                values: &[3, -3],
                log_width: 1,
            },
            Operand {
                values: &[1, -2],
                log_width: 1,
            },
        );
        let got = execute([256, 128], 8, a, b).unwrap();
        assert_eq!(got.values, [4, -4], "3.5 -> 4, -4 -> -4");
        assert_eq!(got.aux.remainder, [0, 128]);
    }

    #[test]
    fn does_not_saturate() {
        let a = Operand {
            values: &[0, 20_000],
            log_width: 1,
        };
        assert_eq!(execute([256, 256], 8, a, a), Err((1, 40_000)));
    }
}
