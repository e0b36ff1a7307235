//! Rows of real numbers from CSV or JSON files.
//!
//! CSV: comma-separated, one row a line; a first line without a single number is a header and is
//! skipped. JSON (files named `*.json`): an array of arrays of numbers, or one array of numbers for one
//! row. Every row must have exactly the model's input width: a label column is refused, not cut off.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::QuantError;

/// Largest file of rows.
pub const MAX_FILE: u64 = 1 << 28;

/// Reads rows of `columns` finite numbers.
///
/// # Errors
/// [`QuantError`] naming file, line and column.
pub fn read_rows(path: &Path, columns: usize) -> Result<Vec<Vec<f32>>, QuantError> {
    let fail = |source| QuantError::Read {
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
        return Err(QuantError::TooLarge {
            path: path.to_path_buf(),
            limit: MAX_FILE,
        });
    }
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let rows = if is_json {
        from_json(&bytes, path, columns)?
    } else {
        from_csv(&bytes, path, columns)?
    };
    if rows.is_empty() {
        Err(QuantError::Empty)
    } else {
        Ok(rows)
    }
}

/// Checks rows that did not come from a file.
///
/// # Errors
/// [`QuantError::Empty`], [`QuantError::Columns`] or [`QuantError::NonFinite`].
pub fn check(rows: &[Vec<f32>], columns: usize) -> Result<(), QuantError> {
    if rows.is_empty() {
        return Err(QuantError::Empty);
    }
    for (row, values) in rows.iter().enumerate() {
        if values.len() != columns {
            return Err(QuantError::Columns {
                row,
                found: values.len(),
                expected: columns,
            });
        }
        if let Some((column, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(QuantError::NonFinite {
                row,
                column,
                value: *value,
            });
        }
    }
    Ok(())
}

fn from_csv(bytes: &[u8], path: &Path, columns: usize) -> Result<Vec<Vec<f32>>, QuantError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|e| QuantError::Format {
            path: path.to_path_buf(),
            problem: format!("not CSV: {e}"),
        })?;
        let line = record
            .position()
            .map_or(index as u64 + 1, csv::Position::line);
        if record.len() != columns {
            return Err(QuantError::LineColumns {
                path: path.to_path_buf(),
                line,
                found: record.len(),
                expected: columns,
            });
        }
        if index == 0 && record.iter().all(|field| field.parse::<f32>().is_err()) {
            continue;
        }
        let fields = record
            .iter()
            .enumerate()
            .map(|(column, field)| match field.parse::<f32>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(QuantError::LineValue {
                    path: path.to_path_buf(),
                    line,
                    column: column + 1,
                    value: field.chars().take(40).collect(),
                }),
            });
        rows.push(fields.collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

fn from_json(bytes: &[u8], path: &Path, columns: usize) -> Result<Vec<Vec<f32>>, QuantError> {
    let expected = "expected an array of arrays of numbers, or one array of numbers";
    let problem = |e: String| QuantError::Format {
        path: path.to_path_buf(),
        problem: format!("{e}; {expected}"),
    };
    // Through `Value`: untagged enums do not read numbers when a dependency turns on serde_json's
    // arbitrary precision.
    let json: Value = serde_json::from_slice(bytes).map_err(|e| problem(e.to_string()))?;
    let rows = match json {
        Value::Array(items) if items.iter().all(Value::is_array) => items,
        Value::Array(items) => vec![Value::Array(items)],
        _ => return Err(problem("not an array".into())),
    };
    let rows: Option<Vec<Vec<f64>>> = rows.iter().map(numbers).collect();
    let rows = rows.ok_or_else(|| problem("something else than a number".into()))?;
    let mut out = Vec::with_capacity(rows.len());
    for (line, row) in (1u64..).zip(rows) {
        if row.len() != columns {
            return Err(QuantError::LineColumns {
                path: path.to_path_buf(),
                line,
                found: row.len(),
                expected: columns,
            });
        }
        let fields = row.iter().enumerate().map(|(column, value)| {
            let narrowed = *value as f32;
            if narrowed.is_finite() {
                return Ok(narrowed);
            }
            let value = value.to_string();
            Err(QuantError::LineValue {
                path: path.to_path_buf(),
                line,
                column: column + 1,
                value,
            })
        });
        out.push(fields.collect::<Result<_, _>>()?);
    }
    Ok(out)
}

fn numbers(row: &Value) -> Option<Vec<f64>> {
    row.as_array()?.iter().map(Value::as_f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str, columns: usize) -> Result<Vec<Vec<f32>>, String> {
        from_csv(text.as_bytes(), Path::new("x.csv"), columns).map_err(|e| e.to_string())
    }

    #[test]
    fn header_is_optional() {
        let rows = vec![vec![1.0, -2.5], vec![3.0, 1e-3]];
        assert_eq!(csv("a,b\n1,-2.5\n3, 1e-3\n", 2).unwrap(), rows);
        assert_eq!(csv("1,-2.5\r\n3,1e-3", 2).unwrap(), rows);
    }

    #[test]
    fn errors_name_the_line() {
        let label = csv("a,b,class\n1,2,0\n", 2).unwrap_err();
        assert!(label.contains("line 1: 3 columns, expected 2"), "{label}");
        let short = csv("1,2\n3\n", 2).unwrap_err();
        assert!(short.contains("line 2: 1 columns, expected 2"), "{short}");
        for bad in ["nan", "inf", "-inf", "1e50", "x", ""] {
            let error = csv(&format!("a,b\n1,2\n3,{bad}\n"), 2).unwrap_err();
            assert!(error.contains("line 3, column 2"), "{error}");
        }
        assert!(csv("nan,nan\n", 2).is_err(), "not a header");
        assert!(csv("a,1\n", 2).is_err(), "not a header");
    }

    #[test]
    fn json_shapes() {
        let read = |text: &str| {
            from_json(text.as_bytes(), Path::new("x.json"), 2).map_err(|e| e.to_string())
        };
        assert_eq!(
            read("[[1, 2.5], [3, 4]]").unwrap(),
            [[1.0, 2.5], [3.0, 4.0]]
        );
        assert_eq!(read("[1, 2.5]").unwrap(), [[1.0, 2.5]]);
        assert!(
            read("[[1, 2], [3]]")
                .unwrap_err()
                .contains("line 2: 1 columns")
        );
        assert!(
            read("[[1, 1e50]]")
                .unwrap_err()
                .contains("line 1, column 2")
        );
        assert!(
            read("{\"a\": 1}").is_err() && read("[[1, null]]").is_err() && read("[[1,").is_err()
        );
    }

    #[test]
    fn files() {
        let missing = read_rows(Path::new("/nonexistent/rows.csv"), 1).unwrap_err();
        assert!(matches!(missing, QuantError::Read { .. }));
        assert!(matches!(check(&[], 1), Err(QuantError::Empty)));
        assert!(matches!(
            check(&[vec![f32::NAN]], 1),
            Err(QuantError::NonFinite { .. })
        ));
    }
}
