//! The word that spares the contract an exponentiation: the inverse of the product of all that it inverts.
//!
//! The word is no part of the statement or of what challenges are drawn from. The contract multiplies it with the product and refuses unless that is 1, so
//! there is one word for a proof, and whoever encodes a proof for the contract computes it.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, FromUniformBytes, PrimeField},
};
use snark_verifier::util::hash::{Digest, Keccak256};

use super::graph::{Id, Node};
use super::transcript::{Piece, Segments};

/// What is needed to compute it from the calldata.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    pub nodes: Vec<Node>,
    pub segments: Segments,
    /// What the contract inverts.
    pub inverted: Vec<Id>,
    /// The rows of the key: a constant or a word of the calldata.
    pub rows: Node,
}

impl Witness {
    /// The word for calldata up to it; none for calldata that is too short or has nothing to invert, which the contract refuses.
    pub(super) fn inverse(&self, calldata: &[u8]) -> Option<Fr> {
        let challenges = self.challenges(calldata)?;
        let rows = self.rows_value(calldata)?;
        let mut values: Vec<Fr> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |id: &Id| values.get(*id).copied();
            let value = match node {
                Node::Constant(value) => *value,
                Node::Calldata(at) => scalar(calldata, *at)?,
                Node::Challenge(number) => *challenges.get(*number)?,
                Node::Negated(a) => -of(a)?,
                Node::Sum(a, b) => of(a)? + of(b)?,
                Node::Product(a, b) => of(a)? * of(b)?,
                // Of nodes that nothing needs there may be no inverse.
                Node::Inverse(a) => of(a)?.invert().unwrap_or(Fr::ZERO),
                Node::RowsPower(a) => of(a)?.pow_vartime([rows]),
            };
            values.push(value);
        }
        let mut inverted = self.inverted.iter().map(|id| values.get(*id).copied());
        let product = inverted.try_fold(Fr::ONE, |product, value| Some(product * value?))?;
        product.invert().into()
    }

    fn rows_value(&self, calldata: &[u8]) -> Option<u64> {
        let rows = match self.rows {
            Node::Constant(value) => value,
            Node::Calldata(at) => scalar(calldata, at)?,
            _ => return None,
        };
        let bytes = rows.to_repr();
        let (low, high) = bytes.split_at(8);
        let low: [u8; 8] = low.try_into().ok()?;
        high.iter()
            .all(|byte| *byte == 0)
            .then(|| u64::from_le_bytes(low))
    }

    fn challenges(&self, calldata: &[u8]) -> Option<Vec<Fr>> {
        let mut state: Vec<u8> = vec![];
        let mut challenges = vec![];
        for segment in &self.segments {
            for piece in segment {
                match piece {
                    Piece::Calldata(words) => state.extend(calldata.get(words.clone())?),
                    Piece::Constant(value) => state.extend(value.to_repr().iter().rev()),
                    Piece::Rest(from) => state.extend(calldata.get(*from..)?),
                }
            }
            if state.len() == 0x20 {
                state.push(1);
            }
            let digest: [u8; 32] = Keccak256::digest(&state).into();
            state = digest.to_vec();
            challenges.push(reduced(&digest));
        }
        Some(challenges)
    }
}

/// The word at an offset, reduced: the contract refuses others before it looks at the inverse.
fn scalar(calldata: &[u8], at: usize) -> Option<Fr> {
    let bytes = calldata.get(at..at.checked_add(32)?)?;
    Some(reduced(bytes))
}

/// A big-endian number of 32 bytes in the field.
fn reduced(bytes: &[u8]) -> Fr {
    let mut wide = [0; 64];
    for (to, from) in wide.iter_mut().zip(bytes.iter().rev()) {
        *to = *from;
    }
    Fr::from_uniform_bytes(&wide)
}
