//! Points of claims before their challenges are drawn: which coordinate is which challenge.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};

use crate::backend::Backend;

/// One coordinate of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A challenge, counted from the end of its draw, 1 being the last: draw 0 is the joint point, draw `i` the
    /// point of the `i`-th stage.
    Drawn {
        /// Which draw.
        draw: usize,
        /// From its end.
        back: usize,
    },
    /// A bit.
    Bit(bool),
    /// One half, where an extension is the mean of its two values.
    Half,
}

/// The last `count` challenges of a draw.
pub fn suffix(draw: usize, count: usize) -> Vec<At> {
    let back = (1..=count).rev();
    back.map(|back| At::Drawn { draw, back }).collect()
}

/// The coordinates once all draws that they name are made.
pub fn resolve<B: Backend>(
    backend: &mut B,
    drawn: &[Vec<B::Scalar>],
    point: &[At],
) -> Vec<B::Scalar> {
    let coordinate = |at: &At| match *at {
        At::Drawn { draw, back } => {
            let challenges = drawn.get(draw)?;
            challenges.get(challenges.len().checked_sub(back)?).cloned()
        }
        At::Bit(bit) => Some(backend.constant(Fr::from(u64::from(bit)))),
        At::Half => Some(backend.constant(<Fr as PrimeField>::TWO_INV)),
    };
    point.iter().filter_map(coordinate).collect()
}

/// `1/2^count`
pub(super) fn inverse_of_power(count: usize) -> Fr {
    <Fr as PrimeField>::TWO_INV.pow_vartime([count as u64])
}
