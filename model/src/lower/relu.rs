//! ReLU and leaky ReLU.
//!
//! The operand splits as `x = p - n` with `p·n = 0` and `p, n` in `[0, 2^16)`, which makes
//! `p = max(x, 0)` and `n = max(-x, 0)`. A ReLU's output column *is* `p`, so it is always range-checked
//! ([`crate::layout::reliance`]): without its sign, `p = x` and `n = 0` would do for any `x`. A leaky ReLU
//! adds `2^16·y + rem = 2^16·p - slope·n + 2^15`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::layout::Layout;
use crate::program::{Node, Program, Role};
use laminate_engine::claim::View;
use laminate_engine::field::pow2;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;

/// Fractional bits of the slope.
pub const SLOPE_BITS: usize = 16;

fn unsigned(program: &Program, layout: &Layout, index: usize, role: Role) -> View {
    View::limbs(Fr::ZERO, layout.aux(index, role), program.limb_bits.into())
}

fn operand(layout: &Layout, node: &Node) -> View {
    layout.tensor(node.inputs.first().copied().unwrap_or(node.output))
}

/// Columns `[x, p, n]`.
pub(super) fn relu(program: &Program, layout: &Layout, index: usize, node: &Node) -> Elementwise {
    Elementwise {
        name: "relu",
        causal: None,
        columns: vec![
            operand(layout, node),
            layout.tensor(node.output),
            unsigned(program, layout, index, Role::Negative),
        ],
        quadratic: stated([(
            on("relu: p·n"),
            Expression::default().plus(Fr::ONE, &[1, 2]),
        )]),
        linear: stated([(on("relu: x - p + n"), split())]),
    }
}

/// Columns `[x, p, n, y, rem]`.
pub(super) fn leaky_relu(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    slope: u32,
) -> Elementwise {
    let scaled = Expression::default()
        .plus(pow2(SLOPE_BITS), &[1])
        .plus(-Fr::from(u64::from(slope)), &[2])
        .plus(pow2(SLOPE_BITS - 1), &[])
        .plus(-pow2(SLOPE_BITS), &[3])
        .plus(-Fr::ONE, &[4]);
    Elementwise {
        name: "leaky relu",
        causal: None,
        columns: vec![
            operand(layout, node),
            unsigned(program, layout, index, Role::Positive),
            unsigned(program, layout, index, Role::Negative),
            layout.tensor(node.output),
            unsigned(program, layout, index, Role::Remainder),
        ],
        quadratic: stated([(
            on("leaky relu: p·n"),
            Expression::default().plus(Fr::ONE, &[1, 2]),
        )]),
        linear: stated([
            (on("leaky relu: x - p + n"), split()),
            (on("leaky relu: slope"), scaled),
        ]),
    }
}

/// `x - p + n = 0`
fn split() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[0])
        .plus(-Fr::ONE, &[1])
        .plus(Fr::ONE, &[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::testing::accepts_and_refuses;

    fn columns(n: usize) -> Vec<View> {
        vec![
            View {
                constant: Fr::ZERO,
                masked: vec![],
                terms: vec![]
            };
            n
        ]
    }

    #[test]
    fn relu_splits_the_sign() {
        let relation = Elementwise {
            name: "relu",
            causal: None,
            columns: columns(3),
            quadratic: vec![Expression::default().plus(Fr::ONE, &[1, 2])],
            linear: vec![split()],
        };
        accepts_and_refuses(
            &relation,
            &[-5, 0, 5],
            &[&[-5, 5, 10], &[-5, 0, 0], &[5, 0, 0]],
        );
        accepts_and_refuses(&relation, &[7, 7, 0], &[&[7, 8, 1], &[7, 0, 0]]);
    }
}
