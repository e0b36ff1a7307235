//! The grid of every matrix: what its integers stand for.
//!
//! Between an input at scale `x` and an output at scale `y` with shift `s`, a row with multiplier `m` has
//! the unit `m·2^(x-y-s)`; its weights are multiples of that. Int8 rows: the least unit at which every weight is within
//! ±127. Ternary rows: the one magnitude of the row, where all rows have one, else the mean magnitude of the matrix
//! (BitNet b1.58, arXiv 2402.17764).

use laminate_model::program::{MULTIPLIER_BOUND, WeightFormat};
use rayon::prelude::*;

use super::rules::{LayerShifts, Rules};

/// Largest int8 weight: symmetric, so that -128 is never used.
const WEIGHT_LIMIT: f64 = 127.0;
/// Biases stay below this, half of what an int32 holds.
const BIAS_LIMIT: f64 = (1u32 << 30) as f64;

/// No scale is lower.
const LOWEST: i32 = -1024;

/// The integers that a compilation gives the layers; of a model with blocks those in its blocks, while the others are int8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightChoice {
    /// int8 for all layers.
    #[default]
    Int8,
    /// Ternary for all layers: as they are where they are ternary, else made so after training.
    Ternary,
    /// Ternary for layers that are, int8 for the others.
    Auto,
}

/// How integer weights came of float ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// int8 with a unit for each row.
    Int8,
    /// The weights of every row are its unit times -1, 0 and 1 in the model: nothing is lost.
    TernaryExact,
    /// Rounded to the mean magnitude of the matrix times -1, 0 and 1 (absmean), after training.
    TernaryAbsmean,
}

impl Rounding {
    /// The integers.
    pub fn format(self) -> WeightFormat {
        match self {
            Self::Int8 => WeightFormat::Int8,
            Self::TernaryExact | Self::TernaryAbsmean => WeightFormat::Ternary,
        }
    }

    /// Largest integer weight.
    pub fn limit(self) -> f64 {
        match self {
            Self::Int8 => WEIGHT_LIMIT,
            Self::TernaryExact | Self::TernaryAbsmean => 1.0,
        }
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::TernaryExact => "ternary, as in the model",
            Self::TernaryAbsmean => "ternary, made after training",
        }
    }
}

/// A bias that does not fit an int32 at its row's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BiasTooLarge {
    /// The row.
    pub row: usize,
    /// Its bias.
    pub bias: f32,
    /// Largest bias of the row.
    pub limit: f64,
}

/// What units are chosen by: magnitudes of the rows of a matrix `(rows, cols)`, and its biases `(rows)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Magnitudes {
    largest: Vec<f64>,
    /// Of all weights.
    mean: f64,
    /// Whether every row has one magnitude beside zero. A matrix without weights is not called ternary.
    ternary: bool,
    bias: Vec<f32>,
}

/// Units of a layer's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// How the weights are rounded.
    pub rounding: Rounding,
    /// One for each row.
    pub units: Vec<f64>,
}

impl Magnitudes {
    /// Of a matrix, row-major; without biases they are zero.
    pub fn new(matrix: &[f32], cols: usize, bias: Option<&[f32]>) -> Self {
        let row = |row: &[f32]| {
            let largest = row.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let one = row.iter().all(|w| *w == 0.0 || w.abs() == largest);
            let sum: f64 = row.iter().map(|w| f64::from(w.abs())).sum();
            (f64::from(largest), one, sum)
        };
        let rows: Vec<_> = matrix.par_chunks_exact(cols.max(1)).map(row).collect();
        // Each row's sum in order, so that the result does not depend on threads.
        let sum: f64 = rows.iter().map(|row| row.2).sum();
        Self {
            mean: sum / matrix.len().max(1) as f64,
            ternary: rows.iter().all(|row| row.1) && rows.iter().any(|row| row.0 > 0.0),
            bias: bias.map_or_else(|| vec![0.0; rows.len()], <[f32]>::to_vec),
            largest: rows.into_iter().map(|row| row.0).collect(),
        }
    }

