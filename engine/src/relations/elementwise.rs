//! Element-wise identities over columns of equal shape `(slots, width)`, padded.
//!
//! A quadratic identity `Q(columns) = 0` is a zero-check: with a random `τ`,
//! `0 = Σ_x eq(τ, x) · Q(columns(x))`, a sumcheck of degree 3; several are joined by powers of a
//! challenge. A linear identity is a view that is zero, which is claimed at `τ` without a message
//! ([`Elementwise::linear_claims`]); so only columns that stand in quadratic identities are sent.
//!
//! A column shorter than the relation is one value for all its last axes. The causal mask is a
//! public last column.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::claim::View;
use crate::error::VerifyError;
use crate::poly::eq;

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

    /// The columns that stand in quadratic identities, the causal mask left out.
    pub fn read(&self) -> Vec<usize> {
        let monomials = self.quadratic.iter().flat_map(|q| &q.0);
        let mut read: Vec<usize> = monomials.flat_map(|m| m.columns.clone()).collect();
        read.sort_unstable();
        read.dedup();
        read.retain(|column| *column < self.columns.len());
        read
    }

    /// Degree of the zero-check's rounds: that of the identities, and one for the equality polynomial.
    pub fn degree(&self) -> usize {
        let monomials = self.quadratic.iter().flat_map(|q| &q.0);
        1 + monomials.map(|m| m.columns.len()).max().unwrap_or(0)
    }

    /// The linear identities as views that are zero.
    ///
    /// # Errors
    /// [`VerifyError::Unsupported`] if one is not of whole columns, to the first degree.
    pub fn linear_claims(&self) -> Result<Vec<View>, VerifyError> {
        let views = self.linear.iter().map(|identity| {
            let mut out: Option<View> = None;
            let mut constant = Fr::ZERO;
            for monomial in &identity.0 {
                let column = match monomial.columns.as_slice() {
                    [] => {
                        constant += monomial.coefficient;
                        continue;
                    }
                    [column] => self.columns.get(*column)?,
                    _ => return None,
                };
                if column.log() != self.log() {
                    return None;
                }
                let sum = out.unwrap_or_else(|| View::limbs(Fr::ZERO, &[], 8));
                out = Some(column.scale_add(monomial.coefficient, &sum));
            }
            let mut out = out?;
            out.constant += constant;
            Some(out)
        });
        let views: Option<Vec<View>> = views.collect();
        views.ok_or(VerifyError::Unsupported {
            relation: self.name,
            what: "has a linear identity that is not one of whole columns",
        })
    }
}

/// Those identities that are switched on ([`crate::switch`]).
pub fn stated<const N: usize>(all: [(bool, Expression); N]) -> Vec<Expression> {
    let stated = all.into_iter().filter(|(on, _)| *on);
    stated.map(|(_, identity)| identity).collect()
}

/// The zero-check's summand at its final point, as a weight and a factor: `eq(τ, ρ)` and the identities joined by
/// `powers`. `values` are those of [`Elementwise::read`].
pub fn value<B: Backend>(
    backend: &mut B,
    relation: &Elementwise,
    [tau, point]: [&Vec<B::Scalar>; 2],
    values: &[B::Scalar],
    powers: &[B::Scalar],
) -> (B::Scalar, B::Scalar) {
    let zero = backend.constant(Fr::ZERO);
    let mut columns = vec![zero.clone(); relation.columns.len()];
    for (column, value) in relation.read().into_iter().zip(values) {
        if let Some(slot) = columns.get_mut(column) {
            *slot = value.clone();
        }
    }
    if let Some(causal) = relation.causal {
        columns.push(causal.evaluate(backend, point));
    }
    let mut sum = zero;
    for (power, quadratic) in powers.iter().zip(&relation.quadratic) {
        let term = quadratic.evaluate_on(backend, &columns);
        sum = backend.mul_add(power, &term, &sum);
    }
    (eq::evaluate(backend, tau, point), sum)
}
