//! `laminate bench fold`: what proving equal blocks together saves, for both kinds of weights.

use std::path::PathBuf;

use clap::Args;
use eyre::ensure;
use laminate_aggregator::backend::PartCost;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::fold::FoldMode;
use laminate_engine::geometry::Poly;
use laminate_front::llama::{self, FloatRun};
use laminate_front::quant;
use laminate_model::verify::Verifier;
use serde::Serialize;

use super::{PartReport, sequence};
use crate::cmd::compile::{FidelityReport, LlmArgs, PerplexityReport, WeightsArg, tokenizer};
use crate::cmd::setup::Fold;
use crate::llm;
use crate::measure::size;
use crate::output::Output;

/// Compare `compile --fold on` with `--fold off` on a language model, for int8 and ternary weights.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate bench fold stories260K.bin --tokens 16\n  laminate bench fold smollm2.gguf --circuit-only\n\nBoth forms compute the same integers. The aggregation circuit is laid out to count its cells, not proven."
)]
pub struct FoldBench {
    /// The language model.
    pub model: PathBuf,
    /// Text or lists of token ids; sampled from the model by default.
    #[arg(long)]
    pub calibration: Option<PathBuf>,
    /// Tokenizer, where the model came without one.
    #[arg(long)]
    pub tokenizer: Option<PathBuf>,
    /// Tokens of the proof, all of them prompt.
    #[arg(long, default_value_t = 16)]
    pub tokens: usize,
    /// log2 of the row length of commitments.
    #[arg(long)]
    pub row_log: Option<u8>,
    /// Do not count the cells of the aggregation circuit.
    #[arg(long)]
    pub no_cells: bool,
    /// Only count the cells, part by part: nothing is proven, so that large models can be compared.
    #[arg(long, conflicts_with = "no_cells")]
    pub circuit_only: bool,
}

/// The aggregation circuit of one form of the model.
#[derive(Debug, Serialize)]
struct CircuitRow {
    /// Whether equal blocks are proven together.
    fold: bool,
    weights: &'static str,
    nodes: usize,
    /// Commitment rows of weights and trace.
    rows: [usize; 2],
    /// log2 of the circuit's rows; none if no shape holds it.
    k: Option<usize>,
    /// Cells by part.
    parts: Vec<PartReport>,
    total: PartReport,
}

/// One form of the model.
#[derive(Debug, Serialize)]
struct Row {
    /// Whether equal blocks are proven together.
    fold: bool,
    weights: &'static str,
    nodes: usize,
    /// Trace to folded proof.
    prove_seconds: f64,
    /// Native check of the folded proof.
    verify_seconds: f64,
    /// The same tokens without a proof.
    inference_seconds: f64,
    folded_bytes: u64,
    peak_bytes: u64,
    /// Basic cells of the aggregation circuit.
    cells: Option<usize>,
    range_cells: Option<usize>,
    poseidon_rows: Option<usize>,
    fidelity: FidelityReport,
}

