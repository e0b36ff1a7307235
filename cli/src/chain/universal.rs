//! Programs that share one verifier: their verifying key is calldata, and the digest they are registered under binds it
//! and the code that reads it.

use alloy::primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use alloy::sol_types::SolValue;
use eyre::ensure;
use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::PrimeField;
use laminate_aggregator::evm::{key_words, packed_key_words};
use laminate_aggregator::keys::VerifyingKey;
use laminate_aggregator::srs::Srs;
use laminate_model::public::INSTANCES;
use serde::{Deserialize, Serialize};

use super::manifest::Deployed;

/// What names a route of a router.
pub type Selector = FixedBytes<4>;

/// Whose code a verifying key is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A generated verifier for each program, its key in the code.
    #[default]
    Direct,
    /// One verifier for all programs, the key in each submission.
    Universal,
}

/// How a program is known to the universal verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UniversalInfo {
    /// The digest to register: of the verifier, the verifying key and the circuit's program digest.
    pub program_digest: B256,
    /// keccak-256 of the runtime code of the generated verifier that the digest is for.
    pub halo2_code_hash: B256,
    /// Bytes of the halo2 proofs that it is for.
    pub proof_length: u32,
    /// The key, as the contract takes it.
    pub verifying_key: Bytes,
}

/// The contracts of a universal deployment and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UniversalRecord {
    /// The shared verifier of statements.
    pub verifier: Deployed,
    /// The router before it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<RouterRecord>,
    /// The program.
    pub inference: UniversalInfo,
    /// Its weights' program, where inferences do not show that the weights are in range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<UniversalInfo>,
}

/// A router and the route that submissions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouterRecord {
    /// The router.
    pub contract: Deployed,
    /// The route of the shared verifier.
    pub selector: Selector,
}

impl UniversalRecord {
    /// What the models' verifiers call: the router if there is one, else the shared verifier.
    pub fn front(&self) -> Address {
        self.router
            .map_or(self.verifier.address, |router| router.contract.address)
    }
}

impl UniversalInfo {
    /// Of a verifying key, to be read by the generated verifier whose runtime code has the hash `halo2_code_hash`, with
    /// halo2 proofs of `proof_length` bytes.
    ///
    /// # Errors
    /// A reference string of another size than the key.
    pub fn new(
        circuit_digest: B256,
        key: &VerifyingKey,
        srs: &Srs,
        halo2_code_hash: B256,
        proof_length: u32,
    ) -> eyre::Result<Self> {
        let words = match &key.meta.packed {
            Some(packed) => packed_key_words(&key.vk, packed, INSTANCES)?,
            None => key_words(srs, &key.vk, INSTANCES)?,
        };
        let key = Bytes::from(words.concat());
        Ok(Self::of_words(
            circuit_digest,
            key,
            halo2_code_hash,
            proof_length,
        ))
    }

    /// The same of a key as the contract takes it.
    pub fn of_words(
        circuit_digest: B256,
        verifying_key: Bytes,
        halo2_code_hash: B256,
        proof_length: u32,
    ) -> Self {
        let verifier = identity(halo2_code_hash, verifying_key.len(), proof_length);
        Self {
            program_digest: program_digest(verifier, &verifying_key, circuit_digest),
            halo2_code_hash,
            proof_length,
            verifying_key,
        }
    }

    /// Selector of the universal verifier that reads the key.
    pub fn selector(&self) -> Selector {
        Selector::from_slice(&self.identity()[..4])
    }

    fn identity(&self) -> B256 {
        identity(
            self.halo2_code_hash,
            self.verifying_key.len(),
            self.proof_length,
        )
    }

    /// Refuses a digest that is not that of the verifier, the key and the circuit's program digest.
    ///
    /// # Errors
    /// With both digests, or a key of part of a word.
    pub fn check(&self, circuit_digest: B256) -> eyre::Result<()> {
        let length = self.verifying_key.len();
        ensure!(
            length > 0 && length.is_multiple_of(32),
            "a verifying key of {length} bytes, expected a positive multiple of 32"
        );
        let expected = program_digest(self.identity(), &self.verifying_key, circuit_digest);
        ensure!(
            self.program_digest == expected,
            "universal program digest {}, expected {expected} for this verifying key, generated verifier and program {circuit_digest}; make the record again",
            self.program_digest
        );
        Ok(())
    }
}

/// Digest that a program is registered under: of the verifier it is registered for, of its verifying key and of the
/// digest that its circuit states, as `UniversalVerifier.programDigestOf`.
fn program_digest(verifier: B256, verifying_key: &[u8], circuit_digest: B256) -> B256 {
    let domain = keccak256("laminate.universal-program.v2");
    let hash = keccak256([domain, verifier, keccak256(verifying_key), circuit_digest].concat());
    (U256::from_be_bytes(hash.0) % scalar_modulus()).into()
}

/// What pins how a universal verifier reads a key: the code of its generated verifier and both lengths. Its first bytes
/// are its `selector()`.
fn identity(halo2_code_hash: B256, key_length: usize, proof_length: u32) -> B256 {
    let domain = keccak256("laminate.universal-selector.v1");
    let text = (
        domain,
        halo2_code_hash,
        U256::from(key_length),
        U256::from(proof_length),
    );
    keccak256(text.abi_encode())
}

fn scalar_modulus() -> U256 {
    let mut largest = (-Fr::one()).to_repr();
    largest.reverse();
    U256::from_be_bytes(largest) + U256::from(1)
}
