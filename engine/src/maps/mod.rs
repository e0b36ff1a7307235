//! Public matrices between the axes of a view and those of a block: the only wiring there is.
//!
//! A term of a view is `Σ_y Π_i A_i(x; y_i) · block(y)` with one matrix `A_i` for each axis `y_i` of the block, which
//! reads view axes of its own. Shifts, slices, strides, windows, pads, sums and broadcasts are instances, so nothing
//! is copied or committed for them. A claim on a view at `τ` is a linear functional of the block whose weights are the
//! outer product of the vectors `A_i(τ; ·)`; the verifier evaluates their extensions at the opening's point.
//!
//! | map | entry at `(x, y)` | file |
//! | --- | --- | --- |
//! | [`Map::Same`] | `[y = x]` | here |
//! | [`Map::Fixed`] | `[y = c]`, reads no axis | here |
//! | [`Map::Sum`] | `[y < n]`, reads no axis | here |
//! | [`Map::Linear`] | `[scale·y = Σ_i a_i·x_i + offset]` inside its bounds | [`linear`], [`automaton`] |
//! | [`Map::Pairs`] | any, by its non-zeros | [`pairs`] |
//!
//! Every map has three forms, which one test compares: its entries, the vector for a fixed point of the view (the
//! prover's), and its extension over a [`Backend`] (the verifier's).

pub mod automaton;
mod compose;
pub mod cost;
pub mod linear;
pub mod mask;
pub mod pairs;
mod wiring;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::field::{fr_from_i64, pow2};
use crate::poly::eq;

pub use linear::Linear;
pub use mask::Mask;
pub use pairs::Pairs;
pub use wiring::{MapError, Runs, Wiring, cut};

/// A public matrix onto one axis of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Map {
    /// `y = x`.
    Same {
        /// The view's axis, of the same padded size.
        axis: usize,
    },
    /// `y = at`; the view lacks the axis.
    Fixed {
        /// The entry.
        at: usize,
    },
    /// The sum over `y < below`; the view lacks the axis.
    Sum {
        /// Number of entries.
        below: usize,
    },
    /// An affine relation of indices.
    Linear(Linear),
    /// Any matrix.
    Pairs(Pairs),
}

impl Map {
    /// The view axes that it reads.
    pub fn reads(&self) -> Vec<usize> {
        match self {
            Self::Same { axis } => vec![*axis],
            Self::Fixed { .. } | Self::Sum { .. } => vec![],
            Self::Linear(linear) => linear.terms.iter().map(|t| t.axis).collect(),
            Self::Pairs(pairs) => pairs.axes.clone(),
        }
    }

    /// The entry at indices of all view axes and of the block's axis; the definition.
    pub fn entry(&self, view: &[usize], y: usize) -> i64 {
        let at = |axis: usize| view.get(axis).copied().unwrap_or(0);
        match self {
            Self::Same { axis } => i64::from(at(*axis) == y),
            Self::Fixed { at } => i64::from(*at == y),
            Self::Sum { below } => i64::from(y < *below),
            Self::Linear(linear) => i64::from(linear.relates(view, y)),
            Self::Pairs(pairs) => pairs.entry(view, y),
        }
    }

    /// The entries of a row that are not zero, at indices of all view axes that it reads.
    pub fn row(&self, view: &[usize]) -> Vec<(usize, i64)> {
        let at = |axis: usize| view.get(axis).copied().unwrap_or(0);
        match self {
            Self::Same { axis } => vec![(at(*axis), 1)],
            Self::Fixed { at } => vec![(*at, 1)],
            Self::Sum { below } => (0..*below).map(|y| (y, 1)).collect(),
            Self::Linear(linear) => linear.target_of(view).map(|y| (y, 1)).into_iter().collect(),
            Self::Pairs(pairs) => pairs.row(view),
        }
    }

    /// `Σ_y A(x; y)` where it is the same for every `x` by the kind of the map.
    pub fn plain_total(&self) -> Option<i64> {
        match self {
            Self::Same { .. } | Self::Fixed { .. } => Some(1),
            Self::Sum { below } => i64::try_from(*below).ok(),
            Self::Linear(_) | Self::Pairs(_) => None,
        }
    }

    /// The extension of `Σ_y A(x; y)`, `y` over `2^log` entries: a number, and a factor if it depends on the point.
    pub fn total<B: Backend>(
        &self,
        backend: &mut B,
        view: &[&[B::Scalar]],
        log: usize,
    ) -> (Fr, Option<B::Scalar>) {
        if let Some(total) = self.plain_total() {
            return (fr_from_i64(total), None);
        }
        if let Self::Linear(linear) = self
            && let Some(value) = linear.total_below(backend, view, log)
        {
            return (Fr::ONE, Some(value));
        }
        // The sum over the cube is the value in its middle, times the number of its corners.
        let middle = vec![backend.constant(half()); log];
        (pow2(log), Some(self.evaluate(backend, view, &middle)))
    }

    /// `A(τ; ·)`, `2^log` values, for points of all view axes.
    pub fn vector(&self, view: &[&[Fr]], log: usize) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; 1 << log];
        match self {
            Self::Same { axis } => return eq::table(view.get(*axis).unwrap_or(&(&[] as &[Fr]))),
            Self::Fixed { at } => {
                if let Some(entry) = out.get_mut(*at) {
                    *entry = Fr::ONE;
                }
            }
            Self::Sum { below } => out.iter_mut().take(*below).for_each(|v| *v = Fr::ONE),
            Self::Linear(linear) => linear.add_to(view, &mut out),
            Self::Pairs(pairs) => pairs.add_to(view, &mut out),
        }
        out
    }

    /// The extension of all entries at points of the view axes and of the block's axis.
    pub fn evaluate<B: Backend>(
        &self,
        backend: &mut B,
        view: &[&[B::Scalar]],
        y: &[B::Scalar],
    ) -> B::Scalar {
        match self {
            Self::Same { axis } => {
                let x = view.get(*axis).copied().unwrap_or(&[]);
                eq::evaluate(backend, x, y)
            }
            Self::Fixed { at } => eq::select(backend, *at, y),
            Self::Sum { below } => eq::below(backend, *below, y),
            Self::Linear(linear) => linear.evaluate(backend, view, y),
            Self::Pairs(pairs) => pairs.evaluate(backend, view, y),
        }
    }
}

/// `1/2`
fn half() -> Fr {
    Fr::from(2).invert().unwrap_or(Fr::ZERO)
}

#[cfg(test)]
mod tests;
