//! `laminate bench`: time, memory and size of every stage on one model; kernels and language models in
//! files of their own.

mod fold;
mod kernels;
mod llm;
mod sequence;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use eyre::eyre;
use laminate_aggregator::backend::PartCost;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_aggregator::packed::Opening;
use laminate_aggregator::prove::Target;
use laminate_engine::fold::FoldMode;
use laminate_front::quant::detail::Detail;
use laminate_model::verify::Verifier;
use serde::Serialize;

use super::commit::commit;
use super::compile::{Compile, FidelityReport, compile};
use super::setup::{DEV_K, choose, commitment_k, dev_path, development};
use crate::files::{ModelDir, hex_scalar};
use crate::fraud;
use crate::input::first_rows;
use crate::measure::{Measured, Stages, peak_bytes, size};
use crate::output::Output;
use crate::pipeline::{self, FOLD_STAGE, VERIFY_STAGE};
use crate::run_record::{
    self, CircuitRecord, Figure, ModelInfo, Ran, Recorder, SizeRecord, circuit, model,
};

/// Measure every stage of proving one model.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  laminate bench\n  laminate bench --model mlp.onnx --calibration rows.csv --input row.csv --layers-only\n  laminate bench llm --shape llama2-7b --layers 1 --tokens 16\n\nTimes are of this machine; scripts/bench_peers.py puts them beside the peers' of the same run."
)]
pub struct Bench {
    #[command(subcommand)]
    command: Option<Special>,
    /// Model (ONNX); by default the fraud model, which is in this binary.
    #[arg(long, requires_all = ["calibration", "input"])]
    pub model: Option<PathBuf>,
    /// Calibration rows; the fraud model's by default.
    #[arg(long)]
    pub calibration: Option<PathBuf>,
    /// Rows to prove; the first one alone, and the first `--batch` together. The fraud model's samples by default.
    #[arg(long)]
    pub input: Option<PathBuf>,
    /// Size of the batch run; 1 leaves it out.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Stop after the folded proof.
    #[arg(long)]
    pub layers_only: bool,
    /// Runs of the folded proof; the median is reported.
    #[arg(long, default_value_t = 5)]
    pub repeat: usize,
    /// Record the run in this file, for `laminate report`.
    #[arg(long = "report", value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Benchmarks of other things than one model over rows.
#[derive(Debug, Subcommand)]
enum Special {
    Kernels(kernels::Kernels),
    Llm(llm::LlmBench),
    Fold(fold::FoldBench),
}

/// What `bench` reports. Seconds are wall time, bytes are file or proof sizes.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Run the model, prove the layers, aggregate: input to published proof, keys loaded.
    pub prove_seconds: Option<f64>,
    /// Trace to folded proof, median.
    pub layer_seconds: f64,
    /// The same with an opening for each layer.
    pub layer_seconds_unfolded: f64,
    /// Native verification of the folded proof, median.
    pub folded_verify_seconds: f64,
    /// Size of the folded proof.
    pub folded_bytes: u64,
    /// Making the keys.
    pub setup_seconds: Option<f64>,
    /// Native verification of the published proof.
    pub verify_seconds: Option<f64>,
    /// As `prove_seconds`, for the batch.
    pub batch_seconds: Option<f64>,
    /// Trace to folded proof of the batch.
    pub batch_layer_seconds: Option<f64>,
    /// Peak resident memory of this process.
    pub peak_bytes: u64,
    /// KZG proof.
    pub proof_bytes: Option<u64>,
    /// Proving key file.
    pub proving_key_bytes: Option<u64>,
    /// Verifying key file.
    pub verifying_key_bytes: Option<u64>,
    /// Agreement with the float model on the calibration rows.
    pub fidelity: FidelityReport,
    /// Cells of the aggregation circuit by part.
    pub circuit: Vec<PartReport>,
    /// All stages of the single run, then of the batch.
    pub stages: Vec<Measured>,
    /// Rows of the fidelity report, for the record.
    #[serde(skip)]
    pub detail: Option<Detail>,
}

/// Names of figures, in the table and in the record.
const LAYERS: &str = "trace to folded proof";
const UNFOLDED: &str = "trace to folded proof, unfolded";
const FOLDED_VERIFY: &str = "folded proof, native verification";

/// Cells of one part of the circuit.
#[derive(Debug, Serialize)]
pub struct PartReport {
    /// Part.
    pub part: String,
    /// Cells of the basic gates.
    pub cells: usize,
    /// Cells of the range chip.
    pub range_cells: usize,
    /// Rows of the Poseidon chip.
    pub poseidon_rows: usize,
}

impl PartReport {
    fn new(part: &str, cost: &PartCost) -> Self {
        Self {
            part: part.to_owned(),
            cells: cost.cells,
            range_cells: cost.range_cells,
            poseidon_rows: cost.poseidon_rows,
        }
    }
}

