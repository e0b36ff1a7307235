//! The circuit of a join: the same gates and instances as that of a model.

use std::cell::RefCell;

use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};

use super::aggregation::{AggregationCircuit, Made, Pinning, expose};
use super::builder::Builder;
use super::params::CircuitParams;
use crate::backend::{CellReport, CircuitBackend};
use crate::error::AggregationError;
use crate::join::witness::JoinWitness;
use crate::join::{Join, JoinError};

impl AggregationCircuit {
    /// The join's circuit for key generation, from a witness without meaning.
    ///
    /// # Errors
    /// [`AggregationError::TooLarge`] if no allowed shape holds it.
    pub fn keygen_join(join: &Join) -> Result<Self, AggregationError> {
        let witness = JoinWitness::placeholder(&join.plan, &join.template, &join.multiexp);
        let made = assign(join, &witness, CircuitBuilderStage::Keygen)?;
        let params = CircuitParams::choose(&made.builder.demand())?;
        Ok(made.circuit(params).0)
    }

    /// The join's circuit for a real witness.
    ///
    /// # Errors
    /// [`AggregationError::Join`] if the witness has another shape. One that does not verify gives an unsatisfied
    /// circuit.
    pub fn prover_join(
        join: &Join,
        pinning: &Pinning,
        witness: &JoinWitness<Fr, G1Affine>,
    ) -> Result<Self, AggregationError> {
        pinning.check()?;
        let made = assign(join, witness, CircuitBuilderStage::Prover)?;
        Ok(made.pinned(pinning))
    }

    /// The join's circuit with all constraints, for the mock prover, and what it costs by part.
    ///
    /// # Errors
    /// As [`AggregationCircuit::prover_join`].
    pub fn mock_join(
        join: &Join,
        params: CircuitParams,
        witness: &JoinWitness<Fr, G1Affine>,
    ) -> Result<(Self, CellReport), AggregationError> {
        params.check()?;
        let made = assign(join, witness, CircuitBuilderStage::Mock)?;
        Ok(made.circuit(params))
    }
}

/// Runs the join's verifier on cells.
fn assign(
    join: &Join,
    witness: &JoinWitness<Fr, G1Affine>,
    stage: CircuitBuilderStage,
) -> Result<Made, JoinError> {
    let mut builder = Builder::new(stage);
    let mut backend = CircuitBackend::new(&mut builder);
    let cell = RefCell::new(&mut backend);
    let loaded: Result<_, JoinError> = witness.try_map(
        &mut |scalar| Ok(cell.borrow_mut().load(*scalar)),
        &mut |point| {
            let point = cell.borrow_mut().load_point(point);
            point.map_err(JoinError::from)
        },
    );
    let public = join.verify(&mut backend, &loaded?)?;
    let exposed = expose(backend, &public);
    Ok(exposed.of(builder, 1))
}