impl FoldBench {
    /// Runs the command.
    ///
    /// # Errors
    /// Anything wrong with the model or the texts.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let model = llama::read(&self.model)?;
        let tokenizer = tokenizer(self.tokenizer.as_deref(), &model, out)?;
        let path = self.calibration.as_deref();
        let texts = llm::calibration(path, &model, tokenizer.as_ref(), self.tokens)?.calibration;
        let mut tokens: Vec<u32> = texts.iter().flatten().copied().collect();
        ensure!(
            tokens.len() >= self.tokens,
            "the calibration texts have {} tokens, expected at least {}; give more of them",
            tokens.len(),
            self.tokens
        );
        tokens.truncate(self.tokens);
        if self.circuit_only {
            return self.circuits(&model, &texts, out);
        }
        let mut rows = vec![];
        for weights in [WeightsArg::Int8, WeightsArg::Ternary] {
            for fold in [Fold::Off, Fold::On] {
                rows.push(self.one(&model, &texts, &tokens, (fold, weights), out)?);
            }
        }
        out.result(&human(&rows, self.tokens), &rows)
    }

    fn args(&self, fold: Fold, weights: WeightsArg) -> LlmArgs {
        LlmArgs {
            tokens: Some(self.tokens),
            prompt_tokens: Some(self.tokens),
            weights: Some(weights),
            fold: Some(fold),
            row_log: self.row_log,
            ..LlmArgs::default()
        }
    }

    /// Circuits of both forms; they do not depend on the weights.
    fn circuits(
        &self,
        model: &llama::FloatLlama,
        texts: &[Vec<u32>],
        out: Output,
    ) -> eyre::Result<()> {
        let weights = WeightsArg::Int8;
        let mut rows = vec![];
        for fold in [Fold::Off, Fold::On] {
            let options = self.args(fold, weights).options(model.name.clone(), None)?;
            let float = FloatRun::new(model)?;
            let program = quant::compile(&float, texts, &options)?.program;
            let verifier = Verifier::new(program)?;
            let (report, shape) = AggregationCircuit::cost(&verifier, FoldMode::On)?;
            let (program, layout) = (&verifier.program, &verifier.layout);
            rows.push(CircuitRow {
                fold: fold == Fold::On,
                weights: weights.name(),
                nodes: program.nodes.len(),
                rows: [Poly::Weight, Poly::Trace].map(|p| layout.geometry.rows(p)),
                k: shape.ok().map(|params| params.k),
                total: PartReport::new("total", &report.total()),
                parts: super::parts(&report),
            });
        }
        out.result(&human_circuits(&rows, self.tokens), &rows)
    }

    fn one(
        &self,
        model: &llama::FloatLlama,
        texts: &[Vec<u32>],
        tokens: &[u32],
        (fold, weights): (Fold, WeightsArg),
        out: Output,
    ) -> eyre::Result<Row> {
        let args = self.args(fold, weights);
        out.line(&format!(
            "fold {}, weights {}",
            if fold == Fold::On { "on" } else { "off" },
            weights.name()
        ));
        let options = args.options(model.name.clone(), None)?;
        let float = FloatRun::new(model)?;
        let compiled = quant::compile(&float, texts, &options)?;
        let program = &compiled.program;
        let fidelity = quant::fidelity(&float, program, &compiled.weights, texts)?;
        let proven = sequence::prove(program, compiled.weights, tokens, out)?;
        let cells = if self.no_cells {
            None
        } else {
            Some(proven.cells()?)
        };
        let sum = |part: fn(&PartCost) -> usize| {
            let report = cells.as_ref()?;
            Some(report.parts.values().map(part).sum())
        };
        Ok(Row {
            fold: fold == Fold::On,
            weights: weights.name(),
            nodes: program.nodes.len(),
            prove_seconds: proven.prove_seconds,
            verify_seconds: proven.verify_seconds,
            inference_seconds: proven.inference_seconds,
            folded_bytes: proven.folded_bytes,
            peak_bytes: proven.peak_bytes(),
            cells: sum(|c| c.cells),
            range_cells: sum(|c| c.range_cells),
            poseidon_rows: sum(|c| c.poseidon_rows),
            fidelity: (&fidelity).into(),
        })
    }
}

fn human_circuits(rows: &[CircuitRow], tokens: usize) -> String {
    let mut table = crate::table::new(&["fold", "part", "cells", "range cells", "Poseidon rows"]);
    for row in rows {
        for part in row.parts.iter().chain([&row.total]) {
            table.add_row(vec![
                if row.fold { "on" } else { "off" }.to_string(),
                part.part.clone(),
                part.cells.to_string(),
                part.range_cells.to_string(),
                part.poseidon_rows.to_string(),
            ]);
        }
    }
    let shapes = rows.iter().map(|row| {
        let k = row.k.map_or_else(|| "none".to_owned(), |k| k.to_string());
        format!(
            "fold {}: {} nodes, {} and {} commitment rows, k = {k}",
            if row.fold { "on" } else { "off" },
            row.nodes,
            row.rows[0],
            row.rows[1]
        )
    });
    let shapes: Vec<String> = shapes.collect();
    format!(
        "{table}\n{}\n{tokens} tokens; nothing was proven",
        shapes.join("\n")
    )
}

fn human(rows: &[Row], tokens: usize) -> String {
    let mut table = crate::table::new(&[
        "fold",
        "weights",
        "nodes",
        "prove",
        "verify",
        "inference",
        "folded proof",
        "peak memory",
        "circuit cells",
        "range cells",
        "Poseidon rows",
        "same token",
        "perplexity float, integer",
    ]);
    let count = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
    let share =
        |share: Option<f64>| share.map_or_else(String::new, |s| format!("{:.1} %", 100.0 * s));
    let perplexity = |p: Option<PerplexityReport>| {
        p.map_or_else(String::new, |p| format!("{:.3}, {:.3}", p.float, p.integer))
    };
    for row in rows {
        table.add_row(vec![
            if row.fold { "on" } else { "off" }.to_string(),
            row.weights.to_string(),
            row.nodes.to_string(),
            format!("{:.2} s", row.prove_seconds),
            format!("{:.3} s", row.verify_seconds),
            format!("{:.3} s", row.inference_seconds),
            size(row.folded_bytes),
            size(row.peak_bytes),
            count(row.cells),
            count(row.range_cells),
            count(row.poseidon_rows),
            share(row.fidelity.agreement),
            perplexity(row.fidelity.perplexity),
        ]);
    }
    format!("{table}\n{tokens} tokens; \"prove\" is from the trace to the folded proof")
}
