//! What a program's statements say beside weights, input commitment and output.
//!
//! | part | binding words, in this order | what shows it |
//! | --- | --- | --- |
//! | credential | root, scope, nullifier | [`crate::credential`] |
//! | context | context | nothing: it has no meaning here, and a proof is of no other one |
//!
//! They stand before the output words that hold values. With a public input, the words of the input's values, of all
//! columns or of some, packed as for its commitment, stand between the two. With a hidden output, one word, a salted
//! commitment to the output ([`crate::statement::output_commitment`]), stands in the place of the output's. Public weights
//! have no word: their commitment has no salt. A program without a binding has none of this: it is encoded, and its
//! statements are, as if there were no bindings.

mod encoding;

use serde::{Deserialize, Serialize};

/// Fewest levels of a tree of credentials: all trees of a depth look alike, however few hold one.
pub const MIN_DEPTH: u8 = 20;
/// Most levels of a tree of credentials.
pub const MAX_DEPTH: u8 = 32;

/// Longest name of a public column, in bytes.
pub const MAX_COLUMN_NAME: usize = 128;

/// What a program's statements are bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Whether there is a context: one element that whoever accepts the proof gives a meaning, such as its caller.
    pub context: bool,
    /// Which of the input's values are public.
    pub input: PublicInput,
    /// Whether the input's values are those of a credential: levels of the tree.
    pub credential: Option<u8>,
    /// Whether statements have a salted commitment to the output in the place of the output.
    pub output_hidden: bool,
    /// Whether the weight commitment is made without a salt, so that it follows from the weights alone.
    pub weights_public: bool,
}

/// Which values of the rows of an input are public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicInput {
    /// None.
    #[default]
    Hidden,
    /// All.
    All,
    /// Those of some columns, by index.
    Columns(Vec<Column>),
}

/// A public column of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its place in a row, from 0.
    pub index: u32,
    /// Its name; empty if the columns have none.
    pub name: String,
}

impl PublicInput {
    /// Whether there is a public value.
    pub fn is_public(&self) -> bool {
        *self != Self::Hidden
    }

    /// Number of public values in a row of `width` values.
    pub fn width(&self, width: usize) -> usize {
        match self {
            Self::Hidden => 0,
            Self::All => width,
            Self::Columns(columns) => columns.len(),
        }
    }

    /// The public ones of the values of rows of `width`, row-major.
    pub fn select<S: Clone>(&self, width: usize, values: &[S]) -> Vec<S> {
        match self {
            Self::Hidden => vec![],
            Self::All => values.to_vec(),
            Self::Columns(columns) => {
                let rows = values.chunks(width.max(1));
                let of = |row: &[S]| -> Vec<S> {
                    let places = columns.iter().map(|column| column.index as usize);
                    places.filter_map(|at| row.get(at).cloned()).collect()
                };
                rows.flat_map(of).collect()
            }
        }
    }
}

/// The binding words of a statement, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingWords<S> {
    /// Those of a credential.
    pub credential: Option<CredentialWords<S>>,
    /// The context.
    pub context: Option<S>,
}

/// What a statement says of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialWords<S> {
    /// Root of the tree that it is in.
    pub root: S,
    /// What it is used for.
    pub scope: S,
    /// What its holder leaves there, once a scope.
    pub nullifier: S,
}

impl Binding {
    /// Bound to nothing.
    pub const NONE: Self = Self {
        context: false,
        input: PublicInput::Hidden,
        credential: None,
        output_hidden: false,
        weights_public: false,
    };

    /// Words of a credential: root, scope, nullifier.
    const CREDENTIAL_WORDS: usize = 3;

    /// Whether statements are bound to nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The public columns, if they are not all.
    pub fn columns(&self) -> Option<&[Column]> {
        match &self.input {
            PublicInput::Columns(columns) => Some(columns),
            PublicInput::Hidden | PublicInput::All => None,
        }
    }

    /// Number of binding words.
    pub fn words(&self) -> usize {
        let credential = self.credential.map_or(0, |_| Self::CREDENTIAL_WORDS);
        credential + usize::from(self.context)
    }

    /// Names the first words of a statement's output words; none if there are too few.
    pub fn read<'a, S>(&self, words: &'a [S]) -> Option<BindingWords<&'a S>> {
        let mut words = words.iter();
        let credential = match self.credential {
            None => None,
            Some(_) => Some(CredentialWords {
                root: words.next()?,
                scope: words.next()?,
                nullifier: words.next()?,
            }),
        };
        let context = match self.context {
            false => None,
            true => Some(words.next()?),
        };
        Some(BindingWords {
            credential,
            context,
        })
    }
}

impl<S: Clone> BindingWords<S> {
    /// The words in their order.
    pub fn to_words(&self) -> Vec<S> {
        let credential = self.credential.iter();
        let credential = credential.flat_map(|c| [&c.root, &c.scope, &c.nullifier]);
        credential.chain(&self.context).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_by_name() {
        for (context, credential) in [
            (false, None),
            (true, None),
            (false, Some(20)),
            (true, Some(32)),
        ] {
            let binding = Binding {
                context,
                credential,
                ..Binding::NONE
            };
            let words: Vec<u64> = (1..=binding.words() as u64).collect();
            let more: Vec<u64> = words.iter().copied().chain([9, 9]).collect();
            let read = binding.read(&more).unwrap();
            let owned = BindingWords {
                credential: read.credential.map(|c| CredentialWords {
                    root: *c.root,
                    scope: *c.scope,
                    nullifier: *c.nullifier,
                }),
                context: read.context.copied(),
            };
            assert_eq!(owned.to_words(), words);
            assert_eq!(owned.context.is_some(), context);
            if let Some(last) = words.len().checked_sub(1) {
                assert_eq!(binding.read(&words[..last]), None);
            }
        }
    }

    #[test]
    fn public_columns_are_selected_row_by_row() {
        let values: Vec<u32> = (0..8).collect();
        let column = |index| Column {
            index,
            name: String::new(),
        };
        let columns = PublicInput::Columns(vec![column(1), column(3)]);
        assert_eq!(columns.select(4, &values), [1, 3, 5, 7]);
        assert_eq!(PublicInput::All.select(4, &values), values);
        assert!(PublicInput::Hidden.select(4, &values).is_empty());
        let widths = [PublicInput::Hidden, PublicInput::All, columns].map(|input| input.width(4));
        assert_eq!(widths, [0, 4, 2]);
    }
}
