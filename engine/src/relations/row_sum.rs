//! Row sums: `Σ_u column(x, u) = total(x)` for every row `x`, or one.
//!
//! Summing a multilinear polynomial over `n` variables is `2^n` times its value at `(½, …, ½)`, so at
//! a random row there is nothing to prove but two evaluations ([`crate::joint`] claims them), and no message for a
//! constant total.

use crate::claim::View;

/// Sums over the last `sum_log` variables of a column.
#[derive(Clone, Debug)]
pub struct RowSum {
    /// The column.
    pub column: View,
    /// log2 of the summed axis.
    pub sum_log: usize,
    /// The sums; one if absent.
    pub total: Option<View>,
}

impl RowSum {
    /// log2 of the number of rows.
    pub fn row_log(&self) -> usize {
        self.column.log().saturating_sub(self.sum_log)
    }
}
