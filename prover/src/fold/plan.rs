//! How long the strips are that a polynomial collapses to.

use std::collections::BTreeSet;

use halo2curves_axiom::bn256::Fr;

use super::claims::ClaimSet;
use super::outer::{CHUNK_LOG, Cut};

/// Picoseconds of two cores for a byte that passes by one kernel…
const PASS: usize = 200;
/// …for an entry of a kernel that is written out…
const WRITE: usize = 10_000;
/// …and for an entry of a strip: its rounds.
const ROUNDS: usize = 40_000;

/// Strips between a chunk and all of the `2^log` entries, of which `used` are stored, each in `bytes` bytes;
/// those that are all are plain vectors of field elements, which small polynomials and such with very many
/// points come to. Claims on blocks of a strip or more cost a pass for each point inside strips, smaller ones
/// a pass for each strip that they lie in.
pub fn cut(set: &ClaimSet, (used, bytes): (usize, usize), log: usize) -> Cut {
    let chunk = log.min(CHUNK_LOG);
    let cost = |strip: &usize| {
        let strip = *strip;
        let cut = Cut { strip };
        let mut points: BTreeSet<&[Fr]> = BTreeSet::new();
        let mut strips = BTreeSet::new();
        let (mut passes, mut written) = (0, 0);
        for claims in &set.points {
            let wide = claims.kernel.log() >= strip;
            let first = claims
                .kernel
                .inside(strip)
                .is_none_or(|at| points.insert(at));
            if wide && first {
                let count = claims.kernel.count(cut);
                passes += count;
                written += count << strip;
            }
            for (_, block) in claims.terms.iter().filter(|_| !wide) {
                strips.insert(block.offset >> strip);
                written += 1 << block.log;
            }
        }
        passes += strips.len();
        let passes = if strip == log { 0 } else { passes };
        passes * used * bytes * PASS + written * WRITE + ROUNDS * used.min(1 << strip)
    };
    let strip = (chunk..=log).min_by_key(cost).unwrap_or(log);
    Cut { strip }
}
