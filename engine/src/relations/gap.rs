//! Distances to the entry of a known index, which is the first one of largest value.
//!
//! `gap[t,v] = best[t] - value[t,v] - [v < id_t]` for `v` below `size` and zero beyond. With gaps that are not
//! negative, no value is larger than `best`, and before `id_t` every one is smaller; that `best` is the value at
//! `id_t` is another relation. The verifier knows `id_t`, so all selectors are public.

use crate::backend::Backend;
use crate::claim::View;
use crate::poly::eq;

use super::Context;

/// The linear identity of the gaps, at a random slot and entry: gap and value are claimed together.
#[derive(Clone, Debug)]
pub struct Gap {
    /// `best (slots)`, `value (slots, entries)`, `gap (slots, entries)`.
    pub columns: [View; 3],
    /// log2 of slots and of the padded entries.
    pub logs: [usize; 2],
    /// Number of entries.
    pub size: usize,
    /// Number of the list of known indices.
    pub list: usize,
}

/// What gap and value sum up to at a point of slots and entries: the best value inside the size, less one before
/// the slot's index.
pub fn below_best<B: Backend>(
    backend: &mut B,
    context: &Context<'_, B::Scalar>,
    relation: &Gap,
    point: &[B::Scalar],
    best: &B::Scalar,
) -> B::Scalar {
    let (slot, entry) = point.split_at(relation.logs[0].min(point.len()));
    let inside = eq::below(backend, relation.size, entry);
    let mut expected = backend.mul(best, &inside);
    let table = eq::table_of(backend, slot);
    for (weight, choice) in table.iter().zip(context.list(relation.list)) {
        let before = eq::less(backend, entry, choice);
        let term = backend.mul(weight, &before);
        expected = backend.sub(&expected, &term);
    }
    expected
}
