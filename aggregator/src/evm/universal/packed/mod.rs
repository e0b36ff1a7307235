//! Contracts of packed proofs, for one key or for all of a constraint system.
//!
//! They are the universal contract with another opening: the same recorder and checks. The key is the head of [`super::key_words`] with the packed
//! transcript's state for halo2's digest, and the commitments of its packs. The last word of a proof is the inverse of all that the contract inverts.
//!
//! # Calldata
//! | words | what |
//! | --- | --- |
//! | 3 | the instances behind the limbs, which are zero: D, ω, E |
//! | key | head and packs, for the universal contract |
//! | proof | points and evaluations, then the inverse |
//! | 1 | scalar `g` of the generator |
//! | 1 | scalar `l` of the last point but one on the left side |
//! | 3 each | terms: both coordinates of a point, its scalar |
//!
//! The contract sums the terms up together with its own points, `lhs + f·(Σ s_i·P_i + g·G)` and `W' + f·(P_last + l·P_(last - 1))`, so it multiplies no point
//! for the accumulator alone. `f` is one more challenge of the transcript: drawn when W' is known, from `g`, `l` and the terms as well, so from all that both
//! pairings are made of.

use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::VerifyingKey,
};
use serde_json::Value;

use laminate_engine::deferred::Deferred;

use super::{
    Opening, Plan, UNIVERSAL_CONTRACT, Witness, Word, assemble, compiler_lines, contract_of,
    encode_universal_calldata, head, word,
};
use crate::evm::calldata::{encode_terms, one_left};
use crate::evm::compile::{CompiledContract, SolcCompiler};
use crate::evm::error::EvmError;
use crate::evm::generate::{VERIFIER_CONTRACT, deciding_key};
use crate::packed::{PackedError, PackedKey, layout_of, protocol};
use crate::srs::Srs;
use laminate_model::public::ACCUMULATOR_LIMBS;

#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod tests;

/// Bytes of the inverse.
const WORD: usize = 32;

/// A generated contract of packed proofs.
#[derive(Clone, Debug)]
pub struct PackedVerifier {
    /// Its name in the source.
    pub name: &'static str,
    /// Solidity source.
    pub source: String,
    /// Instances it takes.
    pub instances: usize,
    /// Words of a key; none where the key is in the code.
    pub key_words: usize,
    /// Bytes of a proof.
    pub proof_length: usize,
    witness: Witness,
    /// [`super::VerifierProgram`] without the reference string.
    pub(super) program: Value,
}

impl PackedVerifier {
    /// Bytecode.
    ///
    /// # Errors
    /// As [`SolcCompiler::compile`].
    pub fn compile(&self, compiler: &SolcCompiler) -> Result<CompiledContract, EvmError> {
        contract_of(self.name, &self.source, compiler)
    }

    /// The word that stands behind a proof: the inverse of all that the contract inverts, of which there is the same in both contracts of a key. Zero for
    /// calldata that is refused whatever the word is. `words` are the instances behind the limbs.
    #[must_use]
    pub fn inverse(&self, words: &[Fr], key: &[Word], body: &[u8]) -> Word {
        let calldata = encode_universal_calldata(words, key, body);
        word(&self.witness.inverse(&calldata).unwrap_or_default())
    }

    /// A proof with the word behind it.
    #[must_use]
    pub fn with_inverse(&self, words: &[Fr], key: &[Word], body: &[u8]) -> Vec<u8> {
        let inverse = self.inverse(words, key, body);
        [body, &inverse].concat()
    }
}

/// Instances behind the limbs, words of the key, proof and group operations, as the contracts take them.
///
/// # Errors
/// [`EvmError::SeveralOpenings`]: the contracts take the group operations of one opening.
pub fn encode_packed_calldata(
    words: &[Fr],
    key: &[Word],
    proof: &[u8],
    deferred: &Deferred<Fr, G1Affine>,
) -> Result<Vec<u8>, EvmError> {
    let mut calldata = encode_universal_calldata(words, key, proof);
    calldata.extend(word(&deferred.generator));
    calldata.extend(word(&one_left(deferred)?));
    calldata.extend(encode_terms(deferred));
    Ok(calldata)
}

