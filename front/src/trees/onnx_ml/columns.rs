//! Columns before the trees: each is a raw feature and the steps on it, which are folded into the splits.
//!
//! An imputer decides where a missing value goes; a scaler is monotone in float32, rounding and all, so that a threshold
//! behind it is a threshold before it: the greatest float32 that still passes is found by bisection over the ordered
//! keys, on the very float32 operations of the step. An encoder gives every category a value, and the others one more: a
//! threshold behind it is a set of categories before it. Nothing is approximated.

use std::sync::Arc;

use super::attributes::Attributes;
use super::{malformed, unsupported};
use crate::trees::ensemble::MAX_CODE;
use crate::trees::keys::{self, MAX_KEY, MIN_KEY};
use crate::trees::{Set, Split, Test, TreeError};

/// Most steps of a column.
const MAX_STEPS: usize = 16;

/// One step on a column.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// NaN becomes this value.
    Impute(f32),
    /// `(x - offset)·scale`.
    Scale {
        /// Subtracted.
        offset: f32,
        /// Factor.
        scale: f32,
    },
    /// The fraction is cut off.
    Cut,
    /// A category becomes its value.
    Encode(Arc<Encoder>),
}

/// What categories become.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    keys: Keys,
    /// One of each key.
    values: Vec<f32>,
    /// What other values become.
    default: f32,
    /// What a missing value becomes.
    missing: f32,
}

/// Categories, distinct.
#[derive(Clone, Debug)]
enum Keys {
    /// Integers, which values are cut to.
    Codes(Vec<u32>),
    /// Exact values.
    Values(Vec<f32>),
}

impl Encoder {
    /// The value of an `x` that is no NaN.
    fn value(&self, x: f32) -> f32 {
        let at = match &self.keys {
            Keys::Values(keys) => keys.iter().position(|key| *key == x),
            Keys::Codes(codes) => {
                let inside = x > -1.0 && x < (MAX_CODE + 1) as f32;
                let code = inside.then_some(x as u32);
                code.and_then(|x| codes.iter().position(|code| *code == x))
            }
        };
        at.and_then(|at| self.values.get(at).copied())
            .unwrap_or(self.default)
    }

    /// The keys of which `of` holds, by their number.
    fn set(&self, of: impl Fn(usize) -> bool) -> Set {
        match &self.keys {
            Keys::Codes(codes) => {
                let chosen = codes.iter().enumerate().filter(|(at, _)| of(*at));
                let mut codes: Vec<u32> = chosen.map(|(_, code)| *code).collect();
                codes.sort_unstable();
                Set::Codes {
                    codes,
                    negative_fraction: true,
                }
            }
            Keys::Values(values) => {
                let chosen = values.iter().enumerate();
                let chosen = chosen.filter(|(at, value)| !value.is_nan() && of(*at));
                let mut values: Vec<f32> = chosen.map(|(_, value)| *value).collect();
                values.sort_by(f32::total_cmp);
                Set::Values(values)
            }
        }
    }
}

/// A column of the rows that trees read.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The raw feature.
    pub(super) feature: u32,
    steps: Vec<Step>,
}

impl Column {
    /// The raw feature as it is.
    pub(super) fn raw(feature: u32) -> Self {
        Self {
            feature,
            steps: vec![],
        }
    }

    /// The column behind one more step.
    pub(super) fn with(&self, step: Step) -> Result<Self, TreeError> {
        TreeError::bound(
            "number of steps before the trees",
            self.steps.len() + 1,
            MAX_STEPS,
        )?;
        let mut out = self.clone();
        out.steps.push(step);
        Ok(out)
    }

    /// Categories that a fold looks at.
    pub(super) fn categories(&self) -> usize {
        let of = |step: &Step| match step {
            Step::Encode(encoder) => encoder.values.len(),
            _ => 0,
        };
        self.steps.iter().map(of).sum()
    }

    /// Turns a split on the column into one on its raw feature that decides alike.
    pub(super) fn fold(&self, split: &mut Split, sets: &mut Vec<Set>) -> Result<(), TreeError> {
        split.feature = self.feature;
        let encoders = self.steps.iter().enumerate();
        let mut encoders = encoders.filter_map(|(at, step)| match step {
            Step::Encode(encoder) => Some((at, encoder)),
            _ => None,
        });
        match (encoders.next(), encoders.next()) {
            (None, _) if self.steps.is_empty() => Ok(()),
            (None, _) => self.monotone(split),
            (Some((at, encoder)), None) => self.encoded(split, sets, at, encoder),
            _ => Err(unsupported("an encoder behind another one")),
        }
    }

