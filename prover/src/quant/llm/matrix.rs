//! Float matrices as the program has them, and their integer form.
//!
//! Between an input at scale `x` and an output at scale `y` with shift `s`, a row with multiplier `m` has
//! the unit `m·2^(x-y-s)`, exactly; its weights are multiples of that. Int8 rows (Q8 of one scale a row):
//! the smallest `m` at which every weight is within ±127. Ternary (BitNet b1.58, arXiv 2402.17764): one
//! `m` for the whole matrix, the nearest to its mean absolute weight, and weights -1, 0 or 1; the norm's
//! scale is part of the matrix here.

use laminate_protocol::program::{DenseWeights, MULTIPLIER_BOUND};
use rayon::prelude::*;

use super::balance::{Balance, Feature};
use super::rotation::Rotation;
use crate::import::llm::{BlockPart, FloatLlama, LlmError, Part};

/// Largest int8 weight: symmetric, so that -128 is never used.
const WEIGHT_LIMIT: f64 = 127.0;
/// Multipliers below this leave the unit of a row coarser than it need be by over 1/64.
const FINE: f64 = 64.0;

/// The integers of the blocks' weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFormat {
    /// -127 to 127, one unit a row.
    Int8,
    /// -1, 0, 1, one unit a matrix.
    Ternary,
}

/// The matrices of a block.
pub const MATRICES: [BlockPart; 7] = [
    BlockPart::Q,
    BlockPart::K,
    BlockPart::V,
    BlockPart::O,
    BlockPart::Gate,
    BlockPart::Up,
    BlockPart::Down,
];

/// The wanted unit of every row, before it is made a multiple of a power of two.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// By place in [`MATRICES`], then block after block.
    pub blocks: [Vec<f64>; 7],
    /// Embedding.
    pub embedding: Vec<f64>,
    /// Head; none where it is the embedding's table.
    pub head: Option<Vec<f64>>,
    /// Weights of the blocks.
    pub format: WeightFormat,
}

impl Units {
    /// Reads all matrices once.
    ///
    /// # Errors
    /// [`LlmError`] if a part cannot be read.
    pub fn measure(source: Source<'_>, format: WeightFormat) -> Result<Self, LlmError> {
        let model = source.model;
        let mut blocks = [const { Vec::new() }; 7];
        for (units, part) in blocks.iter_mut().zip(MATRICES) {
            for block in 0..model.config.layers {
                let (matrix, cols) = source.matrix(Part::Block(block, part))?;
                units.extend(row_units(&matrix, cols, format));
            }
        }
        let table = |part| -> Result<Vec<f64>, LlmError> {
            let (matrix, cols) = source.matrix(part)?;
            Ok(row_units(&matrix, cols, WeightFormat::Int8))
        };
        Ok(Self {
            blocks,
            embedding: table(Part::Embedding)?,
            head: if shares_table(model)? {
                None
            } else {
                Some(table(Part::Head)?)
            },
            format,
        })
    }

    /// Gives the head a table of its own where it shares the embedding's.
    pub fn separate_head(&mut self) {
        // They share one only if no norm is folded into the head.
        self.head.get_or_insert_with(|| self.embedding.clone());
    }

    /// Units of a block's matrix over all blocks.
    pub fn of(&self, part: BlockPart) -> &[f64] {
        let at = MATRICES.iter().position(|p| *p == part);
        at.and_then(|i| self.blocks.get(i))
            .map_or(&[], Vec::as_slice)
    }
}

/// Whether head and embedding can be one table: tied, and the last norm without a scale.
fn shares_table(model: &FloatLlama) -> Result<bool, LlmError> {
    Ok(model.config.tied && model.part(Part::FinalNorm)?.iter().all(|g| *g == 1.0))
}

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

/// The wanted unit of each row of a matrix.
fn row_units(matrix: &[f32], cols: usize, format: WeightFormat) -> Vec<f64> {
    let rows = matrix.par_chunks_exact(cols);
    match format {
        WeightFormat::Int8 => rows
            .map(|row| f64::from(row.iter().fold(0.0f32, |m, w| m.max(w.abs()))) / WEIGHT_LIMIT)
            .collect(),
        WeightFormat::Ternary => {
            // Each row's sum in order, so that the result does not depend on threads.
            let sums: Vec<f64> = rows
                .map(|row| row.iter().map(|w| f64::from(w.abs())).sum())
                .collect();
            let mean = sums.iter().sum::<f64>() / matrix.len().max(1) as f64;
            vec![mean; sums.len()]
        }
    }
}

/// The multiplier of a row for `factor = 2^(y-x+s)`.
fn multiplier(unit: f64, factor: f64, format: WeightFormat) -> f64 {
    let exact = unit * factor;
    let rounded = match format {
        WeightFormat::Int8 => libm::ceil(exact),
        WeightFormat::Ternary => libm::round(exact),
    };
    rounded.max(1.0)
}

