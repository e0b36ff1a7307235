//! Batched affine additions, one at a time.

use halo2curves_axiom::bn256::{Fq, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use halo2curves_axiom::group::prime::PrimeCurveAffine;

use super::buckets::{Adder, Pair, take};
use crate::kernels::words::{self, PointWords};

/// Adds pairs with the library's field.
#[derive(Default)]
pub struct PlainAdder {
    /// Points, difference of `x` (one where it is zero) and product of the differences before.
    work: Vec<(G1Affine, G1Affine, Fq, Fq)>,
}

impl Adder for PlainAdder {
    fn add(&mut self, source: &[PointWords], pairs: &[Pair], out: &mut [PointWords]) {
        let mut product = Fq::ONE;
        self.work.clear();
        for pair in pairs {
            let [a, b] = pair.points.map(|i| words::point(&take(source, i)));
            let difference = if special(&a, &b) { Fq::ONE } else { b.x - a.x };
            self.work.push((a, b, difference, product));
            product *= difference;
        }
        let mut inverse = product.invert().unwrap_or(Fq::ONE);
        for (pair, (a, b, difference, prefix)) in pairs.iter().zip(&self.work).rev() {
            let sum = if special(a, b) {
                add_special(a, b)
            } else {
                let slope = (b.y - a.y) * inverse * prefix;
                let x = slope.square() - a.x - b.x;
                let y = slope * (a.x - x) - a.y;
                G1Affine { x, y }
            };
            inverse *= difference;
            out[pair.sum as usize] = [words::of_base(&sum.x), words::of_base(&sum.y)];
        }
    }
}

/// Equal or opposite points, or a point at infinity: left to [`add_special`].
fn special(a: &G1Affine, b: &G1Affine) -> bool {
    a.x == b.x || bool::from(a.is_identity()) || bool::from(b.is_identity())
}

/// A sum by the complete formulas.
pub fn add_special(a: &G1Affine, b: &G1Affine) -> G1Affine {
    (G1::from(*a) + b).to_affine()
}
