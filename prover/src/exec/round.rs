//! The rounding division that every rescaling op ends with, and the range of its result.

use laminate_model::program::ACTIVATION_BOUND;

use super::Failure;

/// `y = floor((v + 2^(s-1)) / 2^s)` and the remainder `r = v + 2^(s-1) - y·2^s` in `[0, 2^s)`: to the
/// nearest integer, halves upwards, also below zero. `1 <= s <= 32`.
///
/// `|v|` stays below 2^80 for every accepted program (`docs/specs/numerics.md`), so i128 cannot
/// overflow.
pub fn round(v: i128, shift: u8) -> (i128, u32) {
    debug_assert!(
        (1..=32).contains(&shift) && v.unsigned_abs() < 1 << 80,
        "v = {v}, s = {shift}"
    );
    let sum = v + (1i128 << (shift - 1));
    // An arithmetic shift is the floor, and the low bits of two's complement are the remainder.
    (sum >> shift, (sum & ((1i128 << shift) - 1)) as u32)
}

/// The remainder of zero.
pub fn half(shift: u8) -> u32 {
    1 << (shift - 1)
}

/// An output of `2·bound` values around zero, at a row and a feature.
///
/// # Errors
/// The value, if it is out of range.
pub fn within(value: i128, bound: i64, (row, feature): (usize, usize)) -> Result<i32, Failure> {
    if (-i128::from(bound)..i128::from(bound)).contains(&value) {
        return Ok(value as i32);
    }
    Err(Failure {
        what: "output",
        row,
        feature,
        value,
        lowest: -bound,
        highest: bound - 1,
    })
}

/// An int16 output.
///
/// # Errors
/// The value, if it is out of range.
pub fn int16(value: i128, at: (usize, usize)) -> Result<i32, Failure> {
    within(value, ACTIVATION_BOUND, at)
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
            assert_eq!(round(v, 8), (y, r), "{v}");
        }
    }

    #[test]
    fn range_is_checked_after_rounding() {
        let rounded = |v: i128, shift: u8| {
            let (y, rest) = round(v, shift);
            int16(y, (1, 2))
                .map(|y| (y, rest))
                .map_err(|failure| failure.value)
        };
        assert_eq!(rounded((32_767 << 8) + 127, 8), Ok((32_767, 255)));
        assert_eq!(rounded((32_767 << 8) + 128, 8), Err(32_768));
        assert_eq!(rounded((-32_768 << 8) - 128, 8), Ok((-32_768, 0)));
        assert_eq!(rounded((-32_768 << 8) - 129, 8), Err(-32_769));
        assert_eq!(rounded(-(1 << 74), 16), Err(-(1 << 58)));
        let failure = int16(40_000, (1, 2)).unwrap_err();
        assert_eq!((failure.row, failure.feature), (1, 2));
        assert_eq!((failure.lowest, failure.highest), (-32_768, 32_767));
    }

    proptest! {
        #[test]
        fn identity_holds(v in -(1i128 << 60)..1i128 << 60, shift in prop::sample::select(vec![8u8, 16, 24, 32])) {
            let (y, r) = round(v, shift);
            prop_assert!(u64::from(r) < 1u64 << shift);
            prop_assert_eq!((y << shift) + i128::from(r), v + (1i128 << (shift - 1)));
        }
    }
}
