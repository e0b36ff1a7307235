//! Rotary position embedding (Su et al., arXiv 2104.09864) of heads `[…, 2, half]`:
//! `2^16·y + rem - 2^15 = cos·x ∓ sin·x'`, linear in `x`, with public angles of slot and pair.

use halo2curves_axiom::bn256::Fr;
use std::sync::Arc;

use halo2curves_axiom::ff::Field;

use super::dense::unrounded;
use crate::layout::Layout;
use crate::program::{Node, Program, axes_log, padded_log};
use laminate_engine::relations::Relation;
use laminate_engine::relations::kernel::{Kernel, Rotation};
use laminate_engine::relations::product::{Factor, Product, Stage};

/// Relations of node `index`.
pub(super) fn relations(
    program: &Program,
    layout: &Layout,
    index: usize,
    node: &Node,
    table: usize,
) -> Option<Vec<Relation>> {
    let tensor = program.tensors.get(node.output)?;
    let [heads @ .., halves, pairs] = tensor.axes.as_slice() else {
        return None;
    };
    let angles = program.rope.get(table)?;
    let angles = Rotation {
        cos: angles.cos.clone(),
        sin: angles.sin.clone(),
    };
    let [l, t, h, b, e] = [0, 1, 2, 3, 4];
    let output = layout.tensor(node.output);
    let operand = layout.tensor(*node.inputs.first()?);
    Some(vec![Relation::Product(Product {
        name: "rope",
        axes: vec![
            tensor.stack_log(),
            program.batch_log.into(),
            axes_log(heads),
            padded_log(*halves as usize),
            padded_log(*pairs as usize),
        ],
        target: Some(unrounded(program, layout, index, &output, 16)),
        target_axes: vec![l, t, h, b, e],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "rope",
            shared: vec![],
            contracted: vec![t, b, e],
            kernel: Some(Kernel::Rotation {
                angles: Arc::new(angles),
                slot: t,
                half: b,
                pair: e,
            }),
            factors: vec![Factor::new(operand, &[l, t, h, b, e])],
            inner: false,
            offset: None,
        }],
    })])
}
