//! `y = table[x + n/2]` for a table of `n` entries.

use super::elementwise;
use crate::exec::execute::{Execute, Outcome};
use crate::exec::sequence::{Failure, Rows, Task};
use laminate_model::ops::Activation;
use laminate_model::program::Table;
use laminate_model::program::{ACTIVATION_BOUND, Program, Weights};

use super::{Computed, Operand};
use crate::exec::NodeAux;

/// `(slots, width) -> (slots, width)`; padded features look up index 0.
///
/// # Errors
/// Flat index and value of the first operand outside the table's domain.
pub fn execute(table: &Table, x: Operand<'_>) -> Result<Computed, (usize, i128)> {
    let look_up = |(flat, x): (usize, &i32)| match table.get(i64::from(*x)) {
        Some(y) => Ok(i32::from(y)),
        None => Err((flat, i128::from(*x))),
    };
    let values = x
        .values
        .iter()
        .enumerate()
        .map(look_up)
        .collect::<Result<_, _>>()?;
    Ok(Computed {
        values,
        aux: NodeAux::default(),
    })
}

impl Execute for Activation {
    fn on_rows<'t>(
        &self,
        (program, _): (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        Some(execute(&program.tables[self.table], operand(0)))
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        elementwise(self, task, operand)
    }

    fn limit(&self, program: &Program) -> (&'static str, i64) {
        let table = program.tables.get(self.table);
        (
            "table index",
            table.map_or(-ACTIVATION_BOUND, Table::lowest),
        )
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{TABLE_LOG, TableKind};

    use super::*;

    #[test]
    fn looks_up_signed_indices() {
        let values = (0..1 << TABLE_LOG)
            .map(|i: i32| (i - 2048) as i16)
            .collect();
        let table = Table {
            kind: TableKind::Tanh,
            input_scale: 8,
            values,
        };
        let run = |values: &[i32]| {
            execute(
                &table,
                Operand {
                    values,
                    log_width: 1,
                },
            )
        };
        assert_eq!(run(&[-2048, 2047]).unwrap().values, [-2048, 2047]);
        assert_eq!(run(&[0, 2048]), Err((1, 2048)));
        assert_eq!(run(&[-2049, 0]), Err((0, -2049)));
    }
}
