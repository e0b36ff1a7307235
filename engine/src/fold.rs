//! Folding: all evaluation claims of a group become one opening.
//!
//! With a random `η`, `Σ_i η^i·(v_i - constant_i) = Σ_x W(x)·K_W(x) + T(x)·K_T(x)` where `K` collects
//! `η^i·coefficient·eq(block prefix, x_high)·A(point_i; x_low)` of the claims' terms, with `A = eq` or the maps
//! of a wired term: a sumcheck of degree 2 over
//! the larger polynomial's variables (the smaller one is zero above its length). It leaves `W(r)` and
//! `T(r)`, which one KZG opening of `W + ρT` shows.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, Part};
use crate::claim::EvalClaim;
use crate::error::{Check, VerifyError};
use crate::geometry::{Geometry, Poly};
use crate::pcs::{self, OpeningTerms, PcsProof};
use crate::poly::eq;
use crate::sumcheck::{self, SumcheckProof};
use crate::switch::on;
use crate::transcript::Transcript;

/// How layer proofs are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldMode {
    /// All claims of all layers become one opening.
    #[default]
    On,
    /// Every layer keeps an opening of its own: the baseline that folding is measured against.
    Off,
}

/// Degree of the batching sumcheck.
pub const BATCHING_DEGREE: usize = 2;

/// Batching sumcheck and opening of one group of claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningProof<S, P> {
    /// The batching sumcheck.
    pub batching: SumcheckProof<S>,
    /// `W(r)` and `T(r)`, the smaller polynomial extended by zeros.
    pub evaluations: [S; 2],
    /// The opening.
    pub pcs: PcsProof<S, P>,
}

/// Groups claims for opening: one group if folded, otherwise one per part that has claims.
pub fn group<S>(mode: FoldMode, parts: Vec<Vec<EvalClaim<S>>>) -> Vec<Vec<EvalClaim<S>>> {
    match mode {
        FoldMode::On => vec![parts.into_iter().flatten().collect()],
        FoldMode::Off => parts.into_iter().filter(|part| !part.is_empty()).collect(),
    }
}

impl<S, P> OpeningProof<S, P> {
    /// Maps every scalar and every point, in a fixed order.
    ///
    /// # Errors
    /// The first error of `scalar` or `point`.
    pub fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<OpeningProof<T, Q>, E> {
        let [weight, trace] = &self.evaluations;
        Ok(OpeningProof {
            batching: self.batching.try_map(scalar)?,
            evaluations: [scalar(weight)?, scalar(trace)?],
            pcs: PcsProof {
                inner: point(&self.pcs.inner)?,
                value_z: scalar(&self.pcs.value_z)?,
                value_inverse: scalar(&self.pcs.value_inverse)?,
                inner_z: scalar(&self.pcs.inner_z)?,
                quotient: point(&self.pcs.quotient)?,
                opening: point(&self.pcs.opening)?,
            },
        })
    }
}

/// The scalar of every row, weights first, and what is left to check of the opening of their sum.
pub type RowsAndOpening<B> = (
    Vec<<B as Backend>::Scalar>,
    OpeningTerms<<B as Backend>::Scalar, <B as Backend>::Point>,
);

/// Verifies the opening of one group up to its pairing, given the numbers of weight and trace rows.
/// Consumes the claims.
///
/// # Errors
/// Shape errors and a failed batching check.
pub fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    geometry: &Geometry,
    [weight_rows, trace_rows]: [usize; 2],
    claims: Vec<EvalClaim<B::Scalar>>,
    proof: &OpeningProof<B::Scalar, B::Point>,
) -> Result<RowsAndOpening<B>, VerifyError> {
    backend.enter(Part::Batching);
    let eta = transcript.challenge(backend, "batching eta");
    let powers = powers(backend, &eta, claims.len());
    let mut claim = backend.constant(Fr::ZERO);
    for (power, c) in powers.iter().zip(&claims) {
        let shifted = match c.view.constants.as_slice() {
            [] => backend.linear(-c.view.constant, &[(Fr::ONE, c.value.clone())]),
            _ => {
                let constant = c.view.constant_at(backend, &c.point);
                backend.sub(&c.value, &constant)
            }
        };
        claim = backend.mul_add(power, &shifted, &claim);
    }
    let log = geometry.max_log();
    let shape = (log, BATCHING_DEGREE);
    let last = sumcheck::verify(
        backend,
        transcript,
        "batching round",
        &proof.batching,
        shape,
        claim,
    )?;
    let point = last.point;
    let [kernel_weight, kernel_trace] = kernels(backend, &powers, &claims, &point);
    let [weight, trace] = &proof.evaluations;
    let sum = backend.mul(weight, &kernel_weight);
    let sum = backend.mul_add(trace, &kernel_trace, &sum);
    if on("batching") {
        backend.assert_equal(&sum, &last.value, Check::Batching)?;
    }
    transcript.absorb("batching evaluations", &proof.evaluations);

    let rho = transcript.challenge(backend, "batching rho");
    let value = backend.mul_add(&rho, trace, weight);
    let (high, low) = point.split_at(log.saturating_sub(geometry.row_log));
    let one = backend.constant(Fr::ONE);
    let mut scalars = vec![];
    for (rows, scale) in [(weight_rows, &one), (trace_rows, &rho)] {
        for row in 0..rows {
            let selector = eq::select(backend, row, high);
            scalars.push(backend.mul(&selector, scale));
        }
    }
    let opening = pcs::verify(backend, transcript, low, &value, &proof.pcs)?;
    Ok((scalars, opening))
}

/// `1, η, …, η^(count-1)`
pub fn powers<B: Backend>(backend: &mut B, base: &B::Scalar, count: usize) -> Vec<B::Scalar> {
    let mut out: Vec<B::Scalar> = Vec::with_capacity(count);
    for i in 0..count {
        out.push(match out.last() {
            None => backend.constant(Fr::ONE),
            Some(_) if i == 1 => base.clone(),
            Some(last) => backend.mul(last, base),
        });
    }
    out
}

/// `K_W(r)` and `K_T(r)`.
fn kernels<B: Backend>(
    backend: &mut B,
    powers: &[B::Scalar],
    claims: &[EvalClaim<B::Scalar>],
    point: &[B::Scalar],
) -> [B::Scalar; 2] {
    let zero = backend.constant(Fr::ZERO);
    let mut out = [zero.clone(), zero];
    for (power, claim) in powers.iter().zip(claims) {
        for run in claim.view.terms.chunk_by(|a, b| a.wiring == b.wiring) {
            let Some(first) = run.first() else { continue };
            let [mut weight, mut trace]: [Vec<(Fr, B::Scalar)>; 2] = [vec![], vec![]];
            let (high, low) = point.split_at(point.len().saturating_sub(first.block.log));
            for term in run {
                let selector = eq::select(backend, term.block.offset >> term.block.log, high);
                match term.block.poly {
                    Poly::Weight => weight.push((term.coefficient, selector)),
                    Poly::Trace => trace.push((term.coefficient, selector)),
                }
            }
            let inside = match &first.wiring {
                None => eq::evaluate(backend, &claim.point, low),
                Some(wiring) => wiring.evaluate(backend, &claim.point, low),
            };
            let scale = backend.mul(power, &inside);
            for (acc, terms) in out.iter_mut().zip([weight, trace]) {
                if !terms.is_empty() {
                    let outside = backend.linear(Fr::ZERO, &terms);
                    *acc = backend.mul_add(&scale, &outside, acc);
                }
            }
        }
    }
    out
}
