//! Measuring one compiled language model, from tokens to a folded proof that was checked.

use std::time::Instant;

use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::backend::CellReport;
use laminate_aggregator::circuit::{AggregationCircuit, CircuitParams};
use laminate_engine::fold::FoldMode;
use laminate_engine::geometry::Poly;
use laminate_model::layout::Layout;
use laminate_model::program::{Program, Weights};
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use laminate_prover::exec::{self, Generator};
use laminate_prover::prove::{self, Model};
use rand::rngs::OsRng;

use crate::cmd::setup::{commitment_k, development};
use crate::measure::{Measured, Parts, Stages, reset_peak};
use crate::output::Output;
use crate::pipeline::{FOLD_STAGE, VERIFY_STAGE, folded_bytes, stage_names};

/// What was measured, and the proof.
pub struct Proven {
    /// In order; the peak of each is its own where the system allows it.
    pub stages: Vec<Measured>,
    /// The tokens through the same blocks and head, without a record of the run.
    pub inference_seconds: f64,
    /// Trace to folded proof.
    pub prove_seconds: f64,
    /// Native check.
    pub verify_seconds: f64,
    /// Bytes of the folded proof.
    pub folded_bytes: u64,
    /// Commitment rows of weights and trace.
    pub rows: [usize; 2],
    /// log2 of both polynomials.
    pub polynomial_logs: [usize; 2],
    verifier: Verifier,
    statement: Statement<Fr>,
    proof: NativeProof,
}

/// Runs, commits, proves and verifies, on the development reference string. The weights are given up once
/// they are laid out.
///
/// # Errors
/// A value out of its range, or too little memory for the reference string.
pub fn prove(
    program: &Program,
    weights: Weights,
    tokens: &[u32],
    out: Output,
) -> eyre::Result<Proven> {
    let mut stages = Stages::default();
    let srs = development(commitment_k(program), out)?;
    let progress = out.stage("Running the model");
    reset_peak();
    let mut generator = Generator::new(program, &weights)?;
    let next = || Ok(generator.push(tokens)?);
    stages.run("inference", next, |_| None)?;
    drop(generator);
    reset_peak();
    let run = || Ok(exec::run_tokens(program, &weights, tokens)?);
    let trace = stages.run("run with its trace", run, |_| None)?;
    reset_peak();
    let layout = || Ok(Model::new(program.clone(), &weights)?);
    let model = stages.run("lay out weights", layout, |_| None)?;
    drop(weights);
    progress.rename("Committing to the weights");
    reset_peak();
    let commit = || Ok(model.commit(srs.powers(), &mut OsRng)?);
    let secret = stages.run("commit weights", commit, |_| None)?;
    progress.rename("Proving");
    let parts = Parts::default();
    let named = |stage| {
        parts.begin(stage_names(stage).0);
        reset_peak();
    };
    let start = Instant::now();
    let (statement, proof) = stages.run(
        FOLD_STAGE,
        || {
            let powers = srs.powers();
            let rng = &mut OsRng;
            let mode = FoldMode::On;
            Ok(prove::prove(
                &model, &secret, &trace, powers, mode, rng, &named,
            )?)
        },
        |(_, proof)| folded_bytes(proof),
    )?;
    let prove_seconds = start.elapsed().as_secs_f64();
    let whole = stages.rows.len() - 1;
    stages.rows.extend(parts.rows());
    let peak = stages.rows[whole..].iter().map(|r| r.peak_bytes).max();
    let size = stages.rows[whole].bytes.unwrap_or(0);
    stages.rows[whole].peak_bytes = peak.unwrap_or(0);
    progress.rename("Verifying");
    reset_peak();
    let verify = || {
        Ok(model
            .verifier
            .verify_native(&statement, &proof, &srs.s_g2())?)
    };
    stages.run(VERIFY_STAGE, verify, |()| None)?;
    let seconds = |name: &str| {
        let row = stages.rows.iter().find(|r| r.stage == name);
        row.map_or(0.0, |r| r.seconds)
    };
    let layout = Layout::new(program);
    Ok(Proven {
        inference_seconds: seconds("inference"),
        prove_seconds,
        verify_seconds: seconds(VERIFY_STAGE),
        folded_bytes: size,
        rows: [Poly::Weight, Poly::Trace].map(|p| layout.geometry.rows(p)),
        polynomial_logs: [layout.geometry.weight_log, layout.geometry.trace_log],
        stages: stages.rows,
        verifier: model.verifier,
        statement,
        proof,
    })
}

impl Proven {
    /// Largest peak of all stages.
    pub fn peak_bytes(&self) -> u64 {
        self.stages.iter().map(|r| r.peak_bytes).max().unwrap_or(0)
    }

    /// Cells of the aggregation circuit, laid out but not proven.
    ///
    /// # Errors
    /// A program that no circuit verifies.
    pub fn cells(&self) -> eyre::Result<CellReport> {
        let params = CircuitParams {
            k: 22,
            poseidon_rows: 0,
            range_rows: 0,
        };
        let (statement, proof) = (&self.statement, &self.proof);
        Ok(AggregationCircuit::mock(&self.verifier, params, statement, proof)?.1)
    }
}
