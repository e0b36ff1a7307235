//! Recording of checks while the circuit is built, and their assignment.
//!
//! A check is virtual until [`RangeChip::assign_raw`] packs the chains of cells, longest first, four a
//! block of rows; a shorter chain than its block's goes on below its end with quarters of it, whose digits
//! are 0. The packing depends on the lengths alone.

use halo2_base::AssignedValue;
use halo2_base::ContextCell;
use halo2_base::halo2_proofs::circuit::{Cell, Region, Value};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use halo2_base::halo2_proofs::plonk::Error;
use halo2_base::utils::halo2::raw_assign_advice;
use halo2_base::virtual_region::copy_constraints::SharedCopyConstraintManager;
use std::cmp::Reverse;
use std::sync::PoisonError;

use super::config::RangeConfig;
use super::{COLUMNS, MAX_BITS};

/// Tag of the chip's virtual cells; `context_id` is the chain, `offset` the cell in it.
pub const TYPE_ID: &str = "laminate-aggregator:range";

/// Cells `z_0, …, z_m` whose digits `z_i - 4·z_{i+1}` are checked; first and last are bound elsewhere.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// `z_0`
    value: Fr,
    /// `m`
    digits: usize,
    /// `z_m`, a constant of the circuit.
    end: Fr,
}

impl Chain {
    fn cells(&self) -> usize {
        self.digits + 1
    }

    /// `z_i` for all rows of a block, from the integer of `z_0`.
    fn column(&self, rows: usize) -> Vec<Fr> {
        let mut column: Vec<Fr> = (0..self.digits).map(|i| shifted(&self.value, i)).collect();
        let quarter = Option::<Fr>::from(Fr::from(4).invert()).unwrap_or_default();
        let below = std::iter::successors(Some(self.end), |z| Some(z * quarter));
        column.extend(below.take(rows - self.digits));
        column
    }
}

/// `⌊value / 4^digits⌋` of the integer in `[0, r)`.
fn shifted(value: &Fr, digits: usize) -> Fr {
    let bytes: [u8; 32] = value.to_repr();
    let limb = |i: usize| -> u64 {
        let bytes = bytes.iter().skip(8 * i).take(8).rev();
        bytes.fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    let (skip, shift) = (2 * digits / 64, 2 * digits % 64);
    Fr::from_raw(std::array::from_fn(|i| {
        let pair = u128::from(limb(i + skip)) | (u128::from(limb(i + skip + 1)) << 64);
        (pair >> shift) as u64
    }))
}

/// Rows that the chip takes without checks: one selected row and the next, of zeros.
pub const EMPTY_ROWS: usize = 2;

/// All checks of a circuit.
#[derive(Clone, Debug)]
pub struct RangeChip {
    copy_manager: SharedCopyConstraintManager<Fr>,
    witness_gen_only: bool,
    chains: Vec<Chain>,
    /// `(row, column)` of the chip's region whose witness is increased by one.
    #[cfg(test)]
    pub(super) tampered: Option<(usize, usize)>,
}

impl RangeChip {
    /// A chip without checks; its copy constraints go to `copy_manager`.
    pub fn new(witness_gen_only: bool, copy_manager: SharedCopyConstraintManager<Fr>) -> Self {
        Self {
            copy_manager,
            witness_gen_only,
            chains: vec![],
            #[cfg(test)]
            tampered: None,
        }
    }

    /// Cells of all checks, without those that fill blocks up.
    pub fn cells(&self) -> usize {
        self.chains.iter().map(Chain::cells).sum()
    }

    /// Rows that all checks take.
    pub fn rows(&self) -> usize {
        self.blocks().iter().map(|(rows, _)| rows).sum()
    }

    /// Asserts that `cell` is an integer in `[0, 2^bits)`.
    ///
    /// # Panics
    /// While the circuit is laid out, if `bits` is 0 or above [`MAX_BITS`]; that depends on the circuit,
    /// never on witnesses.
    pub fn check(&mut self, cell: AssignedValue<Fr>, bits: usize) {
        assert!((1..=MAX_BITS).contains(&bits), "range of {bits} bits");
        let digits = bits.div_ceil(2);
        let value = *cell.value();
        let chain = self.chains.len();
        self.chain(value, cell.cell, digits, Fr::zero());
        if bits % 2 == 1 {
            let half = Option::<Fr>::from(Fr::from(2).invert()).unwrap_or_default();
            let top = ContextCell::new(TYPE_ID, chain, digits - 1);
            self.chain(shifted(&value, digits - 1), Some(top), 1, -half);
        }
    }

    fn chain(&mut self, value: Fr, source: Option<ContextCell>, digits: usize, end: Fr) {
        if !self.witness_gen_only {
            let Some(source) = source else {
                unreachable!("cells carry their position outside witness generation")
            };
            let own = |offset| ContextCell::new(TYPE_ID, self.chains.len(), offset);
            let mut copies = self
                .copy_manager
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            copies.advice_equalities.push((own(0), source));
            copies.constant_equalities.push((end, own(digits)));
        }
        self.chains.push(Chain { value, digits, end });
    }

    /// Rows and chains of each block. Without checks there is one block without chains: the selector
    /// must not be zero everywhere, see [`crate::circuit::builder`].
    pub(super) fn blocks(&self) -> Vec<(usize, Vec<usize>)> {
        if self.chains.is_empty() {
            return vec![(EMPTY_ROWS, vec![])];
        }
        let mut order: Vec<usize> = (0..self.chains.len()).collect();
        order.sort_by_key(|chain| Reverse(self.chains[*chain].digits));
        let rows = |block: &[usize]| block.iter().map(|c| self.chains[*c].cells()).max();
        order
            .chunks(COLUMNS)
            .map(|block| (rows(block).unwrap_or(0), block.to_vec()))
            .collect()
    }

    /// Assigns all checks from row `first` on. Must run before the copy constraint manager.
    ///
    /// # Errors
    /// Those of the floor planner when it enables a selector.
    pub fn assign_raw(
        &self,
        config: &RangeConfig,
        first: usize,
        region: &mut Region<'_, Fr>,
    ) -> Result<(), Error> {
        let mut top = 0;
        for (rows, chains) in self.blocks() {
            for column in 0..COLUMNS {
                let chain = chains.get(column);
                let values = chain.map_or(vec![Fr::zero(); rows], |c| self.chains[*c].column(rows));
                for (i, value) in values.into_iter().enumerate() {
                    let cell = self.advice(config, region, first, (top + i, column), value);
                    if let Some(chain) = chain {
                        self.place(ContextCell::new(TYPE_ID, *chain, i), cell);
                    }
                }
            }
            for row in 0..rows - 1 {
                if !self.witness_gen_only {
                    config.selector.enable(region, first + top + row)?;
                }
            }
            top += rows;
        }
        Ok(())
    }

    fn advice(
        &self,
        config: &RangeConfig,
        region: &mut Region<'_, Fr>,
        first: usize,
        (row, column): (usize, usize),
        value: Fr,
    ) -> Cell {
        #[cfg(test)]
        let value = if self.tampered == Some((row, column)) {
            value + Fr::one()
        } else {
            value
        };
        let column = config.advice[column];
        raw_assign_advice(region, column, first + row, Value::known(value)).cell()
    }

    fn place(&self, own: ContextCell, cell: Cell) {
        if !self.witness_gen_only {
            let mut copies = self
                .copy_manager
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            copies.assigned_advices.insert(own, cell);
        }
    }
}
