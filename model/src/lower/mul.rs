//! Element-wise product with rescaling: `2^s·y + rem = multiplier·a·b + 2^(s-1)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::dense::unrounded;
use crate::layout::Layout;
use crate::program::{Node, Program};
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;

/// Columns `[a, b, 2^s·y + rem - 2^(s-1)]`.
pub(super) fn relation(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (multiplier, shift): (u32, u8),
) -> Elementwise {
    let output = layout.tensor(node.output);
    let rounded = unrounded(program, layout, index, &output, shift.into());
    let operands = node.inputs.iter().map(|id| layout.tensor(*id));
    Elementwise {
        name: "mul",
        causal: None,
        columns: operands.chain(std::iter::once(rounded)).collect(),
        quadratic: stated([(on("mul"), identity(multiplier))]),
        linear: vec![],
    }
}

fn identity(multiplier: u32) -> Expression {
    Expression::default()
        .plus(Fr::from(u64::from(multiplier)), &[0, 1])
        .plus(-Fr::ONE, &[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::testing::accepts_and_refuses;
    use laminate_engine::claim::View;

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
                3
            ],
            quadratic: vec![identity(64)],
            linear: vec![],
        };
        // 64·3·(-5) = -960 = -4·256 + 192 - 128
        accepts_and_refuses(
            &relation,
            &[3, -5, -4 * 256 + 192 - 128],
            &[
                &[3, -5, -3 * 256 + 192 - 128],
                &[3, -5, -961],
                &[3, 5, -960],
            ],
        );
    }
}
