//! The ops of programs over tokens, one file each; formulas in `docs/specs/numerics.md`.
//!
//! Each computes some slots of one block, all padded features included, or returns the first value that
//! does not fit.

pub mod argmax;
pub mod dense;
pub mod embed;
pub mod mix;
pub mod rms_norm;
pub mod rope;
pub mod scores;
pub mod softmax;

use laminate_model::program::ACTIVATION_BOUND;

use super::rows::Failure;
use crate::exec::NodeAux;
use crate::exec::ops::Computed;

/// `floor((v + 2^(s-1)) / 2^s)` and its remainder, `1 <= s <= 32`.
fn round(v: i128, shift: u8) -> (i128, u32) {
    let sum = v + (1i128 << (shift - 1));
    (sum >> shift, (sum & ((1i128 << shift) - 1)) as u32)
}

/// The remainder of zero.
fn half(shift: u8) -> u32 {
    1 << (shift - 1)
}

/// An output of `2·bound` values around zero as i32.
fn within(value: i128, bound: i64, (row, feature): (usize, usize)) -> Result<i32, Failure> {
    if (-i128::from(bound)..i128::from(bound)).contains(&value) {
        return Ok(value as i32);
    }
    Err(Failure {
        what: "output",
        row,
        feature,
        value,
        lowest: -bound,
        highest: bound - 1,
    })
}

/// An int16 output.
fn int16(value: i128, at: (usize, usize)) -> Result<i32, Failure> {
    within(value, ACTIVATION_BOUND, at)
}

/// The first failure of rows that were computed side by side.
fn first(failures: Vec<Result<(), Failure>>) -> Result<(), Failure> {
    failures.into_iter().collect()
}

/// Values with their rounding remainders.
fn rounded(values: Vec<i32>, remainder: Vec<u32>) -> Computed {
    Computed {
        values,
        aux: NodeAux {
            remainder,
            ..NodeAux::default()
        },
    }
}

/// Product of the padded axes.
fn padded(axes: &[u32]) -> usize {
    axes.iter()
        .map(|a| a.next_power_of_two() as usize)
        .product()
}
