//! Text to token ids and back, with the tokenizer that came with a model.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use tokenizers::processors::template::TemplateProcessing;

use super::error::LlmError;
use super::hf::{json, read_capped};
use super::mapped::FileBytes;
use super::tokenizer_gguf;

/// Where a model's tokenizer is. It is built when asked for, since token ids are accepted everywhere.
#[derive(Clone)]
pub enum TokenizerSource {
    /// A `tokenizer.json` file of Hugging Face.
    Json(PathBuf),
    /// The metadata of a GGUF file.
    Gguf(Arc<FileBytes>),
}

impl TokenizerSource {
    /// Builds the tokenizer.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] if it is damaged or of a kind that is not supported.
    pub fn load(&self) -> Result<Tokenizer, LlmError> {
        match self {
            Self::Json(path) => Tokenizer::from_json(&read_capped(path)?),
            Self::Gguf(file) => tokenizer_gguf::build(file),
        }
    }
}

/// A tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Put before every text, where the model wants it and `inner` does not do so itself.
    first: Option<u32>,
}

impl Tokenizer {
    /// Builds a tokenizer from the bytes of a `tokenizer.json`. Its truncation and padding are switched off.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] if they are not a tokenizer.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LlmError> {
        json::<Json>("tokenizer.json", bytes)?.check()?;
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(fail)?;
        inner.with_truncation(None).map_err(fail)?;
        inner.with_padding(None);
        Ok(Self { inner, first: None })
    }

    pub(super) fn new(inner: tokenizers::Tokenizer, first: Option<u32>) -> Self {
        Self { inner, first }
    }

    /// The ids of a text, with the special tokens the model expects around it. Special tokens written in the
    /// text are recognised.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] if the text has something the vocabulary cannot express.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, LlmError> {
        let encoding = self.inner.encode_fast(text, true).map_err(fail)?;
        let ids = encoding.get_ids().iter().copied();
        Ok(self.first.into_iter().chain(ids).collect())
    }

    /// The text of ids, special tokens included. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if an id is not in the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String, LlmError> {
        if let Some(id) = ids.iter().find(|&&id| self.inner.id_to_token(id).is_none()) {
            return Err(LlmError::Tokens {
                problem: format!("id {id} is not in the tokenizer's vocabulary"),
            });
        }
        self.inner.decode(ids, false).map_err(fail)
    }

    /// The tokenizer as a `tokenizer.json`, from which [`Tokenizer::from_json`] builds an equal one.
    ///
    /// # Errors
    /// [`LlmError::Tokenizer`] if it cannot be written in that form.
    pub fn to_json(&self) -> Result<Vec<u8>, LlmError> {
        let mut inner = self.inner.clone();
        if let Some(id) = self.first {
            let token = inner
                .id_to_token(id)
                .ok_or_else(|| fail(format!("first token {id} is not in the vocabulary")))?;
            let template = TemplateProcessing::builder()
                .try_single(format!("{token} $A"))
                .map_err(fail)?
                .special_tokens(vec![(token, id)])
                .build()
                .map_err(fail)?;
            inner.with_post_processor(Some(template));
        }
        Ok(inner.to_string(false).map_err(fail)?.into_bytes())
    }

    /// The id of a token as the vocabulary spells it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// What is checked of a `tokenizer.json` before the library reads it: it trusts the merges.
#[derive(Deserialize)]
struct Json {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    r#type: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
    continuing_subword_prefix: Option<String>,
}

/// Both spellings of a merge.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Joined(String),
}

impl Json {
    fn check(&self) -> Result<(), LlmError> {
        let model = &self.model;
        let kind = model.r#type.as_deref().unwrap_or("BPE");
        let prefix = model.continuing_subword_prefix.as_deref().unwrap_or("");
        if kind != "BPE" || !prefix.is_empty() {
            return Err(fail(format!(
                "tokenizer.json has a model of type {kind:?} with subword prefix {prefix:?}, expected BPE without prefix; give token ids instead of text"
            )));
        }
        let known = |token: &str| model.vocab.contains_key(token);
        for merge in &model.merges {
            let pair = match merge {
                Merge::Pair(left, right) => Some((left.as_str(), right.as_str())),
                Merge::Joined(both) => both.split_once(' '),
            };
            check_merge(pair, known)?;
        }
        Ok(())
    }
}

/// Checks that both tokens of a merge and its result are in the vocabulary.
pub(super) fn check_merge(
    pair: Option<(&str, &str)>,
    known: impl Fn(&str) -> bool,
) -> Result<(), LlmError> {
    match pair {
        Some((left, right)) if known(left) && known(right) && known(&format!("{left}{right}")) => {
            Ok(())
        }
        other => Err(fail(format!(
            "merge {other:?} is not of two tokens whose joint is in the vocabulary; the file is damaged"
        ))),
    }
}

/// The library's error as ours.
pub(super) fn fail(error: impl std::fmt::Display) -> LlmError {
    LlmError::Tokenizer {
        problem: error.to_string(),
    }
}
