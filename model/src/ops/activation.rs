//! Table-driven activations: `(x, y)` is a row of the program's table, element by element.
//!
//! The lookup shows both that `x` is in the table's domain and that `y` is its value, so there is
//! no identity to add.

use laminate_engine::relations::Relation;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::{Bounds, Check, Io, Lookup, OpSpec, Output, Place, Placed};
use crate::program::{Program, Weights};

/// `y = table[x + 2^11]`, or `table[x + 2^15]` of a table of all int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Index of the table in [`Program::tables`].
    pub table: usize,
}

impl Activation {
    pub(super) const EXAMPLE: Self = Self { table: 0 };

    fn at(self, program: &Program, index: i64) -> Option<i64> {
        let value = program.tables.get(self.table)?.get(index)?;
        Some(value.into())
    }
}

impl OpSpec for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let table = self.table;
        if table >= node.program().tables.len() && on("table of an activation") {
            return Err(format!("table {table} does not exist"));
        }
        node.elementwise()
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // The lookup itself refuses other values.
        None
    }

    fn padding(&self, program: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        self.at(program, operand(0))
    }

    fn zero_padding(
        &self,
        node: &Io<'_>,
        axis: usize,
        zero: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        let fixed = self.at(node.program, 0) == Some(0);
        zero(0, axis) && (fixed || !on("padding behind a table"))
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        WORD
    }

    fn relations(&self, _: &Placed<'_>) -> Option<Vec<Relation>> {
        None
    }

    fn lookups(&self) -> Vec<Lookup> {
        vec![Lookup {
            table: self.table,
            index: Place::Operand(0),
            offset: 0,
            result: Place::Output,
        }]
    }
}
