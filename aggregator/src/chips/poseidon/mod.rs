//! The Poseidon permutation (width 4, `x^5`, 8 + 56 rounds) as a wide chip.
//!
//! It shares the four advice columns and the constants column of halo2-base, in rows below those of the
//! base gates, and adds two fixed columns, no advice column and no new advice rotation.
//!
//! | | rows | cells |
//! | --- | --- | --- |
//! | 8 full rounds, four words and their squares each | 16 | 64 |
//! | 56 partial rounds, one word and its square each | 28 | 112 |
//! | output | 1 | 4 |
//! | a permutation | 45 | 180 |
//!
//! With the whole state in the rows of partial rounds it took 73 rows of five columns, 365 cells;
//! halo2-base's own gadget (`halo2_base::poseidon`) takes about 2,260 at width 3.
//!
//! | file | what |
//! | --- | --- |
//! | [`constants`] | round constants moved so that a partial round needs one |
//! | [`partial`] | the partial rounds as a recurrence in one word |
//! | [`config`] | columns and gates |
//! | [`chip`] | recording and assignment of permutations |

pub mod chip;
pub mod config;
pub mod constants;
pub mod partial;

#[cfg(test)]
mod tests;

pub use chip::{Input, PoseidonChip};
pub use config::PoseidonConfig;

use laminate_engine::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS};

/// Advice columns of the chip: two words and their squares.
pub const COLUMNS: usize = 4;
/// Rows of one permutation: two a full round, one for two partial rounds, one for the output.
pub const ROWS: usize = 2 * FULL_ROUNDS + PARTIAL_ROUNDS / 2 + 1;

/// Tag of the first row of a full round, and of a row of partial rounds but the last.
const ROUND: u64 = 1;
/// Tag of the first row of the full round before the partial rounds.
const ENTRY: u64 = 2;

/// Tags of a permutation's rows; [`config`] says what they select.
fn tags() -> [u64; ROWS] {
    let partial = FULL_ROUNDS..FULL_ROUNDS + PARTIAL_ROUNDS / 2;
    std::array::from_fn(|row| match row {
        row if row + 2 == partial.start => ENTRY,
        row if partial.contains(&row) => u64::from(row + 1 < partial.end) * ROUND,
        row if row + 1 < ROWS && row % 2 == 0 => ROUND,
        _ => 0,
    })
}
