//! Programs over tokens: which of the tokens are claimed, and which ends of a shard are tokens.

use serde::{Deserialize, Serialize};

/// A sequence program's slots are token positions. Its input is the token ids, held as
/// `id - 2^15`; its output is the argmax token at the positions `prompt - 1 .. tokens`. A shard of a
/// model has the residual stream in the place of one of them, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Input tokens; the slots beyond hold id 0.
    pub tokens: u32,
    /// How many of them are the prompt (at least one). Every later input token must be the output
    /// at the position before it.
    pub prompt: u32,
    /// Size of the vocabulary.
    pub vocab: u32,
    /// Whether the prompt is public: it then stands before the generated tokens in the output words.
    #[serde(default)]
    pub prompt_public: bool,
    /// Set for a program that is some of a model's blocks.
    #[serde(default)]
    pub shard: Option<Shard>,
}

/// Which part of a model a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its place: 0 reads the tokens.
    pub index: u32,
    /// Number of parts: the last one gives the tokens out.
    pub count: u32,
}

impl Sequence {
    /// A whole model with a hidden prompt.
    pub fn new(tokens: u32, prompt: u32, vocab: u32) -> Self {
        Self {
            tokens,
            prompt,
            vocab,
            prompt_public: false,
            shard: None,
        }
    }

    /// Number of tokens that are generated.
    pub fn generated(&self) -> usize {
        (self.tokens + 1).saturating_sub(self.prompt) as usize
    }

    /// Whether the program reads tokens: a whole model, or its first shard.
    pub(super) fn reads_tokens(&self) -> bool {
        self.shard.is_none_or(|s| s.index == 0)
    }

    /// Whether the program gives tokens out: a whole model, or its last shard.
    pub(super) fn gives_tokens(&self) -> bool {
        self.shard.is_none_or(|s| s.index + 1 == s.count)
    }

    /// The input tokens that are public, as a range of positions: the prompt if it is, and in a first
    /// shard the generated tokens that it was fed.
    pub fn public_input(&self) -> std::ops::Range<usize> {
        let (tokens, prompt) = (self.tokens as usize, self.prompt as usize);
        let start = if self.prompt_public { 0 } else { prompt };
        match self.shard {
            None => start..prompt,
            Some(_) if self.reads_tokens() => start..tokens,
            Some(_) => 0..0,
        }
    }

    /// How many of the public tokens, the first ones, are the prompt.
    pub fn prompt_len(&self) -> usize {
        if self.prompt_public && self.reads_tokens() {
            self.prompt as usize
        } else {
            0
        }
    }

    /// The output tokens that are public, as a range of positions.
    pub fn public_output(&self) -> std::ops::Range<usize> {
        if self.gives_tokens() {
            (self.prompt as usize).saturating_sub(1)..self.tokens as usize
        } else {
            0..0
        }
    }
}

/// How a program holds its [`Sequence`] and its [`Binding`](crate::binding::Binding). What could be said before there was
/// more to say is encoded as it was then, so that its program keeps its digest.
pub(crate) mod stored {
    use laminate_engine::switch::on;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Sequence;
    use crate::binding::Binding;

    /// Of a program.
    pub type Ends = (Option<Sequence>, Binding);

    #[derive(Serialize, Deserialize)]
    enum Stored {
        None,
        Plain {
            tokens: u32,
            prompt: u32,
            vocab: u32,
        },
        Full(Sequence),
        Bound(Option<Sequence>, Binding),
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        Bound {
            sequence: Option<Sequence>,
            binding: Binding,
        },
        Plain(Option<Sequence>),
    }

