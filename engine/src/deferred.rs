//! The group operations that a proof leaves to check.
//!
//! A curve addition costs the aggregation circuit thousands of cells and the EVM 150 gas, so the circuit
//! does none: points and scalars of the openings' last check are public, and whoever relies on the
//! proof sums them up.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use halo2curves_axiom::group::{Curve, Group};

use crate::accumulator::Accumulator;
use crate::backend::Backend;
use crate::error::VerifyError;
use crate::fold::{self, RowsAndOpening};
use crate::switch::on;
use crate::transcript::Transcript;

/// Points of an opening in [`Deferred::terms`]: two behind those of the rows, and its KZG proof, with
/// those of the others, at the end.
pub const OPENING_POINTS: usize = 3;

/// `e(left, [τ]_2) = e(Σ scalar·point + generator·G, [1]_2)`, where `left` is the last point and a
/// combination of those before it.
#[must_use = "a proof proves nothing until its pairing is checked"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred<S, P> {
    /// Rows of the weight and trace commitments, then the openings' points.
    pub terms: Vec<(S, P)>,
    /// Scalar of the generator.
    pub generator: S,
    /// Scalars in `left` of the points before the last one, in their order; the last one's is one. Published
    /// proofs have one, which is zero unless they are of joins.
    pub left: Vec<S>,
}

/// Joins the checks of all openings with powers of a challenge that covers every opening proof.
pub fn combine<B: Backend>(
    backend: &mut B,
    main: &mut Transcript<B>,
    rows: Vec<B::Point>,
    openings: Vec<RowsAndOpening<B>>,
) -> Deferred<B::Scalar, B::Point> {
    let zero = backend.constant(Fr::ZERO);
    let mut powers = vec![backend.constant(Fr::ONE)];
    if openings.len() > 1 {
        for (_, opening) in &openings {
            let [_, _, (_, proof)] = &opening.terms;
            main.absorb_point(backend, "opening proof", proof);
        }
        let delta = main.challenge(backend, "opening delta");
        powers = fold::powers(backend, &delta, openings.len());
        powers.reverse();
    }
    let left = match powers.as_slice() {
        [] | [_] => vec![zero.clone()],
        [before @ .., _] => before.to_vec(),
    };
    let mut scalars = vec![zero.clone(); rows.len()];
    let mut generator = zero;
    let (mut inner, mut proofs) = (vec![], vec![]);
    for ((row_scalars, opening), power) in openings.into_iter().zip(&powers) {
        for (sum, scalar) in scalars.iter_mut().zip(&row_scalars) {
            *sum = backend.mul_add(scalar, power, sum);
        }
        let terms = opening.terms.map(|(s, p)| (backend.mul(&s, power), p));
        let [inner_term, quotient, proof] = terms;
        inner.extend([inner_term, quotient]);
        proofs.push(proof);
        generator = backend.mul_add(&opening.generator, power, &generator);
    }
    let rows = scalars.into_iter().zip(rows);
    Deferred {
        terms: rows.chain(inner).chain(proofs).collect(),
        generator,
        left,
    }
}

impl Deferred<Fr, G1Affine> {
    /// The sums.
    ///
    /// # Errors
    /// [`VerifyError::Degenerate`] if one, or any point, is the identity, which no honest proof gives;
    /// [`VerifyError::Shape`] with more scalars on the left than points.
    pub fn accumulator(&self) -> Result<Accumulator<G1Affine>, VerifyError> {
        let identity = self.terms.iter().any(|(_, p)| bool::from(p.is_identity()));
        if identity && on("identity among points") {
            return Err(VerifyError::Degenerate { what: "commitment" });
        }
        if self.left.len() >= self.terms.len().max(1) && on("points on the left") {
            return Err(VerifyError::Shape {
                what: "left side of the pairing",
                expected: self.terms.len(),
                found: self.left.len() + 1,
            });
        }
        let mut right = G1Affine::generator() * self.generator;
        for (scalar, point) in &self.terms {
            right += point * scalar;
        }
        let points = self.terms.iter().rev().map(|(_, point)| point);
        let scalars = std::iter::once(&Fr::ONE).chain(self.left.iter().rev());
        let left: G1 = points.zip(scalars).map(|(p, s)| p * s).sum();
        if (bool::from(left.is_identity()) && on("identity on the left"))
            || (bool::from(right.is_identity()) && on("identity on the right"))
        {
            return Err(VerifyError::Degenerate {
                what: "linear combination of commitments",
            });
        }
        Ok(Accumulator {
            left: left.to_affine(),
            right: right.to_affine(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_their_terms_and_never_of_the_identity() {
        let g = G1Affine::generator();
        let times = |n: u64| G1Affine::from(g * Fr::from(n));
        let mut deferred = Deferred {
            terms: vec![
                (Fr::from(2), times(3)),
                (Fr::from(5), times(7)),
                (Fr::from(11), times(13)),
            ],
            generator: Fr::from(17),
            left: vec![Fr::ZERO],
        };
        let found = deferred.accumulator().unwrap();
        assert_eq!(
            (found.left, found.right),
            (times(13), times(6 + 35 + 143 + 17))
        );
        deferred.left = vec![Fr::from(19), Fr::from(23)];
        let found = deferred.accumulator().unwrap();
        assert_eq!(found.left, times(13 + 23 * 7 + 19 * 3));
        deferred.left.push(Fr::ZERO);
        assert!(deferred.accumulator().is_err(), "more scalars than points");
        // 13 + 7·b = 0
        let factor: Option<Fr> = Fr::from(7).invert().into();
        deferred.left = vec![Fr::ZERO, -Fr::from(13) * factor.unwrap()];
        assert!(deferred.accumulator().is_err(), "left sum");
        deferred.left = vec![Fr::ZERO];
        let honest = deferred.clone();
        for i in 0..3 {
            deferred.terms[i].1 = G1Affine::identity();
            assert!(deferred.accumulator().is_err(), "point {i}");
            deferred = honest.clone();
        }
        deferred.generator = -Fr::from(6 + 35 + 143);
        assert!(deferred.accumulator().is_err(), "sum");
        deferred.terms.clear();
        assert!(deferred.accumulator().is_err(), "no terms");
    }
}
