//! A multiexp proof; like a folded proof it is never published.

use halo2curves_axiom::bn256::{Fr, G1Affine};

use crate::fold::OpeningProof;
use crate::lookup::LookupProof;
use crate::sumcheck::{SumcheckProof, map_all};

/// That a linear combination of points is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiexpProof<S, P> {
    /// Rows of the trace commitment.
    pub rows: Vec<P>,
    /// Zero-check of the steps.
    pub steps: SumcheckProof<S>,
    /// Evaluations of the steps' columns.
    pub step_evaluations: Vec<S>,
    /// Zero-check of the points and their multiples.
    pub multiples: SumcheckProof<S>,
    /// Evaluations of their columns.
    pub multiple_evaluations: Vec<S>,
    /// Ranges of all limbs.
    pub lookup: LookupProof<S>,
    /// The opening.
    pub opening: OpeningProof<S, P>,
}

/// The proof over native values.
pub type NativeMultiexp = MultiexpProof<Fr, G1Affine>;

impl<S, P> MultiexpProof<S, P> {
    /// Maps every scalar and every point, in a fixed order.
    ///
    /// # Errors
    /// The first error of `scalar` or `point`.
    pub fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<MultiexpProof<T, Q>, E> {
        Ok(MultiexpProof {
            rows: self
                .rows
                .iter()
                .map(&mut *point)
                .collect::<Result<_, E>>()?,
            steps: self.steps.try_map(scalar)?,
            step_evaluations: map_all(&self.step_evaluations, scalar)?,
            multiples: self.multiples.try_map(scalar)?,
            multiple_evaluations: map_all(&self.multiple_evaluations, scalar)?,
            lookup: self.lookup.try_map(scalar)?,
            opening: self.opening.try_map(scalar, point)?,
        })
    }
}
