//! Dense layers with requantisation, with or without a residual.
//!
//! Shapes: `x (stack, slots, cols)`, `w (stack, rows, cols)`, `bias, m (stack, rows)`,
//! `y, rem (stack, slots, rows)`; all padded. The identity
//! `m·(Σ_k w·x + bias) = 2^s·(y - res) + rem - 2^(s-1)` is a [`Product`] of two stages; padded
//! multipliers are zero, so padded outputs are zero whatever the weights ([`Zeros`]).
//!
//! The accumulator is never committed. `rem` is in `[0, 2^s)` as it is made of limbs, so `y` is the
//! rounded quotient; no product reaches the field's size (`docs/specs/numerics.md`).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::layout::Layout;
use crate::program::{DenseShape, Node, Program, Role};
use laminate_engine::claim::View;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::relations::zeros::Zeros;

/// `2^s·y + rem - 2^(s-1)`, the exact value that is rounded.
pub(super) fn unrounded(
    program: &Program,
    layout: &Layout,
    node: usize,
    y: &View,
    shift: usize,
) -> View {
    let remainder = layout.aux(node, Role::Remainder);
    let bits = usize::from(program.limb_bits);
    y.scale_add(pow2(shift), &View::limbs(-pow2(shift - 1), remainder, bits))
}

/// Relations of node `index` with the given weights; `residual` is the second operand of a
/// `dense_add`.
pub(super) fn relations(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (weight, shift): (usize, u8),
) -> Option<Vec<Relation>> {
    let dense = layout.dense.get(weight)?;
    let shape = program.weights.get(weight)?;
    let mut output = layout.tensor(node.output);
    if let Some(residual) = node.inputs.get(1) {
        let residual = layout.tensor(*residual);
        output = residual.scale_add(-Fr::ONE, &output);
    }
    let target = unrounded(program, layout, index, &output, shift.into());
    let [l, t, j, k] = [0, 1, 2, 3];
    let axes = vec![
        shape.stack_log(),
        program.batch_log.into(),
        shape.row_log(),
        shape.col_log(),
    ];
    let multiplier = dense.multiplier_view();
    let rows = Stage {
        name: "dense row",
        shared: vec![l, j],
        contracted: vec![],
        kernel: None,
        factors: vec![Factor::new(multiplier.clone(), &[l, j])],
        inner: true,
        offset: dense.bias_view().map(|bias| Factor::new(bias, &[l, j])),
    };
    let operand = layout.tensor(*node.inputs.first()?);
    let inner = Stage {
        name: "dense inner",
        shared: vec![l],
        contracted: vec![k],
        kernel: None,
        factors: vec![
            Factor::new(dense.weight_view(), &[l, j, k]),
            Factor::new(operand, &[l, t, k]),
        ],
        inner: false,
        offset: None,
    };
    let product = Product {
        name: "dense",
        axes,
        target: Some(target),
        target_axes: vec![l, t, j],
        constant: Fr::ONE,
        stages: vec![rows, inner],
    };
    let zeros = Zeros {
        view: multiplier,
        axes: multiplier_axes(shape),
    };
    let mut out = vec![Relation::Product(product), Relation::Zeros(zeros)];
    if !program.zero_padded(*node.inputs.first()?) {
        out.push(Relation::Zeros(column_zeros(dense.weight_view(), shape)));
    }
    Some(out)
}

fn sizes(axes: &[u32]) -> impl Iterator<Item = usize> + '_ {
    axes.iter().map(|a| *a as usize)
}

fn multiplier_axes(shape: &DenseShape) -> Vec<usize> {
    std::iter::once(shape.stack as usize)
        .chain(sizes(&shape.rows))
        .collect()
}

/// Weights of padded columns are zero.
pub(super) fn column_zeros(weight: View, shape: &DenseShape) -> Zeros {
    let padded = (1usize << shape.stack_log()) << shape.row_log();
    Zeros {
        view: weight,
        axes: std::iter::once(padded).chain(sizes(&shape.cols)).collect(),
    }
}
