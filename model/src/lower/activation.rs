//! Table-driven activations: `(x, y)` is a row of the program's table, element by element.
//!
//! The lookup shows both that `x` is in the table's domain and that `y` is its value, so there is
//! no identity to add.

use super::softmax;
use crate::layout::Layout;
use crate::program::{Op, Program};
use laminate_engine::claim::View;

/// One use of an activation table: columns of `x` and `y`.
#[derive(Clone, Debug)]
pub struct TableUse {
    /// Index into the program's tables.
    pub table: usize,
    /// Index column.
    pub input: View,
    /// Output column.
    pub output: View,
}

/// All uses, in node order.
pub fn uses(program: &Program, layout: &Layout) -> Vec<TableUse> {
    let mut out = vec![];
    for (index, node) in program.nodes.iter().enumerate() {
        let Some(operand) = node.inputs.first() else {
            continue;
        };
        let (table, input) = match node.op {
            Op::Activation { table } => (table, layout.tensor(*operand)),
            Op::Softmax { table } => (table, softmax::depth_index(program, layout, index)),
            _ => continue,
        };
        out.push(TableUse {
            table,
            input,
            output: layout.tensor(node.output),
        });
    }
    out
}
