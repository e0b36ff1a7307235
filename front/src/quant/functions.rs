//! Functions of one number as tables.

use laminate_model::program::{Table, TableKind};
use laminate_prover::exec::tables;

use super::QuantError;
use super::lower::Lowering;
use super::scales::index_scale;
use crate::graph;
use crate::ops::Function;

impl Lowering<'_> {
    /// The table of a function at the scales of its operand and result. The operand's scale was chosen to fit a table, unless it
    /// comes from a table itself, or is the state of a recurrence, whose errors add up: then it is rescaled first.
    pub(super) fn function(
        &mut self,
        function: Function,
        node: &graph::Node,
        inputs: &mut [usize],
    ) -> Result<usize, QuantError> {
        let id = node.inputs[0];
        let mut scale = self.scales.of(id);
        if self.scales.is_fixed(id) || self.graph.is_state(id) {
            // Sigmoid, tanh and softmax stay within ±1, whatever calibration saw.
            let wanted = index_scale(self.index_ranges[id].max(1.0), &self.layers.rules.scales);
            let wanted = wanted.min(scale);
            inputs[0] = self.rescale(id, inputs[0], scale, wanted, &node.name)?;
            scale = wanted;
        }
        let made = self.scales.of(node.output);
        Ok(self.table(match function {
            Function::Sigmoid => tables::table(TableKind::Sigmoid, scale as i8),
            Function::Tanh => tables::table(TableKind::Tanh, scale as i8),
            Function::Silu if self.layers.rules.wide_silu => {
                tables::table(TableKind::Silu, scale as i8)
            }
            other => tables::function(scale as i8, made, |x| other.of(x)),
        }))
    }

    /// A table of the program, which is there once.
    pub(super) fn table(&mut self, table: Table) -> usize {
        let tables = &mut self.lowered.program.tables;
        let found = tables.iter().position(|own| *own == table);
        found.unwrap_or_else(|| {
            tables.push(table);
            tables.len() - 1
        })
    }
}
