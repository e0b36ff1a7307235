//! A run of a Llama model in floats: the reference for fidelity, and the source of calibration ranges.
//!
//! Every activation the integer program has is shown to an observer, at the point where the program has it: a norm's
//! value *before* its scale, which the program folds into the weights that follow.

use super::config::{LlamaConfig, Part};
use super::error::LlmError;
use super::graph::{Sites, build};
use super::model::FloatLlama;
use crate::graph::{self, Graph, GraphError, Memory, Texts, ValueId};

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
    /// Scores over `sqrt(head_dim)`, `(n, heads, n)`: of every position for every other, later ones too.
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

/// Called with the numbers of each value of the graph, in the order of evaluation.
pub type Observer<'a> = dyn FnMut(ValueId, &[f32]) + 'a;

/// Most numbers of one value that are held at once, if a single text has no more.
const TOGETHER: usize = 1 << 26;

/// A model that is run. Its weights are converted when they are used, a matrix at a time, and dropped then; so many
/// texts should go through it together.
pub struct FloatRun<'m> {
    model: &'m FloatLlama,
    sites: Sites,
}

impl<'m> FloatRun<'m> {
    /// A run of a model.
    ///
    /// # Errors
    /// [`LlmError::Graph`] if the model is inconsistent.
    pub fn new(model: &'m FloatLlama) -> Result<Self, LlmError> {
        let sites = build(model)?;
        Ok(Self { model, sites })
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Graph {
        &self.sites.graph
    }

    /// The site that a value is; none if it has no name.
    pub fn site(&self, value: ValueId) -> Option<Site> {
        self.sites.sites.get(value).copied().flatten()
    }

    /// The matrix that a value is computed by.
    pub fn part(&self, value: ValueId) -> Option<Part> {
        self.sites.parts.get(value).copied().flatten()
    }

    /// The value that a matrix gives.
    pub fn value(&self, part: Part) -> Option<ValueId> {
        let mut parts = self.sites.parts.iter();
        parts.position(|p| *p == Some(part))
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

    /// Takes all texts through the model. Every activation is shown to the observer, and the logits of each text,
    /// `(n, vocab)`, are given to `sink` with its index.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if a text has no tokens, too many or unknown ones.
    pub fn run(
        &self,
        texts: &[&[u32]],
        observer: &mut Observer<'_>,
        sink: &mut dyn FnMut(usize, Vec<f32>),
    ) -> Result<(), LlmError> {
        let output = self.sites.graph.output();
        let mut first = 0;
        while let Some(rest) = texts.get(first..).filter(|rest| !rest.is_empty()) {
            let group = rest.get(..self.together(rest)).unwrap_or(rest);
            self.pass(group, output, None, &mut |id, text, values| {
                observer(id, values);
                if id == output {
                    sink(first + text, values.to_vec());
                }
                Ok::<_, LlmError>(())
            })?;
            first += group.len();
        }
        Ok(())
    }

    /// How many of the texts go through the model together.
    fn together(&self, texts: &[&[u32]]) -> usize {
        let widest = self.config().hidden.max(self.config().q_dim());
        let mut tokens = 0;
        let fits = |text: &&&[u32]| {
            tokens += text.len();
            tokens.saturating_mul(widest) <= TOGETHER
        };
        texts.iter().take_while(fits).count().max(1)
    }

    /// Takes all texts through the model, without the head. Every value is shown text after text.
    ///
    /// # Errors
    /// As [`FloatRun::run`], and what the observer says.
    pub fn body<E: From<GraphError> + From<LlmError>>(
        &self,
        texts: &[&[u32]],
        observer: &mut graph::Observer<'_, E>,
    ) -> Result<(), E> {
        self.pass(texts, self.sites.last_norm, None, observer)
    }

    fn pass<E: From<GraphError> + From<LlmError>>(
        &self,
        texts: &[&[u32]],
        wanted: ValueId,
        memory: Option<&mut Memory>,
        observer: &mut graph::Observer<'_, E>,
    ) -> Result<(), E> {
        let past = memory.as_ref().map_or(0, |memory| memory.rows());
        for text in texts {
            self.check(text, past)?;
        }
        // Token ids are below 2^20: floats hold them exactly.
        let rows: Vec<f32> = texts.concat().into_iter().map(|id| id as f32).collect();
        let lens: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let texts = Texts {
            rows: &rows,
            lens: &lens,
        };
        self.graph().observe(texts, wanted, memory, observer)
    }

    /// `count` tokens that follow `prompt`, each the likeliest (of equals, the lowest).
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if there is no prompt, it has unknown tokens, or the whole is too long.
    pub fn greedy(&self, prompt: &[u32], count: usize) -> Result<Vec<u32>, LlmError> {
        let mut memory = Memory::default();
        let mut last = match prompt.split_last() {
            Some((last, past)) if !past.is_empty() => {
                let nothing = &mut |_, _, _: &[f32]| Ok::<_, LlmError>(());
                self.pass(&[past], self.sites.last_norm, Some(&mut memory), nothing)?;
                *last
            }
            Some((last, _)) => *last,
            None => return self.check(prompt, 0).map(|()| vec![]),
        };
        let mut tokens = vec![];
        for _ in 0..count {
            self.step(&[last], &mut memory, &mut |_, logits| last = argmax(logits))?;
            tokens.push(last);
        }
        Ok(tokens)
    }

    /// Lets texts of one token each grow to `length` tokens. All grow by a token in each step, so that a pass over the
    /// weights serves all of them. `choose` is given the index of a text and the logits after its last token; it is
    /// asked text by text within a step. The floats are those of [`FloatRun::logits`].
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if a token is unknown or the texts are too long.
    pub fn grow(
        &self,
        starts: &[u32],
        length: usize,
        mut choose: impl FnMut(usize, &[f32]) -> u32,
    ) -> Result<Vec<Vec<u32>>, LlmError> {
        if length > self.config().max_tokens {
            return Err(self.too_many(length));
        }
        let mut texts: Vec<Vec<u32>> = starts.iter().map(|token| vec![*token]).collect();
        let mut memory = Memory::default();
        for _ in 1..length {
            let last: Vec<u32> = texts
                .iter()
                .filter_map(|text| text.last())
                .copied()
                .collect();
            self.step(&last, &mut memory, &mut |text, logits| {
                if let Some(tokens) = texts.get_mut(text) {
                    tokens.push(choose(text, logits));
                }
            })?;
        }
        Ok(texts)
    }

    /// Appends a token to every text and shows the logits after it.
    fn step(
        &self,
        tokens: &[u32],
        memory: &mut Memory,
        sink: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), LlmError> {
        let texts: Vec<&[u32]> = tokens.chunks(1).collect();
        let output = self.sites.graph.output();
        self.pass(&texts, output, Some(memory), &mut |id, text, values| {
            if id == output {
                sink(text, values);
            }
            Ok(())
        })
    }

    fn too_many(&self, found: usize) -> LlmError {
        LlmError::Tokens {
            problem: format!(
                "there are {found}, expected 1 to {}",
                self.config().max_tokens
            ),
        }
    }

    /// Checks tokens that follow `past` others.
    fn check(&self, tokens: &[u32], past: usize) -> Result<(), LlmError> {
        let config = self.config();
        if tokens.is_empty() || tokens.len() + past > config.max_tokens {
            return Err(self.too_many(tokens.len() + past));
        }
        match tokens.iter().position(|id| *id as usize >= config.vocab) {
            None => Ok(()),
            Some(at) => Err(LlmError::Tokens {
                problem: format!(
                    "token {} is {}, expected an id below {}",
                    past + at,
                    tokens.get(at).copied().unwrap_or_default(),
                    config.vocab
                ),
            }),
        }
    }

    /// Dimensions and constants.
    pub fn config(&self) -> &LlamaConfig {
        &self.model.config
    }
}

/// The index of the largest value, the lowest of equals.
pub fn argmax(values: &[f32]) -> u32 {
    let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let index = values.iter().position(|&v| v == best);
    u32::try_from(index.unwrap_or(0)).unwrap_or(u32::MAX)
}
