//! How integers of a public output read: real numbers, or tokens and their text.

use std::fmt::{self, Display, Formatter};

use laminate_aggregator::keys::OutputFormat;
use laminate_protocol::program::ACTIVATION_BOUND;
use serde::Serialize;

/// A public output as people read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reading {
    /// Values of a row after another.
    Real(Vec<f64>),
    /// Ids of the generated tokens.
    Tokens(Vec<u32>),
}

impl Reading {
    /// Reads the integers of an output; `scale` is that of real numbers.
    pub fn new(values: &[i32], scale: i8, tokens: bool) -> Self {
        if tokens {
            return Self::Tokens(values.iter().map(|v| token(*v)).collect());
        }
        let unit = (-f64::from(scale)).exp2();
        Self::Real(values.iter().map(|v| f64::from(*v) * unit).collect())
    }

    /// Reads the integers of an output of this format.
    pub fn of(format: &OutputFormat, values: &[i32]) -> Self {
        Self::new(values, format.scale, format.tokens)
    }

    /// The tokens, if it is of tokens.
    pub fn tokens(&self) -> Option<&[u32]> {
        match self {
            Self::Tokens(ids) => Some(ids),
            Self::Real(_) => None,
        }
    }
}

impl Display for Reading {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(values) => write!(f, "{values:?}"),
            Self::Tokens(ids) => write!(f, "tokens {ids:?}"),
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
            Reading::new(&[1 << 13, -(1 << 14)], 14, false),
            Reading::Real(vec![0.5, -1.0])
        );
        let tokens = Reading::new(&[-(1 << 15), 3 - (1 << 15), (1 << 15) - 1], 0, true);
        assert_eq!(tokens.tokens(), Some([0, 3, 65_535].as_slice()));
        assert_eq!(tokens.to_string(), "tokens [0, 3, 65535]");
        assert_eq!(serde_json::to_string(&tokens).unwrap(), "[0,3,65535]");
    }
}
