//! A halo2-base circuit with the Poseidon chip and the range chip in the rows below its gates.
//!
//! The constraint system is the same for all programs: four advice columns, no lookup, one instance
//! column. Only the number of rows and the contents of the fixed columns vary:
//!
//! | fixed column | what |
//! | --- | --- |
//! | 1 | constants, and the first round constants of the Poseidon chip below them; with equality |
//! | 1 | the second round constants |
//! | 1 | tag that selects the Poseidon chip's gates |
//! | 4 | selectors of the basic gate, one an advice column |
//! | 1 | selector of the range chip |
//!
//! No fixed column is zero everywhere, however small the circuit: such a column is committed to by the
//! point at infinity, and a circuit that verifies proofs of this one has no encoding for it.

use std::sync::PoisonError;

use halo2_base::AssignedValue;
use halo2_base::gates::circuit::builder::BaseCircuitBuilder;
use halo2_base::gates::circuit::{BaseConfig, CircuitBuilderStage};
use halo2_base::gates::flex_gate::{BasicGateConfig, MultiPhaseThreadBreakPoints};
use halo2_base::halo2_proofs::circuit::{Layouter, Region, SimpleFloorPlanner, Value};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Circuit, ConstraintSystem, Error};
use halo2_base::virtual_region::manager::VirtualRegionManager;

use laminate_model::public::ACCUMULATOR_LIMBS;

use super::params::{CircuitParams, Demand, UNUSABLE_ROWS};
use crate::chips::poseidon::{PoseidonChip, PoseidonConfig};
use crate::chips::range::{RangeChip, RangeConfig};

/// Degree of the constraint system: both chips have gates of degree 5. The quotient fits the domain of
/// 4·2^k points as it would with 4, and the permutation takes three columns a product instead of two.
pub const DEGREE: usize = 5;
/// Rows of a basic gate.
const GATE_ROWS: usize = 4;

/// Columns and gates.
#[derive(Clone, Debug)]
pub struct Config {
    base: BaseConfig<Fr>,
    poseidon: PoseidonConfig,
    range: RangeConfig,
    params: CircuitParams,
}

/// Virtual regions of a circuit under construction. The verifier runs in one thread of the base
/// builder, so the layout depends on the program only.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Basic gates, copies and instances.
    pub base: BaseCircuitBuilder<Fr>,
    /// Permutations.
    pub poseidon: PoseidonChip,
    /// Range checks.
    pub range: RangeChip,
    params: CircuitParams,
    pub(super) exposed: Vec<AssignedValue<Fr>>,
}

impl Builder {
    /// An empty circuit for `stage`.
    pub fn new(stage: CircuitBuilderStage) -> Self {
        let base = BaseCircuitBuilder::from_stage(stage).use_instance_columns(1);
        let copies = &base.core().copy_manager;
        let witness_only = stage.witness_gen_only();
        Self {
            poseidon: PoseidonChip::new(witness_only, copies.clone()),
            range: RangeChip::new(witness_only, copies.clone()),
            base,
            params: CircuitParams::default(),
            exposed: vec![],
        }
    }

    /// Counts what the circuit needs. Constants are counted outside witness generation only.
    pub fn demand(&self) -> Demand {
        let statistics = self.base.statistics();
        Demand {
            cells: statistics.gate.total_advice_per_phase.iter().sum(),
            constants: statistics.gate.total_fixed,
            poseidon_rows: self.poseidon.rows(),
            range_rows: self.range.rows(),
        }
    }

    /// Fixes the shape.
    pub fn set_params(&mut self, params: CircuitParams) {
        self.base.set_params(params.base());
        self.params = params;
    }

    /// Where the base gates change columns; known after key generation.
    pub fn break_points(&self) -> MultiPhaseThreadBreakPoints {
        self.base.break_points()
    }

    /// Binds the instances behind the accumulator limbs to cells; the limbs stay free.
    pub fn expose(&mut self, cells: Vec<AssignedValue<Fr>>) {
        self.exposed = cells;
    }

