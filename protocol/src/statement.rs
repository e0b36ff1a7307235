//! The public statement, its field encoding, and the two published commitments.
//!
//! The layout of the on-chain instances is fixed here and mirrored by `StatementLib.sol`:
//! `[12 accumulator limbs] ++ [program digest, weight commitment, input commitment] ++ output words`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::field::{fr_from_i64, pow2};
use crate::program::{ACTIVATION_BOUND, Program};
use crate::transcript::{Domain, hash};

/// Number of accumulator limbs that lead the instances.
pub const ACCUMULATOR_LIMBS: usize = 12;
/// Instances between the accumulator and the output words.
pub const STATEMENT_HEAD: usize = 3;
/// 16-bit values packed into one field element.
pub const VALUES_PER_WORD: usize = 15;
/// Bits of a packed value.
pub const VALUE_BITS: usize = 16;

/// The statement: "I know weights opening `weight_commitment` and an input opening
/// `input_commitment`, such that the program gives the packed output".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement<S> {
    /// [`Program::digest`].
    pub program_digest: S,
    /// See [`weight_commitment`].
    pub weight_commitment: S,
    /// See [`input_commitment`].
    pub input_commitment: S,
    /// See [`pack`]; [`output_words`] of them.
    pub output_words: Vec<S>,
}

impl<S: Clone> Statement<S> {
    /// The instances after the accumulator.
    pub fn instances(&self) -> Vec<S> {
        let head = [
            &self.program_digest,
            &self.weight_commitment,
            &self.input_commitment,
        ];
        head.into_iter()
            .chain(&self.output_words)
            .cloned()
            .collect()
    }
}

/// Number of words that hold `values` packed values.
pub fn words(values: usize) -> usize {
    values.div_ceil(VALUES_PER_WORD)
}

/// Number of output words of a program.
pub fn output_words(program: &Program) -> usize {
    words(program.output_len())
}

/// Packs int16 values, 15 to a word: `Σ (value_i + 2^15)·2^(16 i)`.
pub fn pack<B: Backend>(backend: &mut B, values: &[B::Scalar]) -> Vec<B::Scalar> {
    values
        .chunks(VALUES_PER_WORD)
        .map(|chunk| {
            let mut constant = Fr::ZERO;
            let mut terms = Vec::with_capacity(chunk.len());
            for (i, value) in chunk.iter().enumerate() {
                let weight = pow2(VALUE_BITS * i);
                constant += weight * fr_from_i64(ACTIVATION_BOUND);
                terms.push((weight, value.clone()));
            }
            backend.linear(constant, &terms)
        })
        .collect()
}

/// Reads `count` values back from packed words; `None` if there are too few words.
pub fn unpack(words: &[Fr], count: usize) -> Option<Vec<i32>> {
    if count > words.len().saturating_mul(VALUES_PER_WORD) {
        return None;
    }
    let mut out = Vec::with_capacity(count);
    for i in 0..count {
        let bytes = words.get(i / VALUES_PER_WORD)?.to_repr();
        let at = 2 * (i % VALUES_PER_WORD);
        let (low, high) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        out.push(i32::from(u16::from_le_bytes([low, high])) - (1 << 15));
    }
    Some(out)
}

/// The published weight commitment: `Poseidon(salt, number of rows, rows…)`. The rows never leave the
/// prover, so the salt hides even guessable weights.
pub fn weight_commitment<B: Backend>(
    backend: &mut B,
    salt: &B::Scalar,
    rows: &[B::Point],
) -> B::Scalar {
    let mut message = vec![salt.clone(), backend.constant(Fr::from(rows.len() as u64))];
    for row in rows {
        message.extend(backend.encode_point(row));
    }
    hash(backend, Domain::WeightCommitment, &message)
}

/// The input commitment: `Poseidon(salt, number of values, packed values…)`, values row-major
/// `(slots, width)`.
pub fn input_commitment<B: Backend>(
    backend: &mut B,
    salt: &B::Scalar,
    values: &[B::Scalar],
) -> B::Scalar {
    let mut message = vec![
        salt.clone(),
        backend.constant(Fr::from(values.len() as u64)),
    ];
    message.extend(pack(backend, values));
    hash(backend, Domain::InputCommitment, &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;

    #[test]
    fn packing_round_trips_at_the_bounds() {
        let values: Vec<i32> = (0..31)
            .map(|i| [-(1 << 15), 0, (1 << 15) - 1][i % 3])
            .collect();
        let scalars: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let words = pack(&mut Native, &scalars);
        assert_eq!(words.len(), 3);
        assert_eq!(unpack(&words, values.len()), Some(values));
        assert_eq!(unpack(&words, 46), None);
    }
}
