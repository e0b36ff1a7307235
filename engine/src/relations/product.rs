//! Sums of products over axes: matrix products of every kind, proven by chained sumchecks.
//!
//! A target column is `constant · Σ weight · Π factors`, where some axes are shared (they are summed
//! against an equality polynomial), some contracted (Thaler 2013, §4.4), and axes that only one
//! factor has stay fixed at the target's random point, as everything is linear in them. A stage may
//! have one factor that is not committed: its value is the claim of the next stage. So a dense
//! layer with requantisation is two stages, each a part of a joint sumcheck ([`crate::joint`]):
//!
//! 1. `target(τ) = Σ_{l,j} eq(τ, (l,j))·m(l,j)·acc(l, τ_t, j)`
//! 2. `acc(r_l, τ_t, r_j) - bias(r_l, r_j) = Σ_{l,k} eq(r_l, l)·w(l, r_j, k)·x(l, τ_t, k)`
//!
//! The blocks of a model are one more shared axis `l`: all layers of a kind are one sumcheck with
//! `log2(blocks)` more rounds, which is what folding them means here (data-parallel GKR; SumFold of
//! NeutronNova, eprint 2024/1606).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::Context;
use super::kernel::Kernel;
use crate::backend::Backend;
use crate::claim::View;
use crate::joint::point::{At, suffix};
use crate::poly::eq;

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

impl Product {
    /// Number of variables of the target's point.
    pub fn point_log(&self) -> usize {
        let axes = self.target_axes.iter();
        axes.filter_map(|a| self.axes.get(*a)).sum()
    }

    /// The points of the axes after `stages` stages of a joint sumcheck: those of the target, and of each stage
    /// the last challenges of its draw.
    pub fn points(&self, stages: usize) -> Points<At> {
        let none = vec![vec![]; self.axes.len()];
        let drawn = suffix(0, self.point_log());
        let mut points = split(&self.axes, &self.target_axes, &none, &drawn);
        for (number, stage) in self.stages.iter().take(stages).enumerate() {
            let drawn = suffix(number + 1, stage.rounds(&self.axes));
            points = split(&self.axes, &stage.summed(), &points, &drawn);
        }
        points
    }
}

/// The summand of a stage at its final point: its weight times the values of its factors, the inner one last.
pub fn value<B: Backend>(
    backend: &mut B,
    context: &Context<'_, B::Scalar>,
    stage: &Stage,
    [before, after]: [&Points<B::Scalar>; 2],
    values: &[B::Scalar],
) -> B::Scalar {
    let mut product = weight(backend, context, stage, before, after);
    let powers = stage.factors.iter().map(|f| f.power);
    for (value, power) in values.iter().zip(powers.chain(stage.inner.then_some(1))) {
        for _ in 0..power {
            product = Some(match product {
                None => value.clone(),
                Some(p) => backend.mul(&p, value),
            });
        }
    }
    product.unwrap_or_else(|| backend.constant(Fr::ONE))
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
