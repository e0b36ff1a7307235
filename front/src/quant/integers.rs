//! Integers whose rounding errors make up for each other.
//!
//! The calibration texts go through the float model together. What each matrix reads there says how its rounding
//! errors are made up for ([`Compensation`]); only one value's numbers are held at a time. Ternary
//! matrices, and tables, of which single rows are read, are rounded to nearest.

use std::collections::HashMap;

use super::QuantError;
use super::grid::Rounding;
use super::layers::Layers;
use super::model::Model;
use super::scales::Scales;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::passes::compensate::Compensation;

/// Integers of layers by the value that each gives, row-major; those that are not there are to be the nearest.
#[derive(Default)]
pub struct Integers(pub HashMap<ValueId, Vec<i8>>);

impl Integers {
    /// Rounds the matrices of all layers by what they read on samples that the model can run.
    ///
    /// # Errors
    /// [`QuantError`] if a parameter cannot be read, a sample cannot be run or a multiplier does not fit.
    pub fn new<M: Model>(
        model: &M,
        (layers, scales): (&Layers<'_>, &Scales),
        samples: &[&[M::Item]],
    ) -> Result<Self, QuantError> {
        let mut out = Self::default();
        let plan = &layers.plan;
        let nodes = plan.graph.nodes().iter();
        for table in nodes.filter(|node| node.op == Op::Gather) {
            out.round((layers, scales), table, None)?;
        }
        let mut inputs: Vec<f32> = vec![];
        model.body(samples, &mut |id, sample, values| {
            let readers = plan.readers(id).into_iter();
            let readers = readers.filter_map(|id| plan.graph.producer(id));
            let readers: Vec<&Node> = readers.filter(|node| !layers.is_shared(node)).collect();
            if !readers.is_empty() {
                inputs.extend(plan.shown(id, values).iter());
                if sample + 1 == samples.len() {
                    let inputs = std::mem::take(&mut inputs);
                    out.readers((layers, scales), &readers, (&inputs, plan.width(id)))?;
                }
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Rounds matrices by what all of them read, `(positions, columns)`.
    fn readers(
        &mut self,
        by: (&Layers<'_>, &Scales),
        readers: &[&Node],
        (inputs, cols): (&[f32], usize),
    ) -> Result<(), QuantError> {
        let mut compensation = None;
        for node in readers {
            let own = match by.0.rounding(node, by.0.input_scale(node, by.1))? {
                Rounding::Int8 => {
                    Some(&*compensation.get_or_insert_with(|| Compensation::new(inputs, cols)))
                }
                _ => None,
            };
            self.round(by, node, own)?;
        }
        Ok(())
    }

    fn round(
        &mut self,
        (layers, scales): (&Layers<'_>, &Scales),
        node: &Node,
        by: Option<&Compensation>,
    ) -> Result<(), QuantError> {
        let scales = (layers.input_scale(node, scales), scales.of(node.output));
        let grid = layers.grid(node, scales, layers.shift(node, scales)?)?;
        let integers = match by {
            Some(compensation) => compensation.round(&layers.plan.matrix(node.output)?.0, &grid),
            None => layers.nearest(node, &grid)?,
        };
        self.0.insert(node.output, integers);
        Ok(())
    }
}
