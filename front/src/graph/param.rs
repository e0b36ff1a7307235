//! Parameters, read when they are used.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use thiserror::Error;

/// Where the values of a parameter come from. Its rows are what its first axis counts.
pub trait Source: fmt::Debug + Send + Sync {
    /// Values of some rows, row-major; `None` if there are no such rows.
    fn rows(&self, rows: Range<usize>) -> Option<Cow<'_, [f32]>>;
}

/// Values in memory.
#[derive(Clone, Debug)]
pub struct Owned {
    /// Values, row-major.
    pub values: Vec<f32>,
    /// Values of a row.
    pub width: usize,
}

impl Source for Owned {
    fn rows(&self, rows: Range<usize>) -> Option<Cow<'_, [f32]>> {
        let range = rows.start.checked_mul(self.width)?..rows.end.checked_mul(self.width)?;
        self.values.get(range).map(Cow::Borrowed)
    }
}

/// Index of the first of many numbers that is not finite.
pub(super) fn first_not_finite(values: &[f32]) -> Option<usize> {
    const TASK: usize = 1 << 14;
    // No early end within a task: a plain fold is many times as fast.
    let damaged = |values: &[f32]| !values.iter().fold(true, |all, v| all & v.is_finite());
    let task = values.par_chunks(TASK).position_first(damaged)?;
    let found = values.iter().skip(task * TASK).position(|v| !v.is_finite());
    found.map(|at| task * TASK + at)
}

/// A named tensor of weights.
#[derive(Clone, Debug)]
pub struct Param {
    /// Name of the parameter, for people.
    pub name: String,
    /// Its shape, outermost first.
    pub shape: Vec<usize>,
    source: Arc<dyn Source>,
}

/// Why a parameter cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ParamError {
    /// It has no such rows.
    #[error("parameter {param:?}: rows {rows:?} of shape {shape:?} cannot be read")]
    Rows {
        /// The parameter.
        param: String,
        /// Rows asked for.
        rows: Range<usize>,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// It holds NaN or an infinity.
    #[error(
        "parameter {param:?}: element {index} is {value}, expected a finite number; the model is damaged"
    )]
    NonFinite {
        /// The parameter.
        param: String,
        /// Flat index.
        index: usize,
        /// The value.
        value: f32,
    },
}

impl Param {
    /// A parameter of a source.
    pub fn new(name: impl Into<String>, shape: Vec<usize>, source: impl Source + 'static) -> Self {
        Self {
            name: name.into(),
            shape,
            source: Arc::new(source),
        }
    }

    /// A parameter whose values, row-major, are given.
    pub fn owned(name: impl Into<String>, shape: Vec<usize>, values: Vec<f32>) -> Self {
        let width = shape.iter().skip(1).product();
        Self::new(name, shape, Owned { values, width })
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Length of the first axis.
    pub fn row_count(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Values of some rows, row-major.
    ///
    /// # Errors
    /// [`ParamError`] if the source has not exactly so many values there, or one is not finite.
    pub fn rows(&self, rows: Range<usize>) -> Result<Cow<'_, [f32]>, ParamError> {
        let width: usize = self.shape.iter().skip(1).product();
        let count = rows.len().checked_mul(width);
        let values = self.source.rows(rows.clone());
        let values = values.filter(|v| Some(v.len()) == count);
        let values = values.ok_or_else(|| ParamError::Rows {
            param: self.name.clone(),
            rows: rows.clone(),
            shape: self.shape.clone(),
        })?;
        match first_not_finite(&values) {
            None => Ok(values),
            Some(at) => Err(ParamError::NonFinite {
                param: self.name.clone(),
                index: rows.start * width + at,
                value: values.get(at).copied().unwrap_or_default(),
            }),
        }
    }

    /// All values, row-major.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn read(&self) -> Result<Cow<'_, [f32]>, ParamError> {
        self.rows(0..self.row_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_from_what_is_there() {
        let param = Param::owned("w", vec![3, 2], (0..6u8).map(f32::from).collect());
        assert_eq!(*param.rows(1..3).unwrap(), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!((param.count(), param.read().unwrap().len()), (6, 6));
        let error = param.rows(2..4).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("\"w\": rows 2..4 of shape [3, 2]")
        );
        let short = Param::owned("w", vec![3, 2], vec![0.0; 5]);
        assert!(short.rows(0..2).is_ok() && short.read().is_err());
        let mut many = vec![1.0; 100_000];
        assert_eq!(first_not_finite(&many), None);
        (many[99_999], many[70_001]) = (f32::NAN, f32::NEG_INFINITY);
        assert_eq!(first_not_finite(&many), Some(70_001));
        let damaged = Param::owned("w", vec![3, 1], vec![0.0, 1.0, f32::NAN]);
        let error = damaged.rows(1..3).unwrap_err();
        assert!(
            matches!(error, ParamError::NonFinite { index: 2, .. }),
            "{error}"
        );
    }
}
