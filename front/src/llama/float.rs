//! A run of a Llama model in floats: the reference for fidelity, and the source of calibration ranges.
//!
//! All positions of a sequence go through a matrix together. Every activation the integer program has is
//! shown to an observer, at the point where the program has it: a norm's value *before* its scale, which
//! the program folds into the weights that follow.

use rayon::prelude::*;

use super::config::{BlockPart, LlamaConfig, Part};
use super::error::LlmError;
use super::matmul::matmul;
use super::model::FloatLlama;

/// A place where activations are observed, with the index of the block. Shapes are for n tokens, features
/// in the order of the weights' rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// Residual stream after the embedding, `(n, dim)`.
    Embedding,
    /// Norm before attention without its scale, `(n, dim)`.
    AttentionNorm(usize),
    /// Queries, `(n, heads * head_dim)`.
    Q(usize),
    /// Keys, `(n, kv_heads * head_dim)`.
    K(usize),
    /// Queries after rotation.
    QRot(usize),
    /// Keys after rotation.
    KRot(usize),
    /// Values, `(n, kv_heads * head_dim)`.
    V(usize),
    /// Scores over `sqrt(head_dim)`, `(heads, n, n)`: of every position for every other, later ones too.
    Scores(usize),
    /// Values mixed by attention, `(n, heads * head_dim)`.
    Out(usize),
    /// Residual stream after attention, `(n, dim)`.
    AttentionResidual(usize),
    /// Norm before the MLP without its scale, `(n, dim)`.
    MlpNorm(usize),
    /// Gate, `(n, hidden)`.
    Gate(usize),
    /// SiLU of the gate, `(n, hidden)`.
    Silu(usize),
    /// Up projection, `(n, hidden)`.
    Up(usize),
    /// SiLU of the gate times the up projection, `(n, hidden)`.
    Hidden(usize),
    /// Residual stream after the block, `(n, dim)`.
    MlpResidual(usize),
    /// The last norm without its scale, `(n, dim)`.
    FinalNorm,
    /// Logits, `(n, vocab)`.
    Logits,
}

/// Called with the values of each site, in the order of evaluation.
pub type Observer<'a> = dyn FnMut(Site, &[f32]) + 'a;

/// The weights of a block.
pub(super) struct Block {
    pub(super) attention_norm: Vec<f32>,
    pub(super) q: Vec<f32>,
    pub(super) k: Vec<f32>,
    pub(super) v: Vec<f32>,
    pub(super) o: Vec<f32>,
    pub(super) mlp_norm: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) down: Vec<f32>,
}

/// A model that is run. Its weights are converted when they are used, a block at a time, and dropped then;
/// so many texts should go through a block together.
pub struct FloatRun<'m> {
    model: &'m FloatLlama,
    /// The embedding, where rows cannot be read.
    table: Option<Vec<f32>>,
    final_norm: Vec<f32>,
    frequencies: Vec<f64>,
}

/// Elements of the head that are converted at once.
const CHUNK: usize = 1 << 22;

impl<'m> FloatRun<'m> {
    /// A run of a model.
    ///
    /// # Errors
    /// [`LlmError`] if a part cannot be converted.
    pub fn new(model: &'m FloatLlama) -> Result<Self, LlmError> {
        let config = &model.config;
        let table = (!model.has_rows()).then(|| model.part(Part::Embedding));
        Ok(Self {
            table: table.transpose()?,
            final_norm: model.part(Part::FinalNorm)?,
            frequencies: config.rope.frequencies(config.head_dim),
            model,
        })
    }

    /// The weights of a block.
    pub(super) fn load(&self, layer: usize) -> Result<Block, LlmError> {
        let part = |of| self.model.part(Part::Block(layer, of));
        Ok(Block {
            attention_norm: part(BlockPart::AttentionNorm)?,
            q: part(BlockPart::Q)?,
            k: part(BlockPart::K)?,
            v: part(BlockPart::V)?,
            o: part(BlockPart::O)?,
            mlp_norm: part(BlockPart::MlpNorm)?,
            gate: part(BlockPart::Gate)?,
            up: part(BlockPart::Up)?,
            down: part(BlockPart::Down)?,
        })
    }

