//! Contexts and scopes as `contracts/src/libraries/Context.sol` computes them.

use alloy::primitives::{Address, U256, keccak256};
use alloy::sol_types::SolValue;
use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::FromUniformBytes;

/// The context of a proof for a contract: who must send it (zero: anyone), and what is done with it.
pub fn context_of(chain_id: u64, contract: Address, sender: Address, choice: U256) -> Fr {
    let domain = keccak256("laminate.context.v1");
    reduced(&(domain, U256::from(chain_id), contract, sender, choice).abi_encode())
}

/// The scope of a contract's subject, in which a credential leaves one nullifier.
pub fn scope_of(chain_id: u64, contract: Address, subject: U256) -> Fr {
    let domain = keccak256("laminate.scope.v1");
    reduced(&(domain, U256::from(chain_id), contract, subject).abi_encode())
}

/// Keccak-256, reduced into the field.
fn reduced(bytes: &[u8]) -> Fr {
    let mut wide = [0; 64];
    for (to, from) in wide.iter_mut().zip(keccak256(bytes).iter().rev()) {
        *to = *from;
    }
    Fr::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::hex_scalar;

    /// The values that `contracts/test/Context.t.sol` and `client/test/context.test.ts` have.
    #[test]
    fn contexts_are_what_the_contracts_compute() {
        let (contract, sender) = (Address::repeat_byte(0x11), Address::repeat_byte(0x22));
        let context = |sender| context_of(31_337, contract, sender, U256::from(3));
        assert_eq!(
            [
                context(sender),
                context(Address::ZERO),
                scope_of(31_337, contract, U256::from(7))
            ]
            .map(|value| hex_scalar(&value)),
            [
                "0x25e3415ff3267a934368a84c484698e3ac8165c1496da6eef007bfdff1c8ddab",
                "0x28a2c227e1966cd454be22787f0ce095f394833681958acfb84b6902d0f07426",
                "0x11e661c392c78ef46f71103ef73793157a2afcca3b199fc1e539dc873d891e7f",
            ]
        );
    }
}
