//! `z = floor((a·b·multiplier + 2^(s-1)) / 2^s)`.

use super::elementwise;
use super::{Computed, Operand, with_remainder};
use crate::exec::execute::{Execute, Outcome};
use crate::exec::requantise;
use crate::exec::sequence::{Failure, Rows, Task};
use laminate_model::ops::Mul;
use laminate_model::program::{Program, Weights};

/// `(slots, width)² -> (slots, width)`.
///
/// # Errors
/// Flat index and value of the first output out of range.
pub fn execute(
    multiplier: u32,
    shift: u8,
    a: Operand<'_>,
    b: Operand<'_>,
) -> Result<Computed, (usize, i128)> {
    with_remainder(a.values.len(), |flat| {
        let product = i128::from(a.values[flat]) * i128::from(b.values[flat]);
        requantise(product * i128::from(multiplier), shift)
    })
}

impl Execute for Mul {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        Some(execute(self.multiplier, self.shift, operand(0), operand(1)))
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
    fn rounds_negative_products() {
        let a = Operand {
            values: &[-1, 3, -3, 2],
            log_width: 2,
        };
        let b = Operand {
            values: &[1, 1, 1, -2],
            log_width: 2,
        };
        let got = execute(128, 8, a, b).unwrap();
        assert_eq!(
            got.values,
            [0, 2, -1, -2],
            "-0.5 -> 0, 1.5 -> 2, -1.5 -> -1, -2"
        );
        assert_eq!(got.aux.remainder, [0, 0, 0, 128]);
    }

    #[test]
    fn worst_case_does_not_overflow() {
        let a = Operand {
            values: &[-32_768, 0],
            log_width: 1,
        };
        let exact = ((1i128 << 30) * ((1 << 24) - 1) + (1 << 31)) >> 32;
        assert_eq!(execute((1 << 24) - 1, 32, a, a), Err((0, exact)));
    }
}
