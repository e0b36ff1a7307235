//! Shape of the aggregation circuit: four advice columns, one constants column, and rows.

use halo2_base::gates::circuit::BaseCircuitParams;
use serde::{Deserialize, Serialize};

use crate::error::AggregationError;

/// Advice columns of every circuit; both chips take all of them.
pub const ADVICE_COLUMNS: usize = 4;
/// Rows that are not usable: blinding factors and the last row. halo2-axiom computes this number from
/// the rotations in use, four an advice column; [`super::builder`] checks that it is what the circuit has.
pub const UNUSABLE_ROWS: usize = 9;
/// Fewest rows that are tried, as log2.
pub const MIN_K: usize = 13;
/// Most rows that are tried, as log2.
pub const MAX_K: usize = 24;

/// Numbers that determine where the circuit's parts stand; columns and gates are always the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitParams {
    /// log2 of the number of rows.
    pub k: usize,
    /// Rows below the basic gates that belong to the Poseidon chip.
    pub poseidon_rows: usize,
    /// Rows below those that belong to the range chip.
    pub range_rows: usize,
}

/// What a circuit needs, counted on its virtual cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Cells of the basic gates.
    pub cells: usize,
    /// Distinct constants.
    pub constants: usize,
    /// Rows of the Poseidon chip.
    pub poseidon_rows: usize,
    /// Rows of the range chip.
    pub range_rows: usize,
}

impl CircuitParams {
    /// Rows for basic gates and constants.
    pub fn base_rows(&self) -> usize {
        let chips = self.poseidon_rows.saturating_add(self.range_rows);
        (1usize << self.k).saturating_sub(chips.saturating_add(UNUSABLE_ROWS))
    }

    /// The fewest rows, as a power of two, that hold `demand`.
    ///
    /// # Errors
    /// [`AggregationError::TooLarge`] if [`MAX_K`] does not.
    pub fn choose(demand: &Demand) -> Result<Self, AggregationError> {
        (MIN_K..=MAX_K)
            .find_map(|k| Self::fit(k, demand))
            .ok_or(AggregationError::TooLarge {
                demand: *demand,
                columns: ADVICE_COLUMNS,
                k: MAX_K,
            })
    }

    /// The shape with `2^k` rows that holds `demand`; `None` if these are too few.
    pub fn fit(k: usize, demand: &Demand) -> Option<Self> {
        let params = Self {
            k,
            poseidon_rows: demand.poseidon_rows,
            range_rows: demand.range_rows,
        };
        // Each column may lose up to three rows at its end, where no gate of four rows fits, and repeats
        // the last cell of the column before.
        let rows = params.base_rows().checked_sub(4)?;
        let fits = demand.cells <= ADVICE_COLUMNS * rows && demand.constants <= rows;
        (rows > 0 && fits).then_some(params)
    }

    /// Refuses shapes that [`CircuitParams::fit`] cannot give, before they reach halo2.
    ///
    /// # Errors
    /// [`AggregationError::Params`].
    pub fn check(&self) -> Result<(), AggregationError> {
        if (MIN_K..=MAX_K).contains(&self.k) && self.base_rows() > 0 {
            Ok(())
        } else {
            Err(AggregationError::Params { params: *self })
        }
    }

    /// The part that halo2-base knows.
    pub fn base(&self) -> BaseCircuitParams {
        BaseCircuitParams {
            k: self.k,
            num_advice_per_phase: vec![ADVICE_COLUMNS],
            num_fixed: 1,
            num_lookup_advice_per_phase: vec![],
            lookup_bits: None,
            num_instance_columns: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(cells: usize) -> Demand {
        Demand {
            cells,
            constants: 100,
            poseidon_rows: 45 * 20,
            range_rows: 90,
        }
    }

    #[test]
    fn smallest_that_fits() {
        let rows = (1 << MIN_K) - 45 * 20 - 90 - UNUSABLE_ROWS - 4;
        let largest = CircuitParams::choose(&demand(4 * rows)).unwrap();
        assert_eq!((largest.k, largest.base_rows()), (MIN_K, rows + 4));
        largest.check().unwrap();
        assert_eq!(
            CircuitParams::choose(&demand(4 * rows + 1)).unwrap().k,
            MIN_K + 1
        );
        let constants = Demand {
            constants: rows + 1,
            ..demand(0)
        };
        assert_eq!(CircuitParams::choose(&constants).unwrap().k, MIN_K + 1);
    }

    #[test]
    fn impossible_shapes_are_errors() {
        for huge in [
            demand(1 << (MAX_K + 2)),
            Demand {
                poseidon_rows: usize::MAX,
                ..demand(0)
            },
        ] {
            let refused = CircuitParams::choose(&huge);
            assert!(matches!(refused, Err(AggregationError::TooLarge { .. })));
        }
        let fitting = CircuitParams::choose(&demand(0)).unwrap();
        for wrong in [
            CircuitParams { k: 0, ..fitting },
            CircuitParams {
                k: MAX_K + 1,
                ..fitting
            },
            CircuitParams {
                range_rows: usize::MAX,
                ..fitting
            },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
