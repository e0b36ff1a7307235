//! `laminate bench fold`: what proving equal blocks together saves, for both kinds of weights.

use std::path::PathBuf;

use clap::Args;
use eyre::ensure;
use laminate_aggregator::backend::PartCost;
use laminate_prover::import::llm as import;
use laminate_prover::quant::llm as quant;
use serde::Serialize;

use super::sequence;
use crate::cmd::compile::{LlmArgs, WeightsArg, tokenizer};
use crate::cmd::setup::Fold;
use crate::llm;
use crate::measure::size;
use crate::output::Output;

/// Compare `compile --fold on` with `--fold off` on a language model, for int8 and ternary weights.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate bench fold stories260K.bin --tokens 16\n\nBoth forms compute the same integers. The aggregation circuit is laid out to count its cells, not proven."
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
    lookups: Option<usize>,
    poseidon_rows: Option<usize>,
    top1_agreement: f64,
    perplexity_float: f64,
    perplexity_int: f64,
}

impl FoldBench {
    /// Runs the command.
    ///
    /// # Errors
    /// Anything wrong with the model or the texts.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let model = import::read(&self.model)?;
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
        let mut rows = vec![];
        for weights in [WeightsArg::Int8, WeightsArg::Ternary] {
            for fold in [Fold::Off, Fold::On] {
                rows.push(self.one(&model, &texts, &tokens, (fold, weights), out)?);
            }
        }
        out.result(&human(&rows, self.tokens), &rows)
    }

    fn one(
        &self,
        model: &import::FloatLlama,
        texts: &[Vec<u32>],
        tokens: &[u32],
        (fold, weights): (Fold, WeightsArg),
        out: Output,
    ) -> eyre::Result<Row> {
        let args = LlmArgs {
            tokens: Some(self.tokens),
            prompt_tokens: Some(self.tokens),
            weights: Some(weights),
            fold: Some(fold),
            row_log: self.row_log,
            ..LlmArgs::default()
        };
        out.line(&format!(
            "fold {}, weights {}",
            if fold == Fold::On { "on" } else { "off" },
            weights.name()
        ));
        let options = args.options(model.name.clone(), None)?;
        let compiled = quant::compile(model, texts, &options)?;
        let program = &compiled.program;
        let fidelity = quant::fidelity(model, program, &compiled.weights, texts)?;
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
            lookups: sum(|c| c.lookups),
            poseidon_rows: sum(|c| c.poseidon_rows),
            top1_agreement: fidelity.top1_agreement,
            perplexity_float: fidelity.perplexity_float,
            perplexity_int: fidelity.perplexity_int,
        })
    }
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
        "lookups",
        "Poseidon rows",
        "same token",
        "perplexity float, integer",
    ]);
    let count = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
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
            count(row.lookups),
            count(row.poseidon_rows),
            format!("{:.1} %", 100.0 * row.top1_agreement),
            format!("{:.3}, {:.3}", row.perplexity_float, row.perplexity_int),
        ]);
    }
    format!("{table}\n{tokens} tokens; \"prove\" is from the trace to the folded proof")
}