/// Generates the contract of one key, which is in its code.
///
/// # Errors
/// As [`PackedKey::commit`] and [`super::super::generate_verifier`].
pub fn generate_packed(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    packed: &PackedKey,
    instances: usize,
) -> Result<PackedVerifier, PackedError> {
    let code = Some(packed.points());
    generate(srs, key, packed, instances, VERIFIER_CONTRACT, code)
}

/// Generates the contract of a constraint system, of which `template` is any key.
///
/// # Errors
/// As [`generate_packed`].
pub fn generate_packed_universal(
    srs: &Srs,
    template: &VerifyingKey<G1Affine>,
    packed: &PackedKey,
    instances: usize,
) -> Result<PackedVerifier, PackedError> {
    generate(srs, template, packed, instances, UNIVERSAL_CONTRACT, None)
}

/// The words of a key, as the universal contract of packed proofs takes them.
///
/// # Errors
/// As [`PackedKey::commit`].
pub fn packed_key_words(
    key: &VerifyingKey<G1Affine>,
    packed: &PackedKey,
    instances: usize,
) -> Result<Vec<Word>, PackedError> {
    let protocol = protocol(key, packed, instances)?;
    let mut words: Vec<Word> = head(&protocol).iter().map(word).collect();
    for G1Affine { x, y } in packed.points() {
        words.extend([word(&x), word(&y)]);
    }
    Ok(words)
}

fn generate(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    packed: &PackedKey,
    instances: usize,
    name: &'static str,
    code: Option<Vec<G1Affine>>,
) -> Result<PackedVerifier, PackedError> {
    let layout = layout_of(key, instances)?;
    packed.check(&layout)?;
    let plan = Plan {
        protocol: protocol(key, packed, instances)?,
        proof_length: layout.body_length(),
        opening: Opening::Packed(layout),
        code,
        instances,
        inverse: true,
    };
    let written = assemble(&deciding_key(srs), &plan)?;
    let verifier = PackedVerifier {
        name,
        source: String::new(),
        instances,
        key_words: plan.key_words(),
        proof_length: plan.proof_length + WORD,
        witness: written.witness,
        program: written.program,
    };
    let source = text(srs, &verifier, &written.assembly);
    Ok(PackedVerifier { source, ..verifier })
}

fn text(srs: &Srs, contract: &PackedVerifier, assembly: &str) -> String {
    let setup: String = srs.setup_id().iter().map(|b| format!("{b:02x}")).collect();
    let origin = match srs.origin().is_development() {
        true => "DEV, its secret is public: never deploy",
        false => "ceremony",
    };
    let words = contract.instances.saturating_sub(ACCUMULATOR_LIMBS);
    let (key, believed) = match contract.key_words {
        0 => (String::new(), ""),
        words => (
            format!(" {words} words of a verifying key,"),
            "// The key is believed: the caller must compare its hash with a registered one.\n",
        ),
    };
    let PackedVerifier {
        name, proof_length, ..
    } = contract;
    format!(
        "// SPDX-License-Identifier: MIT\n\
         // Generated by Laminate for packed proofs, quotient through snark-verifier; do not edit.\n\
         // reference string {setup} ({origin})\n\
         // calldata: {words} instances of 32 bytes (those before them are zero),{key} {proof_length} bytes of proof, the last 32 the inverse of what is inverted,\n\
         // the scalars of the generator and of the last point but one on the left side, terms of 96 bytes\n{believed}{}\n\
         pragma solidity 0.8.19;\n\n\
         contract {name} {{\nfallback() external {{\nassembly {{\n{assembly}}}\n}}\n}}\n",
        compiler_lines()
    )
}
