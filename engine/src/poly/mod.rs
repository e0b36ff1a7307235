//! Multilinear polynomials over `Fr` by their values on the hypercube.
//!
//! Convention everywhere: the point `(r_0, …, r_{n-1})` addresses index bits from the most
//! significant down, so binding `r_0` combines the two halves, and a block at an aligned offset is
//! addressed by a prefix of the point.

pub mod eq;

use halo2curves_axiom::bn256::Fr;

/// log2 of `n` rounded up to a power of two; 0 for 0 and 1.
pub fn padded_log(n: usize) -> usize {
    n.max(1).next_power_of_two().trailing_zeros() as usize
}

/// Evaluates the multilinear extension of `values` (length `2^point.len()`, shorter is padded with
/// zeros) at `point`.
pub fn evaluate(values: &[Fr], point: &[Fr]) -> Fr {
    let mut table = values.to_vec();
    table.resize(1 << point.len(), Fr::from(0));
    for r in point {
        let half = table.len() / 2;
        let (low, high) = table.split_at_mut(half);
        for (l, h) in low.iter_mut().zip(high.iter()) {
            *l += r * (*h - *l);
        }
        table.truncate(half);
    }
    table.first().copied().unwrap_or(Fr::from(0))
}
