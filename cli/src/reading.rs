//! How integers of a public output read: real numbers, or tokens and their text.

use std::fmt::{self, Display, Formatter};

use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::{OutputFormat, TokenFormat};
use laminate_model::program::ACTIVATION_BOUND;
use serde::Serialize;

use crate::files::hex_scalar;

/// A public output as people read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reading {
    /// Values of a row after another.
    Real(Vec<f64>),
    /// Ids of the generated tokens.
    Tokens(Vec<u32>),
    /// Ids of a public prompt and of what was generated.
    Text {
        /// The prompt.
        prompt: Vec<u32>,
        /// What the model says.
        generated: Vec<u32>,
    },
    /// A hidden output: what stands in its place.
    Hidden {
        /// The commitment.
        commitment: String,
    },
}

impl Reading {
    /// Reads the integers of an output; `scale` is that of real numbers.
    pub fn new(values: &[i32], scale: i8, tokens: Option<TokenFormat>) -> Self {
        let Some(TokenFormat { prompt, .. }) = tokens else {
            let unit = (-f64::from(scale)).exp2();
            return Self::Real(values.iter().map(|v| f64::from(*v) * unit).collect());
        };
        let mut generated: Vec<u32> = values.iter().map(|v| token(*v)).collect();
        if prompt == 0 {
            return Self::Tokens(generated);
        }
        let prompt = (prompt as usize).min(generated.len());
        let prompt = generated.drain(..prompt).collect();
        Self::Text { prompt, generated }
    }

    /// Reads the output words of a statement whose output is of this format; none if there are too few.
    pub fn of_words(format: &OutputFormat, words: &[Fr]) -> Option<Self> {
        match format.commitment(words) {
            Some(commitment) => Some(Self::hidden(commitment)),
            None => Some(Self::of(format, &format.read(words)?)),
        }
    }

    /// A hidden output.
    pub fn hidden(commitment: &Fr) -> Self {
        Self::Hidden {
            commitment: hex_scalar(commitment),
        }
    }

    /// Reads the integers of an output of this format.
    pub fn of(format: &OutputFormat, values: &[i32]) -> Self {
        Self::new(values, format.scale, format.tokens())
    }

    /// The public tokens in their order, if it is of tokens.
    pub fn tokens(&self) -> Option<Vec<u32>> {
        match self {
            Self::Tokens(ids) => Some(ids.clone()),
            Self::Text { prompt, generated } => {
                Some(prompt.iter().chain(generated).copied().collect())
            }
            Self::Real(_) | Self::Hidden { .. } => None,
        }
    }
}

impl Display for Reading {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(values) => write!(f, "{values:?}"),
            Self::Tokens(ids) => write!(f, "tokens {ids:?}"),
            Self::Text { prompt, generated } => {
                write!(f, "prompt {prompt:?} generated {generated:?}")
            }
            Self::Hidden { commitment } => write!(f, "hidden, commitment {commitment}"),
        }
    }
}

/// The id of a token as programs hold it, `id - 2^15`.
pub fn token(value: i32) -> u32 {
    (i64::from(value) + ACTIVATION_BOUND).clamp(0, i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_read_as_their_format_says() {
        assert_eq!(
            Reading::new(&[1 << 13, -(1 << 14)], 14, None),
            Reading::Real(vec![0.5, -1.0])
        );
        let values = [-(1 << 15), 3 - (1 << 15), (1 << 15) - 1];
        let tokens = Reading::new(&values, 0, Some(TokenFormat::default()));
        assert_eq!(tokens.tokens(), Some(vec![0, 3, 65_535]));
        assert_eq!(tokens.to_string(), "tokens [0, 3, 65535]");
        assert_eq!(serde_json::to_string(&tokens).unwrap(), "[0,3,65535]");
    }

    #[test]
    fn public_prompts_stand_apart() {
        let format = TokenFormat {
            prompt: 2,
            ..TokenFormat::default()
        };
        let text = Reading::new(&[-(1 << 15), 3 - (1 << 15), 70_000], 0, Some(format));
        assert_eq!(text.tokens(), Some(vec![0, 3, 102_768]));
        assert_eq!(text.to_string(), "prompt [0, 3] generated [102768]");
        assert_eq!(
            serde_json::to_string(&text).unwrap(),
            r#"{"prompt":[0,3],"generated":[102768]}"#
        );
    }
}
