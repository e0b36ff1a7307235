//! Rows of real numbers from CSV ([`csv`]), JSON ([`json`], files named `*.json`) or NumPy ([`npy`] and [`npz`], by content). Every row must have exactly the
//! model's input width: a label column is refused, not cut off. Models of trees take rows with missing values: an empty
//! cell, `NA`, `NaN` or `null` ([`Missing`]).

mod csv;
mod error;
mod json;
mod npy;
mod npz;
pub mod png;

pub use error::RowsError;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Largest file of rows.
pub const MAX_FILE: u64 = 1 << 28;

/// Longest line of names of columns.
const MAX_NAMES: u64 = 1 << 20;

/// Whether a row may lack values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Every value is a finite number.
    Refused,
    /// A missing value is read as NaN.
    Allowed,
}

impl Missing {
    /// Whether a value is one that rows may have.
    fn accepts(self, value: f32) -> bool {
        value.is_finite() || value.is_nan() && self == Self::Allowed
    }
}

/// What the first line of a CSV file names a column, the first being 0; none if it names none.
#[must_use]
pub fn column_name(path: &Path, column: usize) -> Option<String> {
    let mut line = String::new();
    let file = File::open(path).ok()?.take(MAX_NAMES);
    BufReader::new(file).read_line(&mut line).ok()?;
    csv::name(&line, column)
}

/// Reads rows of `columns` finite numbers.
///
/// # Errors
/// [`RowsError`] naming file, line and column.
pub fn read(path: &Path, columns: usize) -> Result<Vec<Vec<f32>>, RowsError> {
    read_with(path, columns, Missing::Refused)
}

/// Reads rows of `columns` numbers, of which some may be missing.
///
/// # Errors
/// [`RowsError`] naming file, line and column.
pub fn read_with(
    path: &Path,
    columns: usize,
    missing: Missing,
) -> Result<Vec<Vec<f32>>, RowsError> {
    let bytes = bytes(path)?;
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let of = if bytes.starts_with(npy::NPY) {
        npy::rows
    } else if bytes.starts_with(npz::NPZ) {
        npz::rows
    } else if bytes.starts_with(png::PNG) {
        return Err(RowsError::Format {
            path: path.to_path_buf(),
            problem: "an image, expected rows (CSV, JSON, .npy or .npz); `prove` and `input commit` take images with --image".into(),
        });
    } else if is_json {
        json::rows
    } else {
        csv::rows
    };
    let rows = of(&bytes, path, columns, missing)?;
    if rows.is_empty() {
        Err(RowsError::Empty)
    } else {
        Ok(rows)
    }
}

/// The bytes of a file of at most [`MAX_FILE`].
fn bytes(path: &Path) -> Result<Vec<u8>, RowsError> {
    let fail = |source| RowsError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(fail)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(RowsError::TooLarge {
            path: path.to_path_buf(),
            limit: MAX_FILE,
        });
    }
    Ok(bytes)
}

/// Checks rows that did not come from a file.
///
/// # Errors
/// [`RowsError::Empty`], [`RowsError::Columns`] or [`RowsError::NonFinite`].
pub fn check(rows: &[Vec<f32>], columns: usize) -> Result<(), RowsError> {
    check_with(rows, columns, Missing::Refused)
}

/// As [`check`], of rows that may lack values.
///
/// # Errors
/// As [`check`].
pub fn check_with(rows: &[Vec<f32>], columns: usize, missing: Missing) -> Result<(), RowsError> {
    if rows.is_empty() {
        return Err(RowsError::Empty);
    }
    for (row, values) in rows.iter().enumerate() {
        if values.len() != columns {
            return Err(RowsError::Columns {
                row,
                found: values.len(),
                expected: columns,
            });
        }
        if let Some((column, value)) = values
            .iter()
            .enumerate()
            .find(|(_, v)| !missing.accepts(**v))
        {
            return Err(RowsError::NonFinite {
                row,
                column,
                value: *value,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let missing = read(Path::new("/nonexistent/rows.csv"), 1).unwrap_err();
        assert!(matches!(missing, RowsError::Read { .. }));
        assert!(matches!(check(&[], 1), Err(RowsError::Empty)));
        assert!(matches!(
            check(&[vec![f32::NAN]], 1),
            Err(RowsError::NonFinite { .. })
        ));
        assert!(check_with(&[vec![f32::NAN]], 1, Missing::Allowed).is_ok());
        assert!(check_with(&[vec![f32::INFINITY]], 1, Missing::Allowed).is_err());
    }
}
