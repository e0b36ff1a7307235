//! What the contracts must refuse.

use alloy::primitives::{Bytes, U256};

use super::Run;
use super::prepare::Proofs;
use crate::chain::manifest::Manifest;
use crate::chain::registry::{Registry, Submission};

impl Run<'_> {
    /// Tries forgeries on the registry of a deployment that holds the statement of `proofs.fraud`.
    pub(super) async fn attacks(
        &mut self,
        manifest: &Manifest,
        model: U256,
        proofs: &Proofs,
    ) -> eyre::Result<()> {
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let honest = Submission::of_inference(&proofs.fraud.proof, manifest)?;
        let other = Submission::of_inference(&proofs.other.proof, manifest)?;
        let replay = registry.submit(&mut self.chain, model, &honest).await;
        self.refuse("the same statement again (replay)", replay)?;
        let mut tries = vec![("a proof made with one weight changed", other)];
        let mut score = honest.clone();
        score.output = lower(&honest.output);
        tries.push(("a changed score", score));
        let mut input = honest.clone();
        input.input_commitment.0[31] ^= 1;
        tries.push(("another input", input));
        let mut proof = honest.clone();
        proof.proof = flip(&honest.proof);
        tries.push(("a changed proof", proof));
        let legit = Submission::of_inference(&proofs.legit.proof, manifest)?;
        let mut swapped = honest;
        swapped.proof = legit.proof;
        tries.push(("the proof of another payment", swapped));
        for (what, submission) in tries {
            // The view, so that the proof is what is refused and not the statement's second use.
            let result = registry.verify(&mut self.chain, model, &submission).await;
            self.refuse(what, result)?;
        }
        Ok(())
    }
}

/// The packed output with its first score one step lower.
fn lower(output: &Bytes) -> Bytes {
    let mut bytes = output.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = last.wrapping_sub(1);
    }
    bytes.into()
}

/// The proof with its last byte changed.
fn flip(proof: &Bytes) -> Bytes {
    let mut bytes = proof.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}
