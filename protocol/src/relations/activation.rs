//! Table-driven activations: `(x, y)` is a row of the program's table, element by element.
//!
//! The lookup shows both that `x` is in the table's domain and that `y` is its value, so there is
//! no identity to add.

use crate::claim::View;
use crate::layout::Layout;
use crate::program::{Op, Program};

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
    for node in &program.nodes {
        if let (Op::Activation { table }, Some(operand)) = (node.op, node.inputs.first()) {
            out.push(TableUse {
                table,
                input: View::tensor(layout, *operand),
                output: View::tensor(layout, node.output),
            });
        }
    }
    out
}
