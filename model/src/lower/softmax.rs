//! Causal softmax without its division (that is part of the mix): `e = exp(score - maximum)` by a
//! lookup of the depth `z = maximum - score`, masked scores at the depth where the table is zero.
//! Subtracting the row's maximum leaves a softmax unchanged (the shift of zkLLM, arXiv 2404.16109).
//!
//! With `μ = [u ≤ t]` public: `μ·(max - score - z) = 0`, `(1 - μ)·(2^16 - 1 - z) = 0`,
//! `pick·z = 0` and `Σ_u pick = 1`. Depths are not negative, so the maximum is at least every
//! unmasked score; picks are not negative integers with sum one, so one place has depth zero, and it
//! is not masked.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::layout::Layout;
use crate::program::{ACTIVATION_BOUND, MASKED, Node, Program, Role};
use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Causal, Elementwise, Expression, stated};
use laminate_engine::relations::row_sum::RowSum;
use laminate_engine::switch::on;

/// The maximum of each row, a signed value.
fn maximum(program: &Program, layout: &Layout, index: usize) -> View {
    let limbs = layout.aux(index, Role::Maximum);
    View::limbs(
        fr_from_i64(-ACTIVATION_BOUND),
        limbs,
        program.limb_bits.into(),
    )
}

/// The depths as table indices, `z - 2^15`.
pub(super) fn depth_index(program: &Program, layout: &Layout, index: usize) -> View {
    let limbs = layout.aux(index, Role::Depth);
    View::limbs(
        fr_from_i64(-ACTIVATION_BOUND),
        limbs,
        program.limb_bits.into(),
    )
}

/// Relations of node `index`.
pub(super) fn relations(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
) -> Option<Vec<Relation>> {
    let bits = usize::from(program.limb_bits);
    let column = |role| View::limbs(Fr::ZERO, layout.aux(index, role), bits);
    let pick = column(Role::Pick);
    let slots = usize::from(program.batch_log);
    let stack = program.tensors.get(node.output)?.stack_log();
    let masked = fr_from_i64(MASKED);
    // Columns: score, maximum, z, pick, μ.
    let rows = Elementwise {
        columns: vec![
            layout.tensor(*node.inputs.first()?),
            maximum(program, layout, index),
            column(Role::Depth),
            pick.clone(),
        ],
        causal: Some(Causal {
            row: stack,
            log: slots,
        }),
        quadratic: stated([
            (
                on("softmax: depth"),
                Expression::default()
                    .plus(Fr::ONE, &[4, 1])
                    .plus(-Fr::ONE, &[4, 0])
                    .plus(-Fr::ONE, &[4, 2]),
            ),
            (
                on("softmax: mask"),
                Expression::default()
                    .plus(masked, &[])
                    .plus(-masked, &[4])
                    .plus(-Fr::ONE, &[2])
                    .plus(Fr::ONE, &[4, 2]),
            ),
            (
                on("softmax: pick"),
                Expression::default().plus(Fr::ONE, &[3, 2]),
            ),
        ]),
        ..Elementwise::named("softmax")
    };
    let picks = RowSum {
        column: pick,
        sum_log: slots,
        total: None,
    };
    Some(vec![Relation::Elementwise(rows), Relation::RowSum(picks)])
}
