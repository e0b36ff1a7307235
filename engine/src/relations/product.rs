//! Sums of products over axes: matrix products of every kind, proven by chained sumchecks.
//!
//! A target column is `constant · Σ weight · Π factors`, where some axes are shared (they are summed
//! against an equality polynomial), some contracted (Thaler 2013, §4.4), and axes that only one
//! factor has stay fixed at the target's random point, as everything is linear in them. A stage may
//! have one factor that is not committed: its value is the claim of the next stage. So a dense
//! layer with requantisation is two stages:
//!
//! 1. `target(τ) = Σ_{l,j} eq(τ, (l,j))·m(l,j)·acc(l, τ_t, j)`
//! 2. `acc(r_l, τ_t, r_j) - bias(r_l, r_j) = Σ_{l,k} eq(r_l, l)·w(l, r_j, k)·x(l, τ_t, k)`
//!
//! The blocks of a model are one more shared axis `l`: all layers of a kind are one sumcheck with
//! `log2(blocks)` more rounds, which is what folding them means here (data-parallel GKR; SumFold of
//! NeutronNova, eprint 2024/1606).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::kernel::Kernel;
use super::{Context, RelationProof};
use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::error::{Check, VerifyError, expect_len};
use crate::poly::eq;
use crate::sumcheck;
use crate::switch::on;
use crate::transcript::Transcript;

/// A committed factor: the column's axes in storage order, most significant first.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The column.
    pub view: View,
    /// Its axes, indices into [`Product::axes`].
    pub axes: Vec<usize>,
    /// How often it stands in the product: 1 or 2.
    pub power: usize,
}

impl Factor {
    /// A factor of power one.
    pub fn new(view: View, axes: &[usize]) -> Self {
        Self {
            view,
            axes: axes.to_vec(),
            power: 1,
        }
    }
}

/// One sumcheck.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name in errors.
    pub name: &'static str,
    /// Summed axes that have a point already, against the equality polynomial.
    pub shared: Vec<usize>,
    /// Summed axes that have none, or whose weight the kernel gives.
    pub contracted: Vec<usize>,
    /// Public weight of contracted axes.
    pub kernel: Option<Kernel>,
    /// Committed factors.
    pub factors: Vec<Factor>,
    /// Whether there is one more factor, which the next stage proves.
    pub inner: bool,
    /// Added to the next stage's sum to give that factor.
    pub offset: Option<Factor>,
}

impl Stage {
    /// Summed axes in the order of the rounds.
    pub fn summed(&self) -> Vec<usize> {
        let mut axes: Vec<usize> = self
            .shared
            .iter()
            .chain(&self.contracted)
            .copied()
            .collect();
        axes.sort_unstable();
        axes
    }

    /// Whether summands carry a public weight.
    pub fn weighted(&self, axes: &[usize]) -> bool {
        let some = |axis: &usize| axes.get(*axis).is_some_and(|log| *log > 0);
        self.kernel.is_some() || self.shared.iter().any(some)
    }

    /// Degree of the round polynomials.
    pub fn degree(&self, axes: &[usize]) -> usize {
        let factors: usize = self.factors.iter().map(|f| f.power).sum();
        factors + usize::from(self.inner) + usize::from(self.weighted(axes))
    }

    /// Number of rounds.
    pub fn rounds(&self, axes: &[usize]) -> usize {
        self.summed().iter().filter_map(|a| axes.get(*a)).sum()
    }

    /// Evaluations sent after the sumcheck: factors, the inner factor, the offset.
    pub fn evaluations(&self) -> usize {
        self.factors.len() + usize::from(self.inner) + usize::from(self.offset.is_some())
    }
}

/// A chain of sumchecks for one target.
#[derive(Clone, Debug)]
pub struct Product {
    /// Name in errors.
    pub name: &'static str,
    /// log2 of every axis.
    pub axes: Vec<usize>,
    /// The target, or zero.
    pub target: Option<View>,
    /// Axes at which a point is drawn: the target's, in storage order.
    pub target_axes: Vec<usize>,
    /// `target = constant · Σ …`
    pub constant: Fr,
    /// Stages.
    pub stages: Vec<Stage>,
}

/// A point for every axis that has one.
pub type Points<S> = Vec<Vec<S>>;

/// The point of a column with these axes.
pub fn join<S: Clone>(points: &Points<S>, axes: &[usize]) -> Vec<S> {
    axes.iter()
        .filter_map(|a| points.get(*a))
        .flatten()
        .cloned()
        .collect()
}

/// Cuts a sumcheck's point into those of its axes.
pub fn split<S: Clone>(
    axes: &[usize],
    summed: &[usize],
    points: &Points<S>,
    at: &[S],
) -> Points<S> {
    let mut out = points.clone();
    let mut rest = at;
    for axis in summed {
        let log = axes.get(*axis).copied().unwrap_or(0).min(rest.len());
        let (head, tail) = rest.split_at(log);
        if let Some(slot) = out.get_mut(*axis) {
            *slot = head.to_vec();
        }
        rest = tail;
    }
    out
}

