//! Proofs for circuits to verify, and their verification natively.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine, G2Affine};
use halo2_base::halo2_proofs::plonk::{Circuit, ProvingKey};
use laminate_engine::backend::Native;
use laminate_engine::switch::on;

use super::error::SnarkError;
use super::proof::Snark;
use super::transcript::{Challenge, Writer};
use super::verify::{Template, verify};
use crate::evm::prove::create_proof_with;
use crate::evm::{EvmError, accumulator_from_limbs};
use crate::srs::Srs;

/// Proves `circuit` for one column of `instances`, as [`crate::evm::create_proof`] but for the transcript.
///
/// The result is not verified: read it with [`Snark::read`] and call [`verify_native`].
///
/// # Errors
/// [`SnarkError::Evm`].
pub fn create_proof(
    srs: &Srs,
    key: &ProvingKey<G1Affine>,
    circuit: impl Circuit<Fr>,
    instances: &[Fr],
) -> Result<Vec<u8>, SnarkError> {
    let proof = create_proof_with::<Writer<Vec<u8>>, Challenge>(srs, key, circuit, instances)?;
    Ok(proof)
}

/// Verifies a proof with both its pairings: its own, and that of the accumulator in the instances.
///
/// # Soundness
/// The key's words are believed; see [`super::Key::digest`].
///
/// # Errors
/// A variant per failure.
pub fn verify_native(
    tau_g2: &G2Affine,
    template: &Template,
    snark: &Snark<Fr, G1Affine>,
) -> Result<(), SnarkError> {
    snark.check_points()?;
    let pairing = verify(&mut Native, template, snark)?;
    let accumulator = accumulator_from_limbs(&snark.instances)?;
    if on("pairing of the accumulator") {
        accumulator
            .check(tau_g2)
            .map_err(|_| EvmError::AccumulatedPairing)?;
    }
    Ok(pairing.check(tau_g2)?)
}