    /// The logits after each token, `(n, vocab)`.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if there are none, too many or unknown ones.
    pub fn logits(&self, tokens: &[u32]) -> Result<Vec<Vec<f32>>, LlmError> {
        self.observe(tokens, &mut |_, _| {})
    }

    /// As [`FloatRun::logits`], showing every activation to an observer.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if there are no tokens, too many or unknown ones.
    pub fn observe(
        &self,
        tokens: &[u32],
        observer: &mut Observer<'_>,
    ) -> Result<Vec<Vec<f32>>, LlmError> {
        let mut logits = vec![];
        self.run(&[tokens], observer, &mut |_, all| logits = all)?;
        let rows = logits.chunks_exact(self.config().vocab);
        Ok(rows.map(<[f32]>::to_vec).collect())
    }

    /// Takes all texts through the model, block by block. Every activation is shown to the observer, and the
    /// logits of each text, `(n, vocab)`, are given to `sink` with its index.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if a text has no tokens, too many or unknown ones.
    pub fn run(
        &self,
        texts: &[&[u32]],
        observer: &mut Observer<'_>,
        sink: &mut dyn FnMut(usize, Vec<f32>),
    ) -> Result<(), LlmError> {
        for (index, mut x) in self.body(texts, observer)?.into_iter().enumerate() {
            normalise(&mut x, self.config().dim, self.config().norm_eps);
            observer(Site::FinalNorm, &x);
            let logits = self.head_of(x)?;
            observer(Site::Logits, &logits);
            sink(index, logits);
        }
        Ok(())
    }

    /// `count` tokens that follow `prompt`, each the likeliest (of equals, the lowest).
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if there is no prompt, it has unknown tokens, or the whole is too long.
    pub fn greedy(&self, prompt: &[u32], count: usize) -> Result<Vec<u32>, LlmError> {
        let config = self.config();
        let mut tokens = prompt.to_vec();
        for _ in 0..count {
            let mut last = self.body(&[&tokens], &mut |_, _| {})?.concat();
            last.drain(..last.len() - config.dim);
            normalise(&mut last, config.dim, config.norm_eps);
            tokens.push(argmax(&self.head_of(last)?));
        }
        Ok(tokens.split_off(prompt.len()))
    }

    /// The residual streams after all blocks, `(n, dim)` each.
    fn body(
        &self,
        texts: &[&[u32]],
        observer: &mut Observer<'_>,
    ) -> Result<Vec<Vec<f32>>, LlmError> {
        let mut streams = texts
            .iter()
            .map(|text| self.embed(text))
            .collect::<Result<Vec<_>, _>>()?;
        for x in &streams {
            observer(Site::Embedding, x);
        }
        for layer in 0..self.config().layers {
            self.block(layer, &mut streams, observer)?;
        }
        Ok(streams)
    }

    /// Takes residual streams, `(n, dim)` each, through a block.
    ///
    /// # Errors
    /// [`LlmError`] if its weights cannot be converted.
    pub fn block(
        &self,
        layer: usize,
        streams: &mut [Vec<f32>],
        observer: &mut Observer<'_>,
    ) -> Result<(), LlmError> {
        let block = self.load(layer)?;
        for x in streams {
            self.attention(layer, &block, x, observer);
            self.mlp(layer, &block, x, observer);
        }
        Ok(())
    }

    /// The residual stream before the first block, `(n, dim)`.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if there are no tokens, too many or unknown ones.
    pub fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>, LlmError> {
        let config = self.config();
        let limit = config.max_tokens;
        if tokens.is_empty() || tokens.len() > limit {
            return Err(LlmError::Tokens {
                problem: format!("there are {}, expected 1 to {limit}", tokens.len()),
            });
        }
        let mut x = Vec::with_capacity(tokens.len() * config.dim);
        for (index, &token) in tokens.iter().enumerate() {
            if token as usize >= config.vocab {
                return Err(LlmError::Tokens {
                    problem: format!(
                        "token {index} is {token}, expected an id below {}",
                        config.vocab
                    ),
                });
            }
            let row = token as usize..token as usize + 1;
            match &self.table {
                None => x.extend(self.model.table(Part::Embedding, row)?),
                Some(table) => x.extend(
                    table
                        .chunks_exact(config.dim)
                        .skip(row.start)
                        .take(1)
                        .flatten(),
                ),
            }
        }
        Ok(x)
    }

