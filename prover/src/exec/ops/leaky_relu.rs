//! `y = floor((p·2^16 - n·slope + 2^15) / 2^16)` with `p = max(x, 0)`, `n = max(-x, 0)`.

use super::elementwise;
use super::{Computed, Operand, parts, with_remainder};
use crate::exec::execute::{Execute, Outcome};
use crate::exec::requantise;
use crate::exec::sequence::{Failure, Rows, Task};
use laminate_model::ops::LeakyRelu;
use laminate_model::program::{Program, Weights};

/// `(slots, width) -> (slots, width)`; `0 < slope < 2^16`, so the output is always in range.
///
/// # Errors
/// None for such a slope.
pub fn execute(slope: u32, x: Operand<'_>) -> Result<Computed, (usize, i128)> {
    let mut computed = with_remainder(x.values.len(), |flat| {
        let (p, n) = parts(x.values[flat]);
        requantise(
            (i128::from(p) << 16) - i128::from(n) * i128::from(slope),
            16,
        )
    })?;
    (computed.aux.positive, computed.aux.negative) = x.values.iter().map(|x| parts(*x)).unzip();
    Ok(computed)
}

impl Execute for LeakyRelu {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        Some(execute(self.slope, operand(0)))
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
    fn rounds_negative_values() {
        // Slope 1/4: -1 -> -0.25, -2 -> -0.5 (halves go up), -3 -> -0.75.
        let got = execute(
            1 << 14,
            Operand {
                values: &[3, -1, -2, -3],
                log_width: 2,
            },
        )
        .unwrap();
        assert_eq!(got.values, [3, 0, 0, -1]);
        assert_eq!(got.aux.remainder, [1 << 15, 1 << 14, 0, 3 << 14]);
        assert_eq!(got.aux.positive, [3, 0, 0, 0]);
        assert_eq!(got.aux.negative, [0, 1, 2, 3]);
    }

    #[test]
    fn extremes_stay_in_range() {
        let got = execute(
            (1 << 16) - 1,
            Operand {
                values: &[-32_768, 32_767],
                log_width: 1,
            },
        )
        .unwrap();
        assert_eq!(got.values, [-32_767, 32_767]);
    }
}
