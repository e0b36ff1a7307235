//! The grid of every matrix: what its integers stand for.
//!
//! Between an input at scale `x` and an output at scale `y` with shift `s`, a row with multiplier `m` has
//! the unit `m·2^(x-y-s)`, exactly; its weights are multiples of that. Int8 rows (Q8 of one scale a row):
//! the smallest `m` at which every weight is within ±127. Ternary (BitNet b1.58, arXiv 2402.17764): one
//! `m` for the whole matrix, the nearest to its mean absolute weight, and weights -1, 0 or 1; the norm's
//! scale is part of the matrix here.

use laminate_model::program::MULTIPLIER_BOUND;
pub use laminate_model::program::WeightFormat;
use rayon::prelude::*;

use super::matrix::Source;
use super::scales::Scales;
use crate::llama::{BlockPart, FloatLlama, LlmError, Part};

/// Largest int8 weight: symmetric, so that -128 is never used.
const WEIGHT_LIMIT: f64 = 127.0;
/// Multipliers below this leave the unit of a row coarser than it need be by over 1/64.
const FINE: f64 = 64.0;

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
    /// Number of blocks.
    pub layers: usize,
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
            layers: model.config.layers,
            embedding: table(Part::Embedding)?,
            head: if shares_table(model)? {
                None
            } else {
                Some(table(Part::Head)?)
            },
            format,
        })
    }

    /// The integers' grid of a matrix between its scales; none if a multiplier does not fit.
    pub fn grid(&self, scales: &Scales, part: Part) -> Option<Grid> {
        let int8 = WeightFormat::Int8;
        match part {
            // The factor of an embedding is 2^residual, whatever the shift.
            Part::Embedding => Grid::new(&self.embedding, scales.residual - 16, 16, int8),
            Part::Head => {
                let units = self.head.as_ref().unwrap_or(&self.embedding);
                let (x, y) = (scales.final_norm, scales.logits);
                Grid::new(units, y - x, shift(units, x, y, int8), int8)
            }
            Part::Block(block, part) => {
                let all = self.of(part);
                let rows = all.len() / self.layers.max(1);
                let own = all.get(block * rows..(block + 1) * rows)?;
                let (x, y) = scales.around(part);
                // From all blocks, so that stacked and separate blocks compute the same.
                Grid::new(own, y - x, shift(all, x, y, self.format), self.format)
            }
            Part::FinalNorm => None,
        }
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

/// Units of the rows of one matrix, exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Multiplier of every row.
    pub multipliers: Vec<u32>,
    /// Shift of the node.
    pub shift: u8,
    /// Unit of every row.
    pub units: Vec<f64>,
    /// Largest integer.
    pub limit: f64,
}

impl Grid {
    /// For the wanted `units` and `exponent = y - x`; none if a multiplier does not fit.
    fn new(units: &[f64], exponent: i32, shift: u8, format: WeightFormat) -> Option<Self> {
        let factor = libm::exp2(f64::from(exponent + i32::from(shift)));
        let exact: Vec<f64> = units
            .iter()
            .map(|u| multiplier(*u, factor, format))
            .collect();
        let fits = exact.iter().all(|m| *m < MULTIPLIER_BOUND as f64);
        fits.then(|| Self {
            multipliers: exact.iter().map(|m| *m as u32).collect(),
            shift,
            units: exact.iter().map(|m| m / factor).collect(),
            limit: match format {
                WeightFormat::Int8 | WeightFormat::Word => WEIGHT_LIMIT,
                WeightFormat::Ternary => 1.0,
            },
        })
    }

    /// The nearest integers of a matrix.
    pub fn nearest(&self, matrix: &[f32]) -> Vec<i8> {
        let cols = matrix.len() / self.units.len().max(1);
        let mut out = vec![0; matrix.len()];
        out.par_chunks_exact_mut(cols.max(1))
            .zip(matrix.par_chunks_exact(cols.max(1)))
            .zip(&self.units)
            .for_each(|((out, row), unit)| {
                for (out, w) in out.iter_mut().zip(row) {
                    let rounded = libm::round(f64::from(*w) / unit);
                    *out = rounded.clamp(-self.limit, self.limit) as i8;
                }
            });
        out
    }
}

/// The wanted unit of each row of a matrix.
fn row_units(matrix: &[f32], cols: usize, format: WeightFormat) -> Vec<f64> {
    let rows = matrix.par_chunks_exact(cols);
    match format {
        WeightFormat::Int8 | WeightFormat::Word => rows
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
        WeightFormat::Int8 | WeightFormat::Word => libm::ceil(exact),
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

#[cfg(test)]
mod tests {
    use super::*;

    impl Grid {
        /// Between scales `exponent` apart, without shift.
        pub(crate) fn of(
            matrix: &[f32],
            cols: usize,
            exponent: i32,
            format: WeightFormat,
        ) -> Option<Self> {
            Self::new(&row_units(matrix, cols, format), exponent, 0, format)
        }
    }

    fn quantised(
        matrix: &[f32],
        cols: usize,
        exponent: i32,
        format: WeightFormat,
    ) -> (Vec<i8>, Vec<u32>) {
        let grid = Grid::of(matrix, cols, exponent, format).unwrap();
        (grid.nearest(matrix), grid.multipliers)
    }

    #[test]
    fn int8_rows_have_no_gain_error() {
        let matrix: Vec<f32> = (0..60)
            .map(|i| ((i * 37) % 61) as f32 / 40.0 - 0.7)
            .collect();
        let (weights, multipliers) = quantised(&matrix, 12, 16, WeightFormat::Int8);
        for (i, w) in matrix.iter().enumerate() {
            let unit = f64::from(multipliers[i / 12]) / 65_536.0;
            let error = f64::from(*w) - unit * f64::from(weights[i]);
            assert!(error.abs() <= unit / 2.0 + 1e-12);
        }
        assert!(weights.iter().any(|w| w.abs() >= 126));
    }

    #[test]
    fn ternary_matrices_have_one_unit() {
        let matrix = [1.0, -0.1, 0.6, -3.0, 0.0, 0.3];
        let (weights, multipliers) = quantised(&matrix, 3, 10, WeightFormat::Ternary);
        assert_eq!(weights, [1, 0, 1, -1, 0, 0]);
        assert_eq!(multipliers, [853, 853], "mean 5/6");
    }

    #[test]
    fn zero_rows_are_zero() {
        for format in [WeightFormat::Int8, WeightFormat::Ternary] {
            let found = quantised(&[0.0; 4], 2, 8, format);
            assert_eq!(found, (vec![0; 4], vec![1, 1]));
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