    /// Values of those instances.
    pub fn exposed(&self) -> Vec<Fr> {
        self.exposed.iter().map(|cell| *cell.value()).collect()
    }
}

impl Builder {
    fn constrain_instances(
        &self,
        config: &Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let column = config.base.instance.first().ok_or(Error::Synthesis)?;
        if self.base.witness_gen_only() {
            return Ok(());
        }
        let copies = &self.base.core().copy_manager;
        let copies = copies.lock().unwrap_or_else(PoisonError::into_inner);
        for (i, exposed) in self.exposed.iter().enumerate() {
            let cell = exposed.cell.ok_or(Error::Synthesis)?;
            let cell = copies.assigned_advices.get(&cell).ok_or(Error::Synthesis)?;
            layouter.constrain_instance(*cell, *column, ACCUMULATOR_LIMBS + i);
        }
        Ok(())
    }
}

/// A gate `0 + 0·0 = 0` in each of the columns that the verifier does not reach.
fn fill(columns: &[BasicGateConfig<Fr>], region: &mut Region<'_, Fr>) -> Result<(), Error> {
    for column in columns {
        column.q_enable.enable(region, 0)?;
        for row in 0..GATE_ROWS {
            region.assign_advice(column.value, row, Value::known(Fr::zero()));
        }
    }
    Ok(())
}

impl Circuit<Fr> for Builder {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = CircuitParams;

    fn params(&self) -> CircuitParams {
        self.params
    }

    /// halo2-axiom's keygen and prover never call this; the builder's stage decides about witnesses.
    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    #[expect(
        clippy::panic,
        reason = "halo2's trait has no error here; shapes are checked before"
    )]
    fn configure_with_params(
        meta: &mut ConstraintSystem<Fr>,
        params: CircuitParams,
    ) -> Self::Config {
        let mut base = BaseConfig::configure(meta, params.base());
        let poseidon = PoseidonConfig::configure(meta, &base);
        let (Some(poseidon), Some(range)) = (poseidon, RangeConfig::configure(meta, &base)) else {
            panic!("{params:?} has no room for the chips");
        };
        meta.set_minimum_degree(DEGREE);
        assert_eq!(
            meta.minimum_rows(),
            UNUSABLE_ROWS,
            "rotations in use have changed"
        );
        base.set_usable_rows(params.base_rows());
        Config {
            base,
            poseidon,
            range,
            params,
        }
    }

    #[expect(
        clippy::panic,
        reason = "halo2's trait asks for it, the crate has circuit-params on"
    )]
    fn configure(_: &mut ConstraintSystem<Fr>) -> Self::Config {
        panic!("the circuit has parameters");
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let gate = config.base.gate();
        let params = config.params;
        let witness_only = self.base.witness_gen_only();
        let demand = self.demand();
        let lookups = self.base.lookup_manager().iter().map(|l| l.total_rows());
        if demand.constants > gate.max_rows * gate.constants.len()
            || demand.poseidon_rows > params.poseidon_rows
            || demand.range_rows > params.range_rows
            || lookups.sum::<usize>() > 0
        {
            return Err(Error::Synthesis);
        }
        let below = gate.max_rows + params.poseidon_rows;
        layouter.assign_region(
            || "verifier",
            |mut region| {
                let columns = gate.basic_gates.first().cloned().unwrap_or_default();
                for phase in self.base.core().phase_manager.iter().take(1) {
                    phase.assign_raw(&(columns.clone(), gate.max_rows), &mut region);
                }
                if !witness_only {
                    let used: usize = self.break_points().iter().map(|b| b.len() + 1).sum();
                    fill(columns.get(used..).unwrap_or_default(), &mut region)?;
                }
                self.poseidon
                    .assign_raw(&config.poseidon, gate.max_rows, &mut region);
                self.range.assign_raw(&config.range, below, &mut region)?;
                if !witness_only {
                    self.base
                        .core()
                        .copy_manager
                        .assign_raw(config.base.constants(), &mut region);
                }
                Ok(())
            },
        )?;
        self.constrain_instances(&config, layouter.namespace(|| "expose"))
    }
}
