//! What a program runs on, and inputs that are committed to before they are proven.
//!
//! The commitment is the one of the statement ([`statement::input_commitment`]): salt and values are enough to make it,
//! neither weights nor keys are needed. Who keeps both can have any number of proofs made that state the same commitment.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_model::program::{ACTIVATION_BOUND, Program};
use laminate_model::statement::{self, Packing};
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::exec::{self, ExecError};

/// What a program runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// 1 to `slots` rows of integers at the input's scale; slots beyond them repeat the last row.
    Rows(Vec<Vec<i32>>),
    /// Tokens: the prompt, and what the model generated but the last.
    Tokens(Vec<u32>),
}

impl Input {
    /// The values that the input commitment is of, for all slots: rows row-major `(slots, width)` without padding, or
    /// tokens as `id - 2^15`.
    ///
    /// # Errors
    /// [`ExecError`] for an input of another kind or size than the program's, and for a value out of range.
    pub fn values(&self, program: &Program) -> Result<Vec<i32>, ExecError> {
        match self {
            Self::Rows(rows) => exec::row_values(program, rows),
            Self::Tokens(tokens) => exec::token_values(program, tokens),
        }
    }
}

/// Why a committed input is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InputError {
    /// It was committed to for another program.
    #[error(
        "the input was committed to for program {found:?}, this one is {expected:?}; commit to it for this program, with the salt of the other if the commitment must be the same"
    )]
    Program {
        /// Digest of the program that it was made for.
        found: Fr,
        /// Digest of the program at hand.
        expected: Fr,
    },
    /// It has another number of values than the program takes.
    #[error("the committed input has {found} values, the program takes {expected}; make it again")]
    Count {
        /// Number of values.
        found: usize,
        /// The program's number.
        expected: usize,
    },
    /// Its values are not those of its commitment.
    #[error(
        "the values of the committed input do not open its commitment {stated:?}, they open {found:?}; the file was altered: take the one that `input commit` wrote"
    )]
    Commitment {
        /// What the values open.
        found: Fr,
        /// What the file says.
        stated: Fr,
    },
    /// A value does not fit.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

/// An input that was committed to. Private: who has it knows the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedInput {
    /// Digest of the program that it was made for, the first one of a model in shards.
    pub program_digest: Scalar,
    /// Salt of the commitment.
    pub salt: Scalar,
    /// As [`Input::values`].
    pub values: Vec<i32>,
    /// What proofs state.
    pub commitment: Scalar,
}

impl CommittedInput {
    /// Commits to an input with a fresh salt.
    ///
    /// # Errors
    /// As [`Input::values`], and for a malformed program.
    pub fn new(
        program: &Program,
        input: &Input,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Self, InputError> {
        Self::salted(program, input, Fr::random(rng))
    }

    /// Commits to an input with the salt of another commitment. Of the same values under a program with the same packing it
    /// is the same commitment: both proofs speak of one input, and everybody sees it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn salted(program: &Program, input: &Input, salt: Fr) -> Result<Self, InputError> {
        let values = input.values(program)?;
        Ok(Self {
            program_digest: Scalar(program.digest().map_err(ExecError::Program)?),
            salt: Scalar(salt),
            commitment: Scalar(commitment(program, &salt, &values)),
            values,
        })
    }

    /// The input, if it is of this program and its values open the commitment.
    ///
    /// # Errors
    /// [`InputError`] that says what does not fit.
    pub fn open(&self, program: &Program) -> Result<Input, InputError> {
        let expected = program.digest().map_err(ExecError::Program)?;
        if self.program_digest.0 != expected {
            return Err(InputError::Program {
                found: self.program_digest.0,
                expected,
            });
        }
        if self.values.len() != program.input_len() {
            return Err(InputError::Count {
                found: self.values.len(),
                expected: program.input_len(),
            });
        }
        let found = commitment(program, &self.salt.0, &self.values);
        if found != self.commitment.0 {
            return Err(InputError::Commitment {
                found,
                stated: self.commitment.0,
            });
        }
        let input = match program.sequence {
            Some(_) => Input::Tokens(self.values.iter().copied().map(token).collect()),
            None => {
                let width = program.tensor_width(program.input).max(1);
                Input::Rows(self.values.chunks(width).map(<[i32]>::to_vec).collect())
            }
        };
        // Values out of range have a commitment, too, but no proof.
        input.values(program)?;
        Ok(input)
    }
}

/// The id that an input tensor holds as `id - 2^15`; none of a vocabulary for a value that is not one.
fn token(value: i32) -> u32 {
    u32::try_from(i64::from(value) + ACTIVATION_BOUND).unwrap_or(u32::MAX)
}

fn commitment(program: &Program, salt: &Fr, values: &[i32]) -> Fr {
    let values: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
    statement::input_commitment(&mut Native, Packing::of_input(program), salt, &values)
}
