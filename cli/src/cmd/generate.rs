//! `laminate generate`: text from the integer model, and the input of a proof of it.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_front::llama::Tokenizer;
use laminate_model::program::{Program, Sequence, Weights};
use laminate_prover::exec::{ExecError, Generator, ShardGenerator, run_tokens};
use serde::Serialize;

use crate::destination;
use crate::files::{self, ModelDir};
use crate::llm::TokenInput;
use crate::measure::{peak_bytes, size};
use crate::output::Output;
use crate::shards::{self, ShardDir};

/// Generate tokens with a language model, as a proof will show them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate generate story --prompt \"Once upon a time\" -o input.json\n  laminate prove story --input input.json -o story.proof\n\nEvery token is the likeliest one (of equals, the one of the lowest id). The prompt must have as many\ntokens as the program was compiled for."
)]
pub struct Generate {
    /// Folder made by `laminate compile`.
    pub dir: PathBuf,
    /// The prompt, for the tokenizer that came with the model.
    #[arg(
        long,
        value_name = "TEXT",
        required_unless_present = "prompt_ids",
        conflicts_with = "prompt_ids"
    )]
    pub prompt: Option<String>,
    /// The prompt as token ids.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub prompt_ids: Option<Vec<u32>>,
    /// Tokens to generate; as many as a proof shows by default.
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// Write the input for `prove` (private: it holds the prompt).
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What `generate` reports.
#[derive(Debug, Serialize)]
struct Report {
    prompt: Vec<u32>,
    /// Generated tokens.
    tokens: Vec<u32>,
    /// Text of prompt and generated tokens, if there is a tokenizer that knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Until the first token.
    prompt_seconds: f64,
    /// All of it.
    seconds: f64,
    tokens_per_second: f64,
    peak_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<PathBuf>,
}

impl Generate {
    /// Runs the command.
    ///
    /// # Errors
    /// A program that is not over tokens, a prompt of another length, or a value out of its range.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        self.output.as_deref().map_or(Ok(()), destination::result)?;
        let shards = ShardDir::open(&self.dir)?;
        let dir = match &shards {
            Some(shards) => shards.model_dir(),
            None => ModelDir::open(&self.dir)?,
        };
        let loaded = Loaded::read(&dir, shards.as_ref())?;
        let sequence = loaded.sequence().ok_or_else(|| {
            eyre!(
                "{} is a model over rows or one of several shards, expected a language model; use `laminate prove`, or give the folder that holds all shards",
                self.dir.display()
            )
        })?;
        let tokenizer = dir.tokenizer()?;
        let prompt = self.prompt_tokens(tokenizer.as_ref())?;
        let count = self.count(&sequence, prompt.len())?;
        let made = {
            let _stage = out.stage("Generating");
            loaded.generate(&prompt, count)?
        };
        let all: Vec<u32> = prompt.iter().chain(&made.tokens).copied().collect();
        if let Some(path) = &self.output {
            let tokens = all.get(..sequence.tokens as usize).unwrap_or(&all).to_vec();
            let _stage = out.stage("Running all slots, as the proof does");
            // Slots beyond the tokens are computed, too, and may leave their range.
            loaded
                .run(&tokens)
                .wrap_err("the model generates these tokens, but no proof can be made of them")?;
            let json = serde_json::to_vec(&TokenInput { tokens })?;
            files::write_bytes(path, &json, true)?;
        }
        let report = Report {
            text: tokenizer.and_then(|t| t.decode(&all).ok()),
            tokens_per_second: made.tokens.len() as f64 / made.seconds,
            prompt,
            tokens: made.tokens,
            prompt_seconds: made.prompt_seconds,
            seconds: made.seconds,
            peak_bytes: peak_bytes(),
            input: self.output.clone(),
        };
        out.result(&human(&report), &report)
    }

    fn prompt_tokens(&self, tokenizer: Option<&Tokenizer>) -> eyre::Result<Vec<u32>> {
        if let Some(ids) = &self.prompt_ids {
            return Ok(ids.clone());
        }
        let text = self.prompt.as_deref().unwrap_or_default();
        let tokenizer = tokenizer.ok_or_else(|| {
            eyre!(
                "{} has no tokenizer.json; give token ids with --prompt-ids, or compile with --tokenizer",
                self.dir.display()
            )
        })?;
        Ok(tokenizer.encode(text)?)
    }

    /// Checks the prompt's length and tells how many tokens to generate.
    fn count(&self, sequence: &Sequence, prompt: usize) -> eyre::Result<usize> {
        let (expected, shown) = (sequence.prompt as usize, sequence.generated());
        ensure!(
            prompt == expected,
            "the prompt has {prompt} tokens, the program in {} takes {expected}; compile the model again with --prompt-tokens {prompt} --tokens {} to show as many generated ones",
            self.dir.display(),
            prompt + shown - 1
        );
        let count = self.max_tokens.unwrap_or(shown);
        ensure!(
            (1..=shown).contains(&count),
            "--max-tokens {count}, expected 1 to {shown}: the program holds {} tokens and shows {shown}; compile the model again with --tokens {}",
            sequence.tokens,
            (prompt + count).max(2) - 1
        );
        ensure!(
            self.output.is_none() || count == shown,
            "--max-tokens {count} with --output, expected {shown}: a proof shows all of the program's tokens; leave --max-tokens out, or compile the model again with --tokens {}",
            prompt + count - 1
        );
        Ok(count)
    }
}

