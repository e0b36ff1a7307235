//! Tables of functions of an int12 or int16 index, part of the program and so of its digest.

use serde::{Deserialize, Serialize};

/// log2 of the number of table entries. 4,096 entries keep the verifier's evaluation of the table
/// (one pass over it, in circuit) cheaper than committing to it.
pub const TABLE_LOG: usize = 12;

/// log2 of the number of entries of a wide table: every int16 is an index.
pub const WIDE_TABLE_LOG: usize = 16;

/// Depth of a masked score; the last entry of an exponential table, which is zero.
pub const MASKED: i64 = (1 << 16) - 1;

/// Scale of the output of sigmoid, tanh and exponential tables: 16,384 stands for 1.0.
pub const OUTPUT_SCALE: i8 = 14;

/// Which function a table holds (for people; the values are what counts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Logistic function.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x·sigmoid(x)`; its output scale is that of the tensor.
    Silu,
    /// `exp(-(index + 2^15)·2^-input_scale)`, zero at the last entry.
    Exp,
    /// Another function of the model; the scale of the output is that of the tensor.
    Function,
}

/// `values[i]` is the output for index `i + lowest`, `lowest = -values.len() / 2`; shape `(2^12)` or
/// `(2^16)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The function.
    pub kind: TableKind,
    /// Scale of the index: real argument = index · 2^-input_scale.
    pub input_scale: i8,
    /// Outputs.
    pub values: Vec<i16>,
}

impl Table {
    /// Lowest index of the domain of a table of `2^TABLE_LOG` entries.
    pub const LOWEST: i64 = -(1 << (TABLE_LOG - 1));

    /// Lowest index of the domain.
    pub fn lowest(&self) -> i64 {
        -((self.values.len() / 2) as i64)
    }

    /// log2 of the number of entries.
    pub fn log(&self) -> usize {
        super::padded_log(self.values.len())
    }

    /// The output for `index`, or `None` outside the domain.
    pub fn get(&self, index: i64) -> Option<i16> {
        let at = usize::try_from(index.checked_sub(self.lowest())?).ok()?;
        self.values.get(at).copied()
    }
}
