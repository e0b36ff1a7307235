//! Public factors on axes of a view that restrict where a term, or a constant, stands.

use halo2curves_axiom::bn256::Fr;

use crate::backend::Backend;
use crate::poly::eq;

/// One where the condition holds, else zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// `x = at`.
    Only {
        /// The axis of `x`.
        axis: usize,
        /// The entry.
        at: usize,
    },
    /// `x < size`.
    Below {
        /// The axis of `x`.
        axis: usize,
        /// Number of entries.
        size: usize,
    },
    /// `x ≤ y` of two axes of one padded size.
    AtMost {
        /// The axis of `x`.
        axis: usize,
        /// The axis of `y`.
        bound: usize,
    },
}

impl Mask {
    /// The axes that it reads.
    pub fn reads(&self) -> Vec<usize> {
        match *self {
            Self::Only { axis, .. } | Self::Below { axis, .. } => vec![axis],
            Self::AtMost { axis, bound } => vec![axis, bound],
        }
    }

    /// Whether it holds at indices of all view axes; the definition.
    pub fn holds(&self, view: &[usize]) -> bool {
        let index = |axis: usize| view.get(axis).copied().unwrap_or(0);
        match *self {
            Self::Only { axis, at } => index(axis) == at,
            Self::Below { axis, size } => index(axis) < size,
            Self::AtMost { axis, bound } => index(axis) <= index(bound),
        }
    }

    /// The extension at points of all view axes.
    pub fn evaluate<B: Backend>(&self, backend: &mut B, view: &[&[B::Scalar]]) -> B::Scalar {
        let point = |axis: usize| view.get(axis).copied().unwrap_or(&[]);
        match *self {
            Self::Only { axis, at } => eq::select(backend, at, point(axis)),
            Self::Below { axis, size } => eq::below(backend, size, point(axis)),
            Self::AtMost { axis, bound } => eq::at_most(backend, point(axis), point(bound)),
        }
    }
}

/// The extension of the product of masks that read different axes; `one` without any.
pub fn product<B: Backend>(
    backend: &mut B,
    masks: &[Mask],
    view: &[&[B::Scalar]],
) -> Option<B::Scalar> {
    let mut product: Option<B::Scalar> = None;
    for mask in masks {
        let value = mask.evaluate(backend, view);
        product = Some(match product {
            None => value,
            Some(before) => backend.mul(&before, &value),
        });
    }
    product
}

/// [`product`] of native values.
pub fn native(masks: &[Mask], view: &[&[Fr]]) -> Fr {
    product(&mut crate::backend::Native, masks, view).unwrap_or(Fr::from(1))
}