    /// The rows of a residual stream normalised, without the norm's scale.
    pub fn normalised(&self, x: &[f32]) -> Vec<f32> {
        let mut x = x.to_vec();
        normalise(&mut x, self.config().dim, self.config().norm_eps);
        x
    }

    /// Logits of normalised rows: the head is converted some rows at a time.
    pub(super) fn head_of(&self, mut x: Vec<f32>) -> Result<Vec<f32>, LlmError> {
        let config = self.config();
        scale(&mut x, &self.final_norm);
        let Some(table) = &self.table else {
            let mut logits = vec![0.0; x.len() / config.dim * config.vocab];
            let step = (CHUNK / config.dim).max(1);
            for start in (0..config.vocab).step_by(step) {
                let rows = start..config.vocab.min(start + step);
                let part = matmul(&self.model.table(Part::Head, rows.clone())?, &x, config.dim);
                let parts = part.chunks_exact(rows.len());
                for (logits, part) in logits.chunks_exact_mut(config.vocab).zip(parts) {
                    let places = logits.iter_mut().skip(start);
                    places.zip(part).for_each(|(to, from)| *to = *from);
                }
            }
            return Ok(logits);
        };
        if config.tied {
            return Ok(matmul(table, &x, config.dim));
        }
        Ok(matmul(&self.model.part(Part::Head)?, &x, config.dim))
    }

    fn attention(&self, layer: usize, block: &Block, x: &mut [f32], observer: &mut Observer<'_>) {
        let config = self.config();
        let mut normed = x.to_vec();
        normalise(&mut normed, config.dim, config.norm_eps);
        observer(Site::AttentionNorm(layer), &normed);
        scale(&mut normed, &block.attention_norm);
        let mut q = matmul(&block.q, &normed, config.dim);
        let mut k = matmul(&block.k, &normed, config.dim);
        let v = matmul(&block.v, &normed, config.dim);
        observer(Site::Q(layer), &q);
        observer(Site::K(layer), &k);
        self.rotate(&mut q, config.q_dim());
        self.rotate(&mut k, config.kv_dim());
        observer(Site::QRot(layer), &q);
        observer(Site::KRot(layer), &k);
        observer(Site::V(layer), &v);
        let heads: Vec<(Vec<f32>, Vec<f32>)> = (0..config.heads)
            .into_par_iter()
            .map(|head| self.attend(head, &q, &k, &v))
            .collect();
        let scores: Vec<f32> = heads.iter().flat_map(|h| h.0.iter().copied()).collect();
        observer(Site::Scores(layer), &scores);
        let mut out = vec![0.0; q.len()];
        for (head, (_, values)) in heads.iter().enumerate() {
            let rows = out.chunks_exact_mut(config.q_dim());
            for (row, values) in rows.zip(values.chunks_exact(config.head_dim)) {
                if let Some(place) = row.chunks_exact_mut(config.head_dim).nth(head) {
                    place.copy_from_slice(values);
                }
            }
        }
        observer(Site::Out(layer), &out);
        add(x, &matmul(&block.o, &out, config.q_dim()));
        observer(Site::AttentionResidual(layer), x);
    }

