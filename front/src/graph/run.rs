//! The interpreter: node by node over many rows at once. A parameter is read once for all of them, and a value is
//! dropped after its last reader. Sums are taken in f64, and every value is rounded to f32.

use rayon::prelude::*;

use super::{Graph, GraphError, ValueId};
use crate::ops;

/// Most numbers of one value that are held at once, if a single row has no more.
const BLOCK: usize = 1 << 22;

/// Called with a value, the index of its first row, and its numbers, where it is defined.
type Observer<'a> = dyn FnMut(ValueId, usize, &[f32]) -> Result<(), GraphError> + 'a;

impl Graph {
    /// Runs the model: rows of the input's width to rows of the output's width.
    ///
    /// # Errors
    /// [`GraphError`] if a row has another width, or a parameter cannot be read.
    pub fn run(&self, rows: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, GraphError> {
        let width = self.width(self.output()).max(1);
        let mut out = Vec::with_capacity(rows.len());
        self.observe(rows, &mut |id, _, values| {
            if id == self.output() {
                out.extend(values.chunks_exact(width).map(<[f32]>::to_vec));
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Largest absolute number of every value over `rows`.
    ///
    /// # Errors
    /// As [`Self::run`], and [`GraphError::Row`] if a number is not finite.
    pub fn max_abs(&self, rows: &[Vec<f32>]) -> Result<Vec<f64>, GraphError> {
        let mut most = vec![0.0f64; self.values().len()];
        self.observe(rows, &mut |id, first, values| {
            if let Some(at) = values.par_iter().position_first(|v| !v.is_finite()) {
                let name = self.values().get(id).map_or("", |value| &value.name);
                let found = values.get(at).copied().unwrap_or_default();
                return Err(GraphError::Row {
                    row: first + at / self.width(id).max(1),
                    problem: format!("value {name:?} holds {found}"),
                });
            }
            let largest = values.par_iter().map(|v| v.abs()).reduce(|| 0.0, f32::max);
            if let Some(most) = most.get_mut(id) {
                *most = most.max(largest.into());
            }
            Ok(())
        })?;
        Ok(most)
    }

    /// Shows every value of every row to the observer, block by block of rows, within a block in the order of the
    /// nodes.
    fn observe(&self, rows: &[Vec<f32>], observer: &mut Observer<'_>) -> Result<(), GraphError> {
        let columns = self.width(self.input());
        if let Some((row, found)) = rows
            .iter()
            .map(Vec::len)
            .enumerate()
            .find(|r| r.1 != columns)
        {
            return Err(GraphError::Row {
                row,
                problem: format!("{found} columns, expected {columns}"),
            });
        }
        let widest = (0..self.values().len()).map(|id| self.width(id)).max();
        let step = (BLOCK / widest.unwrap_or(1).max(1)).max(1);
        for (index, rows) in rows.chunks(step).enumerate() {
            self.block(index * step, rows, observer)?;
        }
        Ok(())
    }

    /// Takes some rows, the first of which has this index, through the model.
    fn block(
        &self,
        first: usize,
        rows: &[Vec<f32>],
        observer: &mut Observer<'_>,
    ) -> Result<(), GraphError> {
        let mut last = vec![0; self.values().len()];
        for (at, node) in self.nodes().iter().enumerate() {
            for id in &node.inputs {
                if let Some(last) = last.get_mut(*id) {
                    *last = at;
                }
            }
        }
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); self.values().len()];
        let mut define = |values: &mut Vec<Vec<f32>>, id: ValueId, found: Vec<f32>| {
            observer(id, first, &found)?;
            if let Some(place) = values.get_mut(id) {
                *place = found;
            }
            Ok::<_, GraphError>(())
        };
        define(&mut values, self.input(), rows.concat())?;
        for (at, node) in self.nodes().iter().enumerate() {
            let operands = node.inputs.iter().filter_map(|id| values.get(*id));
            let operands: Vec<&[f32]> = operands.map(Vec::as_slice).collect();
            let params = self.params_of(node).map(|param| param.read());
            let params = params.collect::<Result<Vec<_>, _>>()?;
            let width = self.width(node.output);
            let found = ops::evaluate(&node.op, &operands, &params, width);
            define(&mut values, node.output, found)?;
            for id in node.inputs.iter().filter(|id| last.get(**id) == Some(&at)) {
                if let Some(place) = values.get_mut(*id) {
                    *place = Vec::new();
                }
            }
        }
        Ok(())
    }
}
