//! Blinds of commitment rows: a row of `N` values is committed with a random coefficient of `X^N`; of
//! weights with one behind the weight polynomial, if that is shorter.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use laminate_engine::backend::Native;
use laminate_engine::transcript::{Domain, hash};

/// The blinds of `count` rows, derived from a secret.
pub fn derive(secret: &[Fr], count: usize) -> Vec<Fr> {
    (0..count as u64)
        .map(|row| {
            let message = [secret, &[Fr::from(row)]].concat();
            hash(&mut Native, Domain::RowBlind, &message)
        })
        .collect()
}

/// Adds `blind·[τ^i]` to every row.
pub(super) fn blind_rows(rows: &mut [G1], blinds: &[Fr], power: &G1Affine) {
    debug_assert_eq!(rows.len(), blinds.len());
    for (row, blind) in rows.iter_mut().zip(blinds) {
        *row += power * blind;
    }
}
