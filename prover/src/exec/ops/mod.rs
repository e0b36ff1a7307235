//! The ops on integers, one file each; the formulas stand in `docs/specs/numerics.md`.
//!
//! Each computes some slots of one block, all padded features included, or returns the first value that
//! does not fit.

mod abs;
mod activation;
mod add;
mod argmax;
mod clip;
mod delay;
mod dense;
mod dense_add;
mod dense_relu;
mod divide;
mod embed;
pub(super) mod forest;
mod grouped;
mod leaky_relu;
mod matmul;
mod max;
mod mix;
mod mul;
mod relu;
mod rescale;
mod reshape;
mod rms_norm;
mod rope;
mod row_argmax;
mod saturate;
mod scores;
mod softmax;
#[cfg(test)]
mod tests;
mod view;

use laminate_model::program::Role;
use rayon::prelude::*;

use super::round::{round, within};
use super::step::{Computed, Failure, Task};

/// Elements that one thread computes at least.
const ELEMENTS: usize = 256;

/// `y = round_s(exact)` for every element of the output by its flat index, in its bits.
fn rescaled(
    task: &Task<'_>,
    shift: u8,
    exact: impl Fn(usize) -> i128 + Sync,
) -> Result<Computed, Failure> {
    let (mut values, mut remainder) = (vec![0; task.len()], vec![0; task.len()]);
    let targets = values
        .par_iter_mut()
        .zip(&mut remainder)
        .with_min_len(ELEMENTS);
    let failure = targets
        .enumerate()
        .filter_map(|(flat, (value, remainder))| {
            let (y, rest) = round(exact(flat), shift);
            *remainder = rest;
            match within(y, task.bound(), task.place(flat)) {
                Ok(y) => {
                    *value = y;
                    None
                }
                Err(failure) => Some(failure),
            }
        })
        .min_by_key(|failure| (failure.row, failure.feature));
    match failure {
        Some(failure) => Err(failure),
        None => Ok(Computed::new(values).with(Role::REMAINDER, remainder)),
    }
}

/// The first failure of rows that were computed side by side.
fn first(failures: Vec<Result<(), Failure>>) -> Result<(), Failure> {
    failures.into_iter().collect()
}

/// `max(x, 0)` and `max(-x, 0)`.
fn parts(x: i32) -> (u32, u32) {
    if x < 0 {
        (0, x.unsigned_abs())
    } else {
        (x.unsigned_abs(), 0)
    }
}

/// Product of the padded axes.
fn padded(axes: &[u32]) -> usize {
    axes.iter()
        .map(|a| a.next_power_of_two() as usize)
        .product()
}
