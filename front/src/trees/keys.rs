//! Ordered integer keys of float32 numbers.
//!
//! `key` keeps the order: `x < t` iff `key(x) < key(t)`, and -0 equals 0. Not a number is the reserved top key
//! [`MISSING`]; [`LOWEST`] is below every number.

/// Key of a missing value (NaN): above every number.
pub const MISSING: i32 = i32::MAX;
/// Below every number: the value of the variant that leaves read, and of missing values sent to the left.
pub const LOWEST: i32 = i32::MIN;
/// Key of minus infinity, the lowest key of a number.
pub const MIN_KEY: i32 = -INFINITY;
/// Key of infinity, the highest key of a number.
pub const MAX_KEY: i32 = INFINITY;

const INFINITY: i32 = 0x7f80_0000;

/// The key of a float32 number: its bits where it is not negative, the negated bits of its magnitude where it is.
#[must_use]
pub fn key(x: f32) -> i32 {
    let magnitude = (x.to_bits() & 0x7fff_ffff) as i32;
    match (x.is_nan(), x.is_sign_negative()) {
        (true, _) => MISSING,
        (false, true) => -magnitude,
        (false, false) => magnitude,
    }
}

/// The number of a key; NaN for [`MISSING`], none for a key that no number has.
#[must_use]
pub fn number(key: i32) -> Option<f32> {
    match key {
        MISSING => Some(f32::NAN),
        MIN_KEY..0 => Some(-f32::from_bits(key.unsigned_abs())),
        0..=MAX_KEY => Some(f32::from_bits(key.unsigned_abs())),
        _ => None,
    }
}

/// The lowest key `k` with `key(x) >= k` iff `x >= t`, for float32 numbers `x`. In `MIN_KEY..=MAX_KEY`: minus infinity
/// is at least any `t` that is minus infinity alone.
#[must_use]
pub fn at_least(t: f64) -> i32 {
    let near = t as f32;
    // The nearest float32 may be below `t`; the next key is then the least number above it.
    key(near) + i32::from(f64::from(near) < t)
}

/// The lowest key `k` with `key(x) >= k` iff `x > t`; one above [`MAX_KEY`] where no number is greater.
#[must_use]
pub fn above(t: f64) -> i32 {
    let near = t as f32;
    key(near) + i32::from(f64::from(near) <= t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<f32> {
        let mut all: Vec<f32> = (0..=255u32)
            .flat_map(|e| [0u32, 1, 0x40_0000, 0x7f_ffff].map(|m| f32::from_bits(e << 23 | m)))
            .filter(|x| !x.is_nan())
            .collect();
        all.extend(all.clone().iter().map(|x| -x));
        all
    }

    #[test]
    fn keys_keep_the_order() {
        let all = samples();
        for &x in &all {
            for &y in &all {
                assert_eq!(x < y, key(x) < key(y), "{x} {y}");
                assert_eq!(x == y, key(x) == key(y), "{x} {y}");
            }
            assert!((MIN_KEY..=MAX_KEY).contains(&key(x)));
            assert_eq!(number(key(x)), Some(x));
        }
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!((key(f32::NAN), key(-f32::NAN)), (MISSING, MISSING));
        assert!(number(MISSING).is_some_and(f32::is_nan));
        assert_eq!((number(LOWEST), number(MAX_KEY + 1)), (None, None));
    }

    #[test]
    fn double_thresholds_compare_as_they_are() {
        let all = samples();
        let mut thresholds: Vec<f64> = all.iter().map(|&x| f64::from(x)).collect();
        thresholds.extend(
            thresholds
                .clone()
                .iter()
                .flat_map(|t| [t.next_up(), t.next_down()]),
        );
        thresholds.extend([1e300, -1e300, 1e-320, -1e-320, 1e-35, f64::MAX]);
        for t in thresholds.into_iter().filter(|t| !t.is_nan()) {
            for &x in &all {
                assert_eq!(f64::from(x) >= t, key(x) >= at_least(t), "{x} >= {t}");
                assert_eq!(f64::from(x) > t, key(x) >= above(t), "{x} > {t}");
            }
        }
    }
}
