//! Element-wise product with rescaling: `2^s·y + rem = multiplier·a·b + 2^(s-1)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::dense::unrounded;
use super::elementwise::{Elementwise, Expression, stated};
use crate::claim::View;
use crate::layout::Layout;
use crate::program::{Node, Program};
use crate::switch::on;

/// Columns `[a, b, 2^s·y + rem - 2^(s-1)]`.
pub(super) fn relation(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    (multiplier, shift): (u32, u8),
) -> Elementwise {
    let output = View::tensor(layout, node.output);
    let rounded = unrounded(program, layout, index, &output, shift.into());
    let operands = node.inputs.iter().map(|id| View::tensor(layout, *id));
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
    use crate::relations::testing::accepts_and_refuses;

    #[test]
    fn rounds_to_nearest() {
        let relation = Elementwise {
            name: "mul",
            causal: None,
            columns: vec![
                View {
                    constant: Fr::ZERO,
                    below: None,
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
