//! Ranges of integers.

use std::fmt;

use crate::program::{ACTIVATION_BOUND, Tensor};

/// The largest absolute value of an int16 tensor.
pub(super) const WORD: u128 = ACTIVATION_BOUND.unsigned_abs() as u128;

/// The largest absolute value of a tensor.
pub(super) fn values(tensor: &Tensor) -> u128 {
    1 << (tensor.bits.clamp(1, 64) - 1)
}

/// What is added before a shift, so that it rounds.
pub(super) const fn half(shift: u8) -> u128 {
    1 << (shift - 1)
}

/// Integers from `least` to below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: i128,
    /// One more than the greatest.
    pub end: i128,
}

impl Bounds {
    /// A value of an int16 tensor in either of its stored forms: no sum of products of such values reaches the
    /// field's size (`docs/specs/numerics.md`, section 5).
    pub const WORD: Self = Self {
        least: -(1 << 15),
        end: 1 << 16,
    };

    /// Integers of so many bits around zero.
    pub const fn signed(bits: u32) -> Self {
        Self {
            least: -(1 << (bits - 1)),
            end: 1 << (bits - 1),
        }
    }

    /// Integers of so many bits from zero on.
    pub const fn unsigned(bits: u32) -> Self {
        Self {
            least: 0,
            end: 1 << bits,
        }
    }

    /// Whether all of `other` is inside.
    pub fn contain(self, other: Self) -> bool {
        self.least <= other.least && other.end <= self.end
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            least: self.least.max(other.least),
            end: self.end.min(other.end),
        }
    }

    /// All of them and `by` more.
    #[must_use]
    pub fn shifted(self, by: i128) -> Self {
        Self {
            least: self.least + by,
            end: self.end + by,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = |v: i128| match v {
            0 => "0".to_owned(),
            v if v < 0 => format!("-2^{}", v.unsigned_abs().trailing_zeros()),
            v => format!("2^{}", v.trailing_zeros()),
        };
        write!(f, "[{}, {})", power(self.least), power(self.end))
    }
}