/// The shift, 16 or 32, for outputs at scale `y` of inputs at scale `x`: 32 if more than one row in 20
/// has a multiplier too small to be fine at 16, and all fit at 32.
pub fn shift(units: &[f64], x: i32, y: i32, format: WeightFormat) -> u8 {
    let factor = libm::exp2(f64::from(y - x + 16));
    let used = units.iter().filter(|u| **u > 0.0);
    let coarse = used.clone().filter(|u| **u * factor < FINE).count();
    let largest = units.iter().copied().fold(0.0, f64::max);
    let fits = multiplier(largest, factor * 65_536.0, format) < MULTIPLIER_BOUND as f64;
    if 20 * coarse > used.count() && fits {
        32
    } else {
        16
    }
}

/// The largest scale up to `y` at which the multipliers fit with a shift of 16.
pub fn fitting(units: &[f64], x: i32, mut y: i32) -> i32 {
    let largest = units.iter().copied().fold(0.0, f64::max);
    while y > -128
        && libm::ceil(largest * libm::exp2(f64::from(y - x + 16))) >= MULTIPLIER_BOUND as f64
    {
        y -= 1;
    }
    y
}

/// Appends a matrix to `out`, with multipliers for `factor = 2^(y-x+s)`; false if one does not fit.
pub fn append(
    out: &mut DenseWeights,
    (matrix, cols): &(Vec<f32>, usize),
    (units, factor): (&[f64], f64),
    format: WeightFormat,
) -> bool {
    let limit = match format {
        WeightFormat::Int8 => WEIGHT_LIMIT,
        WeightFormat::Ternary => 1.0,
    };
    let start = out.weight.len();
    out.weight.resize(start + matrix.len(), 0);
    out.weight
        .get_mut(start..)
        .unwrap_or_default()
        .par_chunks_exact_mut(*cols)
        .zip(matrix.par_chunks_exact(*cols))
        .zip(units)
        .for_each(|((out, row), unit)| {
            let inverse = factor / multiplier(*unit, factor, format);
            for (out, w) in out.iter_mut().zip(row) {
                *out = libm::round(f64::from(*w) * inverse).clamp(-limit, limit) as i8;
            }
        });
    let multipliers = units.iter().map(|u| multiplier(*u, factor, format));
    let fits = multipliers.clone().all(|m| m < MULTIPLIER_BOUND as f64);
    out.multiplier.extend(multipliers.map(|m| m as u32));
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantised(matrix: Vec<f32>, cols: usize, factor: f64, format: WeightFormat) -> DenseWeights {
        let mut out = DenseWeights {
            weight: vec![],
            bias: vec![],
            multiplier: vec![],
        };
        let units = row_units(&matrix, cols, format);
        assert!(append(&mut out, &(matrix, cols), (&units, factor), format));
        out
    }

    #[test]
    fn int8_rows_have_no_gain_error() {
        let matrix: Vec<f32> = (0..60)
            .map(|i| ((i * 37) % 61) as f32 / 40.0 - 0.7)
            .collect();
        let factor = 4096.0 * 16.0;
        let out = quantised(matrix.clone(), 12, factor, WeightFormat::Int8);
        for (i, w) in matrix.iter().enumerate() {
            let unit = f64::from(out.multiplier[i / 12]) / factor;
            let error = f64::from(*w) - unit * f64::from(out.weight[i]);
            assert!(error.abs() <= unit / 2.0 + 1e-12);
        }
        assert!(out.weight.iter().any(|w| w.abs() >= 126));
    }

    #[test]
    fn ternary_matrices_have_one_unit() {
        let out = quantised(
            vec![1.0, -0.1, 0.6, -3.0, 0.0, 0.3],
            3,
            1024.0,
            WeightFormat::Ternary,
        );
        assert_eq!(out.weight, [1, 0, 1, -1, 0, 0]);
        assert_eq!(out.multiplier, [853, 853], "mean 5/6");
    }

    #[test]
    fn zero_rows_are_zero() {
        for format in [WeightFormat::Int8, WeightFormat::Ternary] {
            let out = quantised(vec![0.0; 4], 2, 256.0, format);
            assert_eq!((out.weight, out.multiplier), (vec![0; 4], vec![1, 1]));
        }
    }

    #[test]
    fn shifts_keep_units_fine_and_multipliers_small() {
        let int8 = WeightFormat::Int8;
        assert_eq!(shift(&[0.01; 10], 10, 10, int8), 16, "655");
        assert_eq!(shift(&[0.000_5; 10], 10, 10, int8), 32, "32");
        assert_eq!(
            shift(&[0.000_5, 1.0], 10, 10, int8),
            16,
            "1 does not fit at 32"
        );
        assert_eq!(fitting(&[1.0], 10, 20), 17);
        assert_eq!(fitting(&[1.0], 10, 12), 12);
    }
}
