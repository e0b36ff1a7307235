//! Real numbers to integers and back.

use laminate_model::program::{ACTIVATION_BOUND, Program, WORD_BOUND};

use super::QuantError;
use crate::rows;
use crate::trees::program::{keys_of, takes_keys};

/// `v·2^-scale`.
pub fn real(v: i32, scale: i8) -> f64 {
    f64::from(v) * libm::exp2(-f64::from(scale))
}

/// How rows use the input's scale in one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Largest absolute value.
    pub largest: f64,
    /// Real value of one unit.
    pub unit: f64,
    /// Bits of the largest absolute integer.
    pub bits: u32,
    /// Whether every value is a whole number of units: then rounding loses nothing.
    pub exact: bool,
}

/// How `rows`, of the input's width, use its scale.
pub(super) fn columns(program: &Program, rows: &[Vec<f32>]) -> Vec<Column> {
    let column = |index: usize| {
        let units = libm::exp2(f64::from(program.input_scale(index)));
        let values = || rows.iter().filter_map(move |row| row.get(index)).copied();
        let largest = values().fold(0.0, |m: f64, x| m.max(f64::from(x.abs())));
        let integer = libm::round(largest * units) as u64;
        Column {
            largest,
            unit: units.recip(),
            bits: u64::BITS - integer.leading_zeros(),
            exact: values().all(|x| libm::trunc(f64::from(x) * units) == f64::from(x) * units),
        }
    };
    (0..program.tensor_width(program.input))
        .map(column)
        .collect()
}

/// Rows of real numbers to rows of integers at the input's scale, or at those of its columns: `x·2^scale` to the nearest
/// integer, halves away from zero. The product is exact in f64, so there is no second rounding. A program of trees takes the ordered
/// keys of the numbers instead, NaN for a missing value.
///
/// # Errors
/// [`QuantError`] for a wrong width, NaN, infinities, and values outside `[-2^15, 2^15)`, or `[-2^31, 2^31)` of an input
/// of int32; of trees, for a wrong width and infinities.
pub fn quantise_input(program: &Program, rows: &[Vec<f32>]) -> Result<Vec<Vec<i32>>, QuantError> {
    if takes_keys(program) {
        let width = program.tensor_width(program.input);
        rows::check_with(rows, width, rows::Missing::Allowed)?;
        return Ok(rows.iter().map(|row| keys_of(row)).collect());
    }
    rows::check(rows, program.tensor_width(program.input))?;
    let bound = match program.is_wide(program.input) {
        true => WORD_BOUND,
        false => ACTIVATION_BOUND,
    };
    let quantise_row = |(row, values): (usize, &Vec<f32>)| {
        let quantise = |(column, value): (usize, &f32)| {
            let scale = program.input_scale(column);
            let [lowest, highest] = ends(scale, bound);
            quantise_within(*value, scale, bound).ok_or(QuantError::InputRange {
                row,
                column,
                value: *value,
                lowest,
                highest,
            })
        };
        values.iter().enumerate().map(quantise).collect()
    };
    rows.iter().enumerate().map(quantise_row).collect()
}

fn quantise(x: f32, scale: i8) -> Option<i32> {
    quantise_within(x, scale, ACTIVATION_BOUND)
}

/// The nearest of `2·bound` integers around zero.
fn quantise_within(x: f32, scale: i8, bound: i64) -> Option<i32> {
    let v = libm::round(f64::from(x) * libm::exp2(f64::from(scale)));
    ((-bound) as f64..bound as f64)
        .contains(&v)
        .then_some(v as i32)
}

/// Whether a value is an input at a scale.
pub(super) fn fits(x: f32, scale: i8) -> bool {
    quantise(x, scale).is_some()
}

/// The lowest and the highest number that an input has at a scale.
pub(super) fn range(scale: i8) -> [f64; 2] {
    ends(scale, ACTIVATION_BOUND)
}

fn ends(scale: i8, bound: i64) -> [f64; 2] {
    [-bound, bound - 1].map(|end| real(end as i32, scale))
}

/// The nearest integer to `x·2^scale` without a range check; far values saturate at those of an i32.
pub(super) fn nearest(x: f32, scale: i8) -> i32 {
    libm::round(f64::from(x) * libm::exp2(f64::from(scale))) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        let got = [0.5, -0.5, 1.5, -1.5, 0.49, -0.49].map(|x| quantise(x, 0));
        assert_eq!(got, [1, -1, 2, -2, 0, 0].map(Some));
        assert_eq!(quantise(0.25, 8), Some(64));
        assert_eq!(quantise(40_000.0, -4), Some(2500));
    }

    #[test]
    fn bounds() {
        assert_eq!(quantise(32_767.4, 0), Some(32_767));
        assert_eq!(quantise(32_767.5, 0), None);
        assert_eq!(quantise(-32_768.4, 0), Some(-32_768));
        assert_eq!(quantise(-32_768.5, 0), None);
        assert_eq!(quantise(f32::MAX, 30), None);
    }
}
