//! Why rows of numbers cannot be had.

use std::path::PathBuf;

use thiserror::Error;

/// Why rows of numbers cannot be had. Every message names file, line and column where there are any.
#[derive(Debug, Error)]
pub enum RowsError {
    /// A file of rows cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file of rows is too large.
    #[error("{path}: more than {limit} bytes; split it into smaller files")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The cap.
        limit: u64,
    },
    /// A file of rows is neither CSV nor the JSON that is read.
    #[error("{path}: {problem}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A line has the wrong number of columns.
    #[error(
        "{path}, line {line}: {found} columns, expected {expected}; the file must hold the model's features only, without a label or index column"
    )]
    LineColumns {
        /// The file.
        path: PathBuf,
        /// The line, from 1 (the row, from 1, in JSON).
        line: u64,
        /// Columns found.
        found: usize,
        /// Width of the model's input.
        expected: usize,
    },
    /// A field is not a number.
    #[error("{path}, line {line}, column {column}: {value:?} is not a finite number")]
    LineValue {
        /// The file.
        path: PathBuf,
        /// The line, from 1 (the row, from 1, in JSON).
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there.
        value: String,
    },
    /// The first line is neither a header nor a row.
    #[error(
        "{path}, line {line}, column {column}: {value:?} {problem}, so the line is neither a row nor a header; write numbers with a decimal point (1.5) and leave no cell empty, or give every column a name of its own"
    )]
    FirstLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The first line may be a header of numbers.
    #[error(
        "{path}, line {line}: 0 to {last} may be numbers of columns (pandas without names) or a row; put a line with names before it if it is a row, in its place if it is a header"
    )]
    Counted {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The last number.
        last: usize,
    },
    /// There is not one row.
    #[error("no rows: expected at least one; give a calibration or input file with data lines")]
    Empty,
    /// A row has the wrong width.
    #[error("row {row}: {found} columns, expected {expected}")]
    Columns {
        /// The row, from 0.
        row: usize,
        /// Its columns.
        found: usize,
        /// Width of the model's input.
        expected: usize,
    },
    /// A row holds NaN or an infinity.
    #[error("row {row}, column {column}: {value} is not a finite number")]
    NonFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
}
