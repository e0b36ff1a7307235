//! `laminate bench llm`: blocks of a model's shape with random weights.

use clap::{Args, ValueEnum};
use eyre::ensure;
use laminate_front::llama::{FloatLlama, FloatRun, Llama3Scaling, LlamaConfig, Rope};
use laminate_front::quant;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::sequence::{self, Proven};
use crate::cmd::compile::{LlmArgs, WeightsArg};
use crate::cmd::setup::Fold;
use crate::measure::{Measured, size, table};
use crate::output::Output;

/// Vocabulary of the large shapes unless `--vocab` says otherwise: their own takes more memory than the blocks measured.
const SMALL_VOCAB: usize = 512;

/// Measure the prover on blocks of a model's shape, with seeded random weights.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate bench llm --shape llama2-7b --layers 1 --tokens 16 --weights int8\n\nThe weights are random, so that only times, sizes and memory mean something. The figures for the whole model are\nextrapolated from the blocks measured."
)]
pub struct LlmBench {
    /// Whose dimensions.
    #[arg(long, value_enum)]
    pub shape: Shape,
    /// Blocks to measure.
    #[arg(long, default_value_t = 1)]
    pub layers: usize,
    /// Tokens, all of them prompt.
    #[arg(long, default_value_t = 16)]
    pub tokens: usize,
    /// Integers of the blocks' weights.
    #[arg(long, value_enum, default_value = "int8")]
    pub weights: WeightsArg,
    /// Prove equal blocks together.
    #[arg(long, value_enum, default_value = "on")]
    pub fold: Fold,
    /// Size of the vocabulary [default: the model's own for the small shapes, 512 for those of 7B and more].
    #[arg(long)]
    pub vocab: Option<usize>,
    /// log2 of the row length of commitments.
    #[arg(long)]
    pub row_log: Option<u8>,
    /// Seed of weights and tokens.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Dimensions of published models, from their configuration files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// karpathy/tinyllamas stories260K.
    #[value(name = "stories260k")]
    Stories260k,
    /// HuggingFaceTB/SmolLM2-135M.
    #[value(name = "smollm2-135m")]
    Smollm2,
    /// meta-llama/Llama-2-7b.
    #[value(name = "llama2-7b")]
    Llama2x7b,
    /// meta-llama/Llama-2-13b.
    #[value(name = "llama2-13b")]
    Llama2x13b,
    /// meta-llama/Llama-2-70b.
    #[value(name = "llama2-70b")]
    Llama2x70b,
    /// meta-llama/Llama-3.1-8B.
    #[value(name = "llama3-8b")]
    Llama3x8b,
    /// meta-llama/Llama-3.1-70B.
    #[value(name = "llama3-70b")]
    Llama3x70b,
}

impl Shape {
    /// The whole model.
    pub fn config(self) -> LlamaConfig {
        // dim, hidden, layers, heads, kv heads, head size, vocabulary, context
        let (numbers, theta, tied) = match self {
            Self::Stories260k => ([64, 172, 5, 8, 4, 8, 512, 512], 1e4, true),
            Self::Smollm2 => ([576, 1536, 30, 9, 3, 64, 49_152, 8192], 1e5, true),
            Self::Llama2x7b => ([4096, 11_008, 32, 32, 32, 128, 32_000, 4096], 1e4, false),
            Self::Llama2x13b => ([5120, 13_824, 40, 40, 40, 128, 32_000, 4096], 1e4, false),
            Self::Llama2x70b => ([8192, 28_672, 80, 64, 8, 128, 32_000, 4096], 1e4, false),
            Self::Llama3x8b => ([4096, 14_336, 32, 32, 8, 128, 128_256, 131_072], 5e5, false),
            Self::Llama3x70b => ([8192, 28_672, 80, 64, 8, 128, 128_256, 131_072], 5e5, false),
        };
        let [
            dim,
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim,
            vocab,
            max_tokens,
        ] = numbers;
        let scaling = matches!(self, Self::Llama3x8b | Self::Llama3x70b).then_some(Llama3Scaling {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_tokens: 8192.0,
        });
        LlamaConfig {
            dim,
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim,
            vocab,
            max_tokens,
            rope: Rope { theta, scaling },
            norm_eps: 1e-5,
            tied,
        }
    }

    fn vocab(self) -> usize {
        match self {
            Self::Stories260k | Self::Smollm2 => self.config().vocab,
            _ => SMALL_VOCAB,
        }
    }

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |v| v.get_name().to_owned())
    }
}

/// What `bench llm` reports.
#[derive(Debug, Serialize)]
struct Report {
    shape: String,
    layers: usize,
    whole_layers: usize,
    tokens: usize,
    vocab: usize,
    whole_vocab: usize,
    weights: &'static str,
    fold: bool,
    threads: usize,
    /// Weights of what was measured.
    parameters: u64,
    whole_parameters: u64,
    polynomial_logs: [usize; 2],
    commitment_rows: [usize; 2],
    stages: Vec<Measured>,
    /// The same tokens through the same blocks in integers, without a proof.
    inference_seconds: f64,
    /// Trace to folded proof.
    prove_seconds: f64,
    verify_seconds: f64,
    /// Prover over inference.
    ratio: f64,
    folded_bytes: u64,
    peak_bytes: u64,
    extrapolated: Extrapolated,
}