struct Run {
    layer: f64,
    unfolded: f64,
    folded_verify: f64,
    folded_bytes: u64,
    prove: Option<f64>,
    setup: Option<f64>,
    verify: Option<f64>,
    proof_bytes: Option<u64>,
    keys: Option<super::setup::Report>,
    circuit: Vec<PartReport>,
    fidelity: FidelityReport,
    stages: Vec<Measured>,
    model: ModelInfo,
    shape: Option<CircuitRecord>,
    detail: Detail,
}

impl Bench {
    /// Runs the command.
    ///
    /// # Errors
    /// Anything wrong with the model or the rows.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        match &self.command {
            Some(Special::Kernels(kernels)) => return kernels.run(out),
            Some(Special::Llm(llm)) => return llm.run(out),
            Some(Special::Fold(fold)) => return fold.run(out),
            None => {}
        }
        let recorder = Recorder::begin(self.record.as_deref())?;
        let single = self.one(1, out)?;
        let batch = if self.batch > 1 {
            Some(self.one(self.batch, out)?)
        } else {
            None
        };
        let mut stages = single.stages;
        if let Some(batch) = &batch {
            stages.extend(batch.stages.iter().cloned());
        }
        let report = Report {
            prove_seconds: single.prove,
            layer_seconds: single.layer,
            layer_seconds_unfolded: single.unfolded,
            folded_verify_seconds: single.folded_verify,
            folded_bytes: single.folded_bytes,
            setup_seconds: single.setup,
            verify_seconds: single.verify,
            batch_seconds: batch.as_ref().and_then(|b| b.prove),
            batch_layer_seconds: batch.as_ref().map(|b| b.layer),
            peak_bytes: peak_bytes(),
            proof_bytes: single.proof_bytes,
            proving_key_bytes: single.keys.as_ref().map(|k| k.proving_key_bytes),
            verifying_key_bytes: single.keys.as_ref().map(|k| k.verifying_key_bytes),
            fidelity: single.fidelity,
            circuit: single.circuit,
            stages,
            detail: Some(single.detail),
        };
        if let Some(recorder) = recorder {
            let ran = self.ran(&report, single.model, single.shape)?;
            recorder.stop().write(ran, &report.stages)?;
        }
        out.result(&human(&report), &report)
    }

    /// What is recorded beside the stages.
    fn ran(
        &self,
        report: &Report,
        model: ModelInfo,
        circuit: Option<CircuitRecord>,
    ) -> eyre::Result<Ran> {
        let figure = |name: &str, seconds: Option<f64>| {
            let name = name.to_owned();
            seconds.map(|seconds| Figure { name, seconds })
        };
        let size = |name: &str, bytes: Option<u64>| {
            bytes.map(|bytes| SizeRecord {
                name: name.into(),
                bytes,
                limit: None,
            })
        };
        let figures = [
            figure("input to published proof", report.prove_seconds),
            figure(LAYERS, Some(report.layer_seconds)),
            figure(UNFOLDED, Some(report.layer_seconds_unfolded)),
            figure(FOLDED_VERIFY, Some(report.folded_verify_seconds)),
            figure("keys (made or loaded)", report.setup_seconds),
            figure(
                "published proof, native verification",
                report.verify_seconds,
            ),
            figure("batch, input to published proof", report.batch_seconds),
            figure("batch, trace to folded proof", report.batch_layer_seconds),
        ];
        let sizes = [
            size("folded proof", Some(report.folded_bytes)),
            size("KZG proof", report.proof_bytes),
            size("proving key", report.proving_key_bytes),
            size("verifying key", report.verifying_key_bytes),
        ];
        let whole = serde_json::to_value(report)?;
        Ok(Ran {
            command: "bench",
            model,
            development: true,
            figures: figures.into_iter().flatten().collect(),
            circuit,
            sizes: sizes.into_iter().flatten().collect(),
            gas: vec![],
            fidelity: run_record::fidelity(&whole, report.detail.as_ref())?,
            statement: None,
        })
    }

    fn one(&self, batch: usize, out: Output) -> eyre::Result<Run> {
        let folder = tempfile::tempdir()?;
        let fraud = folder.path().join("fraud");
        fraud::write(&fraud)?;
        let or_fraud = |given: &Option<PathBuf>, name| match given {
            Some(path) => path.clone(),
            None => fraud.join(name),
        };
        let options = Compile {
            calibration: Some(or_fraud(&self.calibration, fraud::CALIBRATION)),
            batch,
            ..Compile::of(
                or_fraud(&self.model, fraud::MODEL),
                folder.path().to_path_buf(),
            )
        };
        let (compiled, fidelity) = compile(&options)?;
        let dir = ModelDir::create(folder.path())?;
        dir.write_compiled(&compiled.program, &compiled.weights)?;
        let program = compiled.program;
        // As `setup --dev-srs` chooses.
        let circuit_k = match self.layers_only {
            true => 0,
            false => pipeline::circuit_k(&program, FoldMode::On)?,
        };
        let needed = |opening: Opening| opening.required_k(circuit_k).max(commitment_k(&program));
        let opening = match self.layers_only {
            true => Opening::Shplonk,
            false => {
                let least = needed(Opening::Shplonk).max(DEV_K);
                choose(None, (least, true), &needed, out)
            }
        };
        let k = needed(opening);
        let srs = development(k, out)?;
        commit(&dir, &srs, None)?;
        let rows = or_fraud(&self.input, fraud::SAMPLES);
        let input = first_rows(&rows, &program, batch)?;

        let mut layer = vec![];
        let mut verify = vec![];
        let mut unfolded = vec![];
        let mut folded = None;
        let mut stages = Stages::default();
        for _ in 0..self.repeat.max(1) {
            let mut run = Stages::default();
            let proof = pipeline::fold(&dir, &input, &srs, FoldMode::On, &mut run, out)?;
            layer.push(seconds(&run, FOLD_STAGE));
            verify.push(seconds(&run, VERIFY_STAGE));
            stages = run;
            folded = Some(proof);
            let mut run = Stages::default();
            pipeline::fold(&dir, &input, &srs, FoldMode::Off, &mut run, out)?;
            unfolded.push(seconds(&run, FOLD_STAGE));
        }
        let folded = folded.ok_or_else(|| eyre!("no run"))?;
        let folded_bytes = stages.rows.iter().find_map(|r| r.bytes).unwrap_or(0);
        let mut result = Run {
            layer: median(layer),
            unfolded: median(unfolded),
            folded_verify: median(verify),
            folded_bytes,
            prove: None,
            setup: None,
            verify: None,
            proof_bytes: None,
            keys: None,
            circuit: vec![],
            fidelity: (&fidelity).into(),
            stages: vec![],
            model: model(
                std::slice::from_ref(&program),
                hex_scalar(&program.digest()?),
            )?,
            shape: None,
            detail: fidelity.detail,
        };
        if !self.layers_only {
            let start = Instant::now();
            let (path, cut) = pipeline::cut_srs(&dev_path(k), &srs, circuit_k, out)?;
            let keys = pipeline::setup(&program, FoldMode::On, &cut, (opening, &srs))?;
            result.setup = Some(start.elapsed().as_secs_f64());
            pipeline::link_srs(&keys, &path)?;
            let proof = pipeline::aggregate_with(
                &program,
                &folded,
                (&keys, &srs),
                Target::Contract,
                &mut stages,
                out,
            )?;
            result.prove = Some(
                stages
                    .rows
                    .iter()
                    .filter(|r| r.stage != VERIFY_STAGE && !r.part)
                    .map(|r| r.seconds)
                    .sum(),
            );
            let start = Instant::now();
            pipeline::verify(&proof)?;
            result.verify = Some(start.elapsed().as_secs_f64());
            result.proof_bytes = Some(proof.proof.proof.len() as u64);
            result.keys = Some(pipeline::key_report(&keys)?);
            let verifier = Verifier::new(program.clone())?;
            let params = keys.meta.pinning.params;
            let (_, cells) =
                AggregationCircuit::mock(&verifier, params, &folded.statement, &folded.proof)?;
            result.shape = Some(circuit(params, &cells));
            result.circuit = parts(&cells);
        }
        for row in &mut stages.rows {
            row.stage = format!("batch {batch}: {}", row.stage);
        }
        result.stages = stages.rows;
        Ok(result)
    }
}

