//! What the quantiser does in one way for models over rows and in another for language models. Either way is a choice of
//! integers, none of meaning: `docs/specs/numerics.md` has one executor for both.

use std::ops::RangeInclusive;

use laminate_model::program::MULTIPLIER_BOUND;

use crate::row_length;

/// How models of a kind are quantised.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether weights are turned, split and balanced ([`crate::passes`]), and rounded so that their errors make up
    /// for each other.
    pub passes: bool,
    /// Whether the unit of a row of weights is its multiplier times a power of two exactly, so that rounding weights is
    /// the only error; else the multiplier is rounded, too.
    pub exact_units: bool,
    /// Shifts that the factor of a product may have, the smallest first.
    pub product_shifts: &'static [u8],
    /// How the shift of a layer is chosen.
    pub layer_shifts: LayerShifts,
    /// Whether SiLU is a table of all int16 at the operand's scale, which its result keeps; else it is one of the
    /// functions with a table of 2^12 entries.
    pub wide_silu: bool,
    /// Whether products get the headroom of both factors.
    pub product_headroom: bool,
    /// Scales of calibrated tensors; smaller ranges than the largest scale's just use fewer bits.
    pub scales: RangeInclusive<i32>,
    /// Whether a layer without biases has a column of zeros for them.
    pub zero_biases: bool,
    /// Bits of the limbs of remainders.
    pub limb_bits: u8,
    /// Whether the program is run on the calibration samples, which may not leave the range: if one does, scales are
    /// made coarser.
    pub checked: bool,
    /// log2 of the rows of commitments to polynomials of so many entries, as log2.
    pub row_log: fn(usize) -> u8,
}

/// How the shift of a layer is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerShifts {
    /// The largest of 32, 24 and 16 at which all multipliers fit.
    Largest,
    /// 16, or 32 if more than one row in 20 has a multiplier below this at 16, and all fit at 32.
    Fine(u32),
}

/// Few weights, large batches, graphs of any form.
pub const ROWS: Rules = Rules {
    passes: false,
    exact_units: false,
    product_shifts: &[8, 16, 24, 32],
    layer_shifts: LayerShifts::Largest,
    wide_silu: false,
    product_headroom: false,
    scales: -40..=40,
    zero_biases: true,
    limb_bits: 8,
    checked: true,
    row_log: row_length::network,
};

/// Many weights, a stream of int32, one scale a site for all blocks.
pub const TOKENS: Rules = Rules {
    passes: true,
    exact_units: true,
    product_shifts: &[16, 32],
    // A unit that is coarser than it need be by over 1/64.
    layer_shifts: LayerShifts::Fine(64),
    wide_silu: true,
    product_headroom: true,
    scales: -64..=20,
    zero_biases: false,
    limb_bits: 16,
    checked: false,
    row_log: row_length::language,
};

/// log2 of the largest power of two that a factor can be.
pub const TOP: i32 = MULTIPLIER_BOUND.ilog2() as i32 - 1;

impl Rules {
    /// A factor `2^exponent` over a shift: the smallest at which it is an integer. None if it is too small for all of
    /// them; [`Self::largest_product`] keeps it from being too large.
    pub fn product(&self, exponent: i32) -> Option<(u32, u8)> {
        let mut shifts = self.product_shifts.iter();
        let shift = *shifts.find(|shift| exponent + i32::from(**shift) >= 0)?;
        let log = u32::try_from(exponent + i32::from(shift)).ok()?;
        1u32.checked_shl(log).map(|factor| (factor, shift))
    }

    /// The largest scale up to `wanted` of the product of operands at scales `a` and `b`.
    pub fn largest_product(&self, a: i32, b: i32, wanted: i32) -> i32 {
        let least = self.product_shifts.first().copied().unwrap_or(0);
        wanted.min(a + b + TOP - i32::from(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_have_the_smallest_shift_that_is_exact() {
        let of = |rules: &Rules, a, b, wanted| {
            let scale = rules.largest_product(a, b, wanted);
            (rules.product(scale - a - b), scale)
        };
        assert_eq!(of(&ROWS, 14, 14, 13), (Some((2, 16)), 13));
        assert_eq!(of(&ROWS, 0, 0, 20), (Some((1 << 23, 8)), 15));
        assert_eq!(of(&ROWS, 40, 10, 10).0, None);
        assert_eq!(of(&TOKENS, 14, 14, 13), (Some((2, 16)), 13));
        assert_eq!(of(&TOKENS, 14, 14, 11), (Some((1 << 15, 32)), 11));
        assert_eq!(of(&TOKENS, 0, 0, 20), (Some((1 << 23, 16)), 7));
        assert_eq!(of(&TOKENS, 30, 30, 10).0, None);
    }
}