/// The whole model, by the number of its blocks: not measured.
#[derive(Debug, Serialize)]
struct Extrapolated {
    method: &'static str,
    factor: f64,
    prove_seconds: f64,
    commit_weights_seconds: f64,
    inference_seconds: f64,
}

impl LlmBench {
    /// Runs the command.
    ///
    /// # Errors
    /// Dimensions that no program has, or too little memory.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let whole = self.shape.config();
        ensure!(
            (1..=whole.layers).contains(&self.layers),
            "--layers {}, expected 1 to {}, the model's",
            self.layers,
            whole.layers
        );
        let config = LlamaConfig {
            layers: self.layers,
            vocab: self.vocab.unwrap_or_else(|| self.shape.vocab()),
            ..whole.clone()
        };
        let parameters = config.weights();
        let vocab = config.vocab;
        let model = FloatLlama::random(config, self.seed)?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let tokens: Vec<u32> = (0..self.tokens)
            .map(|_| rng.gen_range(0..vocab as u32))
            .collect();
        let args = LlmArgs {
            tokens: Some(self.tokens),
            prompt_tokens: Some(self.tokens),
            weights: Some(self.weights),
            fold: Some(self.fold),
            row_log: self.row_log,
            ..LlmArgs::default()
        };
        let options = args.options(self.shape.name(), None)?;
        let compiled = {
            let _stage = out.stage("Making and quantising random weights");
            let float = FloatRun::new(&model)?;
            quant::compile(&float, std::slice::from_ref(&tokens), &options)?
        };
        drop(model);
        let proven = sequence::prove(&compiled.program, compiled.weights, &tokens, out)?;
        let report = Report {
            shape: self.shape.name(),
            layers: self.layers,
            whole_layers: whole.layers,
            tokens: self.tokens,
            vocab,
            whole_vocab: whole.vocab,
            weights: self.weights.name(),
            fold: self.fold == Fold::On,
            threads: rayon::current_num_threads(),
            parameters,
            whole_parameters: whole.weights(),
            polynomial_logs: proven.polynomial_logs,
            commitment_rows: proven.rows,
            inference_seconds: proven.inference_seconds,
            prove_seconds: proven.prove_seconds,
            verify_seconds: proven.verify_seconds,
            ratio: proven.prove_seconds / proven.inference_seconds,
            folded_bytes: proven.folded_bytes,
            peak_bytes: proven.peak_bytes(),
            extrapolated: extrapolate(&proven, whole.layers as f64 / self.layers as f64),
            stages: proven.stages,
        };
        out.result(&human(&report), &report)
    }
}

fn extrapolate(proven: &Proven, factor: f64) -> Extrapolated {
    let seconds = |name: &str| {
        let row = proven.stages.iter().find(|r| r.stage == name);
        row.map_or(0.0, |r| r.seconds)
    };
    let opening = seconds("opening");
    Extrapolated {
        method: "measured times blocks of the model over blocks measured, but for the opening, which is of one commitment row; vocabulary as measured",
        factor,
        prove_seconds: (proven.prove_seconds - opening) * factor + opening,
        commit_weights_seconds: seconds("commit weights") * factor,
        inference_seconds: proven.inference_seconds * factor,
    }
}

/// What a bench with a vocabulary cut short leaves out.
fn cut_note(report: &Report) -> String {
    if report.vocab == report.whole_vocab {
        return String::new();
    }
    format!(
        "\nvocabulary cut to {} of {}: embedding, head and argmax of the model's own size are in no figure here",
        report.vocab, report.whole_vocab
    )
}

fn human(report: &Report) -> String {
    let e = &report.extrapolated;
    format!(
        "{}\n{}, {} of {} blocks, vocabulary {} of {}, {} tokens, weights {}, fold {}, {} threads, random weights\nweights measured {} (whole model {}), polynomials 2^{} and 2^{}, {} and {} commitment rows\ninference {:.3} s, prover {:.2} s: x {:.0}; native check {:.3} s\nfolded proof {}, peak memory {}{}\nextrapolated, not measured ({}): x {:.1}: prover {:.1} s, weight commitment {:.1} s, inference {:.2} s",
        table(&report.stages),
        report.shape,
        report.layers,
        report.whole_layers,
        report.vocab,
        report.whole_vocab,
        report.tokens,
        report.weights,
        if report.fold { "on" } else { "off" },
        report.threads,
        report.parameters,
        report.whole_parameters,
        report.polynomial_logs[0],
        report.polynomial_logs[1],
        report.commitment_rows[0],
        report.commitment_rows[1],
        report.inference_seconds,
        report.prove_seconds,
        report.ratio,
        report.verify_seconds,
        size(report.folded_bytes),
        size(report.peak_bytes),
        cut_note(report),
        e.method,
        e.factor,
        e.prove_seconds,
        e.commit_weights_seconds,
        e.inference_seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_the_published_sizes() {
        let expected = [
            (Shape::Stories260k, 0.26),
            (Shape::Smollm2, 134.5),
            (Shape::Llama2x7b, 6738.4),
            (Shape::Llama2x13b, 13_015.9),
            (Shape::Llama2x70b, 68_976.6),
            (Shape::Llama3x8b, 8030.3),
            (Shape::Llama3x70b, 70_553.7),
        ];
        for (shape, millions) in expected {
            let config = shape.config();
            config.check().unwrap();
            let found = config.weights() as f64 / 1e6;
            assert!((found / millions - 1.0).abs() < 0.01, "{shape:?}: {found}");
        }
    }
}
