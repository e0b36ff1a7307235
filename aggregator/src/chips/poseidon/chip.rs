//! Recording of permutations while the circuit is built, and their assignment.
//!
//! A permutation is virtual: [`PoseidonChip::permute`] computes the outputs and returns cells tagged
//! with [`TYPE_ID`]; [`PoseidonChip::assign_raw`] places the rows, maps those tags to physical cells and
//! leaves the equality of inputs to halo2-base's copy constraint manager.

use halo2_base::AssignedValue;
use halo2_base::ContextCell;
use halo2_base::halo2_proofs::circuit::{Cell, Region, Value};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Assigned, Error};
use halo2_base::utils::halo2::{raw_assign_advice, raw_assign_fixed};
use halo2_base::virtual_region::copy_constraints::SharedCopyConstraintManager;
use laminate_protocol::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};
use std::sync::PoisonError;

use super::config::PoseidonConfig;
use super::constants::{apply, gate_constants, is_partial};
use super::{COLUMNS, ROWS};

/// Tag of the chip's virtual cells; `context_id` is the permutation, `offset` is the input word, or
/// `WIDTH` plus the output word.
pub const TYPE_ID: &str = "laminate-aggregator:poseidon";

/// A word that enters a permutation.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// A cell of any virtual region.
    Cell(AssignedValue<Fr>),
    /// A constant, bound through the constants column.
    Constant(Fr),
}

impl Input {
    fn value(&self) -> Fr {
        match self {
            Self::Cell(cell) => *cell.value(),
            Self::Constant(value) => *value,
        }
    }
}

/// All permutations of a circuit.
#[derive(Clone, Debug)]
pub struct PoseidonChip {
    copy_manager: SharedCopyConstraintManager<Fr>,
    witness_gen_only: bool,
    states: Vec<[Fr; WIDTH]>,
    /// `(row, column)` of the chip's region whose witness is increased by one.
    #[cfg(test)]
    pub(super) tampered: Option<(usize, usize)>,
}

impl PoseidonChip {
    /// A chip without permutations; its copy constraints go to `copy_manager`.
    pub fn new(witness_gen_only: bool, copy_manager: SharedCopyConstraintManager<Fr>) -> Self {
        Self {
            copy_manager,
            witness_gen_only,
            states: vec![],
            #[cfg(test)]
            tampered: None,
        }
    }

    /// Number of permutations.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there are no permutations.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Rows that all permutations take.
    pub fn rows(&self) -> usize {
        ROWS * self.states.len()
    }

    /// Permutes `inputs`; the returned cells belong to the chip's region.
    pub fn permute(&mut self, inputs: [Input; WIDTH]) -> [AssignedValue<Fr>; WIDTH] {
        let index = self.states.len();
        if !self.witness_gen_only {
            let mut copies = self
                .copy_manager
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for (word, input) in inputs.iter().enumerate() {
                let own = ContextCell::new(TYPE_ID, index, word);
                match input {
                    Input::Cell(AssignedValue {
                        cell: Some(cell), ..
                    }) => {
                        copies.advice_equalities.push((own, *cell));
                    }
                    Input::Cell(AssignedValue { cell: None, .. }) => {
                        unreachable!("cells carry their position outside witness generation")
                    }
                    Input::Constant(value) => copies.constant_equalities.push((*value, own)),
                }
            }
        }
        let state = inputs.map(|input| input.value());
        self.states.push(state);
        let mut output = state;
        laminate_protocol::transcript::poseidon::permute(&mut output);
        std::array::from_fn(|word| AssignedValue {
            value: Assigned::Trivial(output[word]),
            cell: (!self.witness_gen_only).then_some(ContextCell::new(
                TYPE_ID,
                index,
                WIDTH + word,
            )),
        })
    }

    /// Assigns all permutations from row `first` on. Must run before the lookups and the copy
    /// constraint manager, which look the outputs up.
    ///
    /// # Errors
    /// Those of the floor planner when it enables a selector.
    pub fn assign_raw(
        &self,
        config: &PoseidonConfig,
        first: usize,
        region: &mut Region<'_, Fr>,
    ) -> Result<(), Error> {
        let mut rows = Rows {
            chip: self,
            config,
            region,
            first,
            row: 0,
        };
        for (index, state) in self.states.iter().enumerate() {
            rows.row = index * ROWS;
            rows.permutation(index, *state)?;
        }
        Ok(())
    }
}

/// A cursor over the chip's rows.
struct Rows<'a, 'r> {
    chip: &'a PoseidonChip,
    config: &'a PoseidonConfig,
    region: &'a mut Region<'r, Fr>,
    first: usize,
    row: usize,
}

impl Rows<'_, '_> {
    fn permutation(&mut self, index: usize, mut state: [Fr; WIDTH]) -> Result<(), Error> {
        let constants = gate_constants();
        self.words(&state, Some((index, 0)));
        for round in 0..FULL_ROUNDS + PARTIAL_ROUNDS {
            let c = constants.round[round];
            let mut sbox = state;
            if is_partial(round) {
                let x = state[0] + c[0];
                let square = x.square();
                self.advice(self.row, 4, square);
                self.fixed(self.row, 0, c[0]);
                self.enable(false, self.row - 1)?;
                sbox[0] = square.square() * x;
                self.row += 1;
            } else {
                let x: [Fr; WIDTH] = std::array::from_fn(|i| state[i] + c[i]);
                let squares = x.map(|x| x.square());
                self.fixed(self.row, 0, c[0]);
                self.fixed(self.row, 1, c[1]);
                self.fixed(self.row + 1, 0, c[2]);
                self.fixed(self.row + 1, 1, c[3]);
                self.enable(true, self.row)?;
                self.row += 1;
                self.words(&squares, None);
                sbox = std::array::from_fn(|i| squares[i].square() * x[i]);
                self.row += 1;
            }
            state = apply(&constants.mds, &sbox);
            let last = round + 1 == FULL_ROUNDS + PARTIAL_ROUNDS;
            self.words(&state, last.then_some((index, WIDTH)));
        }
        Ok(())
    }

    /// Assigns four words in the current row; `tag` is the permutation and the first virtual offset.
    fn words(&mut self, words: &[Fr; WIDTH], tag: Option<(usize, usize)>) {
        for (i, word) in words.iter().enumerate() {
            let cell = self.advice(self.row, i, *word);
            if let (Some((index, offset)), false) = (tag, self.chip.witness_gen_only) {
                let own = ContextCell::new(TYPE_ID, index, offset + i);
                let copies = &self.chip.copy_manager;
                copies
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .assigned_advices
                    .insert(own, cell);
            }
        }
    }

    fn advice(&mut self, row: usize, column: usize, value: Fr) -> Cell {
        #[cfg(test)]
        let value = if self.chip.tampered == Some((row, column)) {
            value + Fr::one()
        } else {
            value
        };
        let column = self.config.advice[column];
        raw_assign_advice(self.region, column, self.first + row, Value::known(value)).cell()
    }

    fn fixed(&mut self, row: usize, column: usize, value: Fr) {
        if !self.chip.witness_gen_only {
            raw_assign_fixed(
                self.region,
                self.config.constants[column],
                self.first + row,
                value,
            );
        }
    }

    fn enable(&mut self, full: bool, row: usize) -> Result<(), Error> {
        if self.chip.witness_gen_only {
            return Ok(());
        }
        let selector = if full {
            self.config.full
        } else {
            self.config.partial
        };
        selector.enable(self.region, self.first + row)
    }
}

const _: () = assert!(COLUMNS == WIDTH + 1);
