//! The integers of all weights.
//!
//! The calibration texts go through the float model block by block. What each matrix reads there says how
//! its rounding errors are made up for ([`Compensation`]); only one block's inputs are held at a time. Ternary
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

/// What the matrices of a block read, `(positions, columns)` as the program has it.
#[derive(Default)]
struct Inputs {
    attention: Vec<f32>,
    mix: Vec<f32>,
    mlp: Vec<f32>,
    hidden: Vec<f32>,
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
        let mut streams = vec![];
        for text in texts {
            streams.push(run.embed(text)?);
        }
        let config = &source.model.config;
        for block in 0..config.layers {
            let inputs = rounding.advance(run, block, &mut streams)?;
            rounding.block(block, inputs)?;
        }
        if units.head.is_some() {
            let mut inputs: Vec<f32> = streams.iter().flat_map(|x| run.normalised(x)).collect();
            source.rotation.rows(&mut inputs);
            rounding.round(Part::Head, Some(&Compensation::new(&inputs, config.dim)))?;
        }
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
    /// Takes all streams through a block of the float model.
    fn advance(
        &self,
        run: &FloatRun<'_>,
        block: usize,
        streams: &mut [Vec<f32>],
    ) -> Result<Inputs, QuantError> {
        let mut inputs = Inputs::default();
        let features = self.source.balance.features.get(block);
        let features = features.map_or(&[] as &[Feature], Vec::as_slice);
        let model_hidden = self.source.model.config.hidden;
        run.block(block, streams, &mut |site, values| match site {
            Site::AttentionNorm(_) => inputs.attention.extend(values),
            Site::Out(_) => inputs.mix.extend(values),
            Site::MlpNorm(_) => inputs.mlp.extend(values),
            Site::Hidden(_) => {
                for row in values.chunks_exact(model_hidden) {
                    inputs.hidden.extend(features.iter().map(|f| of(row, f)));
                }
            }
            _ => {}
        })?;
        self.source.rotation.rows(&mut inputs.attention);
        self.source.rotation.rows(&mut inputs.mlp);
        Ok(inputs)
    }

    /// Rounds the matrices of a block.
    fn block(&mut self, block: usize, inputs: Inputs) -> Result<(), QuantError> {
        let Inputs {
            attention,
            mix,
            mlp,
            hidden,
        } = inputs;
        let groups: [(Vec<f32>, &[BlockPart]); 4] = [
            (attention, &[BlockPart::Q, BlockPart::K, BlockPart::V]),
            (mix, &[BlockPart::O]),
            (mlp, &[BlockPart::Gate, BlockPart::Up]),
            (hidden, &[BlockPart::Down]),
        ];
        let config = &self.source.model.config;
        for (inputs, parts) in groups {
            let cols = match parts {
                [BlockPart::O] => config.q_dim(),
                [BlockPart::Down] => self.source.balance.hidden(),
                _ => config.dim,
            };
            let compensation =
                (self.units.format == WeightFormat::Int8).then(|| Compensation::new(&inputs, cols));
            for part in parts {
                self.round(Part::Block(block, *part), compensation.as_ref())?;
            }
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
