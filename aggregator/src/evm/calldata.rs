//! What the contracts take: the generated one, no selector and no lengths; its caller, a proof in one string.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fq, Fr, G1Affine},
    ff::PrimeField,
};

use laminate_engine::deferred::Deferred;

use super::error::EvmError;
use crate::prove::{AggregationProof, Target};

/// Bytes of the digest, the generator's scalar and that of the left side.
const FIXED: usize = 96;
/// Bytes of a term: both coordinates and the scalar.
const TERM: usize = 96;

/// The proof as `InferenceVerifier` takes it: the digest of the public values, coordinates and scalar of each term, the
/// generator's scalar, that of the last point but one on the left, then the halo2 proof.
///
/// # Errors
/// [`EvmError::SeveralOpenings`]: the contracts take proofs with one opening. [`EvmError::ForJoin`].
pub fn encode_proof(proof: &AggregationProof) -> Result<Vec<u8>, EvmError> {
    if proof.target != Target::Contract {
        return Err(EvmError::ForJoin);
    }
    let deferred = &proof.public.deferred;
    let left = one_left(deferred)?;
    let mut out = Vec::with_capacity(FIXED + TERM * deferred.terms.len() + proof.proof.len());
    out.extend(word(&proof.digest));
    out.extend(encode_terms(deferred));
    out.extend(word(&deferred.generator));
    out.extend(word(&left));
    out.extend_from_slice(&proof.proof);
    Ok(out)
}

/// The scalar on the left side of a proof with one opening.
pub(crate) fn one_left(deferred: &Deferred<Fr, G1Affine>) -> Result<Fr, EvmError> {
    match deferred.left.as_slice() {
        [left] => Ok(*left),
        several => Err(EvmError::SeveralOpenings {
            found: several.len() + 1,
        }),
    }
}

/// Coordinates and scalar of each term.
pub(super) fn encode_terms(deferred: &Deferred<Fr, G1Affine>) -> Vec<u8> {
    let mut out = Vec::with_capacity(TERM * deferred.terms.len());
    for (scalar, point) in &deferred.terms {
        out.extend(coordinate(&point.x));
        out.extend(coordinate(&point.y));
        out.extend(word(scalar));
    }
    out
}

/// 32 bytes, big-endian.
fn word(value: &Fr) -> [u8; 32] {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

fn coordinate(value: &Fq) -> [u8; 32] {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

/// `instances` as 32-byte big-endian words, then the proof's bytes.
///
/// The contract reads by position only: it reduces an instance modulo r and ignores trailing bytes, so its caller must check ranges and length.
#[must_use]
pub fn encode_calldata(instances: &[Fr], proof: &[u8]) -> Vec<u8> {
    let words = instances.iter().flat_map(word);
    words.chain(proof.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_big_endian() {
        let calldata = encode_calldata(&[Fr::from(0x0102)], &[0xaa]);
        assert_eq!(calldata.len(), 33);
        assert_eq!(calldata[29..], [0, 1, 2, 0xaa]);
        assert_eq!(
            calldata,
            snark_verifier_sdk::evm::encode_calldata(&[vec![Fr::from(0x0102)]], &[0xaa])
        );
    }
}
