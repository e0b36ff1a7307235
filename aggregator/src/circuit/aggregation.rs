//! The circuit that runs the verifier of folded proofs.

use std::cell::RefCell;

use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::gates::flex_gate::MultiPhaseThreadBreakPoints;
use halo2_base::halo2_proofs::circuit::{Layouter, SimpleFloorPlanner};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Circuit, ConstraintSystem, Error, Selector};
use laminate_protocol::fold::FoldMode;
use laminate_protocol::proof::NativeProof;
use laminate_protocol::statement::{ACCUMULATOR_LIMBS, Statement};
use laminate_protocol::verify::{Accumulator, Verifier};
use snark_verifier_sdk::CircuitExt;

use super::builder::{Builder, Config};
use super::params::{ADVICE_COLUMNS, CircuitParams};
use super::shape::placeholder;
use crate::backend::{CellReport, CircuitBackend};
use crate::error::AggregationError;

/// Shape and column changes of a program's circuit; derived from the program alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pinning {
    /// Columns and rows.
    pub params: CircuitParams,
    /// Rows at which the base gates change columns.
    pub break_points: MultiPhaseThreadBreakPoints,
}

impl Pinning {
    /// Refuses shapes that key generation cannot have made, before they reach halo2.
    ///
    /// # Errors
    /// [`AggregationError::Params`].
    pub fn check(&self) -> Result<(), AggregationError> {
        self.params.check()?;
        let params = self.params;
        let fits = match self.break_points.as_slice() {
            [points] => {
                points.len() < ADVICE_COLUMNS && points.iter().all(|row| *row < params.base_rows())
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(AggregationError::Params { params })
        }
    }
}

/// The circuit for one statement and proof.
#[derive(Clone, Debug)]
pub struct AggregationCircuit {
    builder: Builder,
}

impl AggregationCircuit {
    /// The circuit for key generation, from a proof without meaning.
    ///
    /// # Errors
    /// [`AggregationError::Verifier`] if the program cannot be verified in a circuit,
    /// [`AggregationError::TooLarge`] if no allowed shape holds it.
    pub fn keygen(verifier: &Verifier, mode: FoldMode) -> Result<Self, AggregationError> {
        let (statement, proof) = placeholder(verifier, mode);
        let stage = CircuitBuilderStage::Keygen;
        let (mut builder, _) = assign(verifier, &statement, &proof, stage)?;
        let params = CircuitParams::choose(&builder.demand())?;
        builder.set_params(params);
        Ok(Self { builder })
    }

    /// What the circuit of a program costs, by part, without proof or keys; and its shape, if one
    /// holds it.
    ///
    /// # Errors
    /// [`AggregationError::Verifier`] if the program cannot be verified in a circuit.
    pub fn cost(
        verifier: &Verifier,
        mode: FoldMode,
    ) -> Result<(CellReport, Result<CircuitParams, AggregationError>), AggregationError> {
        let (statement, proof) = placeholder(verifier, mode);
        let stage = CircuitBuilderStage::Mock;
        let (builder, report) = assign(verifier, &statement, &proof, stage)?;
        Ok((report, CircuitParams::choose(&builder.demand())))
    }

    /// The circuit with all constraints, for the mock prover, and what it costs by part.
    ///
    /// # Errors
    /// As [`AggregationCircuit::prover`].
    pub fn mock(
        verifier: &Verifier,
        params: CircuitParams,
        statement: &Statement<Fr>,
        proof: &NativeProof,
    ) -> Result<(Self, CellReport), AggregationError> {
        params.check()?;
        let stage = CircuitBuilderStage::Mock;
        let (mut builder, report) = assign(verifier, statement, proof, stage)?;
        builder.set_params(params);
        Ok((Self { builder }, report))
    }

    /// The circuit for a real proof, witnesses only.
    ///
    /// # Errors
    /// [`AggregationError::Verifier`] if the proof has another shape than the program, or the
    /// identity among its points. A proof that does not verify gives an unsatisfied circuit.
    pub fn prover(
        verifier: &Verifier,
        pinning: &Pinning,
        statement: &Statement<Fr>,
        proof: &NativeProof,
    ) -> Result<Self, AggregationError> {
        pinning.check()?;
        let params = pinning.params;
        let stage = CircuitBuilderStage::Prover;
        let (mut builder, _) = assign(verifier, statement, proof, stage)?;
        builder.set_params(params);
        builder.base.set_break_points(pinning.break_points.clone());
        Ok(Self { builder })
    }

    /// Shape and break points; call it after key generation has laid the circuit out.
    pub fn pinning(&self) -> Pinning {
        Pinning {
            params: self.builder.params(),
            break_points: self.builder.break_points(),
        }
    }

    /// log2 of the number of rows.
    pub fn k(&self) -> u32 {
        self.builder.params().k as u32
    }
}

/// Runs the verifier on cells and exposes accumulator and statement.
pub(super) fn assign(
    verifier: &Verifier,
    statement: &Statement<Fr>,
    proof: &NativeProof,
    stage: CircuitBuilderStage,
) -> Result<(Builder, CellReport), AggregationError> {
    let mut builder = Builder::new(stage);
    let mut backend = CircuitBackend::new(&mut builder);
    let loaded = Statement {
        program_digest: backend.load(statement.program_digest),
        weight_commitment: backend.load(statement.weight_commitment),
        input_commitment: backend.load(statement.input_commitment),
        boundary_in: statement.boundary_in.map(|b| backend.load(b)),
        boundary_out: statement.boundary_out.map(|b| backend.load(b)),
        output_words: statement
            .output_words
            .iter()
            .map(|w| backend.load(*w))
            .collect(),
    };
    let cell = RefCell::new(&mut backend);
    let witness = proof.try_map(
        &mut |scalar| Ok(cell.borrow_mut().load(*scalar)),
        &mut |point| cell.borrow_mut().load_point(point),
    )?;
    let (accumulator, _) = verifier.verify(&mut backend, &loaded, &witness)?;
    let mut instances = vec![];
    for point in pairing_order(accumulator) {
        instances.extend(backend.limbs(&point).concat());
    }
    for scalar in loaded.instances() {
        instances.push(backend.assigned(&scalar));
    }
    let report = backend.finish();
    builder.base.assigned_instances = vec![instances];
    Ok((builder, report))
}

/// The accumulator in snark-verifier's order `[lhs, rhs]` with `e(lhs, [1]_2) = e(rhs, [τ]_2)`; the
/// protocol's is `e(left, [τ]_2) = e(right, [1]_2)`, so `lhs = right` and `rhs = left`.
pub fn pairing_order<P>(accumulator: Accumulator<P>) -> [P; 2] {
    [accumulator.right, accumulator.left]
}

impl Circuit<Fr> for AggregationCircuit {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitParams;

    fn params(&self) -> CircuitParams {
        self.builder.params()
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, params: CircuitParams) -> Config {
        Builder::configure_with_params(meta, params)
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        Builder::configure(meta)
    }

    fn synthesize(&self, config: Config, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        self.builder.synthesize(config, layouter)
    }
}

impl CircuitExt<Fr> for AggregationCircuit {
    fn num_instance(&self) -> Vec<usize> {
        vec![self.builder.instances().len()]
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        vec![self.builder.instances()]
    }

    fn accumulator_indices() -> Option<Vec<(usize, usize)>> {
        Some((0..ACCUMULATOR_LIMBS).map(|i| (0, i)).collect())
    }

    fn selectors(_: &Config) -> Vec<Selector> {
        vec![]
    }
}
