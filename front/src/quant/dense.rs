//! Quantisation of one dense layer: int8 or ternary weights with a scale for each output, int32 bias,
//! and the multiplier that takes accumulators to the output's scale.

use laminate_model::program::{DenseWeights, MULTIPLIER_BOUND};

use super::units::{BiasTooLarge, Rounding, Units, WeightChoice};

/// The float weights `(rows, cols)`, row-major, and biases `(rows)` of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Weights.
    pub weight: &'a [f32],
    /// Biases.
    pub bias: &'a [f32],
}

impl<'a> Matrix<'a> {
    /// Output features.
    pub fn rows(self) -> usize {
        self.bias.len()
    }

    /// Input features.
    pub fn cols(self) -> usize {
        self.weight.len() / self.rows().max(1)
    }

    /// The weights of every row, and its bias.
    pub fn each(self) -> impl Iterator<Item = (&'a [f32], f32)> {
        let rows = self.weight.chunks_exact(self.cols().max(1));
        rows.zip(self.bias.iter().copied())
    }
}

/// A quantised layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantDense {
    /// Integer parameters.
    pub weights: DenseWeights,
    /// How the weights were rounded.
    pub rounding: Rounding,
    /// The layer's shift: 16, 24 or 32.
    pub shift: u8,
    /// Scale of the output: the wanted one, or lower if the multipliers needed it.
    pub output_scale: i32,
}

/// Quantises `dense` between an input at scale `input` and an output wanted at scale `output`.
///
/// Output `j` has the weight unit `u` that [`Units::choose`] gives it. Then `w = round(w/u)`, at most 127
/// or 1, `bias = round(bias·2^input/u)`, `m = round(u·2^(output-input)·2^s)` with the largest `s` for
/// which every `m` is below 2^24. Rounding is half away from zero.
///
/// # Errors
/// [`BiasTooLarge`] for a ternary row.
pub fn quantise(
    dense: Matrix<'_>,
    input: i32,
    output: i32,
    choice: WeightChoice,
) -> Result<QuantDense, BiasTooLarge> {
    let Units { rounding, units } = Units::choose(dense, input, choice)?;
    let limit = rounding.limit();
    let largest = units.iter().copied().fold(0.0, f64::max);
    let (shift, output_scale) = shift_and_scale(largest, input, output);
    let factor = libm::exp2(f64::from(output_scale - input + i32::from(shift)));
    let accumulator = libm::exp2(f64::from(input));
    let mut weights = DenseWeights {
        weight: Vec::with_capacity(dense.weight.len()),
        bias: Vec::with_capacity(dense.rows()),
        multiplier: Vec::with_capacity(dense.rows()),
    };
    for ((row, bias), unit) in dense.each().zip(units) {
        // An output without weights and bias has unit zero and is zero.
        let inverse = if unit == 0.0 { 0.0 } else { unit.recip() };
        weights.weight.extend(
            row.iter()
                .map(|w| libm::round(f64::from(*w) * inverse).clamp(-limit, limit) as i8),
        );
        weights
            .bias
            .push(libm::round(f64::from(bias) * accumulator * inverse) as i32);
        weights.multiplier.push(libm::round(unit * factor) as u32);
    }
    Ok(QuantDense {
        weights,
        rounding,
        shift,
        output_scale,
    })
}

/// The largest shift whose multipliers fit; if even the smallest does not, a lower output scale.
fn shift_and_scale(largest: f64, input: i32, output: i32) -> (u8, i32) {
    let mut scale = output;
    loop {
        for shift in [32u8, 24, 16] {
            let multiplier =
                libm::round(largest * libm::exp2(f64::from(scale - input + i32::from(shift))));
            if multiplier < MULTIPLIER_BOUND as f64 {
                return (shift, scale);
            }
        }
        scale -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer<'a>(weight: &'a [f32], bias: &'a [f32]) -> Matrix<'a> {
        Matrix { weight, bias }
    }

    fn int8(dense: Matrix<'_>, input: i32, output: i32) -> QuantDense {
        quantise(dense, input, output, WeightChoice::Int8).unwrap()
    }

    #[test]
    fn channels_have_their_own_unit() {
        let got = int8(layer(&[1.0, -0.5, 0.01, 0.02], &[0.25, 0.0]), 10, 10);
        assert_eq!(
            got.weights.weight,
            [127, -64, 64, 127],
            "-63.5 and 63.5 round away from zero"
        );
        assert_eq!(got.weights.bias, [(0.25 * 1024.0 * 127.0) as i32, 0]);
        // 1/127·2^s < 2^24 for s = 24 but not 32.
        assert_eq!((got.shift, got.output_scale), (24, 10));
        assert_eq!(got.weights.multiplier, [132_104, 2642]);
    }

    #[test]
    fn outputs_without_weights_keep_their_bias() {
        let got = int8(
            layer(&[0.0, 0.0, 1e-40, 0.0, 0.0, 0.0], &[-0.75, 0.5, 0.0]),
            8,
            12,
        );
        for (row, bias) in [(0, -0.75), (1, 0.5), (2, 0.0)] {
            let product = f64::from(got.weights.bias[row]) * f64::from(got.weights.multiplier[row]);
            let y = libm::round(product / libm::exp2(got.shift.into()));
            assert_eq!(y, bias * 4096.0, "row {row}");
        }
    }

    #[test]
    fn multipliers_fit_for_any_scales() {
        for input in [-40, -8, 0, 8, 40] {
            for output in [-40, 0, 14, 40] {
                for w in [1e-38, 1e-3, 1.0, 1e38] {
                    let got = int8(layer(&[w, -w], &[w]), input, output);
                    assert!(got.weights.multiplier.iter().all(|m| *m < 1 << 24));
                    assert!(got.output_scale <= output && got.shift >= 16);
                }
            }
        }
    }

    #[test]
    fn ternary_rows_lose_nothing() {
        let dense = layer(&[0.25, 0.0, -0.25, -3.0, 3.0, 3.0], &[0.5, -1.5]);
        let got = quantise(dense, 10, 10, WeightChoice::Ternary).unwrap();
        assert_eq!(got.weights.weight, [1, 0, -1, -1, 1, 1]);
        assert_eq!(got.weights.bias, [2048, -512]);
        assert_eq!((got.shift, got.rounding), (16, Rounding::TernaryExact));
        assert_eq!(got.weights.multiplier, [1 << 14, 3 << 16]);
    }

    #[test]
    fn other_matrices_are_rounded_to_their_mean() {
        let dense = layer(&[1.0, -0.1, 0.6, -3.0, 0.0, 0.3], &[0.0, 0.0]);
        let got = quantise(dense, 10, 10, WeightChoice::Ternary).unwrap();
        assert_eq!(got.weights.weight, [1, 0, 1, -1, 0, 0]);
        assert_eq!(got.rounding, Rounding::TernaryAbsmean);
        assert_eq!(got.weights.multiplier[0], got.weights.multiplier[1]);
    }
}