    /// One query head: its scores `(n, n)` and its mixed values `(n, head_dim)`.
    fn attend(&self, head: usize, q: &[f32], k: &[f32], v: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let config = self.config();
        let queries = slice(q, config.q_dim(), config.head_dim, head);
        let keys = slice(k, config.kv_dim(), config.head_dim, head / config.rep());
        let values = slice(v, config.kv_dim(), config.head_dim, head / config.rep());
        let factor = 1.0 / (config.head_dim as f32).sqrt();
        let mut scores = Vec::with_capacity(queries.len() * keys.len());
        let mut mixed = Vec::with_capacity(queries.len() * config.head_dim);
        for (t, query) in queries.iter().enumerate() {
            let row: Vec<f32> = keys
                .iter()
                .map(|key| factor * query.iter().zip(*key).map(|(a, b)| a * b).sum::<f32>())
                .collect();
            let past = row.iter().take(t + 1);
            let max = past.clone().copied().fold(f32::NEG_INFINITY, f32::max);
            let weights: Vec<f32> = past.map(|s| (s - max).exp()).collect();
            let total: f32 = weights.iter().sum();
            let mut out = vec![0.0; config.head_dim];
            for (weight, value) in weights.iter().zip(&values) {
                for (out, value) in out.iter_mut().zip(*value) {
                    *out += weight / total * value;
                }
            }
            mixed.extend(out);
            scores.extend(row);
        }
        (scores, mixed)
    }

    /// Rotates every row by its position.
    fn rotate(&self, rows: &mut [f32], width: usize) {
        for (position, row) in rows.chunks_exact_mut(width).enumerate() {
            rotate(row, &self.turns(position));
        }
    }

    /// Sine and cosine of every pair at a position.
    pub(super) fn turns(&self, position: usize) -> Vec<(f32, f32)> {
        let turn = |f: &f64| {
            let (sin, cos) = libm::sincos(position as f64 * f);
            (sin as f32, cos as f32)
        };
        self.frequencies.iter().map(turn).collect()
    }

    pub(super) fn config(&self) -> &LlamaConfig {
        &self.model.config
    }

    fn mlp(&self, layer: usize, block: &Block, x: &mut [f32], observer: &mut Observer<'_>) {
        let config = self.config();
        let mut normed = x.to_vec();
        normalise(&mut normed, config.dim, config.norm_eps);
        observer(Site::MlpNorm(layer), &normed);
        scale(&mut normed, &block.mlp_norm);
        let mut gate = matmul(&block.gate, &normed, config.dim);
        let up = matmul(&block.up, &normed, config.dim);
        observer(Site::Gate(layer), &gate);
        gate.iter_mut().for_each(|g| *g /= 1.0 + (-*g).exp());
        observer(Site::Silu(layer), &gate);
        observer(Site::Up(layer), &up);
        for (gate, up) in gate.iter_mut().zip(&up) {
            *gate *= up;
        }
        observer(Site::Hidden(layer), &gate);
        add(x, &matmul(&block.down, &gate, config.hidden));
        observer(Site::MlpResidual(layer), x);
    }
}

/// The index of the largest value, the lowest of equals.
pub fn argmax(values: &[f32]) -> u32 {
    let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let index = values.iter().position(|&v| v == best);
    u32::try_from(index.unwrap_or(0)).unwrap_or(u32::MAX)
}

/// One head of each row.
fn slice(rows: &[f32], width: usize, head_dim: usize, head: usize) -> Vec<&[f32]> {
    rows.chunks_exact(width)
        .filter_map(|row| row.chunks_exact(head_dim).nth(head))
        .collect()
}

/// Divides each row by the root of its mean square plus `eps`.
fn normalise(rows: &mut [f32], width: usize, eps: f32) {
    for row in rows.chunks_exact_mut(width) {
        let square: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let factor = 1.0 / (square / width as f64 + f64::from(eps)).sqrt();
        row.iter_mut()
            .for_each(|v| *v = (f64::from(*v) * factor) as f32);
    }
}

/// Rotates every head of a row, in half-split order.
pub(super) fn rotate(row: &mut [f32], turns: &[(f32, f32)]) {
    for head in row.chunks_exact_mut(2 * turns.len()) {
        let (first, second) = head.split_at_mut(turns.len());
        for ((a, b), (sin, cos)) in first.iter_mut().zip(second).zip(turns) {
            (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
        }
    }
}

/// Each gate becomes its SiLU times the other.
pub(super) fn silu_times(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + (-*gate).exp()) * up;
    }
}

/// Multiplies each row by a vector.
pub(super) fn scale(rows: &mut [f32], by: &[f32]) {
    for row in rows.chunks_exact_mut(by.len()) {
        for (value, by) in row.iter_mut().zip(by) {
            *value *= by;
        }
    }
}

/// `x += y`
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
