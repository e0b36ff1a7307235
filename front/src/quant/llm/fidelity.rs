//! How close the integer program is to the float model on given texts.

use laminate_model::ops::Argmax;
use laminate_model::program::{ACTIVATION_BOUND, Op, Program, Weights};
use laminate_prover::exec::{ExecError, Executor};

use crate::llama::{FloatLlama, FloatRun, argmax};
use crate::quant::QuantError;

/// Integer logits against float logits, position by position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LlmFidelity {
    /// Positions compared.
    pub positions: usize,
    /// Share of positions where both choose the same token.
    pub top1_agreement: f64,
    /// Perplexity of the float model on the texts.
    pub perplexity_float: f64,
    /// Perplexity of the integer program.
    pub perplexity_int: f64,
    /// Largest difference of a logit.
    pub max_logit_error: f64,
}

#[derive(Default)]
struct Sums {
    positions: usize,
    agreeing: usize,
    predicted: usize,
    nats: [f64; 2],
    error: f64,
}

impl Sums {
    /// Adds a piece: float logits `(n, vocab)`, and those of the program with its choices.
    fn compare(&mut self, piece: &[u32], expected: &[f32], found: &[(Vec<f64>, u32)]) {
        let rows = expected.chunks_exact((expected.len() / piece.len().max(1)).max(1));
        for (i, (float, (found, choice))) in rows.zip(found).enumerate() {
            let expected: Vec<f64> = float.iter().map(|v| f64::from(*v)).collect();
            self.positions += 1;
            self.agreeing += usize::from(argmax(float) == *choice);
            let errors = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
            self.error = errors.fold(self.error, f64::max);
            if let Some(next) = piece.get(i + 1) {
                self.predicted += 1;
                self.nats[0] += surprise(&expected, *next);
                self.nats[1] += surprise(found, *next);
            }
        }
    }
}

/// Runs both models on every sequence, cut into pieces that fit the program's slots.
///
/// # Errors
/// [`QuantError`] if program and weights do not fit each other, there is no token, or a value leaves its
/// range.
pub fn fidelity(
    model: &FloatLlama,
    program: &Program,
    weights: &Weights,
    tokens: &[Vec<u32>],
) -> Result<LlmFidelity, QuantError> {
    let executor = Executor::new(program, weights)?;
    let run = FloatRun::new(model)?;
    let length = program.slots().min(model.config.max_tokens);
    let mut sums = Sums::default();
    let pieces: Vec<&[u32]> = tokens.iter().flat_map(|t| t.chunks(length)).collect();
    let mut result = Ok(());
    run.run(&pieces, &mut |_, _| {}, &mut |index, expected| {
        let piece = pieces.get(index).copied().unwrap_or(&[]);
        if result.is_ok() {
            let found = logits(program, &executor, piece);
            result = found.map(|found| sums.compare(piece, &expected, &found));
        }
    })?;
    result?;
    if sums.positions == 0 {
        return Err(QuantError::NoText);
    }
    let perplexity = |nats: f64| libm::exp(nats / sums.predicted.max(1) as f64);
    Ok(LlmFidelity {
        positions: sums.positions,
        top1_agreement: sums.agreeing as f64 / sums.positions as f64,
        perplexity_float: perplexity(sums.nats[0]),
        perplexity_int: perplexity(sums.nats[1]),
        max_logit_error: sums.error,
    })
}

/// Real logits and the chosen token at every position.
fn logits(
    program: &Program,
    executor: &Executor<'_>,
    tokens: &[u32],
) -> Result<Vec<(Vec<f64>, u32)>, ExecError> {
    let trace = executor.tokens(tokens)?;
    let last = program.nodes.iter().find(|n| n.op == Op::Argmax(Argmax));
    let id = last.and_then(|n| n.inputs.first()).copied().unwrap_or(0);
    let tensor = &program.tensors[id];
    let unit = libm::exp2(-f64::from(tensor.scale));
    let rows = trace.tensors[id].chunks_exact(1 << tensor.width_log());
    let real = |row: &[i32]| -> Vec<f64> {
        row.iter()
            .take(tensor.width())
            .map(|v| f64::from(*v) * unit)
            .collect()
    };
    let choices = trace.tensors[program.output].iter();
    let choice = |v: &i32| (i64::from(*v) + ACTIVATION_BOUND) as u32;
    Ok(rows
        .map(real)
        .zip(choices.map(choice))
        .take(tokens.len())
        .collect())
}

/// `-ln softmax(logits)[token]`.
fn surprise(logits: &[f64], token: u32) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|l| libm::exp(l - largest)).sum();
    let own = logits.get(token as usize).copied().unwrap_or(largest);
    largest + libm::log(total) - own
}
