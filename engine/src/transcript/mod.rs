//! Fiat–Shamir over a Poseidon sponge, the same code natively and in circuit.
//!
//! The state is `[capacity, r1, r2, r3]`. Elements absorbed since the last squeeze form one message;
//! its blocks of three are added to the rate words, and the capacity word gets
//! `count + 4·[last block]`, so messages of different lengths never collide
//! (`H([f]) ≠ H([f, 0])`). A squeeze ends the message; an empty message is one empty last block.

pub mod poseidon;

use halo2curves_axiom::bn256::Fr;

use crate::backend::Backend;
use crate::field::fr_from_digest;
use crate::switch::on_of;
use poseidon::{RATE, WIDTH};

/// Separates the uses of the sponge; absorbed as the initial capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The main transcript.
    Main,
    /// A fork for one layer, the lookups or the boundary.
    Fork,
    /// The published weight commitment.
    WeightCommitment,
    /// The input commitment.
    InputCommitment,
    /// The commitment to a hidden output.
    OutputCommitment,
    /// Commitment to the residual stream between two shards.
    Boundary,
    /// Blinds of commitment rows, derived from a secret.
    RowBlind,
    /// Program digest of a join.
    Join,
    /// Weight commitments of a join.
    JoinWeights,
    /// Input commitments of a batch.
    JoinInputs,
    /// Digest of a proof's public values.
    PublicValues,
    /// The transcript of an aggregation proof that another circuit verifies.
    Snark,
    /// Digest of the verifying key of an aggregation circuit.
    VerifyingKey,
    /// Public identity of whoever holds a secret.
    Identity,
    /// A credential: an identity with attested values, the leaf of a tree.
    Credential,
    /// A node of a tree of credentials, from its two children.
    CredentialNode,
    /// What a secret leaves in a scope.
    Nullifier,
}

impl Domain {
    /// Initial capacity word.
    pub fn tag(self) -> Fr {
        let name: &[u8] = match self {
            Self::Main => b"main",
            Self::Fork => b"fork",
            Self::WeightCommitment => b"weight-commitment",
            Self::InputCommitment => b"input-commitment",
            Self::OutputCommitment => b"output-commitment",
            Self::Boundary => b"boundary",
            Self::RowBlind => b"row-blind",
            Self::PublicValues => b"public-values",
            Self::Join => b"join",
            Self::JoinWeights => b"join-weights",
            Self::JoinInputs => b"join-inputs",
            Self::Snark => b"snark",
            Self::VerifyingKey => b"verifying-key",
            Self::Identity => b"identity",
            Self::Credential => b"credential",
            Self::CredentialNode => b"credential-node",
            Self::Nullifier => b"nullifier",
        };
        fr_from_digest(b"laminate/transcript/v1", name)
    }
}

/// One absorb or squeeze, as recorded for the Fiat–Shamir inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `label` absorbed `count` scalars.
    Absorb(&'static str, usize),
    /// `label` squeezed `count` challenges.
    Challenge(&'static str, usize),
}

/// A transcript over the backend `B`.
pub struct Transcript<B: Backend> {
    state: [B::Scalar; WIDTH],
    pending: Vec<B::Scalar>,
    events: Vec<Event>,
}

impl<B: Backend> Transcript<B> {
    /// A fresh transcript of `domain`.
    pub fn new(backend: &mut B, domain: Domain) -> Self {
        let zero = backend.constant(Fr::from(0));
        let tag = backend.constant(domain.tag());
        Self {
            state: [tag, zero.clone(), zero.clone(), zero],
            pending: vec![],
            events: vec![],
        }
    }

    /// The transcript of part `index`, independent of all other parts.
    pub fn fork(backend: &mut B, seed: &B::Scalar, index: usize) -> Self {
        let mut fork = Self::new(backend, Domain::Fork);
        let index = backend.constant(Fr::from(index as u64));
        fork.absorb("fork seed and index", &[seed.clone(), index]);
        fork
    }

    /// Adds scalars to the current message.
    pub fn absorb(&mut self, label: &'static str, values: &[B::Scalar]) {
        if !on_of("absorb", label) {
            return;
        }
        self.events.push(Event::Absorb(label, values.len()));
        self.pending.extend_from_slice(values);
    }

    /// Adds the canonical encoding of a point to the current message.
    pub fn absorb_point(&mut self, backend: &mut B, label: &'static str, point: &B::Point) {
        let scalars = backend.encode_point(point);
        self.absorb(label, &scalars);
    }

    /// Ends the message and squeezes one challenge.
    pub fn challenge(&mut self, backend: &mut B, label: &'static str) -> B::Scalar {
        self.flush(backend);
        self.events.push(Event::Challenge(label, 1));
        self.state[1].clone()
    }

    /// Ends the message and squeezes `count` challenges.
    pub fn challenges(
        &mut self,
        backend: &mut B,
        label: &'static str,
        count: usize,
    ) -> Vec<B::Scalar> {
        if count == 0 {
            return vec![];
        }
        self.events.push(Event::Challenge(label, count));
        let mut out = Vec::with_capacity(count);
        while out.len() < count {
            self.flush(backend);
            out.extend(self.state.iter().skip(1).take(count - out.len()).cloned());
        }
        out
    }

    /// Everything absorbed and squeezed so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn flush(&mut self, backend: &mut B) {
        let message = std::mem::take(&mut self.pending);
        let blocks = message.len().div_ceil(RATE).max(1);
        for i in 0..blocks {
            let block: Vec<B::Scalar> = message.iter().skip(i * RATE).take(RATE).cloned().collect();
            let last = u64::from(i + 1 == blocks);
            let tag = Fr::from(block.len() as u64 + 4 * last);
            let mut next = self.state.clone();
            next[0] = backend.linear(tag, &[(Fr::from(1), self.state[0].clone())]);
            for (word, value) in next.iter_mut().skip(1).zip(&block) {
                *word = backend.add(word, value);
            }
            self.state = backend.permute(next);
        }
    }
}

/// Hash of a whole message under `domain`.
pub fn hash<B: Backend>(backend: &mut B, domain: Domain, message: &[B::Scalar]) -> B::Scalar {
    let mut transcript = Transcript::new(backend, domain);
    transcript.absorb("message", message);
    transcript.challenge(backend, "hash")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;

    fn h(message: &[u64]) -> Fr {
        let message: Vec<Fr> = message.iter().map(|m| Fr::from(*m)).collect();
        hash(&mut Native, Domain::Main, &message)
    }

    #[test]
    fn lengths_are_separated() {
        let all = [
            h(&[]),
            h(&[0]),
            h(&[0, 0]),
            h(&[0, 0, 0]),
            h(&[0, 0, 0, 0]),
            h(&[7]),
            h(&[7, 0]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "collision at {i}");
        }
    }

    #[test]
    fn domains_and_forks_are_separated() {
        let message = [Fr::from(5)];
        assert_ne!(
            hash(&mut Native, Domain::Main, &message),
            hash(&mut Native, Domain::InputCommitment, &message)
        );
        let seed = Fr::from(9);
        let mut a = Transcript::fork(&mut Native, &seed, 0);
        let mut b = Transcript::fork(&mut Native, &seed, 1);
        assert_ne!(a.challenge(&mut Native, "x"), b.challenge(&mut Native, "x"));
    }
}
