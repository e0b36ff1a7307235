//! The Poseidon permutation over BN254 `Fr` (Grassi et al., eprint 2019/458): `x^5`, width 4,
//! 8 full and 56 partial rounds, the parameters of the paper's reference script for 128-bit security.
//!
//! Width 4 (rate 3) fits the protocol: a cubic sumcheck round absorbs three coefficients, a curve
//! point encodes in three scalars, so each costs one permutation.

use std::sync::LazyLock;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::PrimeField;
use poseidon_primitives::poseidon::primitives::Spec;

/// State width.
pub const WIDTH: usize = 4;
/// Elements absorbed or squeezed by one permutation.
pub const RATE: usize = 3;
/// Full rounds, half before and half after the partial ones.
pub const FULL_ROUNDS: usize = 8;
/// Partial rounds.
pub const PARTIAL_ROUNDS: usize = 56;

#[derive(Debug)]
struct Parameters;

impl Spec<Fr, WIDTH, RATE> for Parameters {
    fn full_rounds() -> usize {
        FULL_ROUNDS
    }
    fn partial_rounds() -> usize {
        PARTIAL_ROUNDS
    }
    fn sbox(value: Fr) -> Fr {
        sbox(value)
    }
    fn secure_mds() -> usize {
        0
    }
}

/// Round constants and MDS matrix.
#[derive(Clone, Debug)]
pub struct Constants {
    /// `round[i]` is added to the state before the S-boxes of round `i`.
    pub round: Vec<[Fr; WIDTH]>,
    /// `state' = mds · state`, row-major.
    pub mds: [[Fr; WIDTH]; WIDTH],
}

static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| {
    let (round, mds, _) = Parameters::constants();
    Constants { round, mds }
});

/// The constants, generated once by the Grain LFSR.
pub fn constants() -> &'static Constants {
    &CONSTANTS
}

fn sbox(value: Fr) -> Fr {
    let square = value.square();
    square.square() * value
}

fn apply_mds(state: &mut [Fr; WIDTH], mds: &[[Fr; WIDTH]; WIDTH]) {
    let old = *state;
    for (out, row) in state.iter_mut().zip(mds) {
        *out = row.iter().zip(&old).map(|(m, s)| m * s).sum();
    }
}

/// Applies the permutation in place.
pub fn permute(state: &mut [Fr; WIDTH]) {
    let constants = constants();
    let half = FULL_ROUNDS / 2;
    for (round, rc) in constants.round.iter().enumerate() {
        for (word, constant) in state.iter_mut().zip(rc) {
            *word += constant;
        }
        if round < half || round >= half + PARTIAL_ROUNDS {
            for word in state.iter_mut() {
                *word = sbox(*word);
            }
        } else if let Some(first) = state.first_mut() {
            *first = sbox(*first);
        }
        apply_mds(state, &constants.mds);
    }
}

// The capacity tags of the sponge are small integers; a field too small for them would break it.
const _: () = assert!(Fr::CAPACITY > 64);

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves_axiom::ff::Field as _;

    #[test]
    fn permutation_is_pinned() {
        let mut state = [Fr::ZERO, Fr::ONE, Fr::from(2), Fr::from(3)];
        permute(&mut state);
        let found: Vec<String> = state.iter().map(|s| format!("{s:?}")).collect();
        // circomlib's `poseidon([1,2,3])` is the first word of this permutation (same parameters).
        assert_eq!(
            found[0],
            "0x0e7732d89e6939c0ff03d5e58dab6302f3230e269dc5b968f725df34ab36d732"
        );
    }
}
