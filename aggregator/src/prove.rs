//! Aggregation proofs: halo2 with SHPLONK and the Keccak transcript that the contract uses.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::plonk;
use laminate_protocol::field::Scalar;
use laminate_protocol::statement::ACCUMULATOR_LIMBS;
use serde::{Deserialize, Serialize};
use snark_verifier_sdk::CircuitExt;

use crate::circuit::AggregationCircuit;
use crate::error::AggregationError;
use crate::evm;
use crate::keys::{Meta, ProvingKey, VerifyingKey};
use crate::srs::Srs;

/// An aggregation proof with its instances: accumulator limbs, then the statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct AggregationProof {
    /// All public instances; see `laminate_protocol::statement`.
    pub instances: Vec<Fr>,
    /// The proof as the contract reads it.
    pub proof: Vec<u8>,
}

impl AggregationProof {
    /// The instances after the accumulator.
    pub fn statement(&self) -> &[Fr] {
        self.instances.get(ACCUMULATOR_LIMBS..).unwrap_or(&[])
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    instances: Vec<Scalar>,
    proof: Vec<u8>,
}

impl From<Stored> for AggregationProof {
    fn from(stored: Stored) -> Self {
        Self {
            instances: stored.instances.iter().map(|s| s.0).collect(),
            proof: stored.proof,
        }
    }
}

impl From<AggregationProof> for Stored {
    fn from(proof: AggregationProof) -> Self {
        Self {
            instances: proof.instances.iter().map(|s| Scalar(*s)).collect(),
            proof: proof.proof,
        }
    }
}

/// Proves `circuit`, blinded from the operating system's randomness, and checks the result: a folded
/// proof that does not verify gives [`AggregationError::Evm`] here. `srs` must have exactly
/// [`crate::keys::Meta::k`]; cut it with [`Srs::truncated`].
///
/// # Errors
/// A reference string of another size or setup, or an unsatisfied circuit.
pub fn prove(
    keys: &ProvingKey,
    srs: &Srs,
    circuit: AggregationCircuit,
) -> Result<AggregationProof, AggregationError> {
    keys.meta.check_setup(srs)?;
    let instances = circuit.instances().concat();
    let bytes = evm::create_proof(srs, &keys.pk, circuit, &instances)?;
    let proof = AggregationProof {
        instances,
        proof: bytes,
    };
    check(&keys.meta, keys.pk.get_vk(), srs, &proof)?;
    Ok(proof)
}

/// Verifies natively what the contract and its wrapper verify, the accumulator's pairing included.
/// `srs` must be cut to [`crate::keys::Meta::k`].
///
/// # Errors
/// [`AggregationError::Instances`], [`AggregationError::Evm`], or a foreign reference string.
pub fn verify(
    key: &VerifyingKey,
    srs: &Srs,
    proof: &AggregationProof,
) -> Result<(), AggregationError> {
    key.meta.check_setup(srs)?;
    check(&key.meta, &key.vk, srs, proof)
}

fn check(
    meta: &Meta,
    vk: &plonk::VerifyingKey<G1Affine>,
    srs: &Srs,
    proof: &AggregationProof,
) -> Result<(), AggregationError> {
    if proof.instances.len() != meta.instances {
        return Err(AggregationError::Instances {
            found: proof.instances.len(),
            expected: meta.instances,
        });
    }
    Ok(evm::verify_proof(srs, vk, &proof.instances, &proof.proof)?)
}
