//! Shape of the aggregation circuit.

use halo2_base::gates::circuit::BaseCircuitParams;
use serde::{Deserialize, Serialize};

use crate::chips::poseidon;
use crate::error::AggregationError;

/// Rows that are not usable: blinding factors and the last row. halo2-axiom computes this number from
/// the rotations in use; [`super::builder`] checks that it is what the circuit has.
pub const UNUSABLE_ROWS: usize = 9;
/// Fewest rows that are tried, as log2.
pub const MIN_K: usize = 14;
/// Most rows that are tried, as log2.
pub const MAX_K: usize = 24;
/// Most advice columns, lookup columns included: six give a contract of 22.3 kB, each more adds about
/// 1.3 kB, and EIP-170 allows 24.6 kB.
pub const MAX_COLUMNS: usize = 7;

/// Numbers that determine columns and gates of the circuit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitParams {
    /// log2 of the number of rows.
    pub k: usize,
    /// Basic gate columns.
    pub num_advice: usize,
    /// Columns with the range lookup.
    pub num_lookup_advice: usize,
    /// Constants columns.
    pub num_fixed: usize,
    /// log2 of the size of the range table.
    pub lookup_bits: usize,
    /// Rows below the basic gates that belong to the Poseidon chip.
    pub poseidon_rows: usize,
}

/// What a circuit needs, counted on its virtual cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Cells of the basic gates.
    pub cells: usize,
    /// Cells that are looked up.
    pub lookups: usize,
    /// Distinct constants.
    pub constants: usize,
    /// Rows of the Poseidon chip.
    pub poseidon_rows: usize,
}

impl CircuitParams {
    /// Rows for basic gates, lookups and constants.
    pub fn base_rows(&self) -> usize {
        (1usize << self.k).saturating_sub(UNUSABLE_ROWS + self.poseidon_rows)
    }

    /// The shape that proves fastest, by [`CircuitParams::work`]. `demand` lays the circuit out with
    /// the given number of lookup bits.
    ///
    /// # Errors
    /// Those of `demand`; [`AggregationError::TooLarge`] if no shape fits.
    pub fn choose(
        demand: impl Fn(usize) -> Result<Demand, AggregationError>,
    ) -> Result<Self, AggregationError> {
        // Demand hardly depends on the lookup bits: guess k first, then lay out with its bits.
        let guess = demand(MIN_K)?;
        let mut candidates: Vec<Self> = (MIN_K..=MAX_K)
            .filter_map(|k| Self::fit(k, &guess))
            .collect();
        candidates.sort_by_key(Self::work);
        for candidate in candidates {
            if let Some(params) = Self::fit(candidate.k, &demand(candidate.lookup_bits)?) {
                return Ok(params);
            }
        }
        Err(AggregationError::TooLarge {
            demand: guess,
            columns: MAX_COLUMNS,
            k: MAX_K,
        })
    }

    /// Relative proving time: a lookup column brings two permuted columns and a product, and some
    /// columns (quotient, products of the permutation, fixed) are there in any case.
    fn work(&self) -> usize {
        (self.num_advice + 4 * self.num_lookup_advice + 6) << self.k
    }

    /// The smallest shape with `2^k` rows that holds `demand`; `None` if it needs too many columns.
    pub fn fit(k: usize, demand: &Demand) -> Option<Self> {
        let mut params = Self {
            k,
            lookup_bits: k - 1,
            poseidon_rows: demand.poseidon_rows,
            ..Self::default()
        };
        // Each column may lose up to three rows at its end, where no gate of four rows fits.
        let rows = params.base_rows().checked_sub(4).filter(|rows| *rows > 0)?;
        params.num_advice = demand.cells.div_ceil(rows).max(poseidon::COLUMNS);
        params.num_lookup_advice = demand.lookups.div_ceil(rows).max(1);
        params.num_fixed = demand.constants.div_ceil(rows).max(1);
        (params.num_advice + params.num_lookup_advice <= MAX_COLUMNS).then_some(params)
    }

    /// Refuses shapes that [`CircuitParams::fit`] cannot give, before they reach halo2.
    ///
    /// # Errors
    /// [`AggregationError::Params`].
    pub fn check(&self) -> Result<(), AggregationError> {
        let fits = (MIN_K..=MAX_K).contains(&self.k)
            && self.num_advice >= poseidon::COLUMNS
            && self.num_lookup_advice >= 1
            && self.num_advice.saturating_add(self.num_lookup_advice) <= MAX_COLUMNS
            && (1..=MAX_COLUMNS).contains(&self.num_fixed)
            && (1..self.k).contains(&self.lookup_bits)
            && self.base_rows() > 0;
        if fits {
            Ok(())
        } else {
            Err(AggregationError::Params { params: *self })
        }
    }

    /// The part that halo2-base knows.
    pub fn base(&self) -> BaseCircuitParams {
        BaseCircuitParams {
            k: self.k,
            num_advice_per_phase: vec![self.num_advice],
            num_fixed: self.num_fixed,
            num_lookup_advice_per_phase: vec![self.num_lookup_advice],
            lookup_bits: Some(self.lookup_bits),
            num_instance_columns: 1,
        }
    }
}