    /// Chooses units for an operand at scale `input`.
    ///
    /// A row of int8 weights has `max(max_k |w[k]| / 127, |bias|·2^input / 2^30)`; the second term counts
    /// only for rows whose weights are all but zero beside their bias. A ternary row has its one magnitude
    /// or the matrix's mean magnitude, and the second term only if all its integers are zero.
    ///
    /// # Errors
    /// [`BiasTooLarge`] for a ternary layer that was asked for; with [`WeightChoice::Auto`] it is int8.
    pub fn units(&self, input: i32, choice: WeightChoice) -> Result<Units, BiasTooLarge> {
        let rounding = match choice {
            WeightChoice::Int8 => Rounding::Int8,
            _ if self.ternary => Rounding::TernaryExact,
            WeightChoice::Ternary => Rounding::TernaryAbsmean,
            WeightChoice::Auto => Rounding::Int8,
        };
        let wanted = |rounding: Rounding, largest: f64| match rounding {
            Rounding::Int8 => largest / WEIGHT_LIMIT,
            Rounding::TernaryExact => largest,
            Rounding::TernaryAbsmean => self.mean,
        };
        let unit = |rounding: Rounding, row: usize| {
            let (largest, bias) = (self.largest[row], self.bias[row]);
            let unit = wanted(rounding, largest);
            let least = f64::from(bias.abs()) * libm::exp2(f64::from(input)) / BIAS_LIMIT;
            let has_weights = libm::round(largest / unit) >= 1.0;
            if rounding == Rounding::Int8 || !has_weights || unit >= least {
                return Ok(unit.max(least));
            }
            let limit = f64::from(bias.abs()) * unit / least;
            Err(BiasTooLarge { row, bias, limit })
        };
        let all = |rounding: Rounding| {
            let units = (0..self.largest.len()).map(|row| unit(rounding, row));
            let units = units.collect::<Result<_, _>>()?;
            Ok(Units { rounding, units })
        };
        match (all(rounding), choice) {
            (Err(_), WeightChoice::Auto) => all(Rounding::Int8),
            (units, _) => units,
        }
    }

    /// `round(bias·2^input/unit)` of every row, half away from zero.
    pub fn biases(&self, input: i32, units: &[f64]) -> Vec<i32> {
        let accumulator = libm::exp2(f64::from(input));
        let of = |(bias, unit): (&f32, &f64)| {
            libm::round(f64::from(*bias) * accumulator * inverse(*unit)) as i32
        };
        self.bias.iter().zip(units).map(of).collect()
    }
}

/// A row without weights and bias has unit zero and is zero.
fn inverse(unit: f64) -> f64 {
    if unit == 0.0 { 0.0 } else { unit.recip() }
}

/// Units of the rows of one matrix, and their multipliers.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Multiplier of every row.
    pub multipliers: Vec<u32>,
    /// Unit of every row.
    pub units: Vec<f64>,
    /// How the weights are rounded.
    pub rounding: Rounding,
}

impl Grid {
    /// For the wanted `units` and `exponent = y - x + s`; none if a multiplier does not fit.
    pub fn new(units: &Units, exponent: i32, rules: &Rules) -> Option<Self> {
        let factor = libm::exp2(f64::from(exponent));
        let of = |unit: &f64| multiplier(unit * factor, units.rounding, rules);
        let exact: Vec<f64> = units.units.iter().map(of).collect();
        let fits = exact.iter().all(|m| *m < MULTIPLIER_BOUND as f64);
        fits.then(|| Self {
            multipliers: exact.iter().map(|m| *m as u32).collect(),
            units: match rules.exact_units {
                true => exact.iter().map(|m| m / factor).collect(),
                false => units.units.clone(),
            },
            rounding: units.rounding,
        })
    }

    /// Largest integer.
    pub fn limit(&self) -> f64 {
        self.rounding.limit()
    }

    /// The nearest integers of a matrix, half away from zero.
    pub fn nearest(&self, matrix: &[f32]) -> Vec<i8> {
        let cols = (matrix.len() / self.units.len().max(1)).max(1);
        let mut out = vec![0; matrix.len()];
        out.par_chunks_exact_mut(cols)
            .zip(matrix.par_chunks_exact(cols))
            .zip(&self.units)
            .for_each(|((out, row), unit)| {
                for (out, w) in out.iter_mut().zip(row) {
                    let rounded = match *unit == 0.0 {
                        true => 0.0,
                        false => libm::round(f64::from(*w) / unit),
                    };
                    *out = rounded.clamp(-self.limit(), self.limit()) as i8;
                }
            });
        out
    }
}

/// The multiplier of a row, `exact` its unit times `2^(y-x+s)`.
fn multiplier(exact: f64, rounding: Rounding, rules: &Rules) -> f64 {
    match (rules.exact_units, rounding) {
        // Up, so that the largest weight stays within its limit.
        (true, Rounding::Int8) => libm::ceil(exact).max(1.0),
        (true, _) => libm::round(exact).max(1.0),
        (false, _) => libm::round(exact),
    }
}

/// Whether the multipliers of `units` fit at a shift.
fn fits(units: &Units, exponent: i32, rules: &Rules) -> bool {
    let largest = units.units.iter().copied().fold(0.0, f64::max);
    let exact = largest * libm::exp2(f64::from(exponent));
    multiplier(exact, units.rounding, rules) < MULTIPLIER_BOUND as f64
}