    /// A split behind steps that rise or fall.
    fn monotone(&self, split: &mut Split) -> Result<(), TreeError> {
        if self.steps.iter().any(|step| matches!(step, Step::Cut)) {
            return Err(unsupported("a Cast to integers without an encoder"));
        }
        let passes = |y: f32| match split.test {
            Test::Less(t) => f64::from(y) < t,
            Test::AtMost(t) => f64::from(y) <= t,
            Test::Within(_) => false,
        };
        if matches!(split.test, Test::Within(_)) {
            return Err(unsupported("an equality split behind a Scaler or Imputer"));
        }
        let imputed = apply(&self.steps, f32::NAN);
        let missing_yes = if imputed.is_nan() {
            split.missing_yes
        } else {
            passes(imputed)
        };
        let value = |key: i32| keys::number(key).map_or(f32::NAN, |x| apply(&self.steps, x));
        // An infinity less an infinite offset would be NaN; offsets are finite, but a scale of zero makes one.
        let (low, high) = (value(MIN_KEY), value(MAX_KEY));
        if low.is_nan() || high.is_nan() {
            return Err(unsupported("a Scaler with a scale of zero"));
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

    /// A split behind an encoder: a set of categories.
    fn encoded(
        &self,
        split: &mut Split,
        sets: &mut Vec<Set>,
        at: usize,
        encoder: &Encoder,
    ) -> Result<(), TreeError> {
        let (before, after) = (&self.steps[..at], &self.steps[at + 1..]);
        let cut = |step: &Step| matches!(step, Step::Cut);
        let plain = |step: &Step| cut(step) || matches!(step, Step::Impute(_));
        let codes = matches!(encoder.keys, Keys::Codes(_));
        if !before.iter().all(plain) || (before.iter().any(cut) && !codes) || after.iter().any(cut)
        {
            return Err(unsupported("an encoder behind a Scaler or between casts"));
        }
        let passes = |encoded: f32| {
            let y = apply(after, encoded);
            match split.test {
                _ if y.is_nan() => split.missing_yes,
                Test::Less(t) => f64::from(y) < t,
                Test::AtMost(t) => f64::from(y) <= t,
                Test::Within(set) => sets.get(set as usize).is_some_and(|set| set.contains(y)),
            }
        };
        let imputed = before.iter().find_map(|step| match step {
            Step::Impute(value) => Some(*value),
            _ => None,
        });
        let missing = passes(imputed.map_or(encoder.missing, |x| encoder.value(x)));
        let others = passes(encoder.default);
        let set = encoder.set(|key| {
            let value = encoder.values.get(key).copied();
            passes(value.unwrap_or(encoder.default)) != others
        });
        split.test = Test::Within(sets.len() as u32);
        split.missing_yes = missing;
        sets.push(set);
        if others {
            std::mem::swap(&mut split.yes, &mut split.no);
            split.missing_yes = !missing;
        }
        Ok(())
    }
}

impl Step {
    /// What the step makes of a value.
    pub(super) fn apply(&self, x: f32) -> f32 {
        match self {
            Self::Impute(value) if x.is_nan() => *value,
            Self::Impute(_) => x,
            Self::Scale { offset, scale } => (x - offset) * scale,
            Self::Cut => x.trunc(),
            Self::Encode(encoder) if x.is_nan() => encoder.missing,
            Self::Encode(encoder) => encoder.value(x),
        }
    }
}

fn apply(steps: &[Step], x: f32) -> f32 {
    steps.iter().fold(x, |x, step| step.apply(x))
}

/// The steps of an imputer or a scaler, one for each of `count` columns.
pub(super) fn steps(op: &str, a: &Attributes<'_>, count: usize) -> Result<Vec<Step>, TreeError> {
    let of = |values: &[f32], column: usize| match values {
        // One value stands for all features.
        [one] => Ok(*one),
        values if values.len() == count => Ok(values[column]),
        values => Err(malformed(
            a.place(),
            format!("{} values for {count} columns", values.len()),
        )),
    };
    if op == "Imputer" {
        let replaced = a.float("replaced_value_float")?.unwrap_or(0.0);
        if !replaced.is_nan() {
            return Err(unsupported(format!(
                "Imputer that replaces {replaced} instead of NaN"
            )));
        }
        let values = finite(a, "imputed_value_floats")?;
        return (0..count)
            .map(|column| of(values, column).map(Step::Impute))
            .collect();
    }
    let (offset, scale) = (finite(a, "offset")?, finite(a, "scale")?);
    (0..count)
        .map(|column| {
            Ok(Step::Scale {
                offset: of(offset, column)?,
                scale: of(scale, column)?,
            })
        })
        .collect()
}

/// Columns that an imputer or a scaler is made for; none where one value stands for all.
pub(super) fn width(op: &str, a: &Attributes<'_>) -> Result<Option<usize>, TreeError> {
    let names: &[&str] = match op {
        "Imputer" => &["imputed_value_floats"],
        "Scaler" => &["offset", "scale"],
        _ => &[],
    };
    let mut most = 0;
    for name in names {
        most = most.max(a.floats(name)?.len());
    }
    Ok((most > 1).then_some(most))
}

fn finite<'a>(a: &Attributes<'a>, name: &str) -> Result<&'a [f32], TreeError> {
    let values = a.floats(name)?;
    if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
        return Err(malformed(
            a.place(),
            format!("{name} is empty or not finite"),
        ));
    }
    Ok(values)
}

