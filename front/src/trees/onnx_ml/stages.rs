//! Elementwise steps before the trees, folded into the splits.
//!
//! An imputer decides where a missing value goes; a scaler is monotone in float32, rounding and all, so that a threshold
//! behind it is a threshold before it: the greatest float32 that still passes is found by bisection over the ordered
//! keys, on the very float32 operations of the step. Nothing is approximated.

use super::attributes::Attributes;
use super::malformed;
use crate::trees::keys::{self, MAX_KEY, MIN_KEY};
use crate::trees::{Split, Test, TreeError};

/// One step.
pub(super) enum Stage {
    /// NaN becomes the feature's value.
    Impute(Vec<f32>),
    /// `(x - offset) * scale`.
    Scale { offset: Vec<f32>, scale: Vec<f32> },
}

impl Stage {
    pub(super) fn imputer(a: &Attributes<'_>) -> Result<Self, TreeError> {
        let replaced = a.float("replaced_value_float")?.unwrap_or(0.0);
        if !replaced.is_nan() {
            return Err(super::unsupported(format!(
                "Imputer that replaces {replaced} instead of NaN"
            )));
        }
        Self::finite(a, "imputed_value_floats").map(Self::Impute)
    }

    pub(super) fn scaler(a: &Attributes<'_>) -> Result<Self, TreeError> {
        Ok(Self::Scale {
            offset: Self::finite(a, "offset")?,
            scale: Self::finite(a, "scale")?,
        })
    }

    fn finite(a: &Attributes<'_>, name: &str) -> Result<Vec<f32>, TreeError> {
        let values = a.floats(name)?;
        if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
            return Err(malformed(
                a.place(),
                format!("{name} is empty or not finite"),
            ));
        }
        Ok(values.to_vec())
    }

    fn apply(&self, feature: usize, x: f32) -> f32 {
        let of = |values: &[f32]| match values {
            // One value stands for all features.
            [one] => *one,
            values => values.get(feature).copied().unwrap_or(0.0),
        };
        match self {
            Self::Impute(values) if x.is_nan() => of(values),
            Self::Impute(_) => x,
            Self::Scale { offset, scale } => (x - of(offset)) * of(scale),
        }
    }

    /// Number of features that the step is made for; none where one value stands for all.
    fn features(&self) -> Option<usize> {
        match self {
            Self::Impute(values) => Some(values.len()),
            Self::Scale { offset, scale } => Some(offset.len().max(scale.len())),
        }
        .filter(|&n| n > 1)
    }
}

/// All steps before the trees.
pub(super) struct Stages(pub(super) Vec<Stage>);

impl Stages {
    /// Features that the steps expect.
    ///
    /// # Errors
    /// [`TreeError::Malformed`] where they differ.
    pub(super) fn features(&self) -> Result<Option<usize>, TreeError> {
        let mut known = None;
        for found in self.0.iter().filter_map(Stage::features) {
            if known.is_some_and(|k| k != found) {
                return Err(malformed(
                    "graph",
                    "steps for different numbers of features",
                ));
            }
            known = Some(found);
        }
        Ok(known)
    }

    fn apply(&self, feature: usize, x: f32) -> f32 {
        self.0.iter().fold(x, |x, stage| stage.apply(feature, x))
    }

    /// The split on the raw feature that decides as `split` does behind the steps.
    pub(super) fn fold(&self, split: &mut Split) -> Result<(), TreeError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let feature = split.feature as usize;
        let passes = |y: f32| match split.test {
            Test::Less(t) => f64::from(y) < t,
            Test::AtMost(t) => f64::from(y) <= t,
            Test::Within(_) => false,
        };
        if matches!(split.test, Test::Within(_)) {
            return Err(super::unsupported(
                "an equality split behind a Scaler or Imputer",
            ));
        }
        let imputed = self.apply(feature, f32::NAN);
        let missing_yes = if imputed.is_nan() {
            split.missing_yes
        } else {
            passes(imputed)
        };
        let value = |key: i32| keys::number(key).map_or(f32::NAN, |x| self.apply(feature, x));
        // An infinity less an infinite offset would be NaN; offsets are finite, but a scale of zero makes one.
        let (low, high) = (value(MIN_KEY), value(MAX_KEY));
        if low.is_nan() || high.is_nan() {
            return Err(super::unsupported("a Scaler with a scale of zero"));
        }
        let rising = low <= high;
        // The side of the low keys: whether it passes, and the first key of the other side.
        let (mut from, mut to) = (i64::from(MIN_KEY), i64::from(MAX_KEY) + 1);
        while from < to {
            let middle = (from + to).div_euclid(2);
            if passes(value(middle as i32)) == rising {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        let turn = from as i32;
        // Below `turn` the test holds (or does not, where the scale is negative).
        split.test = match keys::number(turn) {
            Some(first) if turn <= MAX_KEY => Test::Less(f64::from(first)),
            _ => Test::AtMost(f64::INFINITY),
        };
        split.missing_yes = missing_yes;
        if !rising {
            std::mem::swap(&mut split.yes, &mut split.no);
            split.missing_yes = !missing_yes;
        }
        Ok(())
    }
}
