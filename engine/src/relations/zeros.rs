//! Padding that must be zero.
//!
//! The padding of an axis is at most `log` aligned subcubes; on each, the column's extension must
//! vanish at a random point. The values are known, so there is no message.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::poly::padded_log;
use crate::switch::on;
use crate::transcript::Transcript;

/// The column is zero wherever one of the axes is padding.
#[derive(Clone, Debug)]
pub struct Zeros {
    /// The column.
    pub view: View,
    /// Its axes, unpadded, in storage order; an axis whose padding is free stands with its padded
    /// size.
    pub axes: Vec<usize>,
}

/// The claims; draws one point.
pub fn claims<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &Zeros,
) -> Vec<EvalClaim<B::Scalar>> {
    let logs: Vec<usize> = relation.axes.iter().map(|a| padded_log(*a)).collect();
    let padded = relation
        .axes
        .iter()
        .zip(&logs)
        .any(|(a, log)| *a < 1 << log);
    if !padded || !on("padding that is zero") {
        return vec![];
    }
    let point = transcript.challenges(backend, "padding point", logs.iter().sum());
    let mut out = vec![];
    let mut start = 0;
    for (axis, log) in relation.axes.iter().zip(&logs) {
        for (offset, size) in subcubes(*axis, *log) {
            let mut at = point.clone();
            for (i, slot) in at.iter_mut().skip(start).take(log - size).enumerate() {
                let bit = (offset >> (log - 1 - i)) & 1;
                *slot = backend.constant(Fr::from(bit as u64));
            }
            out.push(EvalClaim {
                view: relation.view.clone(),
                point: at,
                value: backend.constant(Fr::ZERO),
            });
        }
        start += log;
    }
    out
}

/// `[from, 2^log)` as aligned subcubes `(offset, log of the size)`.
fn subcubes(from: usize, log: usize) -> Vec<(usize, usize)> {
    let mut out = vec![];
    let mut at = from;
    while at < 1 << log {
        let size = at.trailing_zeros() as usize;
        out.push((at, size));
        at += 1 << size;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::subcubes;

    #[test]
    fn subcubes_tile_the_padding() {
        for (from, log) in [(29, 5), (1, 3), (5, 3), (8, 3), (1, 0), (7, 3)] {
            let covered: Vec<usize> = subcubes(from, log)
                .into_iter()
                .flat_map(|(at, size)| at..at + (1 << size))
                .collect();
            assert_eq!(covered, (from..1 << log).collect::<Vec<_>>());
            let aligned = |(at, size): &(usize, usize)| at % (1 << size) == 0;
            assert!(subcubes(from, log).iter().all(aligned));
        }
    }
}
