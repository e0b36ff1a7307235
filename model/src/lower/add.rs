//! Element-wise addition with rescaling: `2^s·y + rem = left·a + right·b + 2^(s-1)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::layout::Layout;
use crate::program::{Node, Program, Role};
use laminate_engine::claim::View;
use laminate_engine::field::pow2;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;

/// Columns `[a, b, y, rem]`; linear, so no sumcheck.
pub(super) fn relation(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (left, right, shift): (u32, u32, u8),
) -> Elementwise {
    let bits = usize::from(program.limb_bits);
    let remainder = View::limbs(Fr::ZERO, layout.aux(index, Role::Remainder), bits);
    let columns = node
        .inputs
        .iter()
        .chain(std::iter::once(&node.output))
        .map(|id| layout.tensor(*id));
    Elementwise {
        name: "add",
        causal: None,
        columns: columns.chain(std::iter::once(remainder)).collect(),
        quadratic: vec![],
        linear: stated([(on("add"), identity(left, right, shift))]),
    }
}

fn identity(left: u32, right: u32, shift: u8) -> Expression {
    Expression::default()
        .plus(Fr::from(u64::from(left)), &[0])
        .plus(Fr::from(u64::from(right)), &[1])
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
            name: "add",
            causal: None,
            columns: vec![
                View {
                    constant: Fr::ZERO,
                    masked: vec![],
                    terms: vec![]
                };
                4
            ],
            quadratic: vec![],
            linear: vec![identity(256, 128, 8)],
        };
        // 256·3 + 128·5 + 128 = 1536 = 6·256 + 0
        accepts_and_refuses(
            &relation,
            &[3, 5, 6, 0],
            &[&[3, 5, 5, 0], &[3, 5, 6, 1], &[4, 5, 6, 0], &[3, 4, 6, 0]],
        );
    }
}
