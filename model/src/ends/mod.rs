//! The ends of a program: what stands at its input and at its output, and what is said of it.
//!
//! | end | where it stands | who knows it |
//! | --- | --- | --- |
//! | [`End::Values`] | a column | packed: the input is committed, the output public |
//! | [`End::Tokens`] | in no column | the verifier, as bits; some are public ([`Sequence`]) |
//! | [`End::Residual`] | a column, and a copy in commitment rows of its own | the neighbouring shard commits to the same |

mod tokens;

pub(crate) use tokens::stored;
pub use tokens::{Sequence, Shard};

use crate::program::{Program, TensorId};

/// What stands at an end of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Rows of values, one a slot.
    Values,
    /// A token a slot, as `id - 2^15`.
    Tokens,
    /// The residual stream between two shards of a model.
    Residual,
}

impl End {
    /// Whether it stands in a column of the trace.
    pub fn in_trace(self) -> bool {
        self != Self::Tokens
    }

    /// Whether a copy has commitment rows of its own, which a neighbour shares.
    pub fn is_boundary(self) -> bool {
        self == Self::Residual
    }

    fn of(sequence: Option<&Sequence>, tokens: impl Fn(&Sequence) -> bool) -> Self {
        match sequence {
            None => Self::Values,
            Some(sequence) if tokens(sequence) => Self::Tokens,
            Some(_) => Self::Residual,
        }
    }
}

impl Program {
    /// What the program reads.
    pub fn input_end(&self) -> End {
        End::of(self.sequence.as_ref(), Sequence::reads_tokens)
    }

    /// What the program gives.
    pub fn output_end(&self) -> End {
        End::of(self.sequence.as_ref(), Sequence::gives_tokens)
    }

    /// The tensors at both ends with what they are, the input first.
    pub fn ends(&self) -> [(TensorId, End); 2] {
        [
            (self.input, self.input_end()),
            (self.output, self.output_end()),
        ]
    }

    /// Number of public outputs: slots times output width, or the public tokens.
    pub fn output_len(&self) -> usize {
        match self.sequence {
            Some(s) => s.public_input().len() + s.public_output().len(),
            None => self.slots() * self.tensor_width(self.output),
        }
    }

    /// Number of input values: slots times input width, or the tokens; none of a shard that reads the
    /// residual stream.
    pub fn input_len(&self) -> usize {
        match (self.input_end(), self.sequence) {
            (End::Residual, _) => 0,
            (End::Tokens, Some(sequence)) => sequence.tokens as usize,
            _ => self.slots() * self.tensor_width(self.input),
        }
    }

    /// Number of input values that are public, beside tokens: slots times public columns.
    pub fn public_input_len(&self) -> usize {
        let width = self.tensor_width(self.input);
        self.slots() * self.binding.input.width(width)
    }

    /// Number of output values in a proof: every slot's, though not all are public; none of a shard
    /// that gives the residual stream out.
    pub fn proof_output_len(&self) -> usize {
        match self.output_end() {
            End::Residual => 0,
            End::Values | End::Tokens => self.slots() * self.tensor_width(self.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_rows_of_tokens_and_of_shards() {
        let of = |sequence: Option<Sequence>| {
            let program = Program {
                sequence,
                ..Program::empty("test", 2, 4)
            };
            program.ends().map(|(_, end)| end)
        };
        let whole = Sequence::new(3, 1, 9);
        let shard = |index| {
            Some(Sequence {
                shard: Some(Shard { index, count: 3 }),
                ..whole
            })
        };
        assert_eq!(of(None), [End::Values, End::Values]);
        assert_eq!(of(Some(whole)), [End::Tokens, End::Tokens]);
        assert_eq!(of(shard(0)), [End::Tokens, End::Residual]);
        assert_eq!(of(shard(1)), [End::Residual, End::Residual]);
        assert_eq!(of(shard(2)), [End::Residual, End::Tokens]);
    }
}
