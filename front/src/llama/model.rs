//! A Llama model with float weights, converted a matrix at a time.

use std::ops::Range;

use super::config::{LlamaConfig, Part};
use super::error::LlmError;
use super::tokenizer::TokenizerSource;
use super::weights::{FileWeights, random};

/// A Llama model in floats. The weights stay in their memory-mapped file; [`FloatLlama::part`] converts
/// one matrix, so that a reader who goes part by part holds one matrix at a time.
pub struct FloatLlama {
    /// Dimensions and constants.
    pub config: LlamaConfig,
    /// The model's name: from the file's metadata, else the file's own name.
    pub name: String,
    /// The tokenizer that came with the weights, if any.
    pub tokenizer: Option<TokenizerSource>,
    /// What its reader decided where the files say two things, for people.
    pub notes: Vec<String>,
    weights: Weights,
}

/// Refuses values of a part, from its element `first`, that are no numbers.
fn finite(part: Part, first: usize, values: &[f32]) -> Result<(), LlmError> {
    match values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some((index, &value)) => Err(LlmError::NonFinite {
            part: part.to_string(),
            index: first + index,
            value,
        }),
    }
}

enum Weights {
    Files(FileWeights),
    Random(u64),
}

impl FloatLlama {
    /// A model whose weights are in files.
    pub(super) fn stored(
        config: LlamaConfig,
        name: String,
        tokenizer: Option<TokenizerSource>,
        weights: FileWeights,
    ) -> Self {
        Self {
            config,
            name,
            tokenizer,
            notes: vec![],
            weights: Weights::Files(weights),
        }
    }

    /// A model with seeded random weights: its shape matters, its answers do not. Weights are drawn when
    /// asked for, the same for the same seed.
    ///
    /// # Errors
    /// [`LlmError::Config`] if the configuration is out of its bounds.
    pub fn random(config: LlamaConfig, seed: u64) -> Result<Self, LlmError> {
        config.check()?;
        Ok(Self {
            config,
            name: format!("random-{seed}"),
            tokenizer: None,
            notes: vec![],
            weights: Weights::Random(seed),
        })
    }

    /// The weights of a part, row-major with the shape [`LlamaConfig::shape`], all finite; rows of queries
    /// and keys in half-split order. A tied head is the embedding.
    ///
    /// # Errors
    /// [`LlmError::NoSuchPart`] beyond the last layer, [`LlmError::NonFinite`] if the file holds NaN or an
    /// infinity there.
    pub fn part(&self, part: Part) -> Result<Vec<f32>, LlmError> {
        let part = match part {
            Part::Head if self.config.tied => Part::Embedding,
            other => other,
        };
        let missing = || LlmError::NoSuchPart {
            part: part.to_string(),
            layers: self.config.layers,
        };
        if matches!(part, Part::Block(layer, _) if layer >= self.config.layers) {
            return Err(missing());
        }
        let values = match &self.weights {
            Weights::Files(files) => files.part(&self.config, part).ok_or_else(missing)?,
            Weights::Random(seed) => random(&self.config, *seed, part),
        };
        finite(part, 0, &values)?;
        Ok(values)
    }

    /// Whether single rows can be read; of random weights a part is drawn as a whole.
    pub(super) fn has_rows(&self) -> bool {
        matches!(self.weights, Weights::Files(_))
    }

    /// Some rows of the embedding or the head, as in [`FloatLlama::part`].
    ///
    /// # Errors
    /// [`LlmError::NoSuchPart`] beyond the last row or of another part, [`LlmError::NonFinite`].
    pub(super) fn table(&self, part: Part, rows: Range<usize>) -> Result<Vec<f32>, LlmError> {
        let part = match part {
            Part::Head if self.config.tied => Part::Embedding,
            other => other,
        };
        let (start, cols) = (rows.start, self.config.dim);
        let values = match (&self.weights, part) {
            (Weights::Files(files), Part::Embedding | Part::Head) => {
                files.rows(&self.config, part, rows)
            }
            _ => None,
        };
        let values = values.ok_or_else(|| LlmError::NoSuchPart {
            part: format!("rows of {part}"),
            layers: self.config.layers,
        })?;
        finite(part, start * cols, &values)?;
        Ok(values)
    }
}
