//! From a verifying key to a checked contract: Solidity source, bytecode, calldata, and proofs for the EVM.
//!
//! | module | what |
//! | --- | --- |
//! | `generate` | Solidity of `Halo2Verifier` for a verifying key, through snark-verifier |
//! | `compile` | bytecode with the pinned solc and explicit settings, size limits |
//! | `accumulator` | the 12 leading instances |
//! | `prove` | proof with the Keccak transcript; the same check natively |
//! | `universal` | one contract for all circuits of a constraint system, the key in the calldata |
//! | `template` | what keys of one constraint system share |
//! | `secret` | `[τ]_2` in a contract's code |
//! | `calldata` | what the contract takes |

mod accumulator;
mod calldata;
mod compile;
mod error;
#[cfg(test)]
mod forgeries;
pub(crate) mod generate;
#[cfg(test)]
mod known_secret;
pub(crate) mod prove;
mod secret;
pub(crate) mod template;
#[cfg(test)]
mod tests;
mod universal;

#[cfg(test)]
pub(crate) use universal::tests as circuits;

pub use accumulator::{accumulator_from_limbs, accumulator_limbs};
pub(crate) use calldata::one_left;
pub use calldata::{encode_calldata, encode_proof};
pub use compile::{
    COMPILER_SETTINGS, CompiledContract, INIT_CODE_LIMIT, RUNTIME_CODE_LIMIT, SOLC_VERSION,
    SolcCompiler, SourceTree, settings_digest, standard_json,
};
pub use error::EvmError;
pub use generate::{GeneratedVerifier, VERIFIER_CONTRACT, generate_verifier, proof_length};
pub use prove::{create_proof, verify_proof};
pub use secret::{holds_development_secret, secret_origin, secret_point, secret_words};
pub use universal::{
    PackedVerifier, UNIVERSAL_CONTRACT, UniversalTemplate, UniversalVerifier, VerifierProgram,
    Word, check_same_constraints, encode_packed_calldata, encode_universal_calldata,
    generate_packed, generate_packed_universal, generate_universal, key_hash, key_words,
    packed_key_words,
};
