//! Element-wise identities over columns of equal shape `(slots, width)`, padded.
//!
//! A quadratic identity `Q(columns) = 0` is a zero-check: with a random `τ`,
//! `0 = Σ_x eq(τ, x) · Q(columns(x))`, a sumcheck of degree 3; several are joined by powers of a
//! challenge. Linear identities hold as polynomials iff they hold at a random point, so they are
//! checked at the sumcheck's final point for free, or at `τ` itself if there is no quadratic one.
//!
//! A column shorter than the relation is one value for all its last axes. The causal mask is a
//! public last column.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::RelationProof;
use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::error::{Check, VerifyError, expect_len};
use crate::fold::powers;
use crate::poly::eq;
use crate::sumcheck;
use crate::switch::on;
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

/// The public column `[u ≤ t]`: `u` is the last axis, `t` an earlier one of the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Causal {
    /// First variable of `t`.
    pub row: usize,
    /// log2 of both axes.
    pub log: usize,
}

impl Causal {
    /// The mask's extension at a point of the relation.
    pub fn evaluate<B: Backend>(&self, backend: &mut B, point: &[B::Scalar]) -> B::Scalar {
        let row = point.get(self.row..self.row + self.log).unwrap_or(&[]);
        let last = point
            .get(point.len().saturating_sub(self.log)..)
            .unwrap_or(&[]);
        eq::at_most(backend, last, row)
    }
}

/// An element-wise relation.
#[derive(Clone, Debug)]
pub struct Elementwise {
    /// Name in errors.
    pub name: &'static str,
    /// Columns; the first has the relation's size, others may lack last axes.
    pub columns: Vec<View>,
    /// The causal mask, as one more column after these.
    pub causal: Option<Causal>,
    /// Identities of degree two.
    pub quadratic: Vec<Expression>,
    /// Identities of degree one.
    pub linear: Vec<Expression>,
}

impl Elementwise {
    /// A relation without columns and identities.
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            columns: vec![],
            causal: None,
            quadratic: vec![],
            linear: vec![],
        }
    }

    /// log2 of the number of elements.
    pub fn log(&self) -> usize {
        self.columns.first().map_or(0, View::log)
    }
}

/// Those identities that are switched on ([`crate::switch`]).
pub fn stated<const N: usize>(all: [(bool, Expression); N]) -> Vec<Expression> {
    let stated = all.into_iter().filter(|(on, _)| *on);
    stated.map(|(_, identity)| identity).collect()
}

/// Degree of the zero-check's round polynomials: `eq · quadratic`.
pub const ZERO_CHECK_DEGREE: usize = 3;

pub(super) fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &Elementwise,
    proof: &RelationProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    let log = relation.log();
    expect_len(
        "sumchecks of a zero-check",
        proof.sumchecks.len(),
        usize::from(!relation.quadratic.is_empty()),
    )?;
    expect_len(
        "evaluations of a zero-check",
        proof.evaluations.len(),
        relation.columns.len(),
    )?;
    let tau = transcript.challenges(backend, "zero-check point", log);
    let joins = joins(backend, transcript, relation);
    let mut point = tau.clone();
    let mut values = proof.evaluations.clone();
    if let Some(messages) = proof.sumchecks.first() {
        let zero = backend.constant(Fr::ZERO);
        let last = sumcheck::verify(
            backend,
            transcript,
            "zero-check round",
            messages,
            (log, ZERO_CHECK_DEGREE),
            zero,
        )?;
        if let Some(causal) = relation.causal {
            values.push(causal.evaluate(backend, &last.point));
        }
        let weight = eq::evaluate(backend, &tau, &last.point);
        let mut value = backend.constant(Fr::ZERO);
        for (i, quadratic) in relation.quadratic.iter().enumerate() {
            let term = quadratic.evaluate_on(backend, &values);
            value = match joins.get(i) {
                Some(join) if i > 0 => backend.mul_add(join, &term, &value),
                _ => term,
            };
        }
        let expected = backend.mul(&weight, &value);
        if on("zero-check") {
            backend.assert_equal(&expected, &last.value, Check::Sumcheck(relation.name))?;
        }
        point = last.point;
    }
    transcript.absorb("column evaluations", &proof.evaluations);
    let zero = backend.constant(Fr::ZERO);
    for identity in &relation.linear {
        let value = identity.evaluate_on(backend, &proof.evaluations);
        if on("linear identity") {
            backend.assert_equal(&value, &zero, Check::Linear(relation.name))?;
        }
    }
    let claims = relation.columns.iter().zip(&proof.evaluations);
    Ok(claims
        .map(|(view, value)| EvalClaim {
            view: view.clone(),
            point: point.get(..view.log()).unwrap_or(&point).to_vec(),
            value: value.clone(),
        })
        .collect())
}

/// Powers of a challenge that join the quadratic identities; not drawn for a single one.
pub fn joins<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &Elementwise,
) -> Vec<B::Scalar> {
    let count = relation.quadratic.len();
    if count < 2 {
        return vec![];
    }
    let join = transcript.challenge(backend, "zero-check join");
    powers(backend, &join, count)
}
