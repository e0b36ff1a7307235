//! Grouped-query attention: scores, and the mix of values by softmax weights.
//!
//! Queries `(stack, slots, [groups, queries, head])`, keys and values `(stack, slots, [groups,
//! head])`. A group's key head serves all its queries: in the products below the key simply has no
//! query axis, so nothing is copied (Ainslie et al., arXiv 2305.13245).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::dense::unrounded;
use crate::layout::Layout;
use crate::program::{Node, Program, Role, axes_log, padded_log};
use laminate_engine::claim::View;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::relations::row_sum::RowSum;
use laminate_engine::switch::on;

/// log2 of each axis `[stack, slots, groups, queries]` of a tensor with such leading axes.
fn leading(program: &Program, id: usize) -> Option<Vec<usize>> {
    let tensor = program.tensors.get(id)?;
    let [groups, queries, ..] = tensor.axes.as_slice() else {
        return None;
    };
    Some(vec![
        tensor.stack_log(),
        program.batch_log.into(),
        padded_log(*groups as usize),
        padded_log(*queries as usize),
    ])
}

/// `2^s·y + rem - 2^(s-1) = multiplier·Σ_d q(l,t,g,r,d)·k(l,u,g,d)`.
pub(super) fn scores(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (multiplier, shift): (u32, u8),
) -> Option<Vec<Relation>> {
    let [q, k] = node.inputs.as_slice() else {
        return None;
    };
    let [l, t, g, r, u, d] = [0, 1, 2, 3, 4, 5];
    let mut axes = leading(program, node.output)?;
    let head = program.tensors.get(*q)?.axes.get(2..)?;
    axes.extend([usize::from(program.batch_log), axes_log(head)]);
    let output = layout.tensor(node.output);
    Some(vec![Relation::Product(Product {
        name: "scores",
        axes,
        target: Some(unrounded(program, layout, index, &output, shift.into())),
        target_axes: vec![l, t, g, r, u],
        constant: Fr::from(u64::from(multiplier)),
        stages: vec![Stage {
            name: "scores",
            shared: vec![l, g],
            contracted: vec![d],
            kernel: None,
            factors: vec![
                Factor::new(layout.tensor(*q), &[l, t, g, r, d]),
                Factor::new(layout.tensor(*k), &[l, u, g, d]),
            ],
            inner: false,
            offset: None,
        }],
    })])
}

/// `D = Σ_u e`, `D·R + rem = 2^32` with `0 ≤ rem < D`, and
/// `2^32·y + rem - 2^31 = R·Σ_u e(l,t,g,r,u)·v(l,u,g,d)`.
pub(super) fn mix(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
) -> Option<Vec<Relation>> {
    let [e, v] = node.inputs.as_slice() else {
        return None;
    };
    let bits = usize::from(program.limb_bits);
    let column = |role| View::limbs(Fr::ZERO, layout.aux(index, role), bits);
    let weights = layout.tensor(*e);
    let total = RowSum {
        column: weights.clone(),
        sum_log: program.batch_log.into(),
        total: Some(column(Role::Total)),
    };
    let division = Elementwise {
        columns: [
            Role::Total,
            Role::Reciprocal,
            Role::DivisionLow,
            Role::DivisionHigh,
        ]
        .map(column)
        .to_vec(),
        quadratic: stated([(
            on("mix: division"),
            Expression::default()
                .plus(Fr::ONE, &[0, 1])
                .plus(Fr::ONE, &[2])
                .plus(-pow2(32), &[]),
        )]),
        linear: stated([(
            on("mix: remainder below the divisor"),
            Expression::default()
                .plus(Fr::ONE, &[2])
                .plus(Fr::ONE, &[3])
                .plus(Fr::ONE, &[])
                .plus(-Fr::ONE, &[0]),
        )]),
        ..Elementwise::named("attention division")
    };
    let [l, t, g, r, u, d] = [0, 1, 2, 3, 4, 5];
    let mut axes = leading(program, node.output)?;
    let head = program.tensors.get(*v)?.axes.get(1..)?;
    axes.extend([usize::from(program.batch_log), axes_log(head)]);
    let output = layout.tensor(node.output);
    let product = Product {
        name: "mix",
        axes,
        target: Some(unrounded(program, layout, index, &output, 32)),
        target_axes: vec![l, t, g, r, d],
        constant: Fr::ONE,
        stages: vec![
            Stage {
                name: "mix scale",
                shared: vec![l, t, g, r],
                contracted: vec![],
                kernel: None,
                factors: vec![Factor::new(column(Role::Reciprocal), &[l, t, g, r])],
                inner: true,
                offset: None,
            },
            Stage {
                name: "mix",
                shared: vec![l, g],
                contracted: vec![u],
                kernel: None,
                factors: vec![
                    Factor::new(weights, &[l, t, g, r, u]),
                    Factor::new(layout.tensor(*v), &[l, u, g, d]),
                ],
                inner: false,
                offset: None,
            },
        ],
    };
    Some(vec![
        Relation::RowSum(total),
        Relation::Elementwise(division),
        Relation::Product(product),
    ])
}
