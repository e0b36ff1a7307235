//! Rows of real numbers from CSV ([`csv`]) or JSON ([`json`], files named `*.json`). Every row must have exactly the
//! model's input width: a label column is refused, not cut off.

mod csv;
mod error;
mod json;

pub use error::RowsError;

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file of rows.
pub const MAX_FILE: u64 = 1 << 28;

/// Reads rows of `columns` finite numbers.
///
/// # Errors
/// [`RowsError`] naming file, line and column.
pub fn read(path: &Path, columns: usize) -> Result<Vec<Vec<f32>>, RowsError> {
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
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let rows = if is_json {
        json::rows(&bytes, path, columns)?
    } else {
        csv::rows(&bytes, path, columns)?
    };
    if rows.is_empty() {
        Err(RowsError::Empty)
    } else {
        Ok(rows)
    }
}

/// Checks rows that did not come from a file.
///
/// # Errors
/// [`RowsError::Empty`], [`RowsError::Columns`] or [`RowsError::NonFinite`].
pub fn check(rows: &[Vec<f32>], columns: usize) -> Result<(), RowsError> {
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
        if let Some((column, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
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
    }
}
