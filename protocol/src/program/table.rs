//! Activation tables: a function of an int12 index, part of the program and so of its digest.

use serde::{Deserialize, Serialize};

/// log2 of the number of table entries. 4,096 entries keep the verifier's evaluation of the table
/// (one pass over it, in circuit) cheaper than committing to it.
pub const TABLE_LOG: usize = 12;

/// Scale of every table's output: 16,384 stands for 1.0.
pub const OUTPUT_SCALE: i8 = 14;

/// Which function a table holds (for people; the values are what counts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Logistic function.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

/// `values[i]` is the output for index `i - 2^(TABLE_LOG-1)`; shape `(2^TABLE_LOG)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The function.
    pub kind: TableKind,
    /// Scale of the index: real argument = index · 2^-input_scale.
    pub input_scale: i8,
    /// Outputs at [`OUTPUT_SCALE`].
    pub values: Vec<i16>,
}

impl Table {
    /// Lowest index of the domain.
    pub const LOWEST: i64 = -(1 << (TABLE_LOG - 1));

    /// The output for `index`, or `None` outside the domain.
    pub fn get(&self, index: i64) -> Option<i16> {
        let at = usize::try_from(index.checked_sub(Self::LOWEST)?).ok()?;
        self.values.get(at).copied()
    }
}
