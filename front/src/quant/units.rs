//! What one unit of a dense layer's integer weights is worth, row by row, and which integers they are.

use laminate_model::program::WeightFormat;

use super::dense::Matrix;

/// Largest int8 weight: symmetric, so that -128 is never used.
const WEIGHT_LIMIT: f64 = 127.0;
/// Biases stay below this, half of what an int32 holds.
const BIAS_LIMIT: f64 = (1u32 << 30) as f64;

/// The integers that a compilation gives its dense layers.
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

/// Units of a layer's rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// How the weights are rounded.
    pub rounding: Rounding,
    /// One for each row.
    pub units: Vec<f64>,
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

impl Units {
    /// Chooses units for an operand at scale `input`.
    ///
    /// A row of int8 weights has `max(max_k |w[k]| / 127, |bias|·2^input / 2^30)`; the second term counts
    /// only for rows whose weights are all but zero beside their bias. A ternary row has its one magnitude
    /// or the matrix's mean magnitude, and the second term only if all its integers are zero.
    ///
    /// # Errors
    /// [`BiasTooLarge`] for a ternary layer that was asked for; with [`WeightChoice::Auto`] it is int8.
    pub fn choose(
        dense: Matrix<'_>,
        input: i32,
        choice: WeightChoice,
    ) -> Result<Self, BiasTooLarge> {
        let exact = || exact_units(dense).map(|units| (Rounding::TernaryExact, units));
        let ternary = match choice {
            WeightChoice::Int8 => None,
            WeightChoice::Auto => exact(),
            WeightChoice::Ternary => {
                exact().or_else(|| Some((Rounding::TernaryAbsmean, mean_units(dense))))
            }
        };
        let fitting = ternary.map(|(rounding, units)| with_biases(dense, input, rounding, units));
        match (fitting, choice) {
            (Some(Ok(units)), _) => Ok(units),
            (Some(Err(error)), WeightChoice::Ternary) => Err(error),
            (Some(Err(_)) | None, _) => Ok(int8(dense, input)),
        }
    }
}

fn largest(row: &[f32]) -> f64 {
    row.iter().fold(0.0, |m: f64, w| m.max(f64::from(w.abs())))
}

/// The least unit at which a bias fits.
fn least_unit(bias: f32, input: i32) -> f64 {
    f64::from(bias.abs()) * libm::exp2(f64::from(input)) / BIAS_LIMIT
}

fn int8(dense: Matrix<'_>, input: i32) -> Units {
    let unit = |(row, bias)| (largest(row) / WEIGHT_LIMIT).max(least_unit(bias, input));
    Units {
        rounding: Rounding::Int8,
        units: dense.each().map(unit).collect(),
    }
}

/// The one magnitude of every row's weights that are not zero; `None` if a row has two. A matrix without
/// weights is not called ternary.
fn exact_units(dense: Matrix<'_>) -> Option<Vec<f64>> {
    let unit = |row: &[f32]| {
        let unit = largest(row);
        let fits = |w: &f32| *w == 0.0 || f64::from(w.abs()) == unit;
        row.iter().all(fits).then_some(unit)
    };
    let units: Option<Vec<f64>> = dense.each().map(|(row, _)| unit(row)).collect();
    units.filter(|units| units.iter().any(|u| *u > 0.0))
}

/// The mean magnitude of all weights, for every row.
fn mean_units(dense: Matrix<'_>) -> Vec<f64> {
    let sum: f64 = dense.weight.iter().map(|w| f64::from(w.abs())).sum();
    vec![sum / dense.weight.len().max(1) as f64; dense.rows()]
}

/// Gives rows without integer weights a unit for their bias.
fn with_biases(
    dense: Matrix<'_>,
    input: i32,
    rounding: Rounding,
    mut units: Vec<f64>,
) -> Result<Units, BiasTooLarge> {
    for (index, ((row, bias), unit)) in dense.each().zip(&mut units).enumerate() {
        let least = least_unit(bias, input);
        if libm::round(largest(row) / *unit) >= 1.0 {
            if *unit < least {
                return Err(BiasTooLarge {
                    row: index,
                    bias,
                    limit: f64::from(bias.abs()) * *unit / least,
                });
            }
        } else {
            *unit = unit.max(least);
        }
    }
    Ok(Units { rounding, units })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer<'a>(weight: &'a [f32], bias: &'a [f32]) -> Matrix<'a> {
        Matrix { weight, bias }
    }

    #[test]
    fn rows_of_one_magnitude_are_exact_whatever_the_other_rows() {
        let ternary = layer(&[0.3, 0.0, -0.3, -7.5, 7.5, -0.0], &[0.1, -2.0]);
        for choice in [WeightChoice::Ternary, WeightChoice::Auto] {
            let got = Units::choose(ternary, 10, choice).unwrap();
            assert_eq!(got.rounding, Rounding::TernaryExact);
            assert_eq!(got.units, [f64::from(0.3f32), 7.5]);
        }
        let int8 = Units::choose(ternary, 10, WeightChoice::Int8).unwrap();
        assert_eq!(int8.rounding, Rounding::Int8);
        let next = f32::from_bits(0.3f32.to_bits() + 1);
        let weight = [0.3, 0.0, -next, -7.5, 7.5, 0.0];
        let almost = layer(&weight, &[0.1, -2.0]);
        let auto = Units::choose(almost, 10, WeightChoice::Auto).unwrap();
        assert_eq!(auto.rounding, Rounding::Int8);
        let forced = Units::choose(almost, 10, WeightChoice::Ternary).unwrap();
        assert_eq!(forced.rounding, Rounding::TernaryAbsmean);
        assert!((forced.units[0] - 15.6 / 6.0).abs() < 1e-6, "{forced:?}");
    }

    #[test]
    fn biases_that_do_not_fit_are_refused_or_left_to_int8() {
        let dense = layer(&[1e-3, -1e-3, 0.0, 0.0], &[3e4, 3e4]);
        let error = Units::choose(dense, 10, WeightChoice::Ternary).unwrap_err();
        assert_eq!((error.row, error.bias), (0, 3e4));
        assert!((error.limit - 1048.576).abs() < 1e-3, "{error:?}");
        let auto = Units::choose(dense, 10, WeightChoice::Auto).unwrap();
        assert_eq!(auto.rounding, Rounding::Int8);
        let constant = layer(&[1e-3, -1e-3, 0.0, 0.0], &[1.0, 3e4]);
        let got = Units::choose(constant, 10, WeightChoice::Ternary).unwrap();
        assert_eq!(got.rounding, Rounding::TernaryExact);
        assert!(got.units[1] * BIAS_LIMIT >= 3e4 * 1024.0, "its own unit");
        let zero = layer(&[0.0; 4], &[0.0, 1.0]);
        let got = Units::choose(zero, 10, WeightChoice::Ternary).unwrap();
        assert_eq!(got.rounding.format(), WeightFormat::Ternary);
        let auto = Units::choose(zero, 10, WeightChoice::Auto).unwrap();
        assert_eq!(auto.rounding, Rounding::Int8);
    }
}
