//! Float matrices as the program has them.

use rayon::prelude::*;

use super::balance::{Balance, Feature};
use super::rotation::Rotation;
use crate::llama::{BlockPart, FloatLlama, LlmError, Part};

/// The float matrices of the program.
#[derive(Clone, Copy)]
pub struct Source<'m> {
    /// The model.
    pub model: &'m FloatLlama,
    /// Of its residual stream.
    pub rotation: &'m Rotation,
    /// Its other changes.
    pub balance: &'m Balance,
}

impl Source<'_> {
    /// Rows of a block's matrix.
    pub fn rows(&self, part: BlockPart) -> usize {
        match part {
            BlockPart::Gate | BlockPart::Up => self.balance.hidden(),
            other => self.model.config.shape(Part::Block(0, other)).0,
        }
    }

    /// A matrix, row-major with its number of columns: with the norm before it folded in, for queries the
    /// root of the head size, turned with the residual stream, and balanced.
    ///
    /// # Errors
    /// [`LlmError`] if a part cannot be read.
    pub fn matrix(&self, part: Part) -> Result<(Vec<f32>, usize), LlmError> {
        let mut matrix = self.model.part(part)?;
        let (_, cols) = self.model.config.shape(part);
        let norm = match part {
            Part::Head => Some(Part::FinalNorm),
            Part::Block(block, BlockPart::Q | BlockPart::K | BlockPart::V) => {
                Some(Part::Block(block, BlockPart::AttentionNorm))
            }
            Part::Block(block, BlockPart::Gate | BlockPart::Up) => {
                Some(Part::Block(block, BlockPart::MlpNorm))
            }
            _ => None,
        };
        if let Some(norm) = norm {
            let scale = self.model.part(norm)?;
            matrix.par_chunks_exact_mut(cols).for_each(|row| {
                for (w, g) in row.iter_mut().zip(&scale) {
                    *w *= g;
                }
            });
        }
        match part {
            Part::Block(_, BlockPart::O | BlockPart::Down) => {
                self.rotation.columns(&mut matrix, cols);
            }
            _ => self.rotation.rows(&mut matrix),
        }
        Ok(match part {
            Part::Block(block, part) => self.balanced(block, part, matrix, cols),
            _ => (matrix, cols),
        })
    }

    fn balanced(
        &self,
        block: usize,
        part: BlockPart,
        mut matrix: Vec<f32>,
        cols: usize,
    ) -> (Vec<f32>, usize) {
        let features = self
            .balance
            .features
            .get(block)
            .map_or(&[] as &[Feature], Vec::as_slice);
        let values = self.balance.values.get(block).copied().unwrap_or(1.0);
        match part {
            BlockPart::Q => scale(
                &mut matrix,
                1.0 / (self.model.config.head_dim as f64).sqrt(),
            ),
            BlockPart::V => scale(&mut matrix, values),
            BlockPart::O => scale(&mut matrix, values.recip()),
            BlockPart::Gate => {
                let one = |f: &Feature| f64::from(u8::from(f.source.is_some()));
                return (chosen_rows(&matrix, cols, features, one), cols);
            }
            BlockPart::Up => return (chosen_rows(&matrix, cols, features, |f| f.up), cols),
            BlockPart::Down => return (chosen_cols(&matrix, cols, features), features.len()),
            BlockPart::K | BlockPart::AttentionNorm | BlockPart::MlpNorm => {}
        }
        (matrix, cols)
    }
}

fn scale(matrix: &mut [f32], factor: f64) {
    matrix
        .par_iter_mut()
        .for_each(|w| *w = (f64::from(*w) * factor) as f32);
}

/// The row of every feature, times a factor; zero for one without a source.
fn chosen_rows(
    matrix: &[f32],
    cols: usize,
    features: &[Feature],
    factor: impl Fn(&Feature) -> f64,
) -> Vec<f32> {
    let mut out = vec![0.0; features.len() * cols];
    for (out, feature) in out.chunks_exact_mut(cols).zip(features) {
        let row = feature
            .source
            .and_then(|j| matrix.chunks_exact(cols).nth(j));
        for (out, w) in out.iter_mut().zip(row.unwrap_or(&[])) {
            *out = (f64::from(*w) * factor(feature)) as f32;
        }
    }
    out
}

/// The column of every feature, times its factor.
fn chosen_cols(matrix: &[f32], cols: usize, features: &[Feature]) -> Vec<f32> {
    let mut out = vec![0.0; matrix.len() / cols * features.len()];
    out.par_chunks_exact_mut(features.len())
        .zip(matrix.par_chunks_exact(cols))
        .for_each(|(out, row)| {
            for (out, feature) in out.iter_mut().zip(features) {
                let w = feature
                    .source
                    .and_then(|j| row.get(j))
                    .copied()
                    .unwrap_or(0.0);
                *out = (f64::from(w) * feature.down) as f32;
            }
        });
    out
}
