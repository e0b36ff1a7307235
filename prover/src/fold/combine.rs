//! Linear combinations of a polynomial's strips, and of commitment rows.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::geometry::{Block, Poly};
use rayon::prelude::*;

use super::inner::Stored;
use super::outer::Cut;
use crate::columns::{Columns, Small};
use crate::kernels::pass;

/// Rows of 16-bit values from which on a pass is quicker than a multiplication for each value.
const PASS_ROWS: usize = 32;

/// `Σ_strip selector[strip]·strip`; zeros at the end may be missing.
pub fn folded(stored: &Stored<'_>, selector: &[Fr]) -> Vec<Fr> {
    let Stored {
        columns,
        poly,
        row_log,
        cut,
    } = *stored;
    if let [factor] = selector {
        debug_assert_eq!(*factor, Fr::ONE, "a table of no variables");
        return columns.polynomial(poly, row_log);
    }
    let size = 1usize << cut.strip;
    let whole = Block {
        poly,
        offset: 0,
        log: cut.strip + selector.len().trailing_zeros() as usize,
    };
    let mut out = match columns.small(&whole) {
        Small::Bytes(bytes) => {
            let (full, rest) = bytes.split_at(bytes.len() / size * size);
            let mut out = pass::combine_rows_u8(full, size, &selector[..full.len() / size]);
            add_row(&mut out, rest, selector.get(full.len() / size), columns);
            out
        }
        Small::Limbs(limbs) => {
            let rows = Some(limbs.len() / size).filter(|rows| *rows >= PASS_ROWS);
            let (full, rest) = limbs.split_at(rows.unwrap_or(0) * size);
            let (first, others) = selector.split_at(rows.unwrap_or(0));
            let mut out = match rows {
                Some(_) => pass::combine_rows_u16(full, size, first),
                None => vec![Fr::ZERO; size],
            };
            for (i, row) in rest.chunks(size).enumerate() {
                add_row(&mut out, row, others.get(i), columns);
            }
            out
        }
    };
    for (at, values) in columns.unlimbed(poly, row_log) {
        values.for_each(|i, value| {
            let at = at + i;
            out[at & (size - 1)] += selector[at >> cut.strip] * value;
        });
    }
    out
}

/// `out[i] += weight·row[i]`
fn add_row<T: Copy + Sync + Into<u16>>(
    out: &mut [Fr],
    row: &[T],
    weight: Option<&Fr>,
    columns: &Columns<'_>,
) {
    let Some(weight) = weight else { return };
    let pairs = out.par_iter_mut().zip(row).with_min_len(1 << 12);
    pairs.for_each(|(o, v)| *o += weight * columns.limb((*v).into()));
}

/// The opened row: `Σ_row selector[row]·(W_row + ρ·T_row)`.
pub fn opened(columns: &Columns<'_>, selector: &[Fr], row_log: usize, rho: Fr) -> Vec<Fr> {
    let [weight, mut out] = [Poly::Weight, Poly::Trace].map(|poly| {
        let cut = Cut { strip: row_log };
        let stored = Stored {
            columns,
            poly,
            row_log,
            cut,
        };
        folded(&stored, selector)
    });
    out.resize(1 << row_log, Fr::ZERO);
    out.par_iter_mut()
        .with_min_len(1 << 12)
        .for_each(|t| *t *= rho);
    out.par_iter_mut()
        .zip(weight)
        .with_min_len(1 << 12)
        .for_each(|(t, w)| *t += w);
    out
}
