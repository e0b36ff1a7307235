//! Recording of permutations while the circuit is built, and their assignment.
//!
//! A permutation is virtual: [`PoseidonChip::permute`] computes the outputs and returns cells tagged
//! with [`TYPE_ID`]; [`PoseidonChip::assign_raw`] places the rows, maps those tags to physical cells and
//! leaves the equality of inputs to halo2-base's copy constraint manager.

use halo2_base::AssignedValue;
use halo2_base::ContextCell;
use halo2_base::halo2_proofs::circuit::{Cell, Region, Value};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Assigned, Column, Fixed};
use halo2_base::utils::halo2::{raw_assign_advice, raw_assign_fixed};
use halo2_base::virtual_region::copy_constraints::SharedCopyConstraintManager;
use laminate_engine::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};
use std::sync::PoisonError;

use super::config::PoseidonConfig;
use super::constants::{apply, gate_constants};
use super::{ROWS, tags};

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
    /// `(round, word)` of the first permutation whose state is increased by one before that round.
    #[cfg(test)]
    pub(super) forged: Option<(usize, usize)>,
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
            #[cfg(test)]
            forged: None,
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
        laminate_engine::transcript::poseidon::permute(&mut output);
        std::array::from_fn(|word| AssignedValue {
            value: Assigned::Trivial(output[word]),
            cell: (!self.witness_gen_only).then_some(ContextCell::new(
                TYPE_ID,
                index,
                WIDTH + word,
            )),
        })
    }

    /// Assigns all permutations from row `first` on. Must run before the copy constraint manager, which
    /// looks inputs and outputs up.
    pub fn assign_raw(&self, config: &PoseidonConfig, first: usize, region: &mut Region<'_, Fr>) {
        let mut rows = Rows {
            chip: self,
            config,
            region,
            first,
            row: 0,
        };
        for (index, state) in self.states.iter().enumerate() {
            rows.row = index * ROWS;
            rows.permutation(index, *state);
        }
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
    fn permutation(&mut self, index: usize, mut state: [Fr; WIDTH]) {
        // The tag of a row stands one row below it.
        for (row, tag) in tags().into_iter().enumerate().filter(|(_, tag)| *tag != 0) {
            self.fixed(self.row + row + 1, self.config.tag, Fr::from(tag));
        }
        for round in 0..FULL_ROUNDS / 2 {
            let inputs = (round == 0).then_some((index, 0));
            state = self.full_round(round, state, inputs);
        }
        state = self.partial_rounds(state);
        for round in FULL_ROUNDS / 2 + PARTIAL_ROUNDS..FULL_ROUNDS + PARTIAL_ROUNDS {
            state = self.full_round(round, state, None);
        }
        for (i, word) in state.into_iter().enumerate() {
            let cell = self.advice(self.row, i, word);
            self.place((index, WIDTH + i), cell);
        }
    }

    /// Two rows; the state after them.
    fn full_round(
        &mut self,
        round: usize,
        state: [Fr; WIDTH],
        inputs: Option<(usize, usize)>,
    ) -> [Fr; WIDTH] {
        let state = self.forged(round, state);
        let constants = gate_constants().round[round];
        let mut sbox = state;
        for (i, word) in state.into_iter().enumerate() {
            let row = self.row + i / 2;
            let (cell, output) = self.word(row, i % 2, word, constants[i]);
            if let Some((index, offset)) = inputs {
                self.place((index, offset + i), cell);
            }
            self.fixed(row, self.config.constants[i % 2], constants[i]);
            sbox[i] = output;
        }
        self.row += 2;
        apply(&gate_constants().mds, &sbox)
    }

    /// Two rounds a row; the state after all, without the constant of the exit.
    fn partial_rounds(&mut self, mut state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        let constants = gate_constants();
        for i in 0..PARTIAL_ROUNDS {
            let round = FULL_ROUNDS / 2 + i;
            state = self.forged(round, state);
            let (row, slot) = (self.row + i / 2, i % 2);
            let word = state[0] + constants.round[round][0];
            (_, state[0]) = self.word(row, slot, word, Fr::zero());
            state = apply(&constants.mds, &state);
            if let Some(step) = constants.recurrence.steps.get(i) {
                self.fixed(row, self.config.constants[slot], *step);
            }
        }
        self.row += PARTIAL_ROUNDS / 2;
        let constant = &constants.recurrence.exit.constant;
        std::array::from_fn(|i| state[i] - constant[i])
    }

    #[cfg(not(test))]
    fn forged(&self, _: usize, state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        state
    }

    #[cfg(test)]
    fn forged(&self, round: usize, mut state: [Fr; WIDTH]) -> [Fr; WIDTH] {
        if let Some((_, word)) = self.chip.forged.filter(|(at, _)| *at == round) {
            state[word] += Fr::one();
        }
        state
    }

    /// Assigns a word and its square; the word's cell and its S-box output.
    fn word(&mut self, row: usize, slot: usize, word: Fr, constant: Fr) -> (Cell, Fr) {
        let x = word + constant;
        let square = x.square();
        let cell = self.advice(row, 2 * slot, word);
        self.advice(row, 2 * slot + 1, square);
        (cell, square.square() * x)
    }

    /// Maps a virtual cell, permutation and offset, to its place.
    fn place(&mut self, (index, offset): (usize, usize), cell: Cell) {
        if !self.chip.witness_gen_only {
            let own = ContextCell::new(TYPE_ID, index, offset);
            let copies = &self.chip.copy_manager;
            copies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .assigned_advices
                .insert(own, cell);
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

    fn fixed(&mut self, row: usize, column: Column<Fixed>, value: Fr) {
        if !self.chip.witness_gen_only {
            raw_assign_fixed(self.region, column, self.first + row, value);
        }
    }
}
