//! Any public matrix, by its non-zeros: the reference of the other maps, and the cheapest one for short axes.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use std::sync::Arc;

use crate::backend::Backend;
use crate::field::fr_from_i64;
use crate::poly::eq;

/// A non-zero entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Indices of the view axes that are read, in their order.
    pub view: Vec<usize>,
    /// Index of the block's axis.
    pub y: usize,
    /// The entry.
    pub coefficient: i64,
}

/// A matrix by its non-zeros; no place stands twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// The view axes that are read.
    pub axes: Vec<usize>,
    /// The non-zeros.
    pub entries: Arc<[Pair]>,
}

impl Pairs {
    /// The entry at indices of all view axes.
    pub fn entry(&self, view: &[usize], y: usize) -> i64 {
        let at: Vec<usize> = self
            .axes
            .iter()
            .filter_map(|a| view.get(*a).copied())
            .collect();
        let found = self.entries.iter().find(|p| p.view == at && p.y == y);
        found.map_or(0, |p| p.coefficient)
    }

    /// The entries of a row that are not zero, at indices of all view axes.
    pub fn row(&self, view: &[usize]) -> Vec<(usize, i64)> {
        let at: Vec<usize> = self
            .axes
            .iter()
            .filter_map(|a| view.get(*a).copied())
            .collect();
        let row = self.entries.iter().filter(|p| p.view == at);
        row.map(|p| (p.y, p.coefficient)).collect()
    }

    /// Adds `A(τ; ·)`.
    pub fn add_to(&self, view: &[&[Fr]], out: &mut [Fr]) {
        let tables: Vec<Vec<Fr>> = self
            .axes
            .iter()
            .filter_map(|a| view.get(*a).map(|p| eq::table(p)))
            .collect();
        for pair in self.entries.iter() {
            let factors = tables.iter().zip(&pair.view).filter_map(|(t, i)| t.get(*i));
            let weight: Fr = factors.product();
            if let Some(entry) = out.get_mut(pair.y) {
                *entry += fr_from_i64(pair.coefficient) * weight;
            }
        }
    }

    /// The extension: `Σ coefficient·eq(x, point)·eq(y, point)`.
    pub fn evaluate<B: Backend>(
        &self,
        backend: &mut B,
        view: &[&[B::Scalar]],
        y: &[B::Scalar],
    ) -> B::Scalar {
        let points = self.axes.iter().filter_map(|a| view.get(*a));
        let tables: Vec<Vec<B::Scalar>> = points.map(|p| eq::table_of(backend, p)).collect();
        let inner = eq::table_of(backend, y);
        let mut sum = backend.constant(Fr::ZERO);
        for run in self.entries.chunk_by(|a, b| a.view == b.view) {
            let Some(first) = run.first() else { continue };
            let terms: Vec<(Fr, B::Scalar)> = run
                .iter()
                .filter_map(|p| Some((fr_from_i64(p.coefficient), inner.get(p.y)?.clone())))
                .collect();
            let mut value = match terms.as_slice() {
                [(one, value)] if *one == Fr::ONE => value.clone(),
                _ => backend.linear(Fr::ZERO, &terms),
            };
            let factors: Vec<B::Scalar> = tables
                .iter()
                .zip(&first.view)
                .filter_map(|(table, at)| table.get(*at).cloned())
                .collect();
            let Some((last, others)) = factors.split_last() else {
                sum = backend.add(&sum, &value);
                continue;
            };
            for factor in others {
                value = backend.mul(&value, factor);
            }
            sum = backend.mul_add(last, &value, &sum);
        }
        sum
    }
}
