//! One scale for every site, over all blocks.
//!
//! A scale is the largest at which the calibrated range times the headroom fits an int16, unless said
//! otherwise below. Rotation keeps the scale of its operand, SiLU has that of the gate (`|silu(g)| <=
//! |g|`), mixed values that of the values (a weighted mean of them).

use crate::llama::{BlockPart, LlamaConfig};
use crate::quant::QuantError;

use super::grid::{Units, fitting};
use super::ranges::Ranges;

/// Scale of the residual stream where nothing asks for a lower one.
const RESIDUAL: i32 = 16;
/// Largest scale of an int16 tensor; smaller ranges just use fewer bits.
const LARGEST: i32 = 20;
/// Smallest.
const SMALLEST: i32 = -64;
/// log2 of the largest power of two that a factor below 2^24 times 2^-16 can be.
const FACTOR: i32 = 23 - 16;

/// Scales by site: real value = integer · 2^-scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scales {
    /// Residual stream, int32.
    pub residual: i32,
    /// Norm before attention.
    pub attention_norm: i32,
    /// Queries.
    pub q: i32,
    /// Keys.
    pub k: i32,
    /// Values, mixed or not.
    pub v: i32,
    /// Scores.
    pub scores: i32,
    /// Norm before the MLP.
    pub mlp_norm: i32,
    /// Gate and its SiLU.
    pub gate: i32,
    /// Up projection.
    pub up: i32,
    /// Product of the two.
    pub hidden: i32,
    /// Last norm.
    pub final_norm: i32,
    /// Logits.
    pub logits: i32,
}

impl Scales {
    /// Chooses all scales.
    ///
    /// # Errors
    /// [`QuantError::Range`] if a range is too large for any scale.
    pub fn choose(
        config: &LlamaConfig,
        ranges: &Ranges,
        units: &Units,
        headroom: f64,
    ) -> Result<Self, QuantError> {
        let int16 = |site: &str, range: f64| fit(site, range * headroom, 15);
        let norm = |site: &str, range: f64| -> Result<i32, QuantError> {
            Ok(norm_scale(config.dim, int16(site, range)?))
        };
        let attention_norm = norm("attention norm", ranges.attention_norm)?;
        let mlp_norm = norm("mlp norm", ranges.mlp_norm)?;
        let dense = |site: &str, range: f64, part: BlockPart, x: i32| -> Result<i32, QuantError> {
            Ok(fitting(units.of(part), x, int16(site, range)?))
        };
        let q = dense("q", ranges.q, BlockPart::Q, attention_norm)?;
        let k = dense("k", ranges.k, BlockPart::K, attention_norm)?;
        let v = dense("v", ranges.v.max(ranges.mix), BlockPart::V, attention_norm)?;
        let gate = dense(
            "gate",
            ranges.gate.max(ranges.silu),
            BlockPart::Gate,
            mlp_norm,
        )?;
        let up = dense("up", ranges.up, BlockPart::Up, mlp_norm)?;
        let scores = int16("scores", ranges.scores)?.min(q + k + FACTOR);
        // A product of two activations exceeds what was seen by the square.
        let hidden = int16("hidden", ranges.hidden * headroom)?.min(gate + up + FACTOR);
        let mut residual = fit("residual stream", ranges.residual * headroom, 31)?.min(RESIDUAL);
        residual = fitting(units.of(BlockPart::O), v, residual);
        residual = fitting(units.of(BlockPart::Down), hidden, residual);
        // The embedding's factor is 2^residual, as if its input had scale 16.
        residual = fitting(&units.embedding, RESIDUAL, residual);
        let mut final_norm = norm("final norm", ranges.final_norm)?;
        let mut logits = int16("logits", ranges.logits)?;
        match &units.head {
            Some(head) => logits = fitting(head, final_norm, logits),
            // One multiplier serves both: 2^residual = 2^(logits - final_norm + 16).
            None => {
                logits = logits.min(final_norm + residual - RESIDUAL);
                final_norm = logits - residual + RESIDUAL;
            }
        }
        Ok(Self {
            residual,
            attention_norm,
            q,
            k,
            v,
            scores,
            mlp_norm,
            gate,
            up,
            hidden,
            final_norm,
            logits,
        })
    }
}

impl Scales {
    /// Scales of what a block's matrix reads and of what it gives.
    pub fn around(&self, part: BlockPart) -> (i32, i32) {
        match part {
            BlockPart::Q => (self.attention_norm, self.q),
            BlockPart::K => (self.attention_norm, self.k),
            BlockPart::V => (self.attention_norm, self.v),
            BlockPart::O => (self.v, self.residual),
            BlockPart::Gate => (self.mlp_norm, self.gate),
            BlockPart::Up => (self.mlp_norm, self.up),
            BlockPart::Down => (self.hidden, self.residual),
            BlockPart::AttentionNorm => (self.residual, self.attention_norm),
            BlockPart::MlpNorm => (self.residual, self.mlp_norm),
        }
    }
}

/// The largest scale at which `range` is below `2^bits` integers.
fn fit(site: &str, range: f64, bits: i32) -> Result<i32, QuantError> {
    let limit = libm::exp2(f64::from(bits)) - 1.0;
    let scale = if range > 0.0 {
        libm::floor(libm::log2(limit / range)).min(f64::from(LARGEST)) as i32
    } else {
        LARGEST
    };
    if scale < SMALLEST || !range.is_finite() {
        return Err(QuantError::Range {
            tensor: site.into(),
            range,
            limit: bits - SMALLEST,
        });
    }
    Ok(scale)
}

/// A normalised value is at most `sqrt(dim)`: a scale at which that fits is safe whatever was
/// calibrated. The norm's numerator `sqrt(dim)·2^(32 + scale)` is below 2^48.
fn norm_scale(dim: usize, calibrated: i32) -> i32 {
    let largest = (dim as f64).sqrt();
    let safe = libm::floor(libm::log2(32_767.0 / largest)) as i32;
    let limit = libm::ceil(16.0 - libm::log2(largest)) as i32 - 1;
    calibrated.max(safe).min(limit)
}

/// `K = round(sqrt(dim)·2^(32 + scale))`.
pub fn numerator(dim: usize, scale: i32) -> u64 {
    libm::round((dim as f64).sqrt() * libm::exp2(f64::from(32 + scale))) as u64
}

/// `max(1, round(dim·eps·2^(2·scale)))`.
pub fn epsilon(dim: usize, eps: f32, scale: i32) -> u64 {
    let exact = dim as f64 * f64::from(eps) * libm::exp2(f64::from(2 * scale));
    libm::round(exact).max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_safe_and_their_numerators_fit() {
        for dim in [1, 2, 24, 64, 288, 576, 2048, 4096, 1 << 16] {
            for calibrated in -40..=20 {
                let scale = norm_scale(dim, calibrated);
                assert!(numerator(dim, scale) < 1 << 48, "{dim} {calibrated}");
                assert!(scale >= calibrated.min(norm_scale(dim, -40)));
            }
            let safe = norm_scale(dim, -40);
            assert!((dim as f64).sqrt() * libm::exp2(safe.into()) <= 32_767.0);
        }
    }

    #[test]
    fn ranges_fit_their_scale() {
        assert_eq!(fit("x", 1.0, 15).unwrap(), 14);
        assert_eq!(fit("x", 0.9, 15).unwrap(), 15);
        assert_eq!(fit("x", 0.0, 15).unwrap(), LARGEST);
        assert_eq!(fit("x", 20_000.0, 31).unwrap(), 16);
        assert!(fit("x", f64::INFINITY, 15).is_err() && fit("x", 1e30, 15).is_err());
    }
}
