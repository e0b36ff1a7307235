//! What snark-verifier derives from a verifying key, with the parts that differ between the keys of one constraint system left open.
//!
//! Circuits that differ in their fixed columns, copies and number of rows only have the same verifier up to the key's words: digest, domain and
//! commitments. Digest and commitments are loaded values in snark-verifier's protocol; the domain is not.
//!
//! # Domain
//! snark-verifier takes the powers of the domain's generator, `1/n` and the exponent `n` as constants from the protocol's [`Domain`] and gives no way to
//! load them as values from outside its crate. The protocol therefore gets a [`stand_in`] domain of three values that nothing else in a constraint
//! system has (they are hashes) and an exponent that no `u64` power needs; a loader knows them when they come back as constants and puts the key's words in
//! their place.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1Affine},
    ff::FromUniformBytes,
};
use sha2::{Digest, Sha512};
use snark_verifier::{loader::Loader, util::arithmetic::Domain, verifier::plonk::PlonkProtocol};

use super::error::EvmError;

/// Words of a key before its points.
pub(crate) const KEY_HEAD: usize = 5;
/// Exponent that stands for `n`: no domain has as many rows.
pub(crate) const ROWS: u64 = 1 << 62;
/// Powers of ω and of its inverse that loaders must know: instances and blinding rows are fewer.
pub(crate) const MAX_ROTATION: usize = 512;

/// A value that nothing else has.
pub(crate) fn hash(label: &str) -> Fr {
    let digest = Sha512::digest(format!("laminate.universal.{label}"));
    Fr::from_uniform_bytes(&digest.into())
}

/// The domain that the protocol gets in place of a key's.
pub(crate) fn stand_in() -> Domain<Fr> {
    Domain {
        k: 62,
        n: ROWS as usize,
        n_inv: hash("1/n"),
        r#gen: hash("generator"),
        gen_inv: hash("1/generator"),
    }
}

/// Digest, rows, `1/rows`, ω and `1/ω` of a key.
pub(crate) fn head(key: &PlonkProtocol<G1Affine>) -> [Fr; KEY_HEAD] {
    let domain = &key.domain;
    let state = key.transcript_initial_state.unwrap_or_default();
    let rows = Fr::from(domain.n as u64);
    [state, rows, domain.n_inv, domain.r#gen, domain.gen_inv]
}

/// Refuses constraint systems that need more powers of ω than loaders know.
///
/// # Errors
/// [`EvmError::Generate`].
pub(crate) fn check_reach(template: &PlonkProtocol<G1Affine>) -> Result<(), EvmError> {
    let instances: usize = template.num_instance.iter().sum();
    let rotations = template
        .queries
        .iter()
        .map(|query| query.rotation.0.unsigned_abs());
    let reach = instances + rotations.max().unwrap_or(0) as usize;
    if reach < MAX_ROTATION {
        return Ok(());
    }
    Err(EvmError::Generate {
        reason: format!(
            "{instances} instances and the rotations in use need {reach} powers of ω, fewer than {MAX_ROTATION} are known"
        ),
    })
}

/// The template's protocol over a key's loaded digest and commitments, with the stand-in domain. The accumulator in the instances is left out: users read
/// its limbs themselves.
pub(crate) fn with_key<L: Loader<G1Affine>>(
    template: &PlonkProtocol<G1Affine>,
    state: L::LoadedScalar,
    preprocessed: Vec<L::LoadedEcPoint>,
) -> PlonkProtocol<G1Affine, L> {
    PlonkProtocol {
        domain: stand_in(),
        domain_as_witness: None,
        preprocessed,
        num_instance: template.num_instance.clone(),
        num_witness: template.num_witness.clone(),
        num_challenge: template.num_challenge.clone(),
        evaluations: template.evaluations.clone(),
        queries: template.queries.clone(),
        quotient: template.quotient.clone(),
        transcript_initial_state: Some(state),
        instance_committing_key: None,
        linearization: template.linearization,
        accumulator_indices: Vec::new(),
    }
}
