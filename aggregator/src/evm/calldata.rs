//! What the generated contract takes: no selector, no lengths.

use halo2_base::halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField};

/// `instances` as 32-byte big-endian words, then the proof's bytes.
///
/// The contract reads by position only: it reduces an instance modulo r and ignores trailing bytes, so its caller must check ranges and length.
#[must_use]
pub fn encode_calldata(instances: &[Fr], proof: &[u8]) -> Vec<u8> {
    let words = instances
        .iter()
        .flat_map(|instance| instance.to_repr().into_iter().rev());
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
