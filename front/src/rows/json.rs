//! Rows from JSON: an array of rows, one row, or what EZKL takes for an input.
//!
//! | JSON | rows |
//! | --- | --- |
//! | `[[1, 2], [3, 4]]` | two; a row may be nested further (a picture), and is flattened in its order |
//! | `[1, 2]` | one |
//! | `{"input_data": [[1, 2, 3, 4]]}` | the one input tensor, batch and all in one list: as many as fit |
//! | `{"input_data": [[1, 2], [3, 4]]}` | one a list |
//!
//! EZKL's other keys (`input_shapes`, `output_data`) say nothing about a row and are passed over; any other key is refused.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Missing, RowsError};

const EXPECTED: &str =
    "expected an array of arrays of numbers, one array of numbers, or {\"input_data\": [[…]]}";
/// Keys of EZKL's input files beside `input_data`.
const PASSED_OVER: [&str; 2] = ["input_shapes", "output_data"];

/// Rows of `columns` numbers; `null` is a missing one where rows may lack values.
///
/// # Errors
/// [`RowsError`] naming the row and column, or the key.
pub fn rows(
    bytes: &[u8],
    path: &Path,
    columns: usize,
    missing: Missing,
) -> Result<Vec<Vec<f32>>, RowsError> {
    let problem = |problem: String| RowsError::Format {
        path: path.to_path_buf(),
        problem: format!("{problem}; {EXPECTED}"),
    };
    // Through `Value`: untagged enums do not read numbers when a dependency turns on serde_json's arbitrary precision.
    let json: Value = serde_json::from_slice(bytes).map_err(|e| problem(e.to_string()))?;
    let lists = match &json {
        Value::Array(items) => lists(items, missing).map_err(problem)?,
        Value::Object(fields) => tensor(fields, columns, missing).map_err(problem)?,
        _ => return Err(problem(format!("{} instead of rows", kind(&json)))),
    };
    (1u64..)
        .zip(&lists)
        .map(|(line, values)| row(values, path, line, columns, missing))
        .collect()
}

/// A row of numbers as the model takes them; `line` and columns count from 1.
fn row(
    values: &[f64],
    path: &Path,
    line: u64,
    columns: usize,
    missing: Missing,
) -> Result<Vec<f32>, RowsError> {
    if values.len() != columns {
        return Err(RowsError::LineColumns {
            path: path.to_path_buf(),
            line,
            found: values.len(),
            expected: columns,
        });
    }
    let one = |(column, value): (usize, &f64)| {
        let narrowed = *value as f32;
        if missing.accepts(narrowed) {
            return Ok(narrowed);
        }
        Err(RowsError::LineValue {
            path: path.to_path_buf(),
            line,
            column: column + 1,
            value: value.to_string(),
        })
    };
    values.iter().enumerate().map(one).collect()
}

/// One list a row, flattened; numbers alone are one row.
fn lists(items: &[Value], missing: Missing) -> Result<Vec<Vec<f64>>, String> {
    if items.iter().all(Value::is_array) {
        return items.iter().map(|item| flat(item, missing)).collect();
    }
    if let Some(item) = items.iter().find(|item| !is_value(item, missing)) {
        return Err(format!("{} among numbers", kind(item)));
    }
    let mut row = vec![];
    items
        .iter()
        .try_for_each(|item| push(item, missing, &mut row))?;
    Ok(vec![row])
}

/// The rows of EZKL's `input_data`.
fn tensor(
    fields: &Map<String, Value>,
    columns: usize,
    missing: Missing,
) -> Result<Vec<Vec<f64>>, String> {
    let known = |key: &String| key == "input_data" || PASSED_OVER.contains(&key.as_str());
    if let Some(key) = fields.keys().find(|key| !known(key)) {
        let shown: String = key.chars().take(40).collect();
        return Err(format!("an object with the key {shown:?}"));
    }
    let Some(data) = fields.get("input_data") else {
        return Err("an object without the key \"input_data\"".into());
    };
    let inside = |problem: String| format!("\"input_data\" holds {problem}");
    let Value::Array(items) = data else {
        return Err(inside(kind(data).into()));
    };
    let lists = lists(items, missing).map_err(inside)?;
    match lists.as_slice() {
        [all] if columns > 0 && all.len() > columns && all.len() % columns == 0 => {
            Ok(all.chunks(columns).map(<[f64]>::to_vec).collect())
        }
        _ => Ok(lists),
    }
}

