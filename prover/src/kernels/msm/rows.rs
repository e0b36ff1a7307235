//! Commitments of the rows of a matrix of bytes over the same points.

use halo2curves_axiom::bn256::{G1, G1Affine};
use halo2curves_axiom::group::Group;
use rayon::prelude::*;

/// `Σ_i row[i] · points[i]` for every row of `length` bytes; the last row may be shorter.
///
/// Bytes are taken as offsets from 128, which stands for a weight of zero. Rows of nothing but 127, 128
/// and 129 are summed together as ternary weights.
///
/// # Panics
/// If `length` is zero or there are fewer points than bytes in a row.
pub fn rows(bytes: &[u8], length: usize, points: &[G1Affine]) -> Vec<G1> {
    // A single row may be shorter than its length, and so may be the points.
    let whole = length.min(points.len());
    // Padding is 128, which the sum of all points makes zero.
    let sum = if bytes.len() < whole {
        G1::identity()
    } else {
        super::total(&points[..whole])
    };
    let rows: Vec<&[u8]> = bytes.chunks(length).collect();
    let ternary: Vec<usize> = (0..rows.len())
        .into_par_iter()
        .filter(|i| rows[*i].len() == whole && is_ternary(rows[*i]))
        .collect();
    let mut out = vec![G1::identity(); rows.len()];
    for (place, part) in ternary.iter().zip(ternary_rows(&rows, &ternary, points)) {
        out[*place] = part + (0..7).fold(sum, |p, _| p.double());
    }
    let mut ternary = ternary.into_iter().peekable();
    for (i, (row, out)) in rows.iter().zip(&mut out).enumerate() {
        if ternary.next_if_eq(&i).is_some() {
            continue;
        }
        *out = if row.len() == whole {
            super::offset_bytes(row, points, &sum)
        } else {
            super::bytes(row, points)
        };
    }
    out
}

/// Most weights that are held as signed bytes at a time.
const HELD: usize = 1 << 28;

/// The sums of some rows' weights.
fn ternary_rows(rows: &[&[u8]], places: &[usize], points: &[G1Affine]) -> Vec<G1> {
    let length = places.first().map_or(1, |i| rows[*i].len()).max(1);
    let together = (HELD / length).max(1);
    let mut out = Vec::with_capacity(places.len());
    for places in places.chunks(together) {
        let centred = |i: &usize| rows[*i].iter().map(|b| (b ^ 128) as i8).collect();
        let weights: Vec<Vec<i8>> = places.par_iter().map(centred).collect();
        let weights: Vec<&[i8]> = weights.iter().map(Vec::as_slice).collect();
        out.extend(super::ternary(&weights, points));
    }
    out
}

/// Whether every byte is 127, 128 or 129.
fn is_ternary(row: &[u8]) -> bool {
    // Whole pieces without a branch, so that vectors are used.
    row.chunks(1 << 10).all(|piece| {
        piece
            .iter()
            .fold(true, |all, b| all & (b.wrapping_sub(127) < 3))
    })
}

/// Reference of [`rows`]: each row by itself, as plain bytes.
///
/// # Panics
/// If `length` is zero or there are fewer points than bytes in a row.
pub fn rows_reference(bytes: &[u8], length: usize, points: &[G1Affine]) -> Vec<G1> {
    let one = |row| super::bytes(row, points);
    bytes.chunks(length).map(one).collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::super::tests::points;
    use super::*;

    #[test]
    fn ternary_and_other_rows_are_as_by_themselves() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(13);
        let points = points(256);
        for rows_count in [1usize, 2, 9, 40] {
            let mut bytes: Vec<u8> = (0..rows_count * 256 + 77)
                .map(|_| rng.gen_range(127..=129))
                .collect();
            // Every third row has one other byte, the first or the last or between.
            for (i, row) in bytes
                .chunks_mut(256)
                .enumerate()
                .filter(|(i, _)| i % 3 == 1)
            {
                let at = [0, row.len() - 1, row.len() / 2][i % 2 + usize::from(i > 9)];
                row[at] = [126, 130, 0, 255][i % 4];
            }
            assert_eq!(
                rows(&bytes, 256, &points),
                rows_reference(&bytes, 256, &points),
                "{rows_count} rows"
            );
        }
        // One row, shorter than its length.
        for bytes in [vec![], vec![129u8; 3], vec![128; 200]] {
            assert_eq!(
                rows(&bytes, 256, &points),
                rows_reference(&bytes, 256, &points)
            );
            assert_eq!(
                rows(&bytes, 1 << 20, &points),
                rows_reference(&bytes, 1 << 20, &points)
            );
        }
    }
}
