//! The folded proof: everything the aggregation circuit verifies. It is never published.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use serde::{Deserialize, Serialize};

use crate::credential::Membership;
use laminate_engine::field::{Point, Scalar};
use laminate_engine::fold::{FoldMode, OpeningProof};
use laminate_engine::joint::JointProof;
use laminate_engine::lookup::LookupProof;
use laminate_engine::sumcheck::map_all;

/// A folded proof over scalars `S` and points `P`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedProof<S, P> {
    /// How the layers are joined.
    pub mode: FoldMode,
    /// Random, absorbed before everything else: public points and scalars of the final check follow from
    /// challenges, which nobody can recompute from a guess of the witness.
    pub transcript_salt: S,
    /// Salt of the weight commitment.
    pub weight_salt: S,
    /// Rows of the weight polynomial.
    pub weight_rows: Vec<P>,
    /// Salt of the input commitment.
    pub input_salt: S,
    /// Input values, `(slots, width)` row-major.
    pub input: Vec<S>,
    /// Output values, `(slots, width)` row-major.
    pub output: Vec<S>,
    /// Salt of the commitment to a hidden output.
    pub output_salt: Option<S>,
    /// What shows that the input's values are a credential's, where the program wants it.
    pub membership: Option<Membership<S>>,
    /// Rows of the trace polynomial.
    pub trace_rows: Vec<P>,
    /// The relations: one proof of all if folded, else one a node.
    pub relations: Vec<JointProof<S>>,
    /// All lookups; one proof a tree.
    pub lookups: Vec<LookupProof<S>>,
    /// One opening if folded, else one a part.
    pub openings: Vec<OpeningProof<S, P>>,
}

/// The folded proof over native values.
pub type NativeProof = FoldedProof<Fr, G1Affine>;
/// The folded proof as it is serialised.
pub type StoredProof = FoldedProof<Scalar, Point>;

impl<S, P> FoldedProof<S, P> {
    /// Maps every scalar and every point, in a fixed order.
    ///
    /// # Errors
    /// The first error of `scalar` or `point`.
    pub fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<FoldedProof<T, Q>, E> {
        Ok(FoldedProof {
            mode: self.mode,
            transcript_salt: scalar(&self.transcript_salt)?,
            weight_salt: scalar(&self.weight_salt)?,
            weight_rows: map_all(&self.weight_rows, point)?,
            input_salt: scalar(&self.input_salt)?,
            input: map_all(&self.input, scalar)?,
            output: map_all(&self.output, scalar)?,
            output_salt: match &self.output_salt {
                Some(salt) => Some(scalar(salt)?),
                None => None,
            },
            membership: match &self.membership {
                Some(membership) => Some(membership.try_map(scalar)?),
                None => None,
            },
            trace_rows: map_all(&self.trace_rows, point)?,
            relations: map_all(&self.relations, &mut |joint| joint.try_map(scalar))?,
            lookups: map_all(&self.lookups, &mut |lookup| lookup.try_map(scalar))?,
            openings: map_all(&self.openings, &mut |opening| {
                opening.try_map(scalar, point)
            })?,
        })
    }
}

impl NativeProof {
    /// The serialisable form.
    pub fn to_stored(&self) -> StoredProof {
        let mapped: Result<StoredProof, std::convert::Infallible> =
            self.try_map(&mut |s| Ok(Scalar(*s)), &mut |p| Ok(Point(*p)));
        match mapped {
            Ok(stored) => stored,
            Err(never) => match never {},
        }
    }
}

impl StoredProof {
    /// The native form.
    pub fn to_native(&self) -> NativeProof {
        let mapped: Result<NativeProof, std::convert::Infallible> =
            self.try_map(&mut |s| Ok(s.0), &mut |p| Ok(p.0));
        match mapped {
            Ok(native) => native,
            Err(never) => match never {},
        }
    }
}
