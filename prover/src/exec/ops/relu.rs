//! `y = max(x, 0)`, with `n = max(-x, 0)`: `x = y - n`, `y·n = 0`.

use super::{Computed, Operand, parts};
use crate::exec::NodeAux;

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
