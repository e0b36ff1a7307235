//! Aggregation proofs: halo2 with the Keccak transcript that the contract uses, opened as the key says: packed, or with SHPLONK.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::plonk;
use laminate_engine::deferred::Deferred;
use laminate_engine::field::{Point, Scalar};
use laminate_model::public::{ACCUMULATOR_LIMBS, PublicValues};
use serde::{Deserialize, Serialize};
use snark_verifier_sdk::CircuitExt;

use crate::circuit::AggregationCircuit;
use crate::error::AggregationError;
use crate::evm::{self, EvmError};
use crate::keys::{Meta, ProvingKey, PublicShape, VerifyingKey};
use crate::packed;
use crate::snark::{self, Key, Snark, Template};
use crate::srs::Srs;

/// Who verifies a proof, which fixes its transcript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A contract, with a Keccak transcript.
    #[default]
    Contract,
    /// A join circuit, with a Poseidon transcript.
    Join,
}

/// An aggregation proof with what it makes public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct AggregationProof {
    /// Statement, and the group operations left to the verifier.
    pub public: PublicValues<Fr, G1Affine>,
    /// The circuit's digest of its public values.
    pub digest: Fr,
    /// Who verifies it.
    pub target: Target,
    /// The halo2 proof, as the contract reads one.
    pub proof: Vec<u8>,
}

impl AggregationProof {
    /// The instances: accumulator limbs, digest, challenge and evaluation of the public values. The limbs are zero in those of a packed proof.
    ///
    /// # Errors
    /// [`AggregationError::Verifier`] if a sum of points is the identity.
    pub fn instances(&self) -> Result<Vec<Fr>, AggregationError> {
        let limbs = evm::accumulator_limbs(&self.public.deferred.accumulator()?);
        let rest = self.public.instances(self.digest);
        Ok(limbs.into_iter().chain(rest).collect())
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    outputs: u32,
    statement: Vec<Scalar>,
    terms: Vec<(Scalar, Point)>,
    generator: Scalar,
    left: Vec<Scalar>,
    digest: Scalar,
    target: Target,
    proof: Vec<u8>,
}

impl From<Stored> for AggregationProof {
    fn from(stored: Stored) -> Self {
        let scalars = |all: Vec<Scalar>| all.into_iter().map(|s| s.0).collect();
        let terms = stored.terms.into_iter().map(|(s, p)| (s.0, p.0));
        Self {
            public: PublicValues {
                outputs: stored.outputs,
                statement: scalars(stored.statement),
                deferred: Deferred {
                    terms: terms.collect(),
                    generator: stored.generator.0,
                    left: scalars(stored.left),
                },
            },
            digest: stored.digest.0,
            target: stored.target,
            proof: stored.proof,
        }
    }
}

impl From<AggregationProof> for Stored {
    fn from(proof: AggregationProof) -> Self {
        let scalars = |all: Vec<Fr>| all.into_iter().map(Scalar).collect();
        let PublicValues {
            outputs,
            statement,
            deferred,
        } = proof.public;
        let terms = deferred.terms.into_iter();
        Self {
            outputs,
            statement: scalars(statement),
            terms: terms.map(|(s, p)| (Scalar(s), Point(p))).collect(),
            generator: Scalar(deferred.generator),
            left: scalars(deferred.left),
            digest: Scalar(proof.digest),
            target: proof.target,
            proof: proof.proof,
        }
    }
}

/// Proves `circuit`, blinded from the operating system's randomness, and checks the result: a folded
/// proof that does not verify gives [`AggregationError::Evm`] here. `srs` must have exactly
/// [`crate::keys::Meta::k`]; cut it with [`Srs::truncated`]. For a packed proof it is as long as [`PackedKey::commit`](packed::PackedKey::commit) needs it.
///
/// # Errors
/// A reference string of another size or setup, or an unsatisfied circuit.
pub fn prove(
    keys: &ProvingKey,
    srs: &Srs,
    circuit: AggregationCircuit,
    target: Target,
) -> Result<AggregationProof, AggregationError> {
    keys.meta.check_setup(srs, target)?;
    // Blinds hide the points of one opening.
    let openings = circuit.openings();
    if openings > 1 {
        return Err(EvmError::SeveralOpenings { found: openings }.into());
    }
    let instances = circuit.instances().concat();
    let public = circuit.public().clone();
    let bytes = match (target, &keys.meta.packed) {
        (Target::Contract, Some(key)) => {
            let words = instances.get(ACCUMULATOR_LIMBS..).unwrap_or_default();
            packed::create_proof(srs, &keys.pk, key, circuit, words)?
        }
        (Target::Contract, None) => evm::create_proof(srs, &keys.pk, circuit, &instances)?,
        (Target::Join, _) => snark::create_proof(srs, &keys.pk, circuit, &instances)?,
    };
    let proof = AggregationProof {
        digest: public.digest(),
        public,
        target,
        proof: bytes,
    };
    check(&keys.meta, keys.pk.get_vk(), srs, &proof)?;
    Ok(proof)
}

/// Verifies natively what the contract and its wrapper verify, the accumulator's pairing included.
/// `srs` must be cut to [`crate::keys::Meta::k`]; for a packed proof it may be longer.
///
/// # Errors
/// [`AggregationError::PublicValues`], [`AggregationError::Evm`], or a foreign reference string.
pub fn verify(
    key: &VerifyingKey,
    srs: &Srs,
    proof: &AggregationProof,
) -> Result<(), AggregationError> {
    key.meta.check_setup(srs, proof.target)?;
    check(&key.meta, &key.vk, srs, proof)
}

fn check(
    meta: &Meta,
    vk: &plonk::VerifyingKey<G1Affine>,
    srs: &Srs,
    proof: &AggregationProof,
) -> Result<(), AggregationError> {
    let shape = PublicShape::of(&proof.public);
    if shape != meta.public {
        return Err(AggregationError::PublicValues {
            found: shape,
            expected: meta.public,
        });
    }
    if let (Target::Contract, Some(key)) = (proof.target, &meta.packed) {
        let claim = packed::Claim::new(&proof.public, proof.digest);
        return Ok(packed::verify_proof(srs, vk, key, &claim, &proof.proof)?);
    }
    let instances = proof.instances()?;
    if proof.target == Target::Contract {
        return Ok(evm::verify_proof(srs, vk, &instances, &proof.proof)?);
    }
    let template = Template::of(srs, vk)?;
    let key = Key::of(srs, vk)?;
    let read = Snark::read(&template, key, instances, &proof.proof)?;
    Ok(snark::verify_native(&srs.s_g2(), &template, &read)?)
}
