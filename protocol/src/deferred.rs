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
use crate::transcript::Transcript;

/// Points of an opening in [`Deferred::terms`], behind those of the rows.
pub const OPENING_POINTS: usize = 3;

/// `e(left, [τ]_2) = e(Σ scalar·point + generator·G, [1]_2)`.
#[must_use = "a proof proves nothing until its pairing is checked"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred<S, P> {
    /// Rows of the weight and trace commitments, then [`OPENING_POINTS`] an opening, of which the last
    /// is the KZG proof.
    pub terms: Vec<(S, P)>,
    /// Scalar of the generator.
    pub generator: S,
    /// Scalars of the openings' KZG proofs in `left`; none if there is one opening, whose scalar is one.
    pub left: Vec<S>,
}

/// Joins the checks of all openings with powers of a challenge that covers every opening proof.
pub(crate) fn combine<B: Backend>(
    backend: &mut B,
    main: &mut Transcript<B>,
    rows: Vec<B::Point>,
    openings: Vec<RowsAndOpening<B>>,
) -> Deferred<B::Scalar, B::Point> {
    let mut left = vec![];
    if openings.len() > 1 {
        for (_, opening) in &openings {
            let [_, _, (_, proof)] = &opening.terms;
            main.absorb_point(backend, "opening proof", proof);
        }
        let delta = main.challenge(backend, "opening delta");
        left = fold::powers(backend, &delta, openings.len());
    }
    let zero = backend.constant(Fr::ZERO);
    let mut scalars = vec![zero.clone(); rows.len()];
    let mut generator = zero;
    let mut own = vec![];
    let one = backend.constant(Fr::ONE);
    for (i, (row_scalars, opening)) in openings.into_iter().enumerate() {
        let power = left.get(i).unwrap_or(&one).clone();
        for (sum, scalar) in scalars.iter_mut().zip(&row_scalars) {
            *sum = backend.mul_add(scalar, &power, sum);
        }
        for (scalar, point) in opening.terms {
            own.push((backend.mul(&scalar, &power), point));
        }
        generator = backend.mul_add(&opening.generator, &power, &generator);
    }
    Deferred {
        terms: scalars.into_iter().zip(rows).chain(own).collect(),
        generator,
        left,
    }
}

impl Deferred<Fr, G1Affine> {
    /// The sums.
    ///
    /// # Errors
    /// [`VerifyError::Degenerate`] if one, or any point, is the identity, which no honest proof gives.
    pub fn accumulator(&self) -> Result<Accumulator<G1Affine>, VerifyError> {
        if self.terms.iter().any(|(_, p)| bool::from(p.is_identity())) {
            return Err(VerifyError::Degenerate { what: "commitment" });
        }
        let mut right = G1Affine::generator() * self.generator;
        for (scalar, point) in &self.terms {
            right += point * scalar;
        }
        let proofs = self.terms.iter().rev().step_by(OPENING_POINTS);
        let left = if self.left.is_empty() {
            proofs.take(1).map(|(_, point)| G1::from(*point)).sum()
        } else {
            let scalars = self.left.iter().rev();
            proofs.zip(scalars).map(|((_, p), s)| p * s).sum::<G1>()
        };
        if bool::from(left.is_identity()) || bool::from(right.is_identity()) {
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
            left: vec![],
        };
        let found = deferred.accumulator().unwrap();
        assert_eq!(
            (found.left, found.right),
            (times(13), times(6 + 35 + 143 + 17))
        );
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
