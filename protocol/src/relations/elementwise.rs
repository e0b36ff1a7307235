//! Element-wise identities over columns of equal shape `(slots, width)`, padded.
//!
//! A quadratic identity `Q(columns) = 0` is a zero-check: with a random `τ`,
//! `0 = Σ_x eq(τ, x) · Q(columns(x))`, a sumcheck of degree 3. Linear identities hold as polynomials
//! iff they hold at a random point, so they are checked at the sumcheck's final point for free, or
//! at `τ` itself if there is no quadratic one.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::LayerProof;
use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::error::{Check, VerifyError, expect_len};
use crate::poly::eq;
use crate::sumcheck;
use crate::transcript::Transcript;

/// `coefficient · Π columns` with at most two columns.
#[derive(Clone, Debug)]
pub struct Monomial {
    /// Coefficient.
    pub coefficient: Fr,
    /// Indices into the relation's columns.
    pub columns: Vec<usize>,
}

/// A sum of monomials.
#[derive(Clone, Debug, Default)]
pub struct Expression(pub Vec<Monomial>);

impl Expression {
    /// Adds `coefficient · Π columns`.
    #[must_use]
    pub fn plus(mut self, coefficient: Fr, columns: &[usize]) -> Self {
        self.0.push(Monomial {
            coefficient,
            columns: columns.to_vec(),
        });
        self
    }

    /// Evaluates at one element.
    pub fn evaluate(&self, columns: &[Fr]) -> Fr {
        self.0
            .iter()
            .map(|m| {
                m.columns.iter().fold(m.coefficient, |acc, c| {
                    acc * columns.get(*c).copied().unwrap_or(Fr::ZERO)
                })
            })
            .sum()
    }

    fn evaluate_on<B: Backend>(&self, backend: &mut B, columns: &[B::Scalar]) -> B::Scalar {
        let mut constant = Fr::ZERO;
        let mut terms = vec![];
        for m in &self.0 {
            let mut factors = m.columns.iter().filter_map(|c| columns.get(*c));
            match (factors.next(), factors.next()) {
                (None, _) => constant += m.coefficient,
                (Some(a), None) => terms.push((m.coefficient, a.clone())),
                (Some(a), Some(b)) => terms.push((m.coefficient, backend.mul(a, b))),
            }
        }
        backend.linear(constant, &terms)
    }
}

/// An element-wise relation.
#[derive(Clone, Debug)]
pub struct Elementwise {
    /// Name in errors.
    pub name: &'static str,
    /// Columns, all of the same size.
    pub columns: Vec<View>,
    /// Identity of degree two, if any.
    pub quadratic: Option<Expression>,
    /// Identities of degree one.
    pub linear: Vec<Expression>,
}

impl Elementwise {
    /// log2 of the number of elements.
    pub fn log(&self) -> usize {
        self.columns.first().map_or(0, View::log)
    }
}

/// Degree of the zero-check's round polynomials: `eq · quadratic`.
pub const ZERO_CHECK_DEGREE: usize = 3;

pub(super) fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &Elementwise,
    proof: &LayerProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    let log = relation.log();
    expect_len(
        "layer sumchecks",
        proof.sumchecks.len(),
        usize::from(relation.quadratic.is_some()),
    )?;
    expect_len(
        "layer evaluations",
        proof.evaluations.len(),
        relation.columns.len(),
    )?;
    let tau = transcript.challenges(backend, "zero-check point", log);
    let mut point = tau.clone();
    if let (Some(quadratic), Some(messages)) = (&relation.quadratic, proof.sumchecks.first()) {
        let zero = backend.constant(Fr::ZERO);
        let last = sumcheck::verify(
            backend,
            transcript,
            "zero-check round",
            messages,
            (log, ZERO_CHECK_DEGREE),
            zero,
        )?;
        let weight = eq::evaluate(backend, &tau, &last.point);
        let value = quadratic.evaluate_on(backend, &proof.evaluations);
        let expected = backend.mul(&weight, &value);
        backend.assert_equal(&expected, &last.value, Check::Sumcheck(relation.name))?;
        point = last.point;
    }
    transcript.absorb("column evaluations", &proof.evaluations);
    let zero = backend.constant(Fr::ZERO);
    for identity in &relation.linear {
        let value = identity.evaluate_on(backend, &proof.evaluations);
        backend.assert_equal(&value, &zero, Check::Linear(relation.name))?;
    }
    let claims = relation.columns.iter().zip(&proof.evaluations);
    Ok(claims
        .map(|(view, value)| EvalClaim {
            view: view.clone(),
            point: point.clone(),
            value: value.clone(),
        })
        .collect())
}
