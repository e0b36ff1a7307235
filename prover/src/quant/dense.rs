//! Quantisation of one dense layer: int8 weights with a scale for each output, int32 bias, and the
//! multiplier that takes accumulators to the output's scale.

use laminate_protocol::program::{DenseWeights, MULTIPLIER_BOUND};

use crate::import::FloatDense;

/// Largest int8 weight: symmetric, so that -128 is never used.
const WEIGHT_LIMIT: f64 = 127.0;
/// Biases stay below this, half of what an int32 holds.
const BIAS_LIMIT: f64 = (1u32 << 30) as f64;

/// A quantised layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantDense {
    /// Integer parameters.
    pub weights: DenseWeights,
    /// The layer's shift: 16, 24 or 32.
    pub shift: u8,
    /// Scale of the output: the wanted one, or lower if the multipliers needed it.
    pub output_scale: i32,
}

/// Quantises `dense` between an input at scale `input` and an output wanted at scale `output`.
///
/// Output `j` has the weight unit `u = max(max_k |w[j,k]| / 127, |bias[j]|·2^input / 2^30)`; the second
/// term counts only for outputs whose weights are all but zero beside their bias. Then
/// `w = round(w/u)`, `bias = round(bias·2^input/u)`, `m = round(u·2^(output-input)·2^s)` with the
/// largest `s` for which every `m` is below 2^24. Rounding is half away from zero.
pub fn quantise(dense: &FloatDense, input: i32, output: i32) -> QuantDense {
    let units: Vec<f64> = (0..dense.rows).map(|row| unit(dense, row, input)).collect();
    let largest = units.iter().copied().fold(0.0, f64::max);
    let (shift, output_scale) = shift_and_scale(largest, input, output);
    let factor = libm::exp2(f64::from(output_scale - input + i32::from(shift)));
    let accumulator = libm::exp2(f64::from(input));
    let mut weights = DenseWeights {
        weight: Vec::with_capacity(dense.weight.len()),
        bias: Vec::with_capacity(dense.rows),
        multiplier: Vec::with_capacity(dense.rows),
    };
    for ((row, bias), unit) in dense
        .weight
        .chunks_exact(dense.cols)
        .zip(&dense.bias)
        .zip(units)
    {
        // An output without weights and bias has unit zero and is zero.
        let inverse = if unit == 0.0 { 0.0 } else { unit.recip() };
        weights.weight.extend(
            row.iter()
                .map(|w| libm::round(f64::from(*w) * inverse) as i8),
        );
        weights
            .bias
            .push(libm::round(f64::from(*bias) * accumulator * inverse) as i32);
        weights.multiplier.push(libm::round(unit * factor) as u32);
    }
    QuantDense {
        weights,
        shift,
        output_scale,
    }
}

fn unit(dense: &FloatDense, row: usize, input: i32) -> f64 {
    let weights = &dense.weight[row * dense.cols..][..dense.cols];
    let largest = weights
        .iter()
        .fold(0.0, |m: f64, w| m.max(f64::from(w.abs())));
    let bias = f64::from(dense.bias[row].abs()) * libm::exp2(f64::from(input));
    (largest / WEIGHT_LIMIT).max(bias / BIAS_LIMIT)
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

    fn layer(weight: Vec<f32>, bias: Vec<f32>) -> FloatDense {
        FloatDense {
            rows: bias.len(),
            cols: weight.len() / bias.len(),
            weight,
            bias,
        }
    }

    #[test]
    fn channels_have_their_own_unit() {
        let got = quantise(&layer(vec![1.0, -0.5, 0.01, 0.02], vec![0.25, 0.0]), 10, 10);
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
        let got = quantise(
            &layer(vec![0.0, 0.0, 1e-40, 0.0, 0.0, 0.0], vec![-0.75, 0.5, 0.0]),
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
                    let got = quantise(&layer(vec![w, -w], vec![w]), input, output);
                    assert!(got.weights.multiplier.iter().all(|m| *m < 1 << 24));
                    assert!(got.output_scale <= output && got.shift >= 16);
                }
            }
        }
    }
}
