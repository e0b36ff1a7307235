//! The integers of all weights.
//!
//! The calibration texts go through the float model together. What each matrix reads there says how its rounding
//! errors are made up for ([`Compensation`]); only one value's numbers are held at a time. Ternary
//! matrices, and the embedding, of which single rows are read, are rounded to nearest.

use std::collections::HashMap;

use super::balance::Feature;
use super::compensate::Compensation;
use super::grid::{Grid, Units, WeightFormat};
use super::matrix::Source;
use super::scales::Scales;
use crate::llama::{BlockPart, FloatRun, Part, Site};
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
        run: &FloatRun<'_>,
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
        run.body(texts, &mut |site, text, values| {
            let parts = rounding.readers(site);
            if !parts.is_empty() {
                rounding.collect(site, values, &mut inputs);
                if text + 1 == texts.len() {
                    rounding.matrices(site, &parts, std::mem::take(&mut inputs))?;
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
    /// The matrices that read a site.
    fn readers(&self, site: Site) -> Vec<Part> {
        let (block, parts): (usize, &[BlockPart]) = match site {
            Site::AttentionNorm(block) => (block, &[BlockPart::Q, BlockPart::K, BlockPart::V]),
            Site::Out(block) => (block, &[BlockPart::O]),
            Site::MlpNorm(block) => (block, &[BlockPart::Gate, BlockPart::Up]),
            Site::Hidden(block) => (block, &[BlockPart::Down]),
            Site::FinalNorm if self.units.head.is_some() => return vec![Part::Head],
            _ => return vec![],
        };
        parts.iter().map(|part| Part::Block(block, *part)).collect()
    }

    /// Appends a text's values at a site, `(positions, columns)`, as the program's matrices read them.
    fn collect(&self, site: Site, values: &[f32], inputs: &mut Vec<f32>) {
        let Site::Hidden(block) = site else {
            inputs.extend(values);
            return;
        };
        let features = self.source.balance.features.get(block);
        let features = features.map_or(&[] as &[Feature], Vec::as_slice);
        for row in values.chunks_exact(self.source.model.config.hidden) {
            inputs.extend(features.iter().map(|f| of(row, f)));
        }
    }

    /// Rounds the matrices that read a site.
    fn matrices(
        &mut self,
        site: Site,
        parts: &[Part],
        mut inputs: Vec<f32>,
    ) -> Result<(), QuantError> {
        let config = &self.source.model.config;
        let cols = match site {
            Site::Out(_) => config.q_dim(),
            Site::Hidden(_) => self.source.balance.hidden(),
            _ => {
                self.source.rotation.rows(&mut inputs);
                config.dim
            }
        };
        let compensated = self.units.format == WeightFormat::Int8 || site == Site::FinalNorm;
        let compensation = compensated.then(|| Compensation::new(&inputs, cols));
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

/// A feature of the program, of the model's hidden features.
fn of(row: &[f32], feature: &Feature) -> f32 {
    let value = feature.source.and_then(|j| row.get(j)).copied();
    (f64::from(value.unwrap_or_default()) * feature.up) as f32
}
