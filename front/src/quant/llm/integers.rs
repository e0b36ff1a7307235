//! The integers of all weights.
//!
//! The calibration texts go through the float model together. What each matrix reads there says how its rounding
//! errors are made up for ([`Compensation`]); only one value's numbers are held at a time. Ternary
//! matrices, and the embedding, of which single rows are read, are rounded to nearest.

use std::collections::HashMap;

use super::grid::{Grid, Units, WeightFormat};
use super::matrix::Source;
use super::scales::Scales;
use crate::graph::ValueId;
use crate::llama::Part;
use crate::passes::compensate::Compensation;
use crate::quant::QuantError;

/// Integers by matrix, row-major.
#[derive(Default)]
pub struct Integers {
    matrices: HashMap<Part, Vec<i8>>,
}

impl Integers {
    /// Rounds every matrix. `texts` are sequences that the model can run.
    ///
    /// # Errors
    /// [`QuantError`] if a part cannot be read, a text cannot be run or a multiplier does not fit.
    pub fn new(
        source: Source<'_>,
        (units, scales): (&Units, &Scales),
        texts: &[&[u32]],
    ) -> Result<Self, QuantError> {
        let mut rounding = Rounding {
            source,
            units,
            scales,
            matrices: HashMap::new(),
        };
        rounding.round(Part::Embedding, None)?;
        let mut inputs: Vec<f32> = vec![];
        source.run.body(texts, &mut |id, text, values| {
            let parts = rounding.readers(id);
            if !parts.is_empty() {
                inputs.extend(source.plan.shown(id, values).iter());
                if text + 1 == texts.len() {
                    rounding.matrices(
                        &parts,
                        &std::mem::take(&mut inputs),
                        source.plan.width(id),
                    )?;
                }
            }
            Ok::<_, QuantError>(())
        })?;
        Ok(Self {
            matrices: rounding.matrices,
        })
    }

    /// Appends the integers of a matrix to `out`.
    pub fn copy(&self, part: Part, out: &mut Vec<i8>) {
        out.extend(self.matrices.get(&part).into_iter().flatten());
    }

    /// Moves the integers of a matrix to the end of `out`: they are held once.
    pub fn take(&mut self, part: Part, out: &mut Vec<i8>) {
        out.extend(self.matrices.remove(&part).into_iter().flatten());
    }
}

/// The grid of a matrix.
///
/// # Errors
/// [`QuantError::Scales`] if a multiplier does not fit.
pub fn grid(units: &Units, scales: &Scales, part: Part) -> Result<Grid, QuantError> {
    units.grid(scales, part).ok_or_else(|| {
        let (x, y) = match part {
            Part::Block(_, part) => scales.around(part),
            Part::Head => (scales.final_norm, scales.logits),
            Part::Embedding | Part::FinalNorm => (0, scales.residual),
        };
        QuantError::Scales {
            node: part.to_string(),
            op: "dense",
            inputs: vec![x],
            output: y,
        }
    })
}

struct Rounding<'m> {
    source: Source<'m>,
    units: &'m Units,
    scales: &'m Scales,
    matrices: HashMap<Part, Vec<i8>>,
}

impl Rounding<'_> {
    /// The matrices that read a value, the embedding's own table aside.
    fn readers(&self, value: ValueId) -> Vec<Part> {
        let readers = self.source.plan.readers(value).into_iter();
        let parts = readers.filter_map(|id| self.source.run.part(id));
        let own = |part: &Part| *part != Part::Head || self.units.head.is_some();
        parts.filter(own).collect()
    }

    /// Rounds matrices by what all of them read, `(positions, columns)`.
    fn matrices(&mut self, parts: &[Part], inputs: &[f32], cols: usize) -> Result<(), QuantError> {
        let compensated = self.units.format == WeightFormat::Int8 || parts.contains(&Part::Head);
        let compensation = compensated.then(|| Compensation::new(inputs, cols));
        for part in parts {
            self.round(*part, compensation.as_ref())?;
        }
        Ok(())
    }

    fn round(&mut self, part: Part, by: Option<&Compensation>) -> Result<(), QuantError> {
        let (matrix, _) = self.source.matrix(part)?;
        let grid = grid(self.units, self.scales, part)?;
        let integers = match by {
            Some(compensation) => compensation.round(&matrix, &grid),
            None => grid.nearest(&matrix),
        };
        self.matrices.insert(part, integers);
        Ok(())
    }
}
