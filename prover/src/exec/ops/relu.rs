//! `y = max(x, 0)`, with `n = max(-x, 0)`: `x = y - n`, `y·n = 0`.

use super::elementwise;
use super::{Computed, Operand, parts};
use crate::exec::NodeAux;
use crate::exec::execute::{Execute, Outcome};
use crate::exec::sequence::{Failure, Rows, Task};
use laminate_model::ops::Relu;
use laminate_model::program::{Program, Weights};

/// `(slots, width) -> (slots, width)`; always in range.
pub fn execute(x: Operand<'_>) -> Computed {
    let values = x.values.iter().map(|x| (*x).max(0)).collect();
    let negative = x.values.iter().map(|x| parts(*x).1).collect();
    Computed {
        values,
        aux: NodeAux {
            negative,
            ..NodeAux::default()
        },
    }
}

impl Execute for Relu {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        Some(Ok(execute(operand(0))))
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
    fn splits_the_sign() {
        let got = execute(Operand {
            values: &[5, 0, -1, -32_768],
            log_width: 2,
        });
        assert_eq!(got.values, [5, 0, 0, 0]);
        assert_eq!(got.aux.negative, [0, 0, 1, 32_768]);
    }
}
