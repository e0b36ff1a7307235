//! RMS normalisation of the residual stream, `(stack, slots, width)`, by integers.
//!
//! With `A = Σ_d x² + eps`, `s = isqrt(A)` and `R = floor(K / s)`, the output is `round_32(x·R)`
//! (Zhang and Sennrich 2019; `K` holds `sqrt(width)` and the output scale). Relations:
//!
//! 1. `A - eps = Σ_d x²`, a [`Product`];
//! 2. on the small columns `(stack, slots)`: `s² + low = A`, `low + high = 2s`, `s·R + rem = K`,
//!    `rem + rest = s - 1`. All six are limbs, so not negative: `s² ≤ A < (s+1)²` and
//!    `0 ≤ K - s·R < s`, which leaves one `s` and one `R`;
//! 3. `2^32·y + rem - 2^31 = R·x`, a [`Product`].

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::dense::unrounded;
use crate::layout::Layout;
use crate::program::{Node, Program, Role};
use laminate_engine::claim::View;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::switch::on;

/// Relations of node `index`.
pub(super) fn relations(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (epsilon, numerator): (u64, u64),
) -> Option<Vec<Relation>> {
    let tensor = program.tensors.get(node.output)?;
    let bits = usize::from(program.limb_bits);
    let column = |role| View::limbs(Fr::ZERO, layout.aux(index, role), bits);
    let [l, t, d] = [0, 1, 2];
    let axes = vec![
        tensor.stack_log(),
        program.batch_log.into(),
        tensor.width_log(),
    ];
    let operand = layout.tensor(*node.inputs.first()?);
    let mut energy = column(Role::Energy);
    energy.constant -= Fr::from(epsilon);
    let squares = Factor {
        power: 2,
        ..Factor::new(operand.clone(), &[l, t, d])
    };
    let energy = Product {
        name: "norm energy",
        axes: axes.clone(),
        target: Some(energy),
        target_axes: vec![l, t],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "norm energy",
            shared: vec![l, t],
            contracted: vec![d],
            kernel: None,
            factors: vec![squares],
            inner: false,
            offset: None,
        }],
    };
    let root = Elementwise {
        columns: [
            Role::Energy,
            Role::Root,
            Role::RootLow,
            Role::RootHigh,
            Role::Reciprocal,
            Role::DivisionLow,
            Role::DivisionHigh,
        ]
        .map(column)
        .to_vec(),
        quadratic: stated([
            // s² + low - A
            (
                on("norm: root"),
                Expression::default()
                    .plus(Fr::ONE, &[1, 1])
                    .plus(Fr::ONE, &[2])
                    .plus(-Fr::ONE, &[0]),
            ),
            // s·R + rem - K
            (
                on("norm: reciprocal"),
                Expression::default()
                    .plus(Fr::ONE, &[1, 4])
                    .plus(Fr::ONE, &[5])
                    .plus(-Fr::from(numerator), &[]),
            ),
        ]),
        linear: stated([
            // low + high - 2s
            (
                on("norm: root below the next"),
                Expression::default()
                    .plus(Fr::ONE, &[2])
                    .plus(Fr::ONE, &[3])
                    .plus(-Fr::from(2), &[1]),
            ),
            // rem + rest + 1 - s
            (
                on("norm: remainder below the divisor"),
                Expression::default()
                    .plus(Fr::ONE, &[5])
                    .plus(Fr::ONE, &[6])
                    .plus(Fr::ONE, &[])
                    .plus(-Fr::ONE, &[1]),
            ),
        ]),
        ..Elementwise::named("norm root")
    };
    let output = layout.tensor(node.output);
    let scale = Product {
        name: "norm scale",
        axes,
        target: Some(unrounded(program, layout, index, &output, 32)),
        target_axes: vec![l, t, d],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "norm scale",
            shared: vec![l, t],
            contracted: vec![],
            kernel: None,
            factors: vec![
                Factor::new(column(Role::Reciprocal), &[l, t]),
                Factor::new(operand, &[l, t, d]),
            ],
            inner: false,
            offset: None,
        }],
    };
    Some(vec![
        Relation::Product(energy),
        Relation::Elementwise(root),
        Relation::Product(scale),
    ])
}
