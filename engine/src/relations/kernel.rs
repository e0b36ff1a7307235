//! Public weights of a product's summands that do not factor by axis.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::Context;
use super::product::Points;
use crate::backend::Backend;
use crate::field::fr_from_i64;
use crate::poly::eq;

/// Rotation angles, shape `(slots, pairs)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Cosines.
    pub cos: Vec<i32>,
    /// Sines.
    pub sin: Vec<i32>,
}

/// A public weight. Axis fields are indices into the product's axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// `[v = index of t]` for a list of known indices. Against the target's point of `t`, a sum over `v`; or shared
    /// in `t`, a sum over `t` and `v`.
    Known {
        /// Number of the list.
        list: usize,
        /// Axis of the slots.
        slot: usize,
        /// Axis of the entries.
        entry: usize,
        /// Whether slots are summed, too.
        shared: bool,
    },
    /// Rotation of pairs by the angle of slot `t` and pair `e`; `b` tells the half. Shared in `t`
    /// and `e`; sums over `t`, `b` and `e`.
    Rotation {
        /// The angles.
        angles: Arc<Rotation>,
        /// Slot axis.
        slot: usize,
        /// Axis of the two halves.
        half: usize,
        /// Axis of the pairs.
        pair: usize,
    },
}

impl Kernel {
    /// The weight's extension at the new points.
    pub(super) fn evaluate<B: Backend>(
        &self,
        backend: &mut B,
        context: &Context<'_, B::Scalar>,
        before: &Points<B::Scalar>,
        after: &Points<B::Scalar>,
    ) -> B::Scalar {
        let empty: &[B::Scalar] = &[];
        let old = |axis: usize| before.get(axis).map_or(empty, Vec::as_slice);
        let new = |axis: usize| after.get(axis).map_or(empty, Vec::as_slice);
        match self {
            Self::Known {
                list,
                slot,
                entry,
                shared,
            } => {
                let slots = match shared {
                    false => eq::table_of(backend, old(*slot)),
                    true => both(backend, old(*slot), new(*slot)),
                };
                selected(backend, &slots, context.list(*list), new(*entry))
            }
            Self::Rotation {
                angles,
                slot,
                half,
                pair,
            } => {
                let slots = both(backend, old(*slot), new(*slot));
                let pairs = both(backend, old(*pair), new(*pair));
                let zero = backend.constant(Fr::ZERO);
                // Only the real pairs have angles; padded ones are zero in both columns.
                let width = angles.cos.len() / slots.len().max(1);
                let sum = |backend: &mut B, entries: &[i32]| {
                    let mut sum = zero.clone();
                    for (slot, row) in slots.iter().zip(entries.chunks(width.max(1))) {
                        let terms: Vec<_> = row
                            .iter()
                            .zip(&pairs)
                            .map(|(v, pair)| (fr_from_i64((*v).into()), pair.clone()))
                            .collect();
                        let inner = backend.linear(Fr::ZERO, &terms);
                        sum = backend.mul_add(slot, &inner, &sum);
                    }
                    sum
                };
                let cos = sum(backend, &angles.cos);
                let sin = sum(backend, &angles.sin);
                rotate(backend, old(*half), new(*half), &cos, &sin)
            }
        }
    }
}

/// `eq(old, x)·eq(new, x)` for all `x`.
fn both<B: Backend>(backend: &mut B, old: &[B::Scalar], new: &[B::Scalar]) -> Vec<B::Scalar> {
    let (a, b) = (eq::table_of(backend, old), eq::table_of(backend, new));
    a.iter().zip(&b).map(|(a, b)| backend.mul(a, b)).collect()
}

/// `Σ_t slots_t · eq(bits_t, point)`
fn selected<B: Backend>(
    backend: &mut B,
    slots: &[B::Scalar],
    bits: &[Vec<B::Scalar>],
    point: &[B::Scalar],
) -> B::Scalar {
    let mut sum = backend.constant(Fr::ZERO);
    for (slot, bits) in slots.iter().zip(bits) {
        let chosen = eq::evaluate(backend, bits, point);
        sum = backend.mul_add(slot, &chosen, &sum);
    }
    sum
}

/// With target half `a` and operand half `b`: `cos` if they are equal, `-sin` for `a = 0, b = 1`,
/// `sin` for `a = 1, b = 0`.
fn rotate<B: Backend>(
    backend: &mut B,
    old: &[B::Scalar],
    new: &[B::Scalar],
    cos: &B::Scalar,
    sin: &B::Scalar,
) -> B::Scalar {
    let (Some(a), Some(b)) = (old.first(), new.first()) else {
        return cos.clone();
    };
    let equal = eq::evaluate(backend, old, new);
    // a(1 - b) - (1 - a)b = a - b
    let sign = backend.sub(a, b);
    let straight = backend.mul(&equal, cos);
    backend.mul_add(&sign, sin, &straight)
}
