//! The words of a verifying key, as values or cells.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_base::halo2_proofs::plonk::VerifyingKey;
use laminate_engine::backend::Backend;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::switch::{on, on_of};
use laminate_engine::transcript::{Domain, hash};
use laminate_model::public::INSTANCES;
use serde::{Deserialize, Serialize};

use super::error::SnarkError;
use crate::evm::generate::protocol;
use crate::evm::template::head;
use crate::srs::Srs;

/// Most rows of a circuit as log2: `Fr` has no domain of more.
pub const MAX_ROWS_LOG: usize = 28;

/// The words of [`crate::evm::key_words`], over scalars `S` and points `P`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key<S, P> {
    /// halo2's digest of the key, with which the transcript begins.
    pub state: S,
    /// Rows `n = 2^k`.
    pub rows: S,
    /// `1/n`.
    pub rows_inverse: S,
    /// Generator ω of the domain.
    pub generator: S,
    /// `1/ω`.
    pub generator_inverse: S,
    /// Fixed columns, then the permutation.
    pub commitments: Vec<P>,
}

impl<S: Clone, P> Key<S, P> {
    /// Poseidon hash of all words, three scalars a point.
    ///
    /// # Soundness
    /// [`super::verify()`] believes the words but for what [`Key::domain`] checks. Whoever relies on a proof compares this digest with that of a key that was
    /// derived from a circuit.
    pub fn digest<B>(&self, backend: &mut B) -> S
    where
        B: Backend<Scalar = S, Point = P>,
    {
        let mut words = vec![
            self.state.clone(),
            self.rows.clone(),
            self.rows_inverse.clone(),
            self.generator.clone(),
            self.generator_inverse.clone(),
        ];
        for point in &self.commitments {
            words.extend(backend.encode_point(point));
        }
        hash(backend, Domain::VerifyingKey, &words)
    }

    /// Checks that the inverses are inverses and that `n = 2^k` with `1 <= k <= 28`; the bits `b_i` of `n` from `i = 1` on, of which one is 1.
    ///
    /// Whether ω has order `n` is not checked; the digest binds it.
    ///
    /// # Errors
    /// [`VerifyError::Check`] (native only).
    pub fn domain<B>(&self, backend: &mut B) -> Result<Vec<S>, VerifyError>
    where
        B: Backend<Scalar = S, Point = P>,
    {
        let one = backend.constant(Fr::ONE);
        for (value, inverse, name, checked) in [
            (
                &self.rows,
                &self.rows_inverse,
                "inverse of the rows",
                on("inverse of the rows"),
            ),
            (
                &self.generator,
                &self.generator_inverse,
                "inverse of the generator",
                on("inverse of the generator"),
            ),
        ] {
            if !checked {
                continue;
            }
            let product = backend.mul(value, inverse);
            backend.assert_equal(&product, &one, Check::KeyDomain(name))?;
        }
        let check = Check::KeyDomain("number of rows");
        let mut bits = backend.bits(&self.rows, MAX_ROWS_LOG + 1, check)?;
        let zero = backend.constant(Fr::ZERO);
        if let Some(lowest) = bits.pop().filter(|_| on("two rows or more")) {
            backend.assert_equal(&lowest, &zero, check)?;
        }
        bits.reverse();
        let terms: Vec<(Fr, S)> = bits.iter().map(|bit| (Fr::ONE, bit.clone())).collect();
        let sum = backend.linear(Fr::ZERO, &terms);
        if on("rows that are a power of two") {
            backend.assert_equal(&sum, &one, check)?;
        }
        Ok(bits)
    }
}

impl<S, P> Key<S, P> {
    /// Maps every scalar and every point, in the order of the words.
    ///
    /// # Errors
    /// The first error of `scalar` or `point`.
    pub fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<Key<T, Q>, E> {
        Ok(Key {
            state: scalar(&self.state)?,
            rows: scalar(&self.rows)?,
            rows_inverse: scalar(&self.rows_inverse)?,
            generator: scalar(&self.generator)?,
            generator_inverse: scalar(&self.generator_inverse)?,
            commitments: self
                .commitments
                .iter()
                .map(point)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Key<Fr, G1Affine> {
    /// The words of a key with a string of its size.
    ///
    /// # Errors
    /// [`SnarkError::Evm`] if they do not fit or the circuit has another number of instance columns than one; [`SnarkError::Identity`].
    pub fn of(srs: &Srs, key: &VerifyingKey<G1Affine>) -> Result<Self, SnarkError> {
        let protocol = protocol(srs, key, INSTANCES)?;
        let [state, rows, rows_inverse, generator, generator_inverse] = head(&protocol);
        let key = Self {
            state,
            rows,
            rows_inverse,
            generator,
            generator_inverse,
            commitments: protocol.preprocessed,
        };
        key.check_points()?;
        Ok(key)
    }

    /// Refuses commitments to zero.
    ///
    /// # Errors
    /// [`SnarkError::Identity`].
    pub fn check_points(&self) -> Result<(), SnarkError> {
        not_identity("commitment of the verifying key", &self.commitments)
    }
}

/// Refuses the point at infinity.
pub(super) fn not_identity(what: &'static str, points: &[G1Affine]) -> Result<(), SnarkError> {
    let found = points.iter().position(|p| bool::from(p.is_identity()));
    let found = found.filter(|_| on_of("identity", what));
    found.map_or(Ok(()), |index| Err(SnarkError::Identity { what, index }))
}
