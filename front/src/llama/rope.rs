//! Rotary position embedding: frequencies, Llama 3's long-context scaling, and the order of rows.

use std::f64::consts::TAU;

use super::config::wrong;
use super::error::LlmError;

/// Frequencies of the rotary embedding.
///
/// Inside Laminate a head of size h is rotated in *half-split* order, for i < h/2:
/// `y[i] = c_i x[i] - s_i x[i+h/2]`, `y[i+h/2] = s_i x[i] + c_i x[i+h/2]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f32,
    /// Scaling for long contexts, if any.
    pub scaling: Option<Llama3Scaling>,
}

/// Scaling of type `llama3`: frequencies whose wavelength exceeds the first context are divided by
/// `factor`, short wavelengths stay, those between are interpolated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Llama3Scaling {
    /// Divisor of the low frequencies.
    pub factor: f32,
    /// Wavelengths above `original_tokens / low_freq_factor` are divided.
    pub low_freq_factor: f32,
    /// Wavelengths below `original_tokens / high_freq_factor` stay.
    pub high_freq_factor: f32,
    /// Context length before the extension.
    pub original_tokens: f32,
}

impl Llama3Scaling {
    /// The divisor of a frequency.
    fn divisor(&self, frequency: f64) -> f64 {
        let [factor, low, high, original] = [
            self.factor,
            self.low_freq_factor,
            self.high_freq_factor,
            self.original_tokens,
        ]
        .map(f64::from);
        let wavelength = TAU / frequency;
        if wavelength < original / high {
            1.0
        } else if wavelength > original / low {
            factor
        } else {
            let smooth = (original / wavelength - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    }
}

impl Rope {
    /// Checks the constants.
    ///
    /// # Errors
    /// [`LlmError::Config`] naming the first one out of its bounds.
    pub fn check(&self) -> Result<(), LlmError> {
        if !(self.theta > 1.0 && self.theta <= 1e12) {
            return Err(wrong("rope theta", self.theta, "a number in (1, 1e12]"));
        }
        let Some(s) = self.scaling else {
            return Ok(());
        };
        let numbers = [
            ("rope scaling factor", s.factor),
            ("rope scaling low_freq_factor", s.low_freq_factor),
            ("rope scaling high_freq_factor", s.high_freq_factor),
            ("rope scaling original context", s.original_tokens),
        ];
        for (field, found) in numbers {
            if !(found > 0.0 && found <= 1e9) {
                return Err(wrong(field, found, "a number in (0, 1e9]"));
            }
        }
        if s.low_freq_factor >= s.high_freq_factor {
            return Err(wrong(
                "rope scaling low_freq_factor",
                s.low_freq_factor,
                format!("less than high_freq_factor, {}", s.high_freq_factor),
            ));
        }
        Ok(())
    }

    /// Angle per position of each pair, `head_dim / 2` values: `theta^(-2i / head_dim)`, scaled.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f64> {
        (0..head_dim / 2)
            .map(|i| {
                let frequency = libm::pow(f64::from(self.theta), -2.0 * i as f64 / head_dim as f64);
                frequency / self.scaling.map_or(1.0, |s| s.divisor(frequency))
            })
            .collect()
    }
}

/// Brings the rows of a query or key matrix from interleaved pairs (row 2i with row 2i+1 of a head) into
/// half-split order (row i with row i + head_dim/2).
pub(super) fn half_split(rows: &[f32], cols: usize, head_dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(cols * head_dim) {
        for parity in 0..2 {
            for row in head.chunks_exact(cols).skip(parity).step_by(2) {
                out.extend_from_slice(row);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_each_head_are_split() {
        // Two heads of four rows, two columns: row r holds [10r, 10r + 1].
        let rows: Vec<f32> = (0..8)
            .flat_map(|r| [10.0 * r as f32, 10.0 * r as f32 + 1.0])
            .collect();
        let split = half_split(&rows, 2, 4);
        let order: Vec<f32> = split.chunks(2).map(|row| row[0] / 10.0).collect();
        assert_eq!(order, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }

    #[test]
    fn llama3_scaling_leaves_high_and_divides_low_frequencies() {
        let rope = Rope {
            theta: 500_000.0,
            scaling: None,
        };
        let scaled = Rope {
            scaling: Some(Llama3Scaling {
                factor: 32.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_tokens: 8192.0,
            }),
            ..rope
        };
        scaled.check().unwrap();
        let ratios: Vec<f64> = std::iter::zip(rope.frequencies(64), scaled.frequencies(64))
            .map(|(a, b)| a / b)
            .collect();
        assert_eq!((ratios[0], ratios[31]), (1.0, 32.0));
        assert!(ratios.windows(2).all(|w| w[0] <= w[1]));
        // Between: wavelength of pair 16 is 2 pi sqrt(500000) = 4442.9.
        let smooth = (8192.0 / (TAU * 500_000f64.sqrt()) - 1.0) / 3.0;
        assert!((ratios[16] - 1.0 / ((1.0 - smooth) / 32.0 + smooth)).abs() < 1e-9);
    }
}
