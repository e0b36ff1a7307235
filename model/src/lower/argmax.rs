//! The output token of every slot is the lowest one of largest logit.
//!
//! `gap[t,v] = best[t] - logit[t,v] - [v < id_t]` for `v` in the vocabulary and zero beyond; gaps are
//! limbs, so not negative: no logit is larger than `best`, and before `id_t` every one is smaller.
//! `Σ_v [v = id_t]·gap[t,v] = 0` for every slot makes `best` the logit of `id_t`. The verifier knows
//! the tokens and checks `id_t` below the vocabulary itself, so all selectors are public here.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::relations::{Factor, Gap, Kernel, Product, Relation, Stage};

use super::OUTPUT_TOKENS;
use crate::layout::Layout;
use crate::program::{ACTIVATION_BOUND, Node, Program, Role, padded_log};

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
    let logits = layout.tensor(*node.inputs.first()?);
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
            kernel: Some(Kernel::Known {
                list: OUTPUT_TOKENS,
                slot: t,
                entry: v,
                shared: true,
            }),
            factors: vec![Factor::new(gap.clone(), &[t, v])],
            inner: false,
            offset: None,
        }],
    };
    let columns = [best, logits, gap];
    Some(vec![
        Relation::Gap(Gap {
            columns,
            logs,
            size: vocab as usize,
            list: OUTPUT_TOKENS,
        }),
        Relation::Product(chosen),
    ])
}
