//! Sumcheck (Lund et al. 1992) with compressed round polynomials.
//!
//! A round polynomial `g` of degree `d` with `g(0) + g(1) = claim` is sent as its coefficients
//! `c_0, c_2, …, c_d`; `c_1 = claim - 2c_0 - c_2 - … - c_d`. The round check cannot fail, so the
//! caller MUST compare the final claim with the summand at the returned point.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::error::{VerifyError, expect_len};
use crate::transcript::Transcript;

/// Messages of one sumcheck: per round, `degree` coefficients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumcheckProof<S> {
    /// Shape `(rounds, degree)`.
    pub rounds: Vec<Vec<S>>,
}

impl<S> SumcheckProof<S> {
    /// Maps every scalar.
    ///
    /// # Errors
    /// The first error of `scalar`.
    pub fn try_map<T, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
    ) -> Result<SumcheckProof<T>, E> {
        Ok(SumcheckProof {
            rounds: map_all(&self.rounds, &mut |round| map_all(round, scalar))?,
        })
    }
}

/// Maps all items.
///
/// # Errors
/// The first error of `map`.
pub fn map_all<A, B, E>(
    items: &[A],
    map: &mut impl FnMut(&A) -> Result<B, E>,
) -> Result<Vec<B>, E> {
    items.iter().map(map).collect()
}

/// The claim left by a sumcheck: the summand at `point` must equal `value`.
#[must_use = "the final claim must be compared with the summand"]
#[derive(Clone, Debug)]
pub struct FinalClaim<S> {
    /// Challenges, most significant variable first.
    pub point: Vec<S>,
    /// Claimed value of the summand there.
    pub value: S,
}

/// Verifies the rounds of a sumcheck over `variables` variables of a summand of `degree`.
///
/// # Errors
/// [`VerifyError::Shape`] if round count or degree differ.
///
/// # Soundness
/// Error `variables · degree / |Fr|` once the caller has checked the final claim.
pub fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    label: &'static str,
    proof: &SumcheckProof<B::Scalar>,
    (variables, degree): (usize, usize),
    claim: B::Scalar,
) -> Result<FinalClaim<B::Scalar>, VerifyError> {
    expect_len("sumcheck rounds", proof.rounds.len(), variables)?;
    let mut value = claim;
    let mut point = Vec::with_capacity(variables);
    for round in &proof.rounds {
        expect_len("sumcheck round coefficients", round.len(), degree)?;
        transcript.absorb(label, round);
        let r = transcript.challenge(backend, label);
        value = next_claim(backend, round, &value, &r);
        point.push(r);
    }
    Ok(FinalClaim { point, value })
}

/// `g(r)` from the compressed coefficients and the claim.
fn next_claim<B: Backend>(
    backend: &mut B,
    round: &[B::Scalar],
    claim: &B::Scalar,
    r: &B::Scalar,
) -> B::Scalar {
    let mut terms = vec![(Fr::ONE, claim.clone())];
    for (i, c) in round.iter().enumerate() {
        terms.push((if i == 0 { -Fr::from(2) } else { -Fr::ONE }, c.clone()));
    }
    let linear = backend.linear(Fr::ZERO, &terms);
    let (Some(constant), higher) = (round.first(), round.get(1..).unwrap_or(&[])) else {
        return linear;
    };
    // Horner: c0 + r(c1 + r(c2 + …)).
    let mut acc: Option<B::Scalar> = None;
    for c in higher.iter().rev() {
        acc = Some(match acc {
            None => c.clone(),
            Some(acc) => backend.mul_add(&acc, r, c),
        });
    }
    let acc = match acc {
        None => linear,
        Some(acc) => backend.mul_add(&acc, r, &linear),
    };
    backend.mul_add(&acc, r, constant)
}
