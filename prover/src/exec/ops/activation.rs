//! `y = table[x + n/2]` for a table of `n` entries.

use laminate_model::ops::Activation;

use crate::exec::{Computed, Execute, Failure, Rows, Task};

impl Execute for Activation {
    /// `(slots, width) -> (slots, width)`; padded features look up index 0. An operand outside the table's domain
    /// does not fit.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let table = &task.program.tables[self.table];
        let look_up = |(flat, x): (usize, &i32)| {
            let (row, feature) = task.place(flat);
            let y = table.get(i64::from(*x)).map(i32::from);
            y.ok_or(Failure {
                what: "table index",
                row,
                feature,
                value: i128::from(*x),
                lowest: table.lowest(),
                highest: -table.lowest() - 1,
            })
        };
        let x = x[0].range(task.slots.clone()).iter().enumerate();
        Ok(Computed::new(x.map(look_up).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::program::{TABLE_LOG, Table, TableKind};

    use super::*;
    use crate::exec::ops::tests::{none, program, run};

    #[test]
    fn looks_up_signed_indices() {
        let mut program = program(Activation { table: 0 }, &[2], 16, 0);
        program.tables.push(Table {
            kind: TableKind::Tanh,
            input_scale: 8,
            values: (0..1 << TABLE_LOG)
                .map(|i: i32| (i - 2048) as i16)
                .collect(),
        });
        let look_up = |x: [i32; 2]| {
            let got = run(&program, &none(), &[&x]).map(|computed| computed.values);
            got.map_err(|f| (f.what, f.feature, f.value, f.lowest, f.highest))
        };
        assert_eq!(look_up([-2048, 2047]), Ok(vec![-2048, 2047]));
        let outside = |feature, value| Err(("table index", feature, value, -2048, 2047));
        assert_eq!(look_up([0, 2048]), outside(1, 2048));
        assert_eq!(look_up([-2049, 0]), outside(0, -2049));
    }
}
