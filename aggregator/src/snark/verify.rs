//! snark-verifier's succinct verifier on any backend: what it leaves of a proof is a pairing of two sums.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine, G2Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::plonk::VerifyingKey;
use laminate_engine::accumulator::Accumulator;
use laminate_engine::backend::Backend;
use laminate_engine::error::VerifyError;
use laminate_model::public::INSTANCES;
use snark_verifier::pcs::kzg::KzgSuccinctVerifyingKey;
use snark_verifier::util::transcript::Transcript;
use snark_verifier::verifier::SnarkVerifier;
use snark_verifier::verifier::plonk::{PlonkProtocol, PlonkSuccinctVerifier};
use snark_verifier_sdk::SHPLONK;

use super::error::SnarkError;
use super::loader::Loader;
use super::proof::Snark;
use super::transcript::Reader;
use crate::evm::generate::{length_of, protocol};
use crate::evm::template::{check_reach, with_key};
use crate::srs::Srs;

/// Points of SHPLONK, which end a proof.
const OPENING_POINTS: usize = 2;

/// What is the same for all keys of a constraint system.
#[derive(Clone, Debug)]
pub struct Template {
    protocol: PlonkProtocol<G1Affine>,
}

impl Template {
    /// From any key of the constraint system with a string of its size.
    ///
    /// # Errors
    /// [`SnarkError::Evm`] if they do not fit, or the circuit has another number of instance columns than one.
    pub fn of(srs: &Srs, key: &VerifyingKey<G1Affine>) -> Result<Self, SnarkError> {
        let protocol = protocol(srs, key, INSTANCES)?;
        check_reach(&protocol)?;
        Ok(Self { protocol })
    }

    /// Commitments of a key.
    pub fn commitments(&self) -> usize {
        self.protocol.preprocessed.len()
    }

    /// Points of a proof.
    pub fn points(&self) -> usize {
        self.points_before() + OPENING_POINTS
    }

    /// Points of a proof before its scalars.
    pub(super) fn points_before(&self) -> usize {
        let witnesses: usize = self.protocol.num_witness.iter().sum();
        witnesses + self.protocol.quotient.num_chunk()
    }

    /// Scalars of a proof.
    pub fn scalars(&self) -> usize {
        self.protocol.evaluations.len()
    }

    /// Bytes of a proof.
    pub fn proof_length(&self) -> usize {
        length_of(&self.protocol)
    }
}

/// `e(Σ left, [τ]_2) = e(Σ right + generator·G, [1]_2)`, deferred.
#[must_use = "a proof proves nothing until its pairing is checked"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing<S, P> {
    /// Pairs with `[τ]_2`.
    pub left: Vec<(S, P)>,
    /// Pairs with `[1]_2`.
    pub right: Vec<(S, P)>,
    /// The generator's scalar in `right`.
    pub generator: S,
    /// A last challenge of the transcript. With the key's digest it binds instances and proof, and so every scalar and point here: challenges that combine
    /// pairings are drawn from these two of every proof.
    pub seal: S,
}

impl Pairing<Fr, G1Affine> {
    /// The sums.
    pub fn accumulator(&self) -> Accumulator<G1Affine> {
        let sum = |start: Fr, terms: &[(Fr, G1Affine)]| {
            let start = G1Affine::generator() * start;
            let sum = terms.iter().fold(start, |sum, (s, p)| sum + *p * s);
            sum.to_affine()
        };
        Accumulator {
            left: sum(Fr::ZERO, &self.left),
            right: sum(self.generator, &self.right),
        }
    }

    /// Checks it.
    ///
    /// # Errors
    /// [`VerifyError::Check`].
    pub fn check(&self, tau_g2: &G2Affine) -> Result<(), VerifyError> {
        self.accumulator().check(tau_g2)
    }
}

/// Runs the verifier up to its pairing.
///
/// # Soundness
/// The caller owes: the pairing; that the points are on the curve and their encodings canonical; the accumulator in the instances, which stay free here;
/// that the digest of the key is that of a key of the template's constraint system.
///
/// # Errors
/// [`SnarkError::Verify`] for wrong lengths and, natively, for words of the key that do not fit each other or a challenge that hits a pole;
/// [`SnarkError::Protocol`] if snark-verifier asks for something unknown.
pub fn verify<B: Backend>(
    backend: &mut B,
    template: &Template,
    snark: &Snark<B::Scalar, B::Point>,
) -> Result<Pairing<B::Scalar, B::Point>, SnarkError> {
    snark.check_shape(template)?;
    let key = &snark.key;
    let bits = key.domain(backend)?;
    let points: Vec<_> = key
        .commitments
        .iter()
        .chain(&snark.points)
        .cloned()
        .collect();
    let in_key = key.commitments.len();
    let all = points.len();
    let loader = Loader::new(backend, key, bits, points);
    let preprocessed = (0..in_key).map(|index| loader.base(index)).collect();
    let state = loader.scalar(key.state.clone());
    let protocol = with_key::<Loader<'_, B>>(&template.protocol, state, preprocessed);
    let instances = snark.instances.iter().cloned();
    let instances = [instances.map(|value| loader.scalar(value)).collect()];
    let mut transcript = Reader::new(&loader, in_key..all, snark.scalars.clone());
    type Verifier = PlonkSuccinctVerifier<SHPLONK>;
    let svk = KzgSuccinctVerifyingKey::new(G1Affine::generator());
    let proof = Verifier::read_proof(&svk, &protocol, &instances, &mut transcript)?;
    // Lengths are the template's: no proof makes this so, only a template that counts otherwise than the library reads.
    let left = transcript.left();
    if left != (0, 0) {
        return Err(SnarkError::Protocol {
            reason: format!("{left:?} points and scalars of the proof are not read"),
        });
    }
    let seal = loader.value(&transcript.squeeze_challenge());
    let claims = Verifier::verify(&svk, &protocol, &instances, &proof);
    if let Some(failure) = loader.failure() {
        return Err(failure);
    }
    let claims = claims?;
    let [claim] = claims.as_slice() else {
        return Err(SnarkError::Protocol {
            reason: format!("{} pairings, expected 1", claims.len()),
        });
    };
    // snark-verifier: e(lhs, [1]_2) = e(rhs, [τ]_2).
    let (left, _) = loader.terms(&claim.rhs)?;
    let (right, generator) = loader.terms(&claim.lhs)?;
    Ok(Pairing {
        left,
        right,
        generator,
        seal,
    })
}
