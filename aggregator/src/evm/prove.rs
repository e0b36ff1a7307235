//! Proofs for the generated contract: SHPLONK with the Keccak transcript, and the contract's checks natively.

use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{Circuit, ProvingKey, VerifyingKey, create_proof as halo2_create_proof},
    poly::kzg::{commitment::KZGCommitmentScheme, multiopen::ProverSHPLONK},
    transcript::{EncodedChallenge, TranscriptWriterBuffer},
};
use rand::rngs::OsRng;
use snark_verifier::{
    loader::native::NativeLoader,
    system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript},
    verifier::SnarkVerifier,
};
use snark_verifier_sdk::{PlonkVerifier, SHPLONK};

use super::{
    accumulator::accumulator_from_limbs,
    error::EvmError,
    generate::{deciding_key, proof_length, protocol},
};
use crate::srs::Srs;

/// Proves `circuit` for one column of `instances`; the blinding comes from the system's generator.
///
/// The result is not verified: call [`verify_proof`].
///
/// # Errors
/// [`EvmError::SizeMismatch`], [`EvmError::Prove`].
pub fn create_proof(
    srs: &Srs,
    key: &ProvingKey<G1Affine>,
    circuit: impl Circuit<Fr>,
    instances: &[Fr],
) -> Result<Vec<u8>, EvmError> {
    type Keccak = EvmTranscript<G1Affine, NativeLoader, Vec<u8>, Vec<u8>>;
    create_proof_with::<Keccak, ChallengeEvm<G1Affine>>(srs, key, circuit, instances)
}

/// [`create_proof`] with any transcript.
pub(crate) fn create_proof_with<T, E>(
    srs: &Srs,
    key: &ProvingKey<G1Affine>,
    circuit: impl Circuit<Fr>,
    instances: &[Fr],
) -> Result<Vec<u8>, EvmError>
where
    T: TranscriptWriterBuffer<Vec<u8>, G1Affine, E>,
    E: EncodedChallenge<G1Affine>,
{
    let k = key.get_vk().get_domain().k();
    if k != srs.k() {
        return Err(EvmError::SizeMismatch {
            key: k,
            srs: srs.k(),
        });
    }
    let mut transcript = T::init(Vec::new());
    halo2_create_proof::<KZGCommitmentScheme<_>, ProverSHPLONK<'_, _>, _, _, _, _>(
        srs.params(),
        key,
        &[circuit],
        &[&[instances]],
        OsRng,
        &mut transcript,
    )
    .map_err(|error| EvmError::Prove {
        reason: format!("{error:?}"),
    })?;
    Ok(transcript.finalize())
}

/// What the contract checks, and what its caller must: exact length, canonical encodings, limb ranges, the proof, and the accumulated pairing.
///
/// # Errors
/// A variant per failure; nothing panics on any bytes.
pub fn verify_proof(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    instances: &[Fr],
    proof: &[u8],
) -> Result<(), EvmError> {
    let expected = proof_length(srs, key, instances.len())?;
    if proof.len() != expected {
        return Err(EvmError::ProofLength {
            expected,
            found: proof.len(),
        });
    }
    let accumulator = accumulator_from_limbs(instances)?;
    accumulator
        .check(&srs.s_g2())
        .map_err(|_| EvmError::AccumulatedPairing)?;
    let protocol = protocol(srs, key, instances.len())?;
    let deciding_key = deciding_key(srs);
    let instances = [instances.to_vec()];
    let mut transcript = EvmTranscript::<G1Affine, NativeLoader, _, Vec<u8>>::new(proof);
    let refused = |error: snark_verifier::Error| EvmError::Verify {
        reason: format!("{error:?}"),
    };
    let proof =
        PlonkVerifier::<SHPLONK>::read_proof(&deciding_key, &protocol, &instances, &mut transcript)
            .map_err(refused)?;
    PlonkVerifier::<SHPLONK>::verify(&deciding_key, &protocol, &instances, &proof).map_err(refused)
}
