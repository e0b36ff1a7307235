//! The circuit that runs the verifier of folded proofs. Group operations are left to whoever verifies
//! the aggregation proof; see `laminate_model::public`.

use std::cell::RefCell;

use halo2_base::AssignedValue;
use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::gates::flex_gate::MultiPhaseThreadBreakPoints;
use halo2_base::halo2_proofs::circuit::{Layouter, SimpleFloorPlanner};
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::plonk::{Circuit, ConstraintSystem, Error, Selector};
use laminate_engine::backend::{Backend, Part};
use laminate_engine::deferred::Deferred;
use laminate_engine::fold::FoldMode;
use laminate_model::proof::NativeProof;
use laminate_model::public::{self, ACCUMULATOR_LIMBS, PublicValues};
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use snark_verifier_sdk::CircuitExt;

use super::builder::{Builder, Config};
use super::params::{ADVICE_COLUMNS, CircuitParams};
use super::shape::placeholder;
use crate::backend::{CellReport, CircuitBackend, Point, Scalar};
use crate::error::AggregationError;
use crate::evm::accumulator_limbs;

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
    public: PublicValues<Fr, G1Affine>,
    openings: usize,
}

impl AggregationCircuit {
    /// The circuit for key generation, from a proof without meaning.
    ///
    /// # Errors
    /// [`AggregationError::Verifier`] if the program cannot be verified in a circuit,
    /// [`AggregationError::TooLarge`] if no allowed shape holds it.
    pub fn keygen(verifier: &Verifier, mode: FoldMode) -> Result<Self, AggregationError> {
        let (statement, proof) = placeholder(verifier, mode)?;
        let made = assign(verifier, &statement, &proof, CircuitBuilderStage::Keygen)?;
        let params = CircuitParams::choose(&made.builder.demand())?;
        Ok(made.circuit(params).0)
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
        let (statement, proof) = placeholder(verifier, mode)?;
        let stage = CircuitBuilderStage::Mock;
        let made = assign(verifier, &statement, &proof, stage)?;
        let params = CircuitParams::choose(&made.builder.demand());
        Ok((made.report, params))
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
        let made = assign(verifier, statement, proof, stage)?;
        Ok(made.circuit(params))
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
        let stage = CircuitBuilderStage::Prover;
        let made = assign(verifier, statement, proof, stage)?;
        Ok(made.pinned(pinning))
    }

    /// Shape and break points; call it after key generation has laid the circuit out.
    pub fn pinning(&self) -> Pinning {
        Pinning {
            params: self.builder.params(),
            break_points: self.builder.break_points(),
        }
    }

    /// What the proof will make public.
    pub fn public(&self) -> &PublicValues<Fr, G1Affine> {
        &self.public
    }

    /// Openings of the folded proof; the points of several are not hidden.
    pub fn openings(&self) -> usize {
        self.openings
    }

    /// log2 of the number of rows.
    pub fn k(&self) -> u32 {
        self.builder.params().k as u32
    }
}

/// The verifier laid out in a circuit.
pub(super) struct Made {
    /// The circuit.
    pub builder: Builder,
    /// Values of what it makes public.
    pub public: PublicValues<Fr, G1Affine>,
    /// What it costs.
    pub report: CellReport,
    /// Openings of the folded proof.
    pub openings: usize,
}

impl Made {
    /// The circuit with the shape of its keys.
    pub(super) fn pinned(self, pinning: &Pinning) -> AggregationCircuit {
        let (mut circuit, _) = self.circuit(pinning.params);
        let break_points = pinning.break_points.clone();
        circuit.builder.base.set_break_points(break_points);
        circuit
    }

    pub(super) fn circuit(mut self, params: CircuitParams) -> (AggregationCircuit, CellReport) {
        self.builder.set_params(params);
        let circuit = AggregationCircuit {
            builder: self.builder,
            public: self.public,
            openings: self.openings,
        };
        (circuit, self.report)
    }
}

/// Runs the verifier on cells and exposes its public values by digest and evaluation.
pub(super) fn assign(
    verifier: &Verifier,
    statement: &Statement<Fr>,
    proof: &NativeProof,
    stage: CircuitBuilderStage,
) -> Result<Made, AggregationError> {
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
    let (deferred, _) = verifier.verify(&mut backend, &loaded, &witness)?;
    backend.enter(Part::Opening);
    let public = PublicValues::new(&verifier.program, &loaded, deferred);
    let made = expose(backend, &public);
    Ok(made.of(builder, proof.openings.len()))
}

/// Instances in their cells, and what the run costs.
pub(super) struct Exposed {
    cells: Vec<AssignedValue<Fr>>,
    public: PublicValues<Fr, G1Affine>,
    report: CellReport,
}

impl Exposed {
    /// The circuit.
    pub(super) fn of(self, mut builder: Builder, openings: usize) -> Made {
        builder.expose(self.cells);
        Made {
            builder,
            public: self.public,
            report: self.report,
            openings,
        }
    }
}

/// Ends a run with digest, challenge and evaluation of its public values.
pub(super) fn expose(
    mut backend: CircuitBackend<'_>,
    public: &PublicValues<Scalar, Point>,
) -> Exposed {
    let values = public.values(&mut backend);
    let digest = public::digest(&mut backend, &values);
    let known: Vec<Fr> = values.iter().map(Scalar::value).collect();
    let omega = backend.load(public::challenge(&digest.value(), &known));
    let evaluation = public::evaluate(&mut backend, &omega, &values);
    let cells = [digest, omega, evaluation].map(|scalar| backend.assigned(&scalar));
    Exposed {
        cells: cells.to_vec(),
        public: values_of(public),
        report: backend.finish(),
    }
}

/// The values in their cells.
fn values_of(public: &PublicValues<Scalar, Point>) -> PublicValues<Fr, G1Affine> {
    let deferred = &public.deferred;
    let terms = deferred.terms.iter();
    PublicValues {
        outputs: public.outputs,
        statement: public.statement.iter().map(Scalar::value).collect(),
        deferred: Deferred {
            terms: terms.map(|(s, p)| (s.value(), p.value())).collect(),
            generator: deferred.generator.value(),
            left: deferred.left.iter().map(Scalar::value).collect(),
        },
    }
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
        vec![public::INSTANCES]
    }

    fn instances(&self) -> Vec<Vec<Fr>> {
        // The circuit leaves the limbs free. A proof that gives no accumulator is not accepted with
        // any; it only has to have some here.
        let limbs = self.public.deferred.accumulator();
        let limbs = limbs.map_or([Fr::zero(); ACCUMULATOR_LIMBS], |a| accumulator_limbs(&a));
        vec![[limbs.to_vec(), self.builder.exposed()].concat()]
    }

    fn accumulator_indices() -> Option<Vec<(usize, usize)>> {
        Some((0..ACCUMULATOR_LIMBS).map(|i| (0, i)).collect())
    }

    fn selectors(_: &Config) -> Vec<Selector> {
        vec![]
    }
}
