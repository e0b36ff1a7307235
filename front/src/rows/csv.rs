//! Rows from CSV: comma-separated, a decimal point in numbers, one row a line, a header or none.
//!
//! The first line is a header if no cell of it is a number, every cell is a name, and no name stands there twice. A name has
//! a letter or begins with an underscore; spellings of missing values, truth values and numbers (`NA`, `true`, `1,5`,
//! `0x1F`) are none. It is a row if every cell is a number. Anything else is refused, for either guess would be wrong
//! somewhere: a row that is taken for a header is not proven, and a header that is taken for a row is. That last one is
//! what pandas makes of columns without names: where lines follow it, a first line 0,1,2,… is refused, too.

use std::path::Path;

use super::{Missing, RowsError};

/// What other programs write for "no value", in lower case: pandas' list, Excel's errors, and the common words.
const NO_VALUE: [&str; 22] = [
    "na",
    "n/a",
    "nan",
    "null",
    "nil",
    "none",
    "nat",
    "missing",
    "unknown",
    "undefined",
    "inf",
    "infinity",
    "true",
    "false",
    "#n/a",
    "#na",
    "#n/a n/a",
    "#null!",
    "#div/0!",
    "#value!",
    "#ref!",
    "#num!",
];

/// Spellings of a missing value, in lower case, where rows may have them.
const MISSING: [&str; 6] = ["", "na", "n/a", "nan", "null", "<na>"];

/// Rows of `columns` numbers.
///
/// # Errors
/// [`RowsError`] naming line and column.
pub fn rows(
    bytes: &[u8],
    path: &Path,
    columns: usize,
    missing: Missing,
) -> Result<Vec<Vec<f32>>, RowsError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut rows = Vec::new();
    // A first line that may be pandas' numbers of columns.
    let mut counted = None;
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|e| RowsError::Format {
            path: path.to_path_buf(),
            problem: format!("not CSV: {e}"),
        })?;
        let line = record
            .position()
            .map_or(index as u64 + 1, csv::Position::line);
        if record.len() != columns {
            return Err(RowsError::LineColumns {
                path: path.to_path_buf(),
                line,
                found: record.len(),
                expected: columns,
            });
        }
        if index == 0 {
            if is_header(&record, path, line)? {
                continue;
            }
            counted = counts(&record).then_some(line);
        } else if let Some(line) = counted {
            return Err(RowsError::Counted {
                path: path.to_path_buf(),
                line,
                last: columns.saturating_sub(1),
            });
        }
        let cells = record.iter().enumerate().map(|(column, cell)| {
            value(cell, missing).ok_or_else(|| RowsError::LineValue {
                path: path.to_path_buf(),
                line,
                column: column + 1,
                value: shown(cell),
            })
        });
        rows.push(cells.collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

/// The name that a first line gives a column, if it is one of names.
pub fn name(line: &str, column: usize) -> Option<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    let header = is_header(&record, Path::new(""), 1).ok()?;
    record.get(column).filter(|_| header).map(str::to_owned)
}

/// The number in a cell; NaN for a missing one where rows may lack values.
fn value(cell: &str, missing: Missing) -> Option<f32> {
    if missing == Missing::Allowed && MISSING.contains(&cell.to_lowercase().as_str()) {
        return Some(f32::NAN);
    }
    cell.parse::<f32>().ok().filter(|v| v.is_finite())
}

/// Whether the first line is a header rather than a row.
fn is_header(record: &csv::StringRecord, path: &Path, line: u64) -> Result<bool, RowsError> {
    if record.iter().any(|cell| cell.parse::<f32>().is_ok()) {
        return Ok(false);
    }
    let refuse = |column: usize, problem: &'static str| RowsError::FirstLine {
        path: path.to_path_buf(),
        line,
        column: column + 1,
        value: shown(record.get(column).unwrap_or_default()),
        problem,
    };
    if let Some(column) = record.iter().position(|cell| !is_name(cell)) {
        return Err(refuse(
            column,
            "is neither a number nor the name of a column",
        ));
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(column) = record.iter().position(|cell| !seen.insert(cell)) {
        return Err(refuse(column, "stands there twice, and is no number"));
    }
    Ok(true)
}

/// Whether a cell that is not a number names a column.
fn is_name(cell: &str) -> bool {
    let lower = cell.to_lowercase();
    if NO_VALUE.contains(&lower.trim_matches(['<', '>', '-', '+'])) || lower.starts_with("0x") {
        return false;
    }
    // Of a number, only the exponent is a letter.
    let first = cell.chars().next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_')
        || lower.chars().any(|c| c.is_alphabetic() && c != 'e')
}

/// Whether the cells are 0, 1, 2, … as pandas numbers columns that have no names.
fn counts(record: &csv::StringRecord) -> bool {
    record
        .iter()
        .enumerate()
        .all(|(column, cell)| cell == column.to_string())
}

