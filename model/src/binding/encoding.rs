//! How a [`Binding`] is encoded. What could be said before there was more to say is encoded as it was then, so that
//! programs of such a binding keep their digests. No binding has two encodings.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Binding, Column, PublicInput};

/// In binary files. The first byte was the flag of a context.
#[derive(Serialize, Deserialize)]
enum Binary {
    NoContext(First),
    Context(First),
    Full(Parts),
}

/// What there was beside a context.
#[derive(Serialize, Deserialize)]
struct First {
    input_public: bool,
    credential: Option<u8>,
}

/// Everything.
#[derive(Serialize, Deserialize)]
struct Parts {
    context: bool,
    input: PublicInput,
    credential: Option<u8>,
    output_hidden: bool,
    weights_public: bool,
}

/// In JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    context: bool,
    input_public: bool,
    credential: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "is_false")]
    output_hidden: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    weights_public: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Binding {
    /// Whether it is one of those that there were first.
    fn is_first(&self) -> bool {
        self.columns().is_none() && !self.output_hidden && !self.weights_public
    }
}

impl From<&Binding> for Binary {
    fn from(binding: &Binding) -> Self {
        let first = First {
            input_public: binding.input.is_public(),
            credential: binding.credential,
        };
        match (binding.is_first(), binding.context) {
            (true, false) => Self::NoContext(first),
            (true, true) => Self::Context(first),
            (false, context) => Self::Full(Parts {
                context,
                input: binding.input.clone(),
                credential: binding.credential,
                output_hidden: binding.output_hidden,
                weights_public: binding.weights_public,
            }),
        }
    }
}

impl From<Binary> for Binding {
    fn from(binary: Binary) -> Self {
        let first = |context, first: First| Self {
            context,
            input: match first.input_public {
                true => PublicInput::All,
                false => PublicInput::Hidden,
            },
            credential: first.credential,
            ..Self::NONE
        };
        match binary {
            Binary::NoContext(parts) => first(false, parts),
            Binary::Context(parts) => first(true, parts),
            Binary::Full(parts) => Self {
                context: parts.context,
                input: parts.input,
                credential: parts.credential,
                output_hidden: parts.output_hidden,
                weights_public: parts.weights_public,
            },
        }
    }
}

impl Serialize for Binding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return Binary::from(self).serialize(serializer);
        }
        let text = Text {
            context: self.context,
            input_public: self.input.is_public(),
            credential: self.credential,
            columns: self.columns().unwrap_or_default().to_vec(),
            output_hidden: self.output_hidden,
            weights_public: self.weights_public,
        };
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Binding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let binary = Binary::deserialize(deserializer)?;
            let full = matches!(binary, Binary::Full(_));
            let binding = Self::from(binary);
            return match full && binding.is_first() {
                true => Err(D::Error::custom("a binding with a shorter encoding")),
                false => Ok(binding),
            };
        }
        let text = Text::deserialize(deserializer)?;
        let input = match (text.input_public, text.columns) {
            (false, columns) if columns.is_empty() => PublicInput::Hidden,
            (true, columns) if columns.is_empty() => PublicInput::All,
            (true, columns) => PublicInput::Columns(columns),
            (false, _) => return Err(D::Error::custom("public columns of a hidden input")),
        };
        Ok(Self {
            context: text.context,
            input,
            credential: text.credential,
            output_hidden: text.output_hidden,
            weights_public: text.weights_public,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> PublicInput {
        PublicInput::Columns(vec![
            Column {
                index: 2,
                name: "age".into(),
            },
            Column {
                index: 7,
                name: String::new(),
            },
        ])
    }

    #[test]
    fn every_binding_is_read_back() {
        let mut tried = 0;
        for input in [PublicInput::Hidden, PublicInput::All, columns()] {
            for flags in 0..8 {
                for credential in [None, Some(20)] {
                    let binding = Binding {
                        context: flags & 1 != 0,
                        input: input.clone(),
                        credential,
                        output_hidden: flags & 2 != 0,
                        weights_public: flags & 4 != 0,
                    };
                    let bytes = postcard::to_stdvec(&binding).unwrap();
                    assert_eq!(postcard::from_bytes::<Binding>(&bytes).unwrap(), binding);
                    let text = serde_json::to_string(&binding).unwrap();
                    assert_eq!(serde_json::from_str::<Binding>(&text).unwrap(), binding);
                    tried += 1;
                }
            }
        }
        assert_eq!(tried, 48);
    }

    #[test]
    fn first_bindings_are_encoded_as_they_were() {
        #[derive(Serialize)]
        struct Before(bool, bool, Option<u8>);
        for context in [false, true] {
            for public in [false, true] {
                for credential in [None, Some(20)] {
                    let binding = Binding {
                        context,
                        input: match public {
                            true => PublicInput::All,
                            false => PublicInput::Hidden,
                        },
                        credential,
                        ..Binding::NONE
                    };
                    let before = postcard::to_stdvec(&Before(context, public, credential));
                    assert_eq!(postcard::to_stdvec(&binding).unwrap(), before.unwrap());
                }
            }
        }
        let text = serde_json::to_string(&Binding::NONE).unwrap();
        assert_eq!(
            text,
            r#"{"context":false,"inputPublic":false,"credential":null}"#
        );
    }

    #[test]
    fn no_binding_has_two_encodings() {
        // The third variant: no context, a hidden input, no credential, and two more flags.
        assert!(postcard::from_bytes::<Binding>(&[2, 0, 0, 0, 0, 0]).is_err());
        assert!(postcard::from_bytes::<Binding>(&[2, 1, 1, 1, 20, 0, 0]).is_err());
        assert!(postcard::from_bytes::<Binding>(&[2, 0, 0, 0, 1, 0]).is_ok());
        assert!(postcard::from_bytes::<Binding>(&[3, 0, 0, 0, 1, 0]).is_err());
        let text = r#"{"context":false,"inputPublic":false,"credential":null,"columns":[{"index":1,"name":"a"}]}"#;
        assert!(serde_json::from_str::<Binding>(text).is_err());
    }
}