fn parts(cells: &laminate_aggregator::backend::CellReport) -> Vec<PartReport> {
    cells
        .parts
        .iter()
        .map(|(part, cost)| PartReport::new(&format!("{part:?}").to_lowercase(), cost))
        .collect()
}

fn seconds(stages: &Stages, name: &str) -> f64 {
    stages
        .rows
        .iter()
        .find(|r| r.stage == name)
        .map_or(0.0, |r| r.seconds)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn human(report: &Report) -> String {
    let mut table = crate::table::new(&["measure", "figure"]);
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.add_row(vec![name.to_string(), value]);
        }
    };
    let s = |v: f64| format!("{v:.3} s");
    row("input to published proof", report.prove_seconds.map(s));
    row(LAYERS, Some(s(report.layer_seconds)));
    row(UNFOLDED, Some(s(report.layer_seconds_unfolded)));
    row(FOLDED_VERIFY, Some(s(report.folded_verify_seconds)));
    row("folded proof", Some(size(report.folded_bytes)));
    row("keys (made or loaded)", report.setup_seconds.map(s));
    row(
        "published proof, native verification",
        report.verify_seconds.map(s),
    );
    row(
        "batch, input to published proof",
        report.batch_seconds.map(s),
    );
    row(
        "batch, trace to folded proof",
        report.batch_layer_seconds.map(s),
    );
    row("peak memory", Some(size(report.peak_bytes)));
    row("published proof", report.proof_bytes.map(size));
    row("proving key", report.proving_key_bytes.map(size));
    row("verifying key", report.verifying_key_bytes.map(size));
    let mut cells = crate::table::new(&["circuit part", "cells", "range cells", "Poseidon rows"]);
    for part in &report.circuit {
        cells.add_row(vec![
            part.part.clone(),
            part.cells.to_string(),
            part.range_cells.to_string(),
            part.poseidon_rows.to_string(),
        ]);
    }
    if report.circuit.is_empty() {
        table.to_string()
    } else {
        format!("{table}\n\n{cells}")
    }
}
