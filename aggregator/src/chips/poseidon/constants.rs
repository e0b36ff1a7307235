//! Round constants in the form the gates use.
//!
//! In a partial round only word 0 passes an S-box, so the constants of words 1 to 3 commute with it:
//! with `x' = M·(sbox(x_0 + c_0), x_1 + c_1, x_2 + c_2, x_3 + c_3)` the vector `M·(0, c_1, c_2, c_3)` is
//! added to the constants of the next round instead. Each partial round then has one constant, and the
//! first full round after them takes what is left over, the constant of [`super::partial::Exit`] included.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use laminate_engine::transcript::poseidon::{self, FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};
use std::sync::LazyLock;

use super::partial::{Recurrence, recurrence};

/// A square matrix, row-major.
pub type Matrix = [[Fr; WIDTH]; WIDTH];

/// Constants of the gates.
#[derive(Clone, Debug)]
pub struct GateConstants {
    /// `round[i]` is added to the state before round `i`; partial rounds use word 0 only. The state
    /// before the first full round after them lacks the constant of the exit, which is in here.
    pub round: Vec<[Fr; WIDTH]>,
    /// The linear layer.
    pub mds: Matrix,
    /// Its inverse: gates state `mds⁻¹·next = S-box outputs`, which needs each S-box output once.
    pub mds_inverse: Matrix,
    /// The partial rounds.
    pub recurrence: Recurrence,
}

static CONSTANTS: LazyLock<GateConstants> = LazyLock::new(derive);

/// The constants, derived once from [`poseidon::constants`].
pub fn gate_constants() -> &'static GateConstants {
    &CONSTANTS
}

/// Whether `round` is one of the partial rounds.
pub fn is_partial(round: usize) -> bool {
    (FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&round)
}

/// `matrix · vector`
pub fn apply(matrix: &Matrix, vector: &[Fr; WIDTH]) -> [Fr; WIDTH] {
    matrix.map(|row| row.iter().zip(vector).map(|(m, v)| m * v).sum())
}

/// `a · b`
pub fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    a.map(|row| {
        std::array::from_fn(|j| row.iter().zip(b).map(|(m, other)| m * other[j]).sum::<Fr>())
    })
}

fn derive() -> GateConstants {
    let reference = poseidon::constants();
    let mut round = reference.round.clone();
    for i in 0..round.len() {
        if !is_partial(i) {
            continue;
        }
        let [_, c1, c2, c3] = round[i];
        let moved = apply(&reference.mds, &[Fr::zero(), c1, c2, c3]);
        round[i][1..].fill(Fr::zero());
        for (next, m) in round[i + 1].iter_mut().zip(moved) {
            *next += m;
        }
    }
    let gamma = std::array::from_fn(|i| round[FULL_ROUNDS / 2 + i][0]);
    let recurrence = recurrence(&reference.mds, &gamma);
    let after = &mut round[FULL_ROUNDS / 2 + PARTIAL_ROUNDS];
    for (constant, more) in after.iter_mut().zip(recurrence.exit.constant) {
        *constant += more;
    }
    GateConstants {
        round,
        mds: reference.mds,
        mds_inverse: invert(&reference.mds),
        recurrence,
    }
}

/// Gauss–Jordan inversion of an invertible matrix; tests check the three that are inverted.
pub fn invert(matrix: &Matrix) -> Matrix {
    let mut left = *matrix;
    let mut right: Matrix = std::array::from_fn(|i| {
        std::array::from_fn(|j| if i == j { Fr::one() } else { Fr::zero() })
    });
    for i in 0..WIDTH {
        let pivot = (i..WIDTH).find(|r| left[*r][i] != Fr::zero()).unwrap_or(i);
        left.swap(i, pivot);
        right.swap(i, pivot);
        let inverse = Option::<Fr>::from(left[i][i].invert()).unwrap_or_default();
        for j in 0..WIDTH {
            left[i][j] *= inverse;
            right[i][j] *= inverse;
        }
        for row in (0..WIDTH).filter(|r| *r != i) {
            let factor = left[row][i];
            for j in 0..WIDTH {
                let (l, r) = (left[i][j] * factor, right[i][j] * factor);
                left[row][j] -= l;
                right[row][j] -= r;
            }
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_is_inverse() {
        let c = gate_constants();
        let v = [1u64, 20, 300, 4000].map(Fr::from);
        assert_eq!(apply(&c.mds_inverse, &apply(&c.mds, &v)), v);
    }

    #[test]
    fn partial_rounds_keep_one_constant() {
        for (i, round) in gate_constants().round.iter().enumerate() {
            let zeros = round.iter().filter(|c| **c == Fr::zero()).count();
            assert_eq!(zeros, if is_partial(i) { 3 } else { 0 }, "round {i}");
        }
    }
}
