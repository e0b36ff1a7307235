//! Where the columns of a multiexp proof lie.

use super::plan::{Placement, TracePlan};
use super::sheet::{Sheet, row_limbs};
use super::{WINDOW_LOG, multiples, steps};
use crate::geometry::Block;

/// Columns of the steps that are no limbs, in the order of [`steps::Flags`]: three of bits, two of field
/// elements.
pub const FLAGS: usize = 5;

/// All columns.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The steps.
    pub steps: Sheet,
    /// Their flags.
    pub flags: Vec<Block>,
    /// The points and their multiples.
    pub multiples: Sheet,
}

/// Columns and placement for `2^log` positions a window, in rows of at most `2^row_log`.
pub(super) fn place(log: usize, row_log: usize) -> (Columns, Placement) {
    let steps_log = WINDOW_LOG + log;
    let mut plan = TracePlan::default();
    for _ in 0..row_limbs(steps::INTEGERS, 1, steps::IDENTITIES) {
        plan.limb(steps_log);
    }
    for _ in 0..row_limbs(multiples::INTEGERS, 2, multiples::IDENTITIES) {
        plan.limb(log);
    }
    for _ in 0..FLAGS {
        plan.other(steps_log);
    }
    let (limbs, flags, placement) = plan.place(row_log);
    let mut limbs = limbs.into_iter();
    let mut take = |count: usize| limbs.by_ref().take(count).collect();
    let columns = Columns {
        steps: Sheet::new(
            steps_log,
            steps::INTEGERS,
            &[steps::ABSCISSA],
            steps::IDENTITIES,
            &mut take,
        ),
        multiples: Sheet::new(
            log,
            multiples::INTEGERS,
            &[multiples::POINT, multiples::TRIPLE],
            multiples::IDENTITIES,
            &mut take,
        ),
        flags,
    };
    (columns, placement)
}
