//! The layers of a graph as the program has them: their matrices, units and grids.

use std::collections::BTreeMap;

use super::QuantError;
use super::grid::{self, Grid, Magnitudes, Rounding, Units, WeightChoice};
use super::rules::Rules;
use super::scales::Scales;
use crate::graph::{GraphError, Node, ValueId};
use crate::ops::Op;
use crate::passes::Plan;

/// Scale of the operand of a table of rows, as if its entry there were one at this scale: the factor of a row is
/// `2^output` whatever the shift.
pub const TABLE_SCALE: i32 = 16;

/// The layers of a graph, by the value that each gives.
pub struct Layers<'g> {
    /// How the program's matrices and values differ from the graph's.
    pub plan: Plan<'g>,
    /// How they are quantised.
    pub rules: Rules,
    choice: WeightChoice,
    magnitudes: BTreeMap<ValueId, Magnitudes>,
    /// A table of rows and a product that have one matrix in the program.
    pub shared: Option<[ValueId; 2]>,
}

impl<'g> Layers<'g> {
    /// Reads all matrices once.
    ///
    /// # Errors
    /// [`QuantError::Graph`] if a parameter cannot be read.
    pub fn new(plan: Plan<'g>, rules: Rules, choice: WeightChoice) -> Result<Self, QuantError> {
        let mut magnitudes = BTreeMap::new();
        for node in plan.graph.nodes().iter().filter(|node| is_layer(node)) {
            let (matrix, cols) = plan.matrix(node.output)?;
            let bias = plan.graph.params_of(node).nth(1).map(|param| param.read());
            let bias = bias.transpose().map_err(GraphError::from)?;
            let found = Magnitudes::new(&matrix, cols, bias.as_deref());
            magnitudes.insert(node.output, found);
        }
        Ok(Self {
            shared: plan.shared()?,
            plan,
            rules,
            choice,
            magnitudes,
        })
    }

    /// What units of a layer are chosen by.
    pub fn magnitudes(&self, layer: &Node) -> Result<&Magnitudes, QuantError> {
        let found = self.magnitudes.get(&layer.output);
        found.ok_or(QuantError::Weightless)
    }

    /// Whether a layer has a matrix that is none of its own.
    pub fn is_shared(&self, layer: &Node) -> bool {
        self.shared
            .is_some_and(|[_, product]| product == layer.output)
    }

    /// The scale of what a layer reads.
    pub fn input_scale(&self, layer: &Node, scales: &Scales) -> i32 {
        match layer.op {
            Op::Gather => TABLE_SCALE,
            _ => layer.inputs.first().map_or(0, |id| scales.of(*id)),
        }
    }

    /// Units of a layer that reads an operand at scale `x`. In a model with blocks, what is outside of them is int8.
    fn units(&self, layer: &Node, x: i32) -> Result<Units, QuantError> {
        let inside = match self.plan.graph.blocks() {
            Some(blocks) => {
                let all = self.plan.graph.nodes().get(blocks.nodes.clone());
                all.is_some_and(|all| all.iter().any(|node| node.output == layer.output))
            }
            None => true,
        };
        let choice = if inside {
            self.choice
        } else {
            WeightChoice::Int8
        };
        let units = self.magnitudes(layer)?.units(x, choice);
        units.map_err(|e| QuantError::TernaryBias {
            node: layer.name.clone(),
            row: e.row,
            bias: e.bias,
            limit: e.limit,
        })
    }

    /// How a layer's weights are rounded.
    ///
    /// # Errors
    /// [`QuantError::TernaryBias`].
    pub fn rounding(&self, layer: &Node, x: i32) -> Result<Rounding, QuantError> {
        Ok(self.units(layer, x)?.rounding)
    }

    /// The largest scale up to `wanted` that a layer's output can have.
    ///
    /// # Errors
    /// [`QuantError::TernaryBias`].
    pub fn fitting(&self, layer: &Node, x: i32, wanted: i32) -> Result<i32, QuantError> {
        let units = self.units(layer, x)?;
        Ok(grid::fitting(&units, x, wanted, &self.rules))
    }

    /// The shift of a layer between scales: from all copies, so that stacked and separate blocks compute the same.
    ///
    /// # Errors
    /// [`QuantError::TernaryBias`].
    pub fn shift(&self, layer: &Node, (x, y): (i32, i32)) -> Result<u8, QuantError> {
        if layer.op == Op::Gather {
            return Ok(16);
        }
        let graph = self.plan.graph;
        let mut all = self.units(graph.in_copy(layer, 0), x)?;
        let inside = graph.in_copy(layer, 1).output != graph.in_copy(layer, 0).output;
        let copies = graph.blocks().filter(|_| inside).map_or(1, |b| b.count);
        for copy in 1..copies {
            let more = self.units(graph.in_copy(layer, copy), x)?;
            all.units.extend(more.units);
        }
        Ok(grid::shift(&all, x, y, &self.rules))
    }

    /// The grid of a layer between scales.
    ///
    /// # Errors
    /// [`QuantError::TernaryBias`], or [`QuantError::Scales`] if a multiplier does not fit.
    pub fn grid(&self, layer: &Node, (x, y): (i32, i32), shift: u8) -> Result<Grid, QuantError> {
        let exponent = y - x + i32::from(shift);
        let grid = Grid::new(&self.units(layer, x)?, exponent, &self.rules);
        grid.ok_or_else(|| QuantError::Scales {
            node: layer.name.clone(),
            op: layer.op.name(),
            inputs: vec![x],
            output: y,
        })
    }

    /// The nearest integers of a layer.
    ///
    /// # Errors
    /// [`QuantError::Graph`] if a parameter cannot be read.
    pub fn nearest(&self, layer: &Node, grid: &Grid) -> Result<Vec<i8>, QuantError> {
        Ok(grid.nearest(&self.plan.matrix(layer.output)?.0))
    }
}

/// Whether a node's first parameter is a matrix of integers in the program; those of a state are other nodes'.
pub fn is_layer(node: &Node) -> bool {
    !node.params.is_empty() && !matches!(node.op, Op::Scale | Op::State(_))
}