fn is_value(item: &Value, missing: Missing) -> bool {
    item.is_number() || item.is_null() && missing == Missing::Allowed
}

fn flat(value: &Value, missing: Missing) -> Result<Vec<f64>, String> {
    let mut out = vec![];
    push(value, missing, &mut out)?;
    Ok(out)
}

/// No deeper than serde_json reads.
fn push(value: &Value, missing: Missing, out: &mut Vec<f64>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| push(item, missing, out)),
        Value::Null if missing == Missing::Allowed => {
            out.push(f64::NAN);
            Ok(())
        }
        Value::Number(number) => {
            let number = number.as_f64();
            out.push(number.ok_or("a number that is not finite")?);
            Ok(())
        }
        other => Err(format!("{} instead of a number", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<f32>>, String> {
        rows(text.as_bytes(), Path::new("x.json"), 2, Missing::Refused).map_err(|e| e.to_string())
    }

    #[test]
    fn null_is_missing_where_rows_may_lack_values() {
        let text = "[[1, null], [null, 2]]";
        assert!(read(text).is_err());
        let rows = rows(text.as_bytes(), Path::new("x.json"), 2, Missing::Allowed).unwrap();
        assert!(rows[0][1].is_nan() && rows[1][0].is_nan() && rows[1][1] == 2.0);
    }

    #[test]
    fn shapes() {
        let two = [[1.0, 2.5], [3.0, 4.0]];
        for text in [
            "[[1, 2.5], [3, 4]]",
            "[[[1], [2.5]], [[[3, 4]]]]",
            "{\"input_data\": [[1, 2.5], [3, 4]]}",
            "{\"input_data\": [[1, 2.5, 3, 4]]}",
            "{\"input_data\": [[[[1, 2.5], [3, 4]]]]}",
            "{\"input_shapes\": [[2, 2]], \"input_data\": [[1, 2.5, 3, 4]], \"output_data\": [[0]]}",
        ] {
            assert_eq!(read(text).unwrap(), two, "{text}");
        }
        for text in [
            "[1, 2.5]",
            "[[1, 2.5]]",
            "[[[1, 2.5]]]",
            "{\"input_data\": [[1, 2.5]]}",
            "{\"input_data\": [1, 2.5]}",
        ] {
            assert_eq!(read(text).unwrap(), [[1.0, 2.5]], "{text}");
        }
    }

    #[test]
    fn refusals_say_what_and_where() {
        for (text, expected) in [
            ("[[1, 2], [3]]", "line 2: 1 columns, expected 2"),
            ("[[[1, 2], [3, 4]]]", "line 1: 4 columns, expected 2"),
            ("[[1, 1e50]]", "line 1, column 2"),
            ("[[1, null]]", "null instead of a number"),
            ("[[1, \"2\"]]", "a text instead of a number"),
            ("[[1, true]]", "a truth value"),
            ("[1, [2]]", "an array among numbers"),
            ("[[1,", "EOF"),
            ("3", "a number instead of rows"),
            ("{\"a\": 1}", "the key \"a\""),
            ("{\"tokens\": [1, 2]}", "the key \"tokens\""),
            ("{\"inputs\": [[1, 2]]}", "the key \"inputs\""),
            (
                "{\"input_data\": [[1, 2]], \"rows\": 1}",
                "the key \"rows\"",
            ),
            ("{\"output_data\": [[1]]}", "without the key \"input_data\""),
            ("{\"input_data\": 3}", "\"input_data\" holds a number"),
            (
                "{\"input_data\": [[\"0x01\", 2]]}",
                "\"input_data\" holds a text",
            ),
            // Not a whole number of rows; several lists are rows, whatever their sum.
            (
                "{\"input_data\": [[1, 2, 3]]}",
                "line 1: 3 columns, expected 2",
            ),
            (
                "{\"input_data\": [[1, 2, 3], [4]]}",
                "line 1: 3 columns, expected 2",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep).is_err());
    }
}
