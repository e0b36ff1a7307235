//! A Llama model with float weights, converted a matrix at a time.

use std::sync::Arc;

use super::config::{LlamaConfig, Part};
use super::error::LlmError;
use super::tokenizer::TokenizerSource;
use super::weights::{FileWeights, Weights};

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
    weights: Arc<Weights>,
}

/// Refuses values of a part that are no numbers.
fn finite(part: Part, values: &[f32]) -> Result<(), LlmError> {
    match values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some((index, &value)) => Err(LlmError::NonFinite {
            part: part.to_string(),
            index,
            value,
        }),
    }
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
            weights: Arc::new(Weights::Files(weights)),
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
            weights: Arc::new(Weights::Random(seed)),
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
        let values = self.weights.part(&self.config, part).ok_or_else(missing)?;
        finite(part, &values)?;
        Ok(values)
    }

    /// Where the weights come from.
    pub(super) fn weights(&self) -> Arc<Weights> {
        Arc::clone(&self.weights)
    }
}