/// Draws the point of the target.
pub fn draw<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    product: &Product,
) -> Points<B::Scalar> {
    let mut points: Points<B::Scalar> = vec![vec![]; product.axes.len()];
    let total = product
        .target_axes
        .iter()
        .filter_map(|a| product.axes.get(*a))
        .sum();
    let drawn = transcript.challenges(backend, "product point", total);
    points = split(&product.axes, &product.target_axes, &points, &drawn);
    points
}

pub(super) fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    context: &Context<'_, B::Scalar>,
    product: &Product,
    proof: &RelationProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    expect_len(
        "sumchecks of a product",
        proof.sumchecks.len(),
        product.stages.len(),
    )?;
    expect_len(
        "evaluations of a product",
        proof.evaluations.len(),
        product.evaluations(),
    )?;
    let mut points = draw(backend, transcript, product);
    let mut evaluations = proof.evaluations.iter();
    let mut claims = vec![];
    let mut claim = backend.constant(Fr::ZERO);
    if let Some(view) = &product.target {
        if let Some(value) = evaluations.next() {
            transcript.absorb("product target", std::slice::from_ref(value));
            claims.push(EvalClaim {
                view: view.clone(),
                point: join(&points, &product.target_axes),
                value: value.clone(),
            });
            claim = value.clone();
        }
        if product.constant != Fr::ONE {
            let inverse = Option::from(product.constant.invert()).unwrap_or(Fr::ZERO);
            claim = backend.linear(Fr::ZERO, &[(inverse, claim)]);
        }
    }
    for (stage, messages) in product.stages.iter().zip(&proof.sumchecks) {
        let shape = (stage.rounds(&product.axes), stage.degree(&product.axes));
        let last = sumcheck::verify(backend, transcript, "product round", messages, shape, claim)?;
        let before = points;
        points = split(&product.axes, &stage.summed(), &before, &last.point);
        let sent: Vec<B::Scalar> = evaluations
            .by_ref()
            .take(stage.evaluations())
            .cloned()
            .collect();
        transcript.absorb("product evaluations", &sent);
        let weight = weight(backend, context, stage, &before, &points);
        let (expected, next) = summand(backend, stage, weight, &sent);
        if on("stage of a product") {
            backend.assert_equal(&expected, &last.value, Check::Sumcheck(stage.name))?;
        }
        let offset = sent.get(stage.factors.len() + 1);
        let factors = stage.factors.iter().zip(&sent);
        for (factor, value) in factors.chain(stage.offset.iter().zip(offset)) {
            claims.push(EvalClaim {
                view: factor.view.clone(),
                point: join(&points, &factor.axes),
                value: value.clone(),
            });
        }
        claim = next;
    }
    Ok(claims)
}

impl Product {
    /// Number of evaluations in a proof.
    pub fn evaluations(&self) -> usize {
        let stages: usize = self.stages.iter().map(Stage::evaluations).sum();
        stages + usize::from(self.target.is_some())
    }
}

/// The public weight of the summand at the new points.
fn weight<B: Backend>(
    backend: &mut B,
    context: &Context<'_, B::Scalar>,
    stage: &Stage,
    before: &Points<B::Scalar>,
    after: &Points<B::Scalar>,
) -> Option<B::Scalar> {
    let (old, new) = (join(before, &stage.shared), join(after, &stage.shared));
    let shared = (!new.is_empty()).then(|| eq::evaluate(backend, &old, &new));
    let kernel = stage
        .kernel
        .as_ref()
        .map(|kernel| kernel.evaluate(backend, context, before, after));
    match (shared, kernel) {
        (Some(a), Some(b)) => Some(backend.mul(&a, &b)),
        (a, b) => a.or(b),
    }
}

/// The summand from the evaluations sent, and the next stage's claim.
fn summand<B: Backend>(
    backend: &mut B,
    stage: &Stage,
    weight: Option<B::Scalar>,
    sent: &[B::Scalar],
) -> (B::Scalar, B::Scalar) {
    let mut product = weight;
    let powers = stage.factors.iter().map(|f| f.power);
    for (value, power) in sent.iter().zip(powers.chain(stage.inner.then_some(1))) {
        for _ in 0..power {
            product = Some(match product {
                None => value.clone(),
                Some(p) => backend.mul(&p, value),
            });
        }
    }
    let product = product.unwrap_or_else(|| backend.constant(Fr::ONE));
    let inner = sent.get(stage.factors.len());
    let next = match (inner, sent.get(stage.factors.len() + 1)) {
        (Some(inner), Some(offset)) => backend.sub(inner, offset),
        (Some(inner), None) => inner.clone(),
        (None, _) => backend.constant(Fr::ZERO),
    };
    (product, next)
}
