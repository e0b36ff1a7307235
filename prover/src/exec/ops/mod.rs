//! The ops on integers, one file each; the formulas stand in `docs/specs/numerics.md`.
//!
//! Each takes operands of padded shape and computes every element of the padded output, or returns the
//! flat index and value of the first that is out of range.

pub mod activation;
pub mod add;
pub mod dense;
pub mod forest;
pub mod leaky_relu;
pub mod mul;
pub mod relu;
pub mod reshape;

use rayon::prelude::*;

use super::NodeAux;
use super::execute::Execute;
use super::sequence::{Failure, Rows, Task};

/// An operand of shape `(slots, 2^log_width)`, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'t> {
    /// Values.
    pub values: &'t [i32],
    /// log2 of the padded width.
    pub log_width: usize,
}

/// Output values and witnesses of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// Output, of padded shape.
    pub values: Vec<i32>,
    /// Witnesses.
    pub aux: NodeAux,
}

/// Elements that one task computes at least.
const TASK: usize = 256;

/// Computes `len` outputs and remainders from their flat index; fails with the lowest index that does.
fn with_remainder(
    len: usize,
    element: impl Fn(usize) -> Result<(i32, u32), i128> + Sync,
) -> Result<Computed, (usize, i128)> {
    let (mut values, mut remainder) = (vec![0; len], vec![0; len]);
    let targets = values.par_iter_mut().zip(&mut remainder).with_min_len(TASK);
    let failure = targets
        .enumerate()
        .filter_map(|(flat, (value, remainder))| match element(flat) {
            Ok(pair) => {
                (*value, *remainder) = pair;
                None
            }
            Err(bad) => Some((flat, bad)),
        })
        .min_by_key(|(flat, _)| *flat);
    match failure {
        Some(failure) => Err(failure),
        None => Ok(Computed {
            values,
            aux: NodeAux {
                remainder,
                ..NodeAux::default()
            },
        }),
    }
}

/// An op that knows nothing of slots and blocks, on some of them: operands and output have one shape.
///
/// # Errors
/// The first output that is not an int16, or the first operand outside a table.
fn elementwise<'t>(
    op: &dyn Execute,
    task: &Task<'_>,
    operand: &dyn Fn(usize) -> Rows<'t>,
) -> Result<Computed, Failure> {
    let width = task.width();
    let operand = |i: usize| Operand {
        values: operand(i).range(task.slots.start, task.slots.len()),
        log_width: width.ilog2() as usize,
    };
    let computed = op.on_rows((task.program, task.weights), &operand);
    computed.unwrap_or(Err((0, 0))).map_err(|(flat, value)| {
        let (what, lowest) = op.limit(task.program);
        Failure {
            what,
            row: flat / width,
            feature: flat % width,
            value,
            lowest,
            highest: -lowest - 1,
        }
    })
}

/// `max(x, 0)` and `max(-x, 0)`.
fn parts(x: i32) -> (u32, u32) {
    if x < 0 {
        (0, x.unsigned_abs())
    } else {
        (x.unsigned_abs(), 0)
    }
}