/// The encoders of `OneHotEncoder`, one for each column that it makes of one.
pub(super) fn one_hot(a: &Attributes<'_>) -> Result<Vec<Step>, TreeError> {
    let categories = codes(a, "cats_int64s")?;
    let step = |code: u32| {
        Step::Encode(Arc::new(Encoder {
            keys: Keys::Codes(vec![code]),
            values: vec![1.0],
            default: 0.0,
            missing: 0.0,
        }))
    };
    Ok(categories.into_iter().map(step).collect())
}

/// The encoder of `LabelEncoder`.
pub(super) fn labels(a: &Attributes<'_>) -> Result<Step, TreeError> {
    let (floats, integers) = (a.floats("values_floats")?, a.ints("values_int64s")?);
    let (values, default): (Vec<f32>, f32) = match (floats.is_empty(), integers.is_empty()) {
        (false, true) => (floats.to_vec(), a.float("default_float")?.unwrap_or(-0.0)),
        (true, false) => (
            integers.iter().map(|v| *v as f32).collect(),
            a.int("default_int64")?.unwrap_or(-1) as f32,
        ),
        _ => return Err(unsupported("LabelEncoder to other values than numbers")),
    };
    let keys = a.floats("keys_floats")?;
    let missing = keys.iter().position(|key| key.is_nan());
    let missing = missing.and_then(|at| values.get(at).copied());
    let (keys, count) = match keys.is_empty() {
        // Keys that are no number stay in their place and match nothing.
        false => (Keys::Values(keys.to_vec()), keys.len()),
        true => {
            let codes = codes(a, "keys_int64s")?;
            let count = codes.len();
            (Keys::Codes(codes), count)
        }
    };
    if count != values.len() {
        return Err(malformed(
            a.place(),
            format!("{count} keys and {} values", values.len()),
        ));
    }
    if let Keys::Values(keys) = &keys {
        let mut sorted: Vec<f32> = keys.iter().map(|key| key + 0.0).collect();
        sorted.sort_by(f32::total_cmp);
        distinct(a, sorted.windows(2).any(|p| p[0] == p[1]))?;
    }
    Ok(Step::Encode(Arc::new(Encoder {
        keys,
        values,
        default,
        missing: missing.unwrap_or(default),
    })))
}

/// A list of categories that are integers.
fn codes(a: &Attributes<'_>, name: &str) -> Result<Vec<u32>, TreeError> {
    let list = a.ints(name)?;
    if list.is_empty() {
        return Err(unsupported(format!(
            "{} of categories that are no numbers",
            a.place()
        )));
    }
    let code = |code: &i64| {
        let small = u32::try_from(*code).ok().filter(|code| *code <= MAX_CODE);
        small.ok_or_else(|| unsupported(format!("{} of category {code}", a.place())))
    };
    let codes: Vec<u32> = list.iter().map(code).collect::<Result<_, _>>()?;
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    distinct(a, sorted.windows(2).any(|p| p[0] == p[1]))?;
    Ok(codes)
}

fn distinct(a: &Attributes<'_>, twice: bool) -> Result<(), TreeError> {
    match twice {
        true => Err(malformed(a.place(), "a category is there twice")),
        false => Ok(()),
    }
}