fn shown(cell: &str) -> String {
    cell.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, columns: usize) -> Result<Vec<Vec<f32>>, String> {
        rows(
            text.as_bytes(),
            Path::new("x.csv"),
            columns,
            Missing::Refused,
        )
        .map_err(|e| e.to_string())
    }

    #[test]
    fn missing_values_where_rows_may_lack_them() {
        let text = "a,b\n1,\nNA,2\nnan,3\n<NA>,null\n";
        let rows = rows(text.as_bytes(), Path::new("x.csv"), 2, Missing::Allowed).unwrap();
        let there: Vec<[bool; 2]> = rows
            .iter()
            .map(|r| [!r[0].is_nan(), !r[1].is_nan()])
            .collect();
        assert_eq!(
            there,
            [[true, false], [false, true], [false, true], [false, false]]
        );
        for cell in ["inf", "none at all", "1;2"] {
            let text = format!("1,2\n{cell},2\n");
            assert!(super::rows(text.as_bytes(), Path::new("x"), 2, Missing::Allowed).is_err());
        }
        assert!(read("1,\n", 2).is_err());
    }

    #[test]
    fn header_is_optional() {
        let rows = vec![vec![1.0, -2.5], vec![3.0, 1e-3]];
        for header in [
            "a,b\n",
            "\"a, b\",c\n",
            "_1,_2\n",
            "sepal length (cm),petal width (cm)\n",
            "1stFlrSF,3P%\n",
            "V1,Amount\n",
            "e,E\n",
            "größe,年龄\n",
            "na_count,none_of\n",
            "\u{feff}a,b\n",
            "\n\na,b\n",
            "",
        ] {
            let text = format!("{header}1,-2.5\n3, 1e-3\n");
            assert_eq!(read(&text, 2).unwrap(), rows, "{header}");
        }
        assert_eq!(read("1,-2.5\r\n3,1e-3", 2).unwrap(), rows);
        assert_eq!(read("\u{feff}1,-2.5\n3,1e-3", 2).unwrap(), rows);
    }

    /// A first line that is neither all numbers nor all names is refused, whatever follows.
    #[test]
    fn first_lines_that_are_neither_are_refused() {
        for cell in [
            "\"1,5\"",
            "\"1.234,5\"",
            "\"1,5e3\"",
            "1 000",
            "1_000",
            "5%",
            "$5",
            "€5",
            "(5)",
            "--",
            "-",
            ".",
            "?",
            "",
            "\"\"",
            "NA",
            "N/A",
            "n/a",
            "NaN",
            "nan",
            "-nan",
            "<NA>",
            "NULL",
            "None",
            "nil",
            "NaT",
            "missing",
            "#N/A",
            "#DIV/0!",
            "inf",
            "-inf",
            "Infinity",
            "true",
            "FALSE",
            "0x1F",
            "2026-01-01",
            "12:30",
            "−5",
            "١٢",
        ] {
            // Distinct, so that this alone decides.
            let text = format!("{cell},name,{cell}\n1,2,3\n");
            let error = read(&text, 3).unwrap_err();
            assert!(error.contains("line 1, column 1"), "{cell}: {error}");
            let all = [cell; 3].join(",");
            let error = read(&format!("{all}\n1,2,3\n"), 3).unwrap_err();
            assert!(error.contains("line 1, column 1"), "{cell}: {error}");
        }
        let error = read("a,b,a\n1,2,3\n", 3).unwrap_err();
        assert!(
            error.contains("line 1, column 3: \"a\" stands there twice"),
            "{error}"
        );
        let error = read("\"1,5\",\"2,5\"\n1,2\n", 2).unwrap_err();
        assert!(
            error.contains("\"1,5\" is neither a number nor") && error.contains("decimal point"),
            "{error}"
        );
        assert!(
            read("a,1\n", 2).unwrap_err().contains("line 1, column 1"),
            "not a header"
        );
    }

    #[test]
    fn numbered_columns_are_no_row() {
        let error = read("0,1\n5,6\n", 2).unwrap_err();
        assert!(
            error.contains("line 1") && error.contains("header"),
            "{error}"
        );
        assert!(read("0\n5\n", 1).is_err());
        assert_eq!(read("0,1\n", 2).unwrap(), [[0.0, 1.0]], "nothing follows");
        assert_eq!(read("0.0,1.0\n5,6\n", 2).unwrap().len(), 2);
        assert_eq!(read("1,2\n5,6\n", 2).unwrap().len(), 2);
        assert_eq!(read("a,b\n0,1\n5,6\n", 2).unwrap().len(), 2);
    }

    #[test]
    fn errors_name_the_line() {
        let label = read("a,b,class\n1,2,0\n", 2).unwrap_err();
        assert!(label.contains("line 1: 3 columns, expected 2"), "{label}");
        let short = read("1,2\n3\n", 2).unwrap_err();
        assert!(short.contains("line 2: 1 columns, expected 2"), "{short}");
        for bad in ["nan", "inf", "-inf", "1e50", "x", ""] {
            let error = read(&format!("a,b\n1,2\n3,{bad}\n"), 2).unwrap_err();
            assert!(error.contains("line 3, column 2"), "{error}");
        }
    }
}
