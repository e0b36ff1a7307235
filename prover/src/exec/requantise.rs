//! The rounding division that every rescaling op ends with.

use laminate_model::program::ACTIVATION_BOUND;

/// `y = floor((v + 2^(s-1)) / 2^s)` and the remainder `r = v + 2^(s-1) - y·2^s` in `[0, 2^s)`: to the
/// nearest integer, halves upwards, also below zero. `1 <= s <= 32`.
///
/// `|v|` stays below 2^75 for every accepted program (`docs/specs/numerics.md`), so i128 cannot
/// overflow.
///
/// # Errors
/// `y`, if it is outside the range of an activation.
pub fn requantise(v: i128, shift: u8) -> Result<(i32, u32), i128> {
    debug_assert!(
        (1..=32).contains(&shift) && v.unsigned_abs() < 1 << 75,
        "v = {v}, s = {shift}"
    );
    let sum = v + (1i128 << (shift - 1));
    // An arithmetic shift is the floor, and the low bits of two's complement are the remainder.
    let y = sum >> shift;
    let remainder = (sum & ((1i128 << shift) - 1)) as u32;
    narrow(y).map(|y| (y, remainder))
}

/// An activation as i32.
///
/// # Errors
/// The value, if it is out of range.
fn narrow(y: i128) -> Result<i32, i128> {
    let bound = i128::from(ACTIVATION_BOUND);
    if (-bound..bound).contains(&y) {
        Ok(y as i32)
    } else {
        Err(y)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rounds_halves_upwards() {
        // 2^8 is one unit: (value, rounded, remainder).
        let cases = [
            (0, 0, 128),
            (127, 0, 255),
            (128, 1, 0),
            (-127, 0, 1),
            (-128, 0, 0),
            (-129, -1, 255),
            (-384, -1, 0),
            (-385, -2, 255),
            (256, 1, 128),
            (-256, -1, 128),
        ];
        for (v, y, r) in cases {
            assert_eq!(requantise(v, 8), Ok((y, r)), "{v}");
        }
    }

    #[test]
    fn range_is_checked_after_rounding() {
        assert_eq!(requantise((32_767 << 8) + 127, 8), Ok((32_767, 255)));
        assert_eq!(requantise((32_767 << 8) + 128, 8), Err(32_768));
        assert_eq!(requantise((-32_768 << 8) - 128, 8), Ok((-32_768, 0)));
        assert_eq!(requantise((-32_768 << 8) - 129, 8), Err(-32_769));
        assert_eq!(requantise(-(1 << 74), 16), Err(-(1 << 58)));
    }

    proptest! {
        #[test]
        fn identity_holds(v in -(1i128 << 60)..1i128 << 60, shift in prop::sample::select(vec![8u8, 16, 24, 32])) {
            match requantise(v, shift) {
                Ok((y, r)) => {
                    prop_assert!(u64::from(r) < 1u64 << shift);
                    prop_assert_eq!((i128::from(y) << shift) + i128::from(r), v + (1i128 << (shift - 1)));
                }
                Err(y) => prop_assert!(!(-32_768..32_768).contains(&y)),
            }
        }
    }
}
