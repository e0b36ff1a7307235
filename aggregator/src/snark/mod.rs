//! Aggregation proofs verified by another circuit.
//!
//! The verifier of halo2 proofs, snark-verifier's, runs on any [`laminate_engine::backend::Backend`]: natively, or on cells. It computes scalars only;
//! the group operations are left as a [`Pairing`] of two lists of terms, for a circuit has no cheap way to do them one proof at a time. Keys are values, not
//! constants, so one circuit verifies proofs of any circuit of the constraint system.
//!
//! # Budget
//! One proof of the aggregation circuits' constraint system has 13 points and 41 scalars (2,144 bytes), its key 14 points. In a circuit:
//!
//! | part | cells | permutations | rows of the Poseidon chip |
//! | --- | --- | --- | --- |
//! | loading key, instances and proof | 142 | 0 | 0 |
//! | digest of the key | 236 | 16 | 720 |
//! | the verifier | 3,790 | 33 | 1,485 |
//!
//! It leaves 1 term on the left side of the pairing, 27 points and the generator on the right.
//!
//! | module | what |
//! | --- | --- |
//! | [`key`] | a verifying key's words, their digest and checks |
//! | [`proof`] | a proof, and its bytes |
//! | [`transcript`] | Fiat–Shamir over Poseidon, for prover and verifier |
//! | `loader` | snark-verifier's arithmetic over a backend |
//! | [`verify`](mod@verify) | the verifier |
//! | [`prove`] | making such proofs; verifying them natively |

pub mod error;
pub mod key;
mod loader;
pub mod proof;
pub mod prove;
#[cfg(test)]
mod tests;
pub mod transcript;
pub mod verify;

pub use error::SnarkError;
pub use key::Key;
pub use proof::Snark;
pub use prove::{create_proof, verify_native};
pub use verify::{Pairing, Template, verify};
