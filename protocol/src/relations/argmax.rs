//! The output token of every slot is the lowest one of largest logit.
//!
//! `gap[t,v] = best[t] - logit[t,v] - [v < id_t]` for `v` in the vocabulary and zero beyond; gaps are
//! limbs, so not negative: no logit is larger than `best`, and before `id_t` every one is smaller.
//! `Σ_v [v = id_t]·gap[t,v] = 0` for every slot makes `best` the logit of `id_t`. The verifier knows
//! the tokens and checks `id_t` below the vocabulary itself, so all selectors are public here.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::kernel::Kernel;
use super::product::{Factor, Product, Stage};
use super::{Context, Relation};
use crate::backend::Backend;
use crate::claim::View;
use crate::field::fr_from_i64;
use crate::layout::Layout;
use crate::poly::eq;
use crate::program::{ACTIVATION_BOUND, Node, Program, Role, padded_log};

/// The linear identity of the gaps, at a random slot and token: gap and logit are claimed together.
#[derive(Clone, Debug)]
pub struct Gap {
    /// `best (slots)`, `logit (slots, vocabulary)`, `gap (slots, vocabulary)`.
    pub columns: [View; 3],
    /// log2 of slots and of the padded vocabulary.
    pub logs: [usize; 2],
}

/// Relations of node `index`.
pub(super) fn relations(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
) -> Option<Vec<Relation>> {
    let vocab = program.sequence?.vocab;
    let bits = usize::from(program.limb_bits);
    let logs = [program.batch_log.into(), padded_log(vocab as usize)];
    let best = View::limbs(
        fr_from_i64(-ACTIVATION_BOUND),
        layout.aux(index, Role::Best),
        bits,
    );
    let gap = View::limbs(Fr::ZERO, layout.aux(index, Role::Gap), bits);
    let logits = View::tensor(layout, *node.inputs.first()?);
    let [t, v] = [0, 1];
    let chosen = Product {
        name: "argmax",
        axes: logs.to_vec(),
        target: None,
        target_axes: vec![t],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "argmax",
            shared: vec![],
            contracted: vec![t, v],
            kernel: Some(Kernel::Choices {
                token: t,
                vocabulary: v,
            }),
            factors: vec![Factor::new(gap.clone(), &[t, v])],
            inner: false,
            offset: None,
        }],
    };
    let columns = [best, logits, gap];
    Some(vec![
        Relation::Gap(Gap { columns, logs }),
        Relation::Product(chosen),
    ])
}

/// What gap and logit sum up to at a point of slots and tokens: the best logit inside the vocabulary, less one
/// before the slot's output token.
pub fn below_best<B: Backend>(
    backend: &mut B,
    context: &Context<'_, B::Scalar>,
    relation: &Gap,
    point: &[B::Scalar],
    best: &B::Scalar,
) -> B::Scalar {
    let (slot, token) = point.split_at(relation.logs[0].min(point.len()));
    let vocab = context.program.sequence.map_or(0, |s| s.vocab as usize);
    let inside = eq::below(backend, vocab, token);
    let mut expected = backend.mul(best, &inside);
    let table = eq::table_of(backend, slot);
    for (weight, choice) in table.iter().zip(context.choices) {
        let before = eq::less(backend, token, choice);
        let term = backend.mul(weight, &before);
        expected = backend.sub(&expected, &term);
    }
    expected
}
