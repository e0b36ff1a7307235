//! What a proof makes public, and the instances that stand for it.
//!
//! A circuit exposes neither statement nor points, but three field elements for all of them: with the
//! values `v` in the order of [`PublicValues::values`],
//!
//! - `D = Poseidon(v)`,
//! - `ω`, a free instance that the verifier sets to `keccak256(tag ∥ D ∥ v) mod r`,
//! - `E = Σ v_i·ω^i`.
//!
//! The verifier computes `ω` and `E` from the values it is shown. If those are not the circuit's `v'`,
//! which `D` binds before `ω` is drawn, then `Σ (v_i - v'_i)·ω^i` is a polynomial other than zero, and
//! `ω` is a root of it with probability `(n - 1) / r`. The first value is `n`, so the lengths agree.
//! Every circuit has the same instances however many outputs and points there are, and a recursive
//! verifier checks `D` instead of `E`.
//!
//! The instances of every circuit: [`ACCUMULATOR_LIMBS`] limbs that the circuit leaves free and the
//! verifier computes from the points, then `D`, `ω`, `E`.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::{Field, FromUniformBytes, PrimeField};
use sha3::{Digest, Keccak256};

use crate::program::Program;
use crate::statement::{self, Packing, Statement, VALUES_PER_WORD};
use laminate_engine::backend::{Backend, Native};
use laminate_engine::deferred::Deferred;
use laminate_engine::transcript::{Domain, hash};

/// Number of accumulator limbs that lead the instances.
pub const ACCUMULATOR_LIMBS: usize = 12;
/// Number of instances: the limbs, `D`, `ω`, `E`.
pub const INSTANCES: usize = ACCUMULATOR_LIMBS + 3;
/// Values before the statement's fields.
pub const HEAD: usize = 2;
/// Values of a term of the linear combination: three of the point, one scalar.
pub const TERM_VALUES: usize = 4;

/// What a proof makes public: the statement's fields, and the group operations left to its verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicValues<S, P> {
    /// Number of outputs as the contracts count them ([`outputs`]).
    pub outputs: u32,
    /// [`Statement::fields`].
    pub statement: Vec<S>,
    /// The linear combination.
    pub deferred: Deferred<S, P>,
}

/// Outputs of a program's statement as the contracts count them ([`Packing::fields`]); every word that is not of the
/// output's values counts as a full one.
pub fn outputs(program: &Program) -> u32 {
    if program.binding.output_hidden {
        return (VALUES_PER_WORD * statement::output_words(program)) as u32;
    }
    let before = VALUES_PER_WORD * statement::lead_words(program);
    (before + Packing::of_output(program).fields(program.output_len())) as u32
}

/// Number of public values of a statement of `fields` fields and a combination of `terms` terms with
/// `left` scalars on its left.
pub fn value_count(fields: usize, terms: usize, left: usize) -> usize {
    HEAD + fields + TERM_VALUES * terms + 1 + left
}

impl<S: Clone, P: Clone> PublicValues<S, P> {
    /// Those of a proof of `program`.
    pub fn new(program: &Program, statement: &Statement<S>, deferred: Deferred<S, P>) -> Self {
        Self {
            outputs: outputs(program),
            statement: statement.fields(),
            deferred,
        }
    }

    /// `[n, outputs] ++ statement ++ (point, scalar) of each term ++ [generator] ++ left`.
    pub fn values<B>(&self, backend: &mut B) -> Vec<S>
    where
        B: Backend<Scalar = S, Point = P>,
    {
        let deferred = &self.deferred;
        let (terms, left) = (deferred.terms.len(), deferred.left.len());
        let count = value_count(self.statement.len(), terms, left);
        let mut values = vec![
            backend.constant(Fr::from(count as u64)),
            backend.constant(Fr::from(u64::from(self.outputs))),
        ];
        values.extend_from_slice(&self.statement);
        for (scalar, point) in &deferred.terms {
            values.extend(backend.encode_point(point));
            values.push(scalar.clone());
        }
        values.push(deferred.generator.clone());
        values.extend_from_slice(&deferred.left);
        values
    }
}