    pub fn serialize<S: Serializer>(ends: &Ends, serializer: S) -> Result<S::Ok, S::Error> {
        let (sequence, binding) = ends.clone();
        if serializer.is_human_readable() {
            let text = match binding.is_none() {
                true => Text::Plain(sequence),
                false => Text::Bound { sequence, binding },
            };
            return text.serialize(serializer);
        }
        let stored = match sequence {
            _ if !binding.is_none() => Stored::Bound(sequence, binding),
            None => Stored::None,
            Some(Sequence {
                tokens,
                prompt,
                vocab,
                prompt_public: false,
                shard: None,
            }) => Stored::Plain {
                tokens,
                prompt,
                vocab,
            },
            Some(sequence) => Stored::Full(sequence),
        };
        stored.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ends, D::Error> {
        if deserializer.is_human_readable() {
            return Ok(match Text::deserialize(deserializer)? {
                Text::Plain(sequence) => (sequence, Binding::default()),
                Text::Bound { sequence, binding } => (sequence, binding),
            });
        }
        let none = Binding::default();
        Ok(match Stored::deserialize(deserializer)? {
            Stored::None => (None, none),
            Stored::Plain {
                tokens,
                prompt,
                vocab,
            } => (Some(Sequence::new(tokens, prompt, vocab)), none),
            Stored::Full(sequence) => (Some(sequence), none),
            Stored::Bound(_, binding) if binding.is_none() && on("binding to nothing") => {
                return Err(D::Error::custom("a binding to nothing"));
            }
            Stored::Bound(sequence, binding) => (sequence, binding),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::Binding;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "stored")] stored::Ends);

    fn holder(sequence: Option<Sequence>) -> Holder {
        Holder((sequence, Binding::default()))
    }

    #[test]
    fn the_first_form_is_encoded_as_before() {
        #[derive(Serialize)]
        struct Before(Option<(u32, u32, u32)>);
        for old in [None, Some((6, 2, 70_000))] {
            let new = holder(old.map(|(t, p, v)| Sequence::new(t, p, v)));
            let bytes = postcard::to_stdvec(&new).unwrap();
            assert_eq!(bytes, postcard::to_stdvec(&Before(old)).unwrap());
            assert_eq!(postcard::from_bytes::<Holder>(&bytes).unwrap(), new);
        }
        let full = holder(Some(Sequence {
            prompt_public: true,
            shard: Some(Shard { index: 1, count: 3 }),
            ..Sequence::new(6, 2, 9)
        }));
        let bytes = postcard::to_stdvec(&full).unwrap();
        assert_eq!(postcard::from_bytes::<Holder>(&bytes).unwrap(), full);
    }

    #[test]
    fn bindings_are_read_back_and_a_binding_to_nothing_is_refused() {
        let binding = Binding {
            context: true,
            credential: Some(20),
            ..Binding::NONE
        };
        for sequence in [None, Some(Sequence::new(6, 2, 9))] {
            let bound = Holder((sequence, binding.clone()));
            let bytes = postcard::to_stdvec(&bound).unwrap();
            assert_eq!(postcard::from_bytes::<Holder>(&bytes).unwrap(), bound);
            let text = serde_json::to_string(&bound).unwrap();
            assert_eq!(serde_json::from_str::<Holder>(&text).unwrap(), bound);
        }
        // Variant 3, no sequence, and three parts of which there is none.
        assert!(postcard::from_bytes::<Holder>(&[3, 0, 0, 0, 0]).is_err());
        assert!(postcard::from_bytes::<Holder>(&[3, 0, 1, 0, 0]).is_ok());
    }

    #[test]
    fn public_tokens_of_whole_models_and_shards() {
        let whole = Sequence::new(6, 2, 9);
        assert_eq!((whole.public_input(), whole.public_output()), (2..2, 1..6));
        let open = Sequence {
            prompt_public: true,
            ..whole
        };
        assert_eq!((open.public_input(), open.public_output()), (0..2, 1..6));
        let shard = |index, sequence: Sequence| Sequence {
            shard: Some(Shard { index, count: 3 }),
            ..sequence
        };
        let of = |s: Sequence| (s.public_input(), s.public_output());
        assert_eq!(of(shard(0, whole)), (2..6, 0..0));
        assert_eq!(of(shard(0, open)), (0..6, 0..0));
        assert_eq!(of(shard(1, open)), (0..0, 0..0));
        assert_eq!(of(shard(2, open)), (0..0, 1..6));
    }
}
