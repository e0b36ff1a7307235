//! The Poseidon permutation (width 4, `x^5`, 8 + 56 rounds) as a wide chip.
//!
//! It shares the first five advice columns and the first constants column of halo2-base, in rows
//! below those of the base gates, so it adds two selectors and one fixed column, no advice column and
//! no new advice rotation. halo2-base's own gadget (`halo2_base::poseidon`) costs about 2,260 cells a
//! permutation at width 3; this chip takes [`ROWS`] rows of [`COLUMNS`] cells.
//!
//! | file | what |
//! | --- | --- |
//! | [`constants`] | round constants moved so that a partial round needs one |
//! | [`config`] | columns and gates |
//! | [`chip`] | recording and assignment of permutations |

pub mod chip;
pub mod config;
pub mod constants;

#[cfg(test)]
mod tests;

pub use chip::{Input, PoseidonChip};
pub use config::PoseidonConfig;

use laminate_protocol::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS};

/// Advice columns of the chip: four state words and the square of a partial round's first word.
pub const COLUMNS: usize = 5;
/// Rows of one permutation: two a full round, one a partial round, one for the output.
pub const ROWS: usize = 2 * FULL_ROUNDS + PARTIAL_ROUNDS + 1;
