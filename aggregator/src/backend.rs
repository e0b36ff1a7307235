//! The verifier's arithmetic on circuit cells.
//!
//! Constants fold, and an operation whose operands were met before is not assigned again: prefixes of
//! equality polynomials and powers of challenges recur in many claims.

use std::collections::BTreeMap;
use std::collections::HashMap;

use halo2_base::gates::{GateChip, GateInstructions};
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_base::{AssignedValue, Context, QuantumCell};
use laminate_engine::backend::{Backend, Native, Part, point_scalars};
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::transcript::poseidon::WIDTH;

use crate::chips::poseidon::Input;
use crate::circuit::Builder;
pub use crate::report::{CellReport, PartCost};

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

/// A point, by its transcript encoding. Nothing shows that the three scalars encode a point: they are
/// public values, and whoever verifies the aggregation proof encodes them from points itself.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    value: G1Affine,
    encoding: [Scalar; 3],
}

impl Point {
    /// The value it has in this witness.
    pub fn value(&self) -> G1Affine {
        self.value
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

/// The backend. Borrow it from a [`Builder`] for one run of the verifier.
pub struct CircuitBackend<'a> {
    builder: &'a mut Builder,
    gate: GateChip<Fr>,
    memo: HashMap<Operation, Cell>,
    next_id: u32,
    part: Part,
    entered: PartCost,
    report: CellReport,
}

impl<'a> CircuitBackend<'a> {
    /// A backend that appends to `builder`.
    pub fn new(builder: &'a mut Builder) -> Self {
        let gate = GateChip::default();
        let mut backend = Self {
            builder,
            gate,
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

    /// Loads the encoding of a point.
    ///
    /// # Errors
    /// [`VerifyError::Degenerate`] for the identity, which has none.
    pub fn load_point(&mut self, point: &G1Affine) -> Result<Point, VerifyError> {
        if bool::from(point.is_identity()) {
            return Err(VerifyError::Degenerate { what: "commitment" });
        }
        Ok(Point {
            value: *point,
            encoding: point_scalars(point).map(|scalar| self.load(scalar)),
        })
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
        Cell {
            assigned,
            id: self.number(),
        }
    }

    fn number(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    fn count(&self) -> PartCost {
        let base = &self.builder.base;
        PartCost {
            cells: base
                .core()
                .phase_manager
                .iter()
                .map(|phase| phase.total_advice())
                .sum(),
            range_cells: self.builder.range.cells(),
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

impl Backend for CircuitBackend<'_> {
    type Scalar = Scalar;
    type Point = Point;

    fn constant(&mut self, value: Fr) -> Scalar {
        Scalar::Constant(value)
    }

    fn add(&mut self, a: &Scalar, b: &Scalar) -> Scalar {
        self.linear(Fr::ZERO, &[(Fr::ONE, *a), (Fr::ONE, *b)])
    }

    fn sub(&mut self, a: &Scalar, b: &Scalar) -> Scalar {
        self.linear(Fr::ZERO, &[(Fr::ONE, *a), (-Fr::ONE, *b)])
    }

    fn mul(&mut self, a: &Scalar, b: &Scalar) -> Scalar {
        self.mul_add(a, b, &Scalar::Constant(Fr::ZERO))
    }

    /// One gate `| c | a | b | out |` unless a factor is constant.
    fn mul_add(&mut self, a: &Scalar, b: &Scalar, c: &Scalar) -> Scalar {
        let (factor, cell) = match (a.constant(), b.constant()) {
            (Some(factor), _) => (factor, b),
            (_, Some(factor)) => (factor, a),
            (None, None) => {
                let (low, high) = if a.key() <= b.key() { (a, b) } else { (b, a) };
                let operation = Operation::MulAdd(low.key(), high.key(), c.key());
                let cells = [c.quantum(), a.quantum(), b.quantum()];
                let out = c.value() + a.value() * b.value();
                return self.remember(operation, |backend| {
                    let cells = cells.into_iter().chain([QuantumCell::Witness(out)]);
                    backend.ctx().assign_region(cells, [0]);
                    backend.ctx().get(-1)
                });
            }
        };
        self.linear(Fr::ZERO, &[(factor, *cell), (Fr::ONE, *c)])
    }

    /// `1 + 3n` cells for `n` terms, three fewer if the sum can start with a term.
    fn linear(&mut self, constant: Fr, terms: &[(Fr, Scalar)]) -> Scalar {
        let mut constant = constant;
        let mut merged: BTreeMap<u32, (Fr, Cell)> = BTreeMap::new();
        for (coefficient, term) in terms {
            match term {
                Scalar::Constant(value) => constant += coefficient * value,
                Scalar::Cell(cell) => {
                    merged.entry(cell.id).or_insert((Fr::ZERO, *cell)).0 += coefficient;
                }
            }
        }
        merged.retain(|_, (coefficient, _)| *coefficient != Fr::ZERO);
        let mut terms: Vec<(Fr, Cell)> = merged.into_values().collect();
        let plain = terms
            .iter()
            .position(|(c, _)| constant == Fr::ZERO && *c == Fr::ONE);
        match (terms.as_slice(), plain) {
            ([], _) => return Scalar::Constant(constant),
            ([(_, cell)], Some(_)) => return Scalar::Cell(*cell),
            _ => {}
        }
        let key = terms
            .iter()
            .map(|(c, cell)| (c.to_repr(), cell.id))
            .collect();
        let operation = Operation::Linear(constant.to_repr(), key);
        self.remember(operation, |backend| {
            let mut sum = constant;
            let mut cells = vec![match plain {
                None => QuantumCell::Constant(constant),
                Some(i) => {
                    let (_, cell) = terms.remove(i);
                    sum = *cell.assigned.value();
                    QuantumCell::Existing(cell.assigned)
                }
            }];
            for (coefficient, cell) in &terms {
                sum += coefficient * cell.assigned.value();
                cells.push(QuantumCell::Existing(cell.assigned));
                cells.push(QuantumCell::Constant(*coefficient));
                cells.push(QuantumCell::Witness(sum));
            }
            let gates = (0..terms.len()).map(|i| 3 * i as isize);
            backend.ctx().assign_region(cells, gates);
            backend.ctx().get(-1)
        })
    }

    /// `| 0 | a | 1/a | 1 |`: has no witness for `a = 0`.
    fn invert(&mut self, a: &Scalar, what: &'static str) -> Result<Scalar, VerifyError> {
        let inverse = Option::<Fr>::from(a.value().invert());
        match a {
            Scalar::Constant(_) => inverse
                .map(Scalar::Constant)
                .ok_or(VerifyError::Degenerate { what }),
            Scalar::Cell(cell) => Ok(self.remember(Operation::Invert(cell.id), |backend| {
                backend.ctx().assign_region(
                    [
                        QuantumCell::Constant(Fr::ZERO),
                        QuantumCell::Existing(cell.assigned),
                        QuantumCell::Witness(inverse.unwrap_or(Fr::ZERO)),
                        QuantumCell::Constant(Fr::ONE),
                    ],
                    [0],
                );
                backend.ctx().get(-2)
            })),
        }
    }

    fn assert_equal(&mut self, a: &Scalar, b: &Scalar, check: Check) -> Result<(), VerifyError> {
        match (a, b) {
            (Scalar::Constant(a), Scalar::Constant(b)) if a == b => {}
            (Scalar::Constant(_), Scalar::Constant(_)) => return Err(VerifyError::Check { check }),
            (Scalar::Cell(cell), Scalar::Constant(value))
            | (Scalar::Constant(value), Scalar::Cell(cell)) => {
                let gate = self.gate.clone();
                gate.assert_is_const(self.ctx(), &cell.assigned, value);
            }
            (Scalar::Cell(a), Scalar::Cell(b)) => {
                self.ctx().constrain_equal(&a.assigned, &b.assigned);
            }
        }
        Ok(())
    }

    fn assert_u16(&mut self, a: &Scalar, check: Check) -> Result<(), VerifyError> {
        match a {
            Scalar::Constant(value) => Native.assert_u16(value, check),
            Scalar::Cell(cell) => {
                self.builder.range.check(cell.assigned, 16);
                Ok(())
            }
        }
    }

    fn assert_u32(&mut self, a: &Scalar, check: Check) -> Result<(), VerifyError> {
        match a {
            Scalar::Constant(value) => Native.assert_u32(value, check),
            Scalar::Cell(cell) => {
                self.builder.range.check(cell.assigned, 32);
                Ok(())
            }
        }
    }

    fn bits(&mut self, a: &Scalar, count: usize, check: Check) -> Result<Vec<Scalar>, VerifyError> {
        match a {
            Scalar::Constant(value) => {
                let bits = Native.bits(value, count, check)?;
                Ok(bits.into_iter().map(Scalar::Constant).collect())
            }
            Scalar::Cell(cell) => {
                // Bits and their recomposition are constrained; 2^16 is far below the field.
                let gate = self.gate.clone();
                let bits = gate.num_to_bits(self.ctx(), cell.assigned, count);
                let bits = bits.into_iter().rev();
                Ok(bits
                    .map(|assigned| Scalar::Cell(self.cell(assigned)))
                    .collect())
            }
        }
    }

    fn permute(&mut self, state: [Scalar; WIDTH]) -> [Scalar; WIDTH] {
        if state.iter().all(|s| s.constant().is_some()) {
            let mut values = state.map(|s| s.value());
            laminate_engine::transcript::poseidon::permute(&mut values);
            return values.map(Scalar::Constant);
        }
        let inputs = state.map(|s| match s {
            Scalar::Constant(value) => Input::Constant(value),
            Scalar::Cell(cell) => Input::Cell(cell.assigned),
        });
        let outputs = self.builder.poseidon.permute(inputs);
        outputs.map(|assigned| Scalar::Cell(self.cell(assigned)))
    }

    fn encode_point(&mut self, point: &Point) -> [Scalar; 3] {
        point.encoding
    }

    fn enter(&mut self, part: Part) {
        let now = self.count();
        let cost = self.report.parts.entry(self.part).or_default();
        cost.cells += now.cells - self.entered.cells;
        cost.range_cells += now.range_cells - self.entered.range_cells;
        cost.poseidon_rows += now.poseidon_rows - self.entered.poseidon_rows;
        self.part = part;
        self.entered = now;
    }
}
