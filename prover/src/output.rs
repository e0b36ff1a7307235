//! Outputs that proofs hide: what opens the commitment that stands in a statement in the place of the output.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Native;
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_model::program::{ACTIVATION_BOUND, Program};
use laminate_model::proof::NativeProof;
use laminate_model::statement::{self, Packing, Statement};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an opening is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OutputError {
    /// It has another number of values than the output.
    #[error("the opening has {found} values, the output has {expected}: it is of another proof")]
    Count {
        /// Number of values.
        found: usize,
        /// That of the output.
        expected: usize,
    },
    /// A value is none of the output's packing: with it, one commitment would open as several outputs.
    #[error("value {index} of the opening is {value}, expected an int16: the opening is altered")]
    Range {
        /// Place of the value.
        index: usize,
        /// The value.
        value: i32,
    },
    /// It opens another commitment.
    #[error(
        "the values of the opening do not open the output commitment {stated:?}, they open {found:?}: it is of another proof, or altered"
    )]
    Commitment {
        /// What the values open.
        found: Fr,
        /// What the statement says.
        stated: Fr,
    },
}

/// An output that a proof hides, with what opens its commitment. Private: who has it knows the output, and can show it to
/// others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedOutput {
    /// Digest of the program whose output it is.
    pub program_digest: Scalar,
    /// Salt of the commitment.
    pub salt: Scalar,
    /// The output, row-major `(slots, width)` without padding: integers at its scale.
    pub values: Vec<i32>,
    /// What the proof states.
    pub commitment: Scalar,
}

impl CommittedOutput {
    /// That of a proof with its statement; none of a program whose output is public.
    pub fn of_proof(
        program: &Program,
        statement: &Statement<Fr>,
        proof: &NativeProof,
    ) -> Option<Self> {
        let salt = proof.output_salt?;
        let packing = Packing::of_output(program);
        let words = statement::pack(&mut Native, packing, &proof.output);
        Some(Self {
            program_digest: Scalar(statement.program_digest),
            salt: Scalar(salt),
            values: statement::unpack(packing, &words, proof.output.len())?,
            commitment: Scalar(*statement.output_words.last()?),
        })
    }

    /// Opens the commitment to `count` values, packed as `packing` says.
    ///
    /// # Errors
    /// [`OutputError`] that says what does not fit.
    pub fn open(
        &self,
        packing: Packing,
        count: usize,
        commitment: &Fr,
    ) -> Result<&[i32], OutputError> {
        if self.values.len() != count {
            return Err(OutputError::Count {
                found: self.values.len(),
                expected: count,
            });
        }
        let fits = |value: i32| match packing {
            Packing::Short => (-ACTIVATION_BOUND..ACTIVATION_BOUND).contains(&i64::from(value)),
            Packing::Long | Packing::Wide => true,
        };
        let mut values = self.values.iter().copied().enumerate();
        if let Some((index, value)) = values.find(|(_, value)| !fits(*value)) {
            return Err(OutputError::Range { index, value });
        }
        let values: Vec<Fr> = self
            .values
            .iter()
            .map(|v| fr_from_i64((*v).into()))
            .collect();
        let found = statement::output_commitment(&mut Native, packing, &self.salt.0, &values);
        if found != *commitment {
            return Err(OutputError::Commitment {
                found,
                stated: *commitment,
            });
        }
        Ok(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use halo2curves_axiom::ff::Field;

    use super::*;

    fn committed(packing: Packing, values: &[i32]) -> CommittedOutput {
        let scalars: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let salt = Fr::from(9);
        let commitment = statement::output_commitment(&mut Native, packing, &salt, &scalars);
        CommittedOutput {
            program_digest: Scalar(Fr::ONE),
            salt: Scalar(salt),
            values: values.to_vec(),
            commitment: Scalar(commitment),
        }
    }

    #[test]
    fn a_commitment_opens_as_one_output() {
        let values = [-(1 << 15), 5, (1 << 15) - 1];
        for packing in [Packing::Short, Packing::Wide] {
            let honest = committed(packing, &values);
            let stated = honest.commitment.0;
            assert_eq!(honest.open(packing, 3, &stated), Ok(&values[..]));
            let refused = |what: &str, change: &dyn Fn(&mut CommittedOutput)| {
                let mut other = honest.clone();
                change(&mut other);
                assert!(
                    other.open(packing, 3, &stated).is_err(),
                    "SOUNDNESS: {what}"
                );
            };
            refused("another salt", &|o| o.salt.0 += Fr::ONE);
            refused("another value", &|o| o.values[1] += 1);
            refused("swapped values", &|o| o.values.swap(0, 1));
            refused("a value less", &|o| {
                o.values.pop();
            });
            refused("a value more", &|o| o.values.push(0));
            let other = match packing {
                Packing::Short => Packing::Wide,
                _ => Packing::Short,
            };
            assert!(
                honest.open(other, 3, &stated).is_err(),
                "SOUNDNESS: packing"
            );
            assert!(
                honest.open(packing, 2, &stated).is_err(),
                "SOUNDNESS: count"
            );
            assert!(
                honest.open(packing, 3, &Fr::ONE).is_err(),
                "SOUNDNESS: word"
            );
        }
    }

    /// Values out of range that pack to the words of others.
    #[test]
    fn values_that_wrap_are_no_opening() {
        let honest = committed(Packing::Short, &[3, 5]);
        let mut other = honest.clone();
        other.values = vec![3 + (1 << 16), 4];
        let word = |o: &CommittedOutput| {
            let values: Vec<Fr> = o.values.iter().map(|v| fr_from_i64((*v).into())).collect();
            statement::pack(&mut Native, Packing::Short, &values)
        };
        assert_eq!(word(&honest), word(&other));
        assert_eq!(
            other.open(Packing::Short, 2, &honest.commitment.0),
            Err(OutputError::Range {
                index: 0,
                value: 3 + (1 << 16)
            })
        );
    }
}
