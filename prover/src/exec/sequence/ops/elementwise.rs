//! Ops that know nothing of slots and blocks, shared with programs over rows.

use laminate_model::ops::{Activation, Add, LeakyRelu, Mul, Relu};
use laminate_model::program::{ACTIVATION_BOUND, Op, Table};

use crate::exec::ops::{self, Computed, Operand};
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;

/// Operands and output have one shape.
///
/// # Errors
/// The first output that is not an int16, or the first operand outside a table.
pub fn execute<'t>(
    task: &Task<'_>,
    operand: impl Fn(usize) -> Rows<'t>,
) -> Result<Computed, Failure> {
    let width = task.width();
    let operand = |i: usize| Operand {
        values: operand(i).range(task.slots.start, task.slots.len()),
        log_width: width.ilog2() as usize,
    };
    let tables = &task.program.tables;
    let computed = match task.node.op {
        Op::Relu(Relu) => Ok(ops::relu::execute(operand(0))),
        Op::LeakyRelu(LeakyRelu { slope }) => ops::leaky_relu::execute(slope, operand(0)),
        Op::Activation(Activation { table }) => {
            ops::activation::execute(&tables[table], operand(0))
        }
        Op::Add(Add { left, right, shift }) => {
            ops::add::execute([left, right], shift, operand(0), operand(1))
        }
        Op::Mul(Mul { multiplier, shift }) => {
            ops::mul::execute(multiplier, shift, operand(0), operand(1))
        }
        // The catalogue sends nothing else here but `reshape`.
        _ => Ok(ops::reshape::execute(operand(0))),
    };
    computed.map_err(|(flat, value)| {
        let (what, lowest) = match task.node.op {
            Op::Activation(Activation { table }) => {
                ("table index", tables.get(table).map(Table::lowest))
            }
            _ => ("output", None),
        };
        let lowest = lowest.unwrap_or(-ACTIVATION_BOUND);
        Failure {
            what,
            row: flat / width,
            feature: flat % width,
            value,
            lowest,
            highest: -lowest - 1,
        }
    })
}
