//! Distances to the entry of a known index, which is the first one of largest value.
//!
//! `gap[t,v] = best[t] - value[t,v] - [v < id_t]` for `v` below `size` and zero beyond. With gaps that are not
//! negative, no value is larger than `best`, and before `id_t` every one is smaller; that `best` is the value at
//! `id_t` is another relation. The verifier knows `id_t`, so all selectors are public.

use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::error::{Check, VerifyError, expect_len};
use crate::poly::eq;
use crate::switch::on;
use crate::transcript::Transcript;

use super::{Context, RelationProof};

/// The linear identity of the gaps, at a random slot and entry.
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

pub(super) fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    context: &Context<'_, B::Scalar>,
    relation: &Gap,
    proof: &RelationProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    expect_len("sumchecks of gaps", proof.sumchecks.len(), 0)?;
    let [best, value, gap] = proof.evaluations.as_slice() else {
        return expect_len("evaluations of gaps", proof.evaluations.len(), 3).map(|()| vec![]);
    };
    let [slots, entries] = relation.logs;
    let point = transcript.challenges(backend, "argmax point", slots + entries);
    transcript.absorb("argmax evaluations", &proof.evaluations);
    let (slot, entry) = point.split_at(slots.min(point.len()));
    let inside = eq::below(backend, relation.size, entry);
    let mut expected = backend.mul(best, &inside);
    expected = backend.sub(&expected, value);
    let table = eq::table_of(backend, slot);
    for (weight, choice) in table.iter().zip(context.list(relation.list)) {
        let before = eq::less(backend, entry, choice);
        let term = backend.mul(weight, &before);
        expected = backend.sub(&expected, &term);
    }
    if on("gap of an argmax") {
        backend.assert_equal(&expected, gap, Check::Linear("argmax"))?;
    }
    let points = [slot.to_vec(), point.clone(), point.clone()];
    let claims = relation.columns.iter().zip(points).zip(&proof.evaluations);
    Ok(claims
        .map(|((view, point), value)| EvalClaim {
            view: view.clone(),
            point,
            value: value.clone(),
        })
        .collect())
}
