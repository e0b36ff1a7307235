//! The deferred pairing of a proof.

use halo2curves_axiom::bn256::{Fr, G1Affine, G2Affine, pairing};

use crate::backend::Backend;
use crate::error::{Check, VerifyError};
use crate::fold;
use crate::pcs::OpeningTerms;
use crate::transcript::Transcript;

/// `e(left, [τ]_2) = e(right, [1]_2)`, deferred.
#[must_use = "an accumulator proves nothing until its pairing is checked"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulator<P> {
    /// Pairs with `[τ]_2`.
    pub left: P,
    /// Pairs with `[1]_2`.
    pub right: P,
}

/// Joins the pairings of all openings with powers of a challenge that covers every opening proof.
pub(crate) fn combine<B: Backend>(
    backend: &mut B,
    main: &mut Transcript<B>,
    terms: Vec<OpeningTerms<B::Scalar, B::Point>>,
) -> Result<Accumulator<B::Point>, VerifyError> {
    let single = terms.len() == 1;
    for term in &terms {
        main.absorb_point(backend, "opening proof", &term.left);
    }
    let delta = main.challenge(backend, "opening delta");
    let powers = fold::powers(backend, &delta, terms.len());
    let mut left = vec![];
    let mut right = vec![];
    let mut generator = backend.constant(Fr::from(0));
    for (i, (term, power)) in terms.into_iter().zip(&powers).enumerate() {
        left.push(((i > 0).then(|| power.clone()), term.left));
        generator = backend.mul_add(power, &term.generator, &generator);
        for (scalar, point) in term.right {
            let scalar = match scalar {
                _ if i == 0 => scalar,
                None => Some(power.clone()),
                Some(s) => Some(backend.mul(&s, power)),
            };
            right.push((scalar, point));
        }
    }
    let right = backend.msm(&right, Some(&generator))?;
    let left = match (single, left.pop()) {
        (true, Some((_, point))) => point,
        (_, last) => {
            left.extend(last);
            backend.msm(&left, None)?
        }
    };
    Ok(Accumulator { left, right })
}

impl Accumulator<G1Affine> {
    /// Checks `e(left, [τ]_2) = e(right, [1]_2)`.
    ///
    /// # Errors
    /// [`VerifyError::Check`].
    pub fn check(&self, tau_g2: &G2Affine) -> Result<(), VerifyError> {
        if pairing(&self.left, tau_g2) == pairing(&self.right, &G2Affine::generator()) {
            Ok(())
        } else {
            Err(VerifyError::Check {
                check: Check::Pairing,
            })
        }
    }
}
