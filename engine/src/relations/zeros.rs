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

impl Zeros {
    /// log2 of every axis.
    fn logs(&self) -> Vec<usize> {
        self.axes.iter().map(|a| padded_log(*a)).collect()
    }

    /// Number of variables of the column; none if no axis is padded.
    pub fn point_log(&self) -> usize {
        let logs = self.logs();
        let padded = |(axis, log): (&usize, &usize)| *axis < 1 << log;
        match self.axes.iter().zip(&logs).any(padded) {
            true => logs.iter().sum(),
            false => 0,
        }
    }

    /// Where the column must vanish: a point of [`Self::point_log`] coordinates on each subcube.
    pub fn points<S: Clone>(&self, point: &[S], mut bit: impl FnMut(bool) -> S) -> Vec<Vec<S>> {
        if self.point_log() == 0 || !on("padding that is zero") {
            return vec![];
        }
        let mut out = vec![];
        let mut start = 0;
        for (axis, log) in self.axes.iter().zip(self.logs()) {
            for (offset, size) in subcubes(*axis, log) {
                let mut at = point.to_vec();
                for (i, slot) in at.iter_mut().skip(start).take(log - size).enumerate() {
                    *slot = bit((offset >> (log - 1 - i)) & 1 == 1);
                }
                out.push(at);
            }
            start += log;
        }
        out
    }
}

/// The claims at a point of its own, which is drawn.
pub fn claims<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &Zeros,
) -> Vec<EvalClaim<B::Scalar>> {
    let point = transcript.challenges(backend, "padding point", relation.point_log());
    let points = relation.points(&point, |bit| backend.constant(Fr::from(u64::from(bit))));
    let claims = points.into_iter().map(|point| EvalClaim {
        view: relation.view.clone(),
        point,
        value: backend.constant(Fr::ZERO),
    });
    claims.collect()
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
