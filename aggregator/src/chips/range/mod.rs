//! Range checks without a lookup argument.
//!
//! A value `z_0` is an integer in `[0, 4^m)` if there are `z_1, …, z_m = 0` with `z_i - 4·z_{i+1}` in
//! `{0, 1, 2, 3}`: it is the sum of these digits times `4^i`, which is far below the field. The values
//! stand in a column, one below the other, and the four advice columns hold four values at once, under one
//! selector. For an odd number of bits the top digit `t = z_{m-1}` must be 0 or 1: then `t - 4·(-1/2)` is
//! in `{0, 1, 2, 3}` too, which `t = 2` and `t = 3` do not give; a second chain of two cells says that.
//!
//! | check | cells | rows of four |
//! | --- | --- | --- |
//! | `b` bits, even | `b/2 + 1` | `b/2 + 1` |
//! | `b` bits, odd | `(b + 1)/2 + 3` | `(b + 1)/2 + 1`, and 2 |
//! | 16 bits | 9 | 9 |
//! | 16 bits by halo2-base's bits | 110 | |
//! | 16 bits by a lookup | 1, and the lookup argument | |
//!
//! A lookup argument costs a contract four commitments (two permuted columns, the product, the table)
//! and five evaluations; for the few hundred checks of a verifier these cells are less.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | columns and the gate |
//! | [`chip`] | recording and assignment of checks |

pub mod chip;
pub mod config;

#[cfg(test)]
mod tests;

pub use chip::{EMPTY_ROWS, RangeChip};
pub use config::RangeConfig;

/// Advice columns of the chip, each with a value of its own.
pub const COLUMNS: usize = 4;
/// Most bits of a check: sums of digits stay below the field.
pub const MAX_BITS: usize = 252;
