//! What a contract is generated from, and where its calldata has what.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use laminate_model::public::ACCUMULATOR_LIMBS;
use snark_verifier::verifier::plonk::PlonkProtocol;

use super::emit::Terms;
use super::graph::{Base, Node};
use crate::evm::template::{KEY_HEAD, head};
use crate::packed::layout::Layout;

/// How the commitments of a proof are opened.
pub(super) enum Opening {
    /// One commitment a polynomial.
    Shplonk,
    /// One commitment a pack.
    Packed(Layout),
}

/// What a contract is generated from.
pub(super) struct Plan {
    /// The protocol of a key.
    pub(super) protocol: PlonkProtocol<G1Affine>,
    pub(super) opening: Opening,
    /// Commitments of the key, if it is in the contract's code; else they are calldata.
    pub(super) code: Option<Vec<G1Affine>>,
    pub(super) instances: usize,
    pub(super) proof_length: usize,
    /// Whether the inverse of all that is inverted is the last word of the calldata.
    pub(super) inverse: bool,
}

impl Plan {
    /// Words of the key in the calldata.
    pub(super) fn key_words(&self) -> usize {
        match self.code {
            Some(_) => 0,
            None => KEY_HEAD + 2 * self.commitments(),
        }
    }

    /// Commitments of the key.
    pub(super) fn commitments(&self) -> usize {
        match &self.opening {
            Opening::Shplonk => self.protocol.preprocessed.len(),
            Opening::Packed(layout) => layout.key,
        }
    }

    /// Words of the instances in the calldata: packed proofs are for instances whose limbs are zero, and show terms instead.
    pub(super) fn words(&self) -> usize {
        match self.opening {
            Opening::Shplonk => self.instances,
            Opening::Packed(_) => self.instances.saturating_sub(ACCUMULATOR_LIMBS),
        }
    }

    /// The instances.
    pub(super) fn instance_nodes(&self) -> impl Iterator<Item = Node> {
        let limbs = self.instances - self.words();
        let zeros = (0..limbs).map(|_| Node::Constant(Fr::zero()));
        zeros.chain((0..self.words()).map(|index| Node::Calldata(32 * index)))
    }

    /// Digest, rows, `1/rows`, ω and `1/ω` of the key.
    pub(super) fn head(&self) -> [Node; KEY_HEAD] {
        let mut words = head(&self.protocol).map(Node::Constant);
        if self.code.is_none() {
            for (place, word) in words.iter_mut().enumerate() {
                *word = Node::Calldata(32 * (self.words() + place));
            }
        }
        words
    }

    /// The key's commitments.
    pub(super) fn key(&self) -> Vec<Base> {
        let points = 32 * (self.words() + KEY_HEAD);
        match &self.code {
            Some(points) => points.iter().copied().map(Base::Constant).collect(),
            None => (0..self.commitments())
                .map(|index| Base::Calldata(points + 64 * index))
                .collect(),
        }
    }

    /// Where the proof begins in the calldata.
    pub(super) fn proof(&self) -> usize {
        32 * (self.words() + self.key_words())
    }

    /// Where the word of the inverse is, if there is one.
    pub(super) fn inverse(&self) -> Option<usize> {
        self.inverse.then(|| self.proof() + self.proof_length)
    }

    /// Where the proof ends.
    pub(super) fn end(&self) -> usize {
        self.proof() + self.proof_length + 32 * usize::from(self.inverse)
    }

    /// Where the group operations that the circuit leaves are: the generator's scalar, then these.
    pub(super) fn terms(&self) -> (usize, Terms) {
        let generator = self.end();
        let (left, terms) = (generator + 32, generator + 64);
        (generator, Terms { left, terms })
    }
}