impl PublicValues<Fr, G1Affine> {
    /// `[D, ω, E]` for the digest `D` that a proof states.
    pub fn instances(&self, digest: Fr) -> [Fr; INSTANCES - ACCUMULATOR_LIMBS] {
        let values = self.values(&mut Native);
        let omega = challenge(&digest, &values);
        [digest, omega, evaluate(&mut Native, &omega, &values)]
    }

    /// `D`.
    pub fn digest(&self) -> Fr {
        let values = self.values(&mut Native);
        digest(&mut Native, &values)
    }
}

/// `D`.
pub fn digest<B: Backend>(backend: &mut B, values: &[B::Scalar]) -> B::Scalar {
    hash(backend, Domain::PublicValues, values)
}

/// `E`.
pub fn evaluate<B: Backend>(backend: &mut B, omega: &B::Scalar, values: &[B::Scalar]) -> B::Scalar {
    let mut sum = backend.constant(Fr::ZERO);
    for value in values.iter().rev() {
        sum = backend.mul_add(&sum, omega, value);
    }
    sum
}

/// `ω`: Keccak-256 of a tag, `D` and the values, 32 bytes each, most significant first.
pub fn challenge(digest: &Fr, values: &[Fr]) -> Fr {
    let mut hasher = Keccak256::new();
    hasher.update(Keccak256::digest(b"laminate.public-values.v1"));
    for value in std::iter::once(digest).chain(values) {
        let mut word = value.to_repr();
        word.reverse();
        hasher.update(word);
    }
    let mut wide = [0u8; 64];
    for (to, from) in wide.iter_mut().zip(hasher.finalize().iter().rev()) {
        *to = *from;
    }
    Fr::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PublicValues<Fr, G1Affine> {
        let point = |n: u64| G1Affine::from(G1Affine::generator() * Fr::from(n));
        PublicValues {
            outputs: 3,
            statement: [5u64, 6, 7, 8].map(Fr::from).to_vec(),
            deferred: Deferred {
                terms: vec![
                    (Fr::from(2), point(2)),
                    (Fr::from(3), point(3)),
                    (Fr::from(4), point(5)),
                ],
                generator: Fr::from(9),
                left: vec![Fr::ZERO],
            },
        }
    }

    #[test]
    fn every_value_changes_digest_and_evaluation() {
        let honest = sample();
        let values = honest.values(&mut Native);
        assert_eq!(values.len(), value_count(4, 3, 1));
        assert_eq!(values[0], Fr::from(values.len() as u64));
        let digest_of = |v: &[Fr]| digest(&mut Native, v);
        let d = digest_of(&values);
        let omega = challenge(&d, &values);
        let e = evaluate(&mut Native, &omega, &values);
        for i in 0..values.len() {
            let mut other = values.clone();
            other[i] += Fr::ONE;
            assert_ne!(digest_of(&other), d);
            assert_ne!(challenge(&d, &other), omega);
            assert_ne!(evaluate(&mut Native, &omega, &other), e);
        }
        assert_ne!(challenge(&(d + Fr::ONE), &values), omega);
    }

    #[test]
    fn the_challenge_is_the_keccak_hash_modulo_the_field() {
        let found = challenge(&Fr::from(1), &[Fr::from(2)]);
        let tag = Keccak256::digest(b"laminate.public-values.v1");
        let word = |n: u8| {
            let mut w = [0u8; 32];
            w[31] = n;
            w
        };
        let hash = Keccak256::new()
            .chain_update(tag)
            .chain_update(word(1))
            .chain_update(word(2))
            .finalize();
        let radix = Fr::from(256);
        let expected = hash
            .iter()
            .fold(Fr::ZERO, |acc, b| acc * radix + Fr::from(u64::from(*b)));
        assert_eq!(found, expected);
    }
}