/// The largest scale up to `y` at which the multipliers fit with a shift of 16.
pub fn fitting(units: &Units, x: i32, mut y: i32, rules: &Rules) -> i32 {
    // Units that are no numbers fit nowhere; the grid says so.
    while y > LOWEST && !fits(units, y - x + 16, rules) {
        y -= 1;
    }
    y
}

/// The shift for outputs at scale `y`, at which multipliers fit with 16, of inputs at scale `x`.
pub fn shift(units: &Units, x: i32, y: i32, rules: &Rules) -> u8 {
    let fits = |shift: &u8| fits(units, y - x + i32::from(*shift), rules);
    match rules.layer_shifts {
        LayerShifts::Largest => [32, 24].into_iter().find(fits).unwrap_or(16),
        LayerShifts::Fine(least) => {
            let factor = libm::exp2(f64::from(y - x + 16));
            let used = units.units.iter().filter(|u| **u > 0.0);
            let coarse = used.clone().filter(|u| **u * factor < f64::from(least));
            match 20 * coarse.count() > used.count() && fits(&32) {
                true => 32,
                false => 16,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::{ROWS, TOKENS};
    use super::*;

    fn layer(weight: &[f32], bias: &[f32]) -> Magnitudes {
        Magnitudes::new(weight, weight.len() / bias.len(), Some(bias))
    }

    /// Weights, biases, multipliers, shift and scale of a layer.
    fn quantised(
        (weight, bias): (&[f32], &[f32]),
        (x, y): (i32, i32),
        choice: WeightChoice,
        rules: &Rules,
    ) -> (Vec<i8>, Vec<i32>, Vec<u32>, u8, i32) {
        let magnitudes = layer(weight, bias);
        let units = magnitudes.units(x, choice).unwrap();
        let y = fitting(&units, x, y, rules);
        let shift = shift(&units, x, y, rules);
        let grid = Grid::new(&units, y - x + i32::from(shift), rules).unwrap();
        let biases = magnitudes.biases(x, &grid.units);
        (grid.nearest(weight), biases, grid.multipliers, shift, y)
    }

    const INT8: WeightChoice = WeightChoice::Int8;
    const TERNARY: WeightChoice = WeightChoice::Ternary;

    #[test]
    fn rows_of_one_magnitude_are_exact_whatever_the_other_rows() {
        let bias = [0.1, -2.0];
        let ternary = layer(&[0.3, 0.0, -0.3, -7.5, 7.5, -0.0], &bias);
        for choice in [TERNARY, WeightChoice::Auto] {
            let got = ternary.units(10, choice).unwrap();
            assert_eq!(got.rounding, Rounding::TernaryExact);
            assert_eq!(got.units, [f64::from(0.3f32), 7.5]);
        }
        let int8 = ternary.units(10, INT8).unwrap();
        assert_eq!(int8.rounding, Rounding::Int8);
        let next = f32::from_bits(0.3f32.to_bits() + 1);
        let almost = layer(&[0.3, 0.0, -next, -7.5, 7.5, 0.0], &bias);
        let auto = almost.units(10, WeightChoice::Auto).unwrap();
        assert_eq!(auto.rounding, Rounding::Int8);
        let forced = almost.units(10, TERNARY).unwrap();
        assert_eq!(forced.rounding, Rounding::TernaryAbsmean);
        assert!((forced.units[0] - 15.6 / 6.0).abs() < 1e-6, "{forced:?}");
    }

    #[test]
    fn biases_that_do_not_fit_are_refused_or_left_to_int8() {
        let dense = layer(&[1e-3, -1e-3, 0.0, 0.0], &[3e4, 3e4]);
        let error = dense.units(10, TERNARY).unwrap_err();
        assert_eq!((error.row, error.bias), (0, 3e4));
        assert!((error.limit - 1048.576).abs() < 1e-3, "{error:?}");
        let auto = dense.units(10, WeightChoice::Auto).unwrap();
        assert_eq!(auto.rounding, Rounding::Int8);
        let constant = layer(&[1e-3, -1e-3, 0.0, 0.0], &[1.0, 3e4]);
        let got = constant.units(10, TERNARY).unwrap();
        assert_eq!(got.rounding, Rounding::TernaryExact);
        assert!(got.units[1] * BIAS_LIMIT >= 3e4 * 1024.0, "its own unit");
        let zero = layer(&[0.0; 4], &[0.0, 1.0]);
        let got = zero.units(10, TERNARY).unwrap();
        assert_eq!(got.rounding.format(), WeightFormat::Ternary);
        let auto = zero.units(10, WeightChoice::Auto).unwrap();
        assert_eq!(auto.rounding, Rounding::Int8);
    }

    #[test]
    fn rows_have_their_own_unit() {
        let weight = [1.0, -0.5, 0.01, 0.02];
        let got = quantised((&weight, &[0.25, 0.0]), (10, 10), INT8, &ROWS);
        assert_eq!(
            got.0,
            [127, -64, 64, 127],
            "-63.5 and 63.5 go away from zero"
        );
        assert_eq!(got.1, [(0.25 * 1024.0 * 127.0) as i32, 0]);
        // 1/127·2^s < 2^24 for s = 24 but not 32.
        assert_eq!(
            (got.2.as_slice(), got.3, got.4),
            (&[132_104, 2642][..], 24, 10)
        );
    }

    #[test]
    fn outputs_without_weights_keep_their_bias() {
        let weight = [0.0, 0.0, 1e-40, 0.0, 0.0, 0.0];
        let got = quantised((&weight, &[-0.75, 0.5, 0.0]), (8, 12), INT8, &ROWS);
        for (row, bias) in [(0, -0.75), (1, 0.5), (2, 0.0)] {
            let product = f64::from(got.1[row]) * f64::from(got.2[row]);
            let y = libm::round(product / libm::exp2(got.3.into()));
            assert_eq!(y, bias * 4096.0, "row {row}");
        }
    }

    #[test]
    fn multipliers_fit_for_any_scales() {
        for (x, y) in [-40, -8, 0, 8, 40]
            .map(|x| [-40, 0, 14, 40].map(|y| (x, y)))
            .concat()
        {
            for w in [1e-38, 1e-3, 1.0, 1e38] {
                for rules in [ROWS, TOKENS] {
                    let got = quantised((&[w, -w], &[w]), (x, y), INT8, &rules);
                    assert!(got.2.iter().all(|m| *m < 1 << 24));
                    assert!(got.4 <= y && got.3 >= 16);
                }
            }
        }
    }

    #[test]
    fn ternary_rows_lose_nothing() {
        let weight = [0.25, 0.0, -0.25, -3.0, 3.0, 3.0];
        let got = quantised((&weight, &[0.5, -1.5]), (10, 10), TERNARY, &ROWS);
        assert_eq!(got.0, [1, 0, -1, -1, 1, 1]);
        assert_eq!(got.1, [2048, -512]);
        assert_eq!((got.2.as_slice(), got.3), (&[1 << 14, 3 << 16][..], 16));
    }

    #[test]
    fn other_matrices_are_rounded_to_their_mean() {
        let weight = [1.0, -0.1, 0.6, -3.0, 0.0, 0.3];
        for (rules, multiplier) in [(ROWS, 13_981_013), (TOKENS, 54_613)] {
            let got = quantised((&weight, &[0.0, 0.0]), (10, 10), TERNARY, &rules);
            assert_eq!(got.0, [1, 0, 1, -1, 0, 0]);
            assert_eq!(got.2, [multiplier; 2], "5/6, at shifts {}", got.3);
        }
    }

    #[test]
    fn exact_units_have_no_gain_error() {
        let matrix: Vec<f32> = (0..60)
            .map(|i| ((i * 37) % 61) as f32 / 40.0 - 0.7)
            .collect();
        let got = quantised((&matrix, &[0.0; 5]), (16, 16), INT8, &TOKENS);
        for (i, w) in matrix.iter().enumerate() {
            let unit = f64::from(got.2[i / 12]) / libm::exp2(got.3.into());
            let error = f64::from(*w) - unit * f64::from(got.0[i]);
            assert!(error.abs() <= unit / 2.0 + 1e-12);
        }
        assert!(got.0.iter().any(|w| w.abs() >= 126));
        for choice in [INT8, TERNARY] {
            let zero = quantised((&[0.0; 4], &[0.0; 2]), (8, 0), choice, &TOKENS);
            assert_eq!((zero.0, zero.2), (vec![0; 4], vec![1, 1]));
        }
    }

    #[test]
    fn shifts_keep_units_fine_and_multipliers_small() {
        let of = |units: &[f64]| Units {
            rounding: Rounding::Int8,
            units: units.to_vec(),
        };
        let shift = |units: &[f64]| shift(&of(units), 10, 10, &TOKENS);
        assert_eq!(shift(&[0.01; 10]), 16, "655");
        assert_eq!(shift(&[0.000_5; 10]), 32, "32");
        assert_eq!(shift(&[0.000_5, 1.0]), 16, "1 does not fit at 32");
        assert_eq!(fitting(&of(&[1.0]), 10, 20, &TOKENS), 17);
        assert_eq!(fitting(&of(&[1.0]), 10, 12, &TOKENS), 12);
    }
}
