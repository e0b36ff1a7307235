//! Element-wise product with rescaling: `2^s·y + rem = multiplier·a·b + 2^(s-1)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::layout::Layout;
use crate::program::{Node, Program, Role};
use laminate_engine::claim::View;
use laminate_engine::field::pow2;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;

/// Columns `[a, b, y, rem]`.
pub(super) fn relation(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (multiplier, shift): (u32, u8),
) -> Elementwise {
    let bits = usize::from(program.limb_bits);
    let remainder = View::limbs(Fr::ZERO, layout.aux(index, Role::Remainder), bits);
    let columns = node
        .inputs
        .iter()
        .chain(std::iter::once(&node.output))
        .map(|id| layout.tensor(*id));
    Elementwise {
        name: "mul",
        causal: None,
        columns: columns.chain(std::iter::once(remainder)).collect(),
        quadratic: stated([(on("mul"), identity(multiplier, shift))]),
        linear: vec![],
    }
}

fn identity(multiplier: u32, shift: u8) -> Expression {
    Expression::default()
        .plus(Fr::from(u64::from(multiplier)), &[0, 1])
        .plus(pow2(usize::from(shift) - 1), &[])
        .plus(-pow2(shift.into()), &[2])
        .plus(-Fr::ONE, &[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::testing::accepts_and_refuses;

    #[test]
    fn rounds_to_nearest() {
        let relation = Elementwise {
            name: "mul",
            causal: None,
            columns: vec![
                View {
                    constant: Fr::ZERO,
                    masked: vec![],
                    terms: vec![]
                };
                4
            ],
            quadratic: vec![identity(64, 8)],
            linear: vec![],
        };
        // 64·3·(-5) + 128 = -832 = -4·256 + 192
        accepts_and_refuses(
            &relation,
            &[3, -5, -4, 192],
            &[&[3, -5, -3, 192], &[3, -5, -4, 191], &[3, 5, -4, 192]],
        );
    }
}
