//! The verifier's arithmetic on circuit cells.
//!
//! Constants fold, and an operation whose operands were met before is not assigned again: prefixes of
//! equality polynomials and powers of challenges recur in many claims.

use std::collections::BTreeMap;
use std::collections::HashMap;

use halo2_base::gates::{GateInstructions, RangeChip, RangeInstructions};
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_base::{AssignedValue, Context, QuantumCell};
use laminate_protocol::backend::{Backend, LIMB_BITS, Part};
use laminate_protocol::error::{Check, VerifyError};
use laminate_protocol::field::pow2;
use laminate_protocol::transcript::poseidon::WIDTH;
use serde::{Deserialize, Serialize};

use crate::chips::curve::library::{self, LibraryCurve};
use crate::chips::poseidon::{self, Input};
use crate::circuit::Builder;

/// A cell, numbered in the order of creation so that equal operations are recognised in every stage.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    assigned: AssignedValue<Fr>,
    id: u32,
}

/// An element of `Fr`: known to the verifier, or a cell.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// A constant of the circuit.
    Constant(Fr),
    /// A cell.
    Cell(Cell),
}

impl Scalar {
    /// The value it has in this witness.
    pub fn value(&self) -> Fr {
        match self {
            Self::Constant(value) => *value,
            Self::Cell(cell) => *cell.assigned.value(),
        }
    }

    fn quantum(&self) -> QuantumCell<Fr> {
        match self {
            Self::Constant(value) => QuantumCell::Constant(*value),
            Self::Cell(cell) => QuantumCell::Existing(cell.assigned),
        }
    }

    fn key(&self) -> Key {
        match self {
            Self::Constant(value) => Key::Constant(value.to_repr()),
            Self::Cell(cell) => Key::Cell(cell.id),
        }
    }

    fn constant(&self) -> Option<Fr> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Cell(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key {
    Constant([u8; 32]),
    Cell(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Operation {
    MulAdd(Key, Key, Key),
    Linear([u8; 32], Vec<([u8; 32], u32)>),
    Invert(u32),
}

/// What one part of the verifier costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCost {
    /// Cells of basic gates.
    pub cells: usize,
    /// Range lookups.
    pub lookups: usize,
    /// Rows of the Poseidon chip.
    pub poseidon_rows: usize,
}

/// Costs by part, in the order of [`Part`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellReport {
    /// Costs.
    pub parts: BTreeMap<Part, PartCost>,
}

impl CellReport {
    /// The sum over all parts.
    pub fn total(&self) -> PartCost {
        self.parts.values().fold(PartCost::default(), |a, b| PartCost {
            cells: a.cells + b.cells,
            lookups: a.lookups + b.lookups,
            poseidon_rows: a.poseidon_rows + b.poseidon_rows,
        })
    }
}

impl std::fmt::Display for CellReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:<10} {:>9} {:>9} {:>13}", "part", "cells", "lookups", "poseidon rows")?;
        let mut line = |name: &str, c: &PartCost| {
            writeln!(f, "{name:<10} {:>9} {:>9} {:>13}", c.cells, c.lookups, c.poseidon_rows)
        };
        for (part, cost) in &self.parts {
            line(&format!("{part:?}"), cost)?;
        }
        line("total", &self.total())
    }
}

/// The backend. Borrow it from a [`Builder`] for one run of the verifier.
pub struct CircuitBackend<'a> {
    builder: &'a mut Builder,
    range: RangeChip<Fr>,
    curve: LibraryCurve,
    memo: HashMap<Operation, Cell>,
    next_id: u32,
    part: Part,
    entered: PartCost,
    report: CellReport,
}

impl<'a> CircuitBackend<'a> {
    /// A backend that appends to `builder`.
    pub fn new(builder: &'a mut Builder) -> Self {
        let range = builder.base.range_chip();
        let curve = LibraryCurve::new(range.clone());
        let mut backend = Self {
            builder,
            range,
            curve,
            memo: HashMap::new(),
            next_id: 0,
            part: Part::Witness,
            entered: PartCost::default(),
            report: CellReport::default(),
        };
        backend.entered = backend.count();
        backend
    }

    /// Ends the run; costs by part.
    pub fn finish(mut self) -> CellReport {
        self.enter(Part::Witness);
        self.report
    }

    /// Loads a witness.
    pub fn load(&mut self, value: Fr) -> Scalar {
        let assigned = self.ctx().load_witness(value);
        Scalar::Cell(self.cell(assigned))
    }

    /// Loads a point; see [`LibraryCurve::load`].
    ///
    /// # Errors
    /// [`VerifyError::Degenerate`] for the identity, of which no circuit can be made.
    pub fn load_point(&mut self, point: &G1Affine) -> Result<library::Point, VerifyError> {
        if bool::from(point.is_identity()) {
            return Err(VerifyError::Degenerate { what: "commitment" });
        }
        let curve = self.curve.clone();
        Ok(curve.load(self.ctx(), point))
    }

    /// The cell of a scalar; constants get one.
    pub fn assigned(&mut self, scalar: &Scalar) -> AssignedValue<Fr> {
        match scalar {
            Scalar::Constant(value) => self.ctx().load_constant(*value),
            Scalar::Cell(cell) => cell.assigned,
        }
    }

    fn ctx(&mut self) -> &mut Context<Fr> {
        self.builder.base.main(0)
    }

    fn cell(&mut self, assigned: AssignedValue<Fr>) -> Cell {
        self.next_id += 1;
        Cell { assigned, id: self.next_id }
    }

    fn count(&self) -> PartCost {
        let statistics = self.builder.base.statistics_fast();
        PartCost {
            cells: statistics.0,
            lookups: statistics.1,
            poseidon_rows: self.builder.poseidon.rows(),
        }
    }

    fn remember(
        &mut self,
        operation: Operation,
        assign: impl FnOnce(&mut Self) -> AssignedValue<Fr>,
    ) -> Scalar {
        if let Some(cell) = self.memo.get(&operation) {
            return Scalar::Cell(*cell);
        }
        let assigned = assign(self);
        let cell = self.cell(assigned);
        self.memo.insert(operation, cell);
        Scalar::Cell(cell)
    }
}
