//! Functions of one number as tables, steps as clips to one unit.

use laminate_model::ops::{Abs, Clip};
use laminate_model::program::{
    ACTIVATION_BOUND, AxisMap, Node, Op, Table, TableKind, TensorId, TensorView, ViewTerm,
};
use laminate_prover::exec::tables;

use super::QuantError;
use super::lower::Lowering;
use super::scales::index_scale;
use super::spatial::Made;
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

    /// Whether a number is above a threshold, or not further than that from zero: exactly, of integers of 16 bits, by a clip to one
    /// unit. The result is 0 or 1 at scale 0.
    pub(super) fn step(
        &mut self,
        node: &graph::Node,
        x: TensorId,
        threshold: f64,
        near: bool,
    ) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let layout = self.layouts[x].clone();
        let scale = i32::from(self.lowered.program.tensors[x].scale);
        let units = libm::floor(threshold * libm::exp2(f64::from(scale)));
        let most = (ACTIVATION_BOUND - 2) as f64;
        let lowest = units.clamp(-most, most) as i16;
        let add = |of: &mut Self, part: &str, op: Op, x: TensorId, scale: i32| {
            let name = format!("{}/{part}", node.name);
            let output = of.raw_tensor(id, name.clone(), scale, &node.name, &layout)?;
            of.lowered.program.nodes.push(Node {
                name,
                op,
                inputs: vec![x],
                output,
            });
            Ok::<TensorId, QuantError>(output)
        };
        let x = match near {
            true => add(self, "size", Op::Abs(Abs), x, scale)?,
            false => x,
        };
        let clip = Op::Clip(Clip {
            lowest,
            highest: lowest + 1,
        });
        let step = add(self, "step", clip, x, 0)?;
        let lowest = i64::from(lowest);
        let same = (0..layout.0.len()).map(|axis| AxisMap::Same { axis: axis as u32 });
        let (constant, coefficient) = match near {
            true => (lowest + 1, -1),
            false => (-lowest, 1),
        };
        let term = ViewTerm {
            coefficient,
            ..ViewTerm::new(0, same.collect())
        };
        let view = TensorView {
            constant,
            terms: vec![term],
        };
        let made = Made::new(node.output, "is", layout.clone());
        self.ids[node.output] = self.view(node, &made, view, &[step])?;
        Ok(())
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
