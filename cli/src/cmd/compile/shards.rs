//! Compilation of language models in shards.

use std::path::Path;

use laminate_front::llama::FloatRun;
use laminate_front::quant::{Compiled, Options, Prepared, Tokens};
use laminate_model::program::Program;
use serde::Serialize;

use super::{BoundReport, Compile, Finished, llm as whole, parameters};
use crate::files::{ModelDir, hex_scalar};
use crate::llm;
use crate::measure::{Measured, Stages, table};
use crate::output::Output;
use crate::shards::{self, ShardDir};

/// What `compile --shard-layers` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// Digest of the list of the shards' programs.
    digest: String,
    shard_layers: usize,
    shards: Vec<ShardReport>,
    /// Weights of the model's file.
    parameters: u64,
    tokens: usize,
    prompt_tokens: usize,
    /// Whether the prompt is shown, too.
    prompt_public: bool,
    generated_tokens: usize,
    /// Whether equal blocks of a shard are proven together.
    fold: bool,
    tokenizer: bool,
    row_log: u8,
    calibration: String,
    stages: Vec<Measured>,
    /// What the model's files leave open and how it was read.
    notes: Vec<String>,
}

/// One shard.
#[derive(Debug, Serialize)]
struct ShardReport {
    program_digest: String,
    program_parameters: usize,
    polynomial_logs: [usize; 2],
    bounds: Vec<BoundReport>,
}

impl ShardReport {
    fn new(compiled: &Compiled) -> eyre::Result<Self> {
        let layout = laminate_model::layout::Layout::new(&compiled.program);
        Ok(Self {
            program_digest: hex_scalar(&compiled.program.digest()?),
            program_parameters: parameters(&compiled.program),
            polynomial_logs: [layout.geometry.weight_log, layout.geometry.trace_log],
            bounds: compiled.report.iter().map(BoundReport::from).collect(),
        })
    }
}

/// Compiles the model that the arguments name to programs of `layers` blocks. All integers are made first, as
/// rounding a block needs what the blocks before it give; shards are then laid out one by one.
///
/// # Errors
/// Anything wrong with the model, the texts or the folder; a shard that would be the whole model.
pub fn run(args: &Compile, layers: usize, out: Output) -> eyre::Result<Finished> {
    let mut stages = Stages::default();
    let model = whole::read(&args.model, out)?;
    let tokenizer = whole::tokenizer(args.llm.tokenizer.as_deref(), &model, out)?;
    let name = whole::name(&model, args);
    let options = args.llm.options(name, args.headroom)?;
    let sampled = {
        let _stage = out.stage("Reading or sampling calibration texts");
        let path = args.calibration.as_deref();
        let texts = || llm::calibration(path, &model, tokenizer.as_ref(), options.inputs.count);
        stages.run("calibration texts", texts, |_| None)?
    };
    let _stage = out.stage("Quantising the model");
    let float = FloatRun::new(&model)?;
    let choose = || Ok(Prepared::new(&float, &sampled.calibration, &options)?);
    let prepared = stages.run("choose scales", choose, |_| None)?;
    let count = prepared.shards(layers)?;
    let (dir, _lock) = args.folder()?;
    dir.clear()?;
    let (mut programs, mut reports) = (vec![], vec![]);
    for index in 0..count {
        let compiled = stages.run(
            format!("quantise shard {index}"),
            || Ok(prepared.shard(layers, index)?),
            |_| None,
        )?;
        ShardDir::write(&args.output, index, &compiled.program, &compiled.weights)?;
        reports.push(ShardReport::new(&compiled)?);
        programs.push(compiled.program);
    }
    if let Some(tokenizer) = &tokenizer {
        dir.write_tokenizer(&tokenizer.to_json()?)?;
    }
    let row_log = programs.first().map_or(0, |p| p.row_log);
    let generated_tokens = programs
        .first()
        .and_then(|p| p.sequence)
        .map_or(0, |s| s.generated());
    let report = Report {
        digest: ShardDir::finish(&args.output, programs.clone())?,
        shard_layers: layers,
        shards: reports,
        parameters: model.config.weights(),
        tokens: options.inputs.count,
        prompt_tokens: options.inputs.prompt,
        prompt_public: options.inputs.public,
        generated_tokens,
        fold: options.fold,
        tokenizer: tokenizer.is_some(),
        row_log,
        calibration: sampled.source,
        stages: stages.rows,
        notes: model.notes.clone(),
    };
    let text = human(&report, &options, &args.output);
    let programs: Vec<&Program> = programs.iter().collect();
    Finished::new(args, &programs, text, (&report, None), &[], out)
}

/// Refuses to destroy commitments of an earlier compilation.
///
/// # Errors
/// If there is one and no `force`.
pub fn keep_commitments(args: &Compile) -> eyre::Result<()> {
    ModelDir::at(&args.output).keep_commitment(args.force)?;
    shards::keep_commitments(&args.output, args.force)
}

fn human(report: &Report, options: &Options<Tokens>, folder: &Path) -> String {
    let shown = if options.inputs.public { ", shown" } else { "" };
    let largest = |i: usize| {
        report
            .shards
            .iter()
            .filter_map(|s| s.polynomial_logs.get(i))
            .max()
    };
    let [weights, trace] = [0, 1].map(|i| largest(i).copied().unwrap_or(0));
    format!(
        "{}\ndigest      {}\nshards      {} of up to {} blocks; polynomials of up to 2^{weights} weights and 2^{trace} values, rows of 2^{}\nparameters  {}\ntokens      {}, of which {} are the prompt{shown}; {} generated ones are shown\ncalibration {}\nfidelity    that of the same model without --shard-layers: all integers are the same\nwritten to {}",
        table(&report.stages),
        report.digest,
        report.shards.len(),
        report.shard_layers,
        report.row_log,
        report.parameters,
        report.tokens,
        report.prompt_tokens,
        report.generated_tokens,
        report.calibration,
        folder.display()
    )
}
