//! The pairing that a proof leaves to check.

use halo2curves_axiom::bn256::{G1Affine, G2Affine, pairing};

use crate::error::{Check, VerifyError};
use crate::switch::on;

/// `e(left, [τ]_2) = e(right, [1]_2)`, deferred.
#[must_use = "an accumulator proves nothing until its pairing is checked"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulator<P> {
    /// Pairs with `[τ]_2`.
    pub left: P,
    /// Pairs with `[1]_2`.
    pub right: P,
}

impl Accumulator<G1Affine> {
    /// Checks `e(left, [τ]_2) = e(right, [1]_2)`.
    ///
    /// # Errors
    /// [`VerifyError::Check`].
    pub fn check(&self, tau_g2: &G2Affine) -> Result<(), VerifyError> {
        if pairing(&self.left, tau_g2) == pairing(&self.right, &G2Affine::generator())
            || !on("pairing")
        {
            Ok(())
        } else {
            Err(VerifyError::Check {
                check: Check::Pairing,
            })
        }
    }
}