struct Made {
    tokens: Vec<u32>,
    prompt_seconds: f64,
    seconds: f64,
}

/// A model that is whole, or all of its shards.
enum Loaded {
    Whole(Box<(Program, Weights)>),
    Shards(Vec<(Program, Weights)>),
}

impl Loaded {
    fn read(dir: &ModelDir, shards: Option<&ShardDir>) -> eyre::Result<Self> {
        let read = |dir: &ModelDir| Ok((dir.program()?, dir.weights()?));
        Ok(match shards {
            None => Self::Whole(Box::new(read(dir)?)),
            Some(shards) => {
                let all: eyre::Result<_> = shards.dirs().iter().map(read).collect();
                Self::Shards(all?)
            }
        })
    }

    /// None of a model over rows, or of a single shard.
    fn sequence(&self) -> Option<Sequence> {
        match self {
            Self::Whole(model) => model.0.sequence.filter(|s| s.shard.is_none()),
            Self::Shards(shards) => shards.first()?.0.sequence,
        }
    }

    fn generate(&self, prompt: &[u32], count: usize) -> eyre::Result<Made> {
        match self {
            Self::Whole(model) => {
                let mut generator = Generator::new(&model.0, &model.1)?;
                generate(|tokens| generator.push(tokens), prompt, count)
            }
            Self::Shards(shards) => {
                let mut generator = ShardGenerator::new(shards)?;
                generate(|tokens| generator.push(tokens), prompt, count)
            }
        }
    }

    /// Runs all slots.
    fn run(&self, tokens: &[u32]) -> eyre::Result<()> {
        match self {
            Self::Whole(model) => drop(run_tokens(&model.0, &model.1, tokens)?),
            Self::Shards(shards) => {
                let mut given = None;
                for (program, weights) in shards {
                    let trace = shards::run_one(program, weights, tokens, given.as_ref())?;
                    given = Some(trace.residual(program).to_vec());
                }
            }
        }
        Ok(())
    }
}

fn generate(
    mut push: impl FnMut(&[u32]) -> Result<u32, ExecError>,
    prompt: &[u32],
    count: usize,
) -> eyre::Result<Made> {
    let start = Instant::now();
    let mut last = push(prompt)?;
    let prompt_seconds = start.elapsed().as_secs_f64();
    let mut tokens = vec![last];
    while tokens.len() < count {
        last = push(&[last])?;
        tokens.push(last);
    }
    Ok(Made {
        tokens,
        prompt_seconds,
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn human(report: &Report) -> String {
    let mut lines = vec![];
    lines.extend(report.text.clone());
    lines.push(format!("prompt    {:?}", report.prompt));
    lines.push(format!("generated {:?}", report.tokens));
    lines.push(format!(
        "{:.1} tokens/s, first token after {:.2} s, peak memory {}",
        report.tokens_per_second,
        report.prompt_seconds,
        size(report.peak_bytes)
    ));
    if let Some(path) = &report.input {
        lines.push(format!("input for `prove` written to {}", path.display()));
    }
    lines.join("\n")
}
