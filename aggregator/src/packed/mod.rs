//! The packed opening: a commitment a phase instead of one a polynomial.
//!
//! `t` polynomials are committed to as `p(Y) = Σ Y^k·f_k(Y^t)`, as in fflonk. That `f_k(x) = e_k` for all `k` is the congruence `p ≡ Σ e_k·Y^k` modulo
//! `Y^t − x`: the remainder's coefficients are the evaluations, so that `t` is any number, `x` is the transcript's challenge itself and no `t`-th root is
//! needed. Packs and points are opened together as in SHPLONK, over the sets `Y^t − x·ω^j`.
//!
//! | pack | polynomials | opened at |
//! | --- | --- | --- |
//! | the key's, one or two | every rotation of a fixed column, the permutation's columns | `x` |
//! | one a phase of the proof | its columns: advice; of lookups; products | `x·ω^j` for each rotation `j` of one of them |
//! | the quotient's | the quotient in one piece, the random polynomial | `x` |
//!
//! A proof is a commitment a phase and one to the quotient's pack, the evaluations, the opening's two points, and a word that the contract would
//! else compute: the inverse of all that it inverts. The protocol, why it is sound and what it
//! hides are in `docs/specs/protocol.md`, "The packed opening".
//!
//! # Budget
//! The longest pack sets how many powers of τ are needed: `t` times the rows ([`PackedError::Powers`] says how many).
//!
//! | module | what |
//! | --- | --- |
//! | `layout` | packs of a constraint system |
//! | `key` | the key's pack |
//! | `store` | halo2's prover, with a store in place of a commitment scheme |
//! | `transcript` | the prover: commits to packs and opens them |
//! | `opening` | the verifier, on any of snark-verifier's loaders |
//! | `prove` | proofs, and verifying them natively |

mod error;
mod key;
pub(crate) mod layout;
pub(crate) mod opening;
mod polynomial;
mod prove;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod transcript;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::PackedError;
pub use key::PackedKey;
pub(crate) use key::layout_of;
pub(crate) use prove::protocol;
#[cfg(test)]
pub(crate) use prove::with_limbs;
pub use prove::{Claim, Verifier, create_proof, proof_length, verify_proof};
pub(crate) use store::Store;

/// How the proofs of a key for contracts are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opening {
    /// With SHPLONK: a reference string as long as the circuit is enough.
    #[default]
    Shplonk,
    /// Packed: some 160,000 gas less a proof, and a longer reference string.
    Packed,
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shplonk => "SHPLONK",
            Self::Packed => "packed",
        })
    }
}

/// Polynomials of the longest pack of the aggregation circuit, one of the key's.
const LONGEST_PACK: u32 = 10;

impl Opening {
    /// log2 of the powers for proofs of an aggregation circuit of 2^`k` rows.
    #[must_use]
    pub fn required_k(self, k: u32) -> u32 {
        match self {
            Self::Shplonk => k,
            Self::Packed => k + LONGEST_PACK.next_power_of_two().trailing_zeros(),
        }
    }
}
