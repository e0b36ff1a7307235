//! Inputs on the command line: rows, tokens, and files of inputs that were committed to before.

use std::path::Path;

use eyre::{Context, Report, ensure};
use halo2curves_axiom::bn256::Fr;
use laminate_front::quant::QuantError;
use laminate_front::rows::Missing;
use laminate_front::trees::program::takes_keys;
use laminate_front::{quant, rows};
use laminate_model::artifact::{self, HEADER, Kind, MAGIC};
use laminate_model::program::Program;
use laminate_prover::input::{CommittedInput, Input};
use laminate_prover::prove::Bound;

use crate::files;
use crate::llm;
use crate::printable::printable;

/// An input of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What the program runs on.
    pub input: Input,
    /// Salt of its commitment, if it was committed to before; a proof takes a fresh one otherwise.
    pub salt: Option<Fr>,
    /// What the statement is bound to.
    pub bound: Bound,
}

impl Given {
    /// An input that was not committed to.
    pub fn fresh(input: Input) -> Self {
        Self {
            input,
            salt: None,
            bound: Bound::default(),
        }
    }

    /// The input in a file: rows (CSV, JSON, .npy or .npz) or tokens (JSON), or one that `input commit` wrote.
    ///
    /// # Errors
    /// A file of another form or of another program, values that do not fit, or a commitment of other values.
    pub fn read(path: &Path, program: &Program) -> eyre::Result<Self> {
        if !is_artifact(path)? {
            return Ok(Self::fresh(read_values(path, program)?));
        }
        let committed = read_committed(path, program.input_len())?;
        let input = committed.open(program);
        Ok(Self {
            input: input.wrap_err_with(|| path.display().to_string())?,
            salt: Some(committed.salt.0),
            bound: Bound::default(),
        })
    }
}

/// Rows or tokens, as the program takes them.
///
/// # Errors
/// A file of another form, or values that do not fit.
pub fn read_values(path: &Path, program: &Program) -> eyre::Result<Input> {
    if let Some(sequence) = &program.sequence {
        return Ok(Input::Tokens(llm::read_input(path, sequence)?));
    }
    let missing = if takes_keys(program) {
        Missing::Allowed
    } else {
        Missing::Refused
    };
    let rows = rows::read_with(path, program.tensor_width(program.input), missing)?;
    let rows = quant::quantise_input(program, &rows).map_err(|error| of_column(error, path));
    Ok(Input::Rows(
        rows.wrap_err_with(|| path.display().to_string())?,
    ))
}

/// An error with the name of the column that it is about, where the rows have names.
pub fn of_column(error: QuantError, rows: &Path) -> Report {
    // The one counts from 0 and the other from 1, as rows and lines do.
    let column = match &error {
        QuantError::InputRange { column, .. } | QuantError::RawScale { column, .. } => {
            Some(*column)
        }
        QuantError::InputScale { column, .. } => column.checked_sub(1),
        _ => None,
    };
    let name = column.and_then(|column| rows::column_name(rows, column));
    let error = Report::from(error);
    match name {
        Some(name) => error.wrap_err(format!("column {}", printable(&name))),
        None => error,
    }
}

/// The first rows of a file, at most `count`.
///
/// # Errors
/// As [`read_values`].
pub fn first_rows(path: &Path, program: &Program, count: usize) -> eyre::Result<Given> {
    let mut input = read_values(path, program)?;
    if let Input::Rows(rows) = &mut input {
        rows.truncate(count);
    }
    Ok(Given::fresh(input))
}

/// Whether a file has the header of a Laminate file; everything else is taken for text.
///
/// # Errors
/// If it cannot be read.
pub fn is_artifact(path: &Path) -> eyre::Result<bool> {
    Ok(files::read_head(path, MAGIC.len())? == MAGIC)
}

/// A committed input of at most `values` values.
///
/// # Errors
/// Another file, an altered one, or one that is too large, of which no more is read.
pub fn read_committed(path: &Path, values: usize) -> eyre::Result<CommittedInput> {
    let limit = HEADER + largest_payload(values);
    let bytes = files::read_head(path, limit + 1)?;
    let context = || path.display().to_string();
    // Which kind of file it is says more than that it is too long.
    artifact::begin(Kind::Input, &bytes).wrap_err_with(context)?;
    ensure!(
        bytes.len() <= limit,
        "{} is longer than {limit} bytes, which {values} values take at most: it was committed to for another program, or altered",
        path.display()
    );
    let (_, committed) = artifact::decode(Kind::Input, &bytes).wrap_err_with(context)?;
    Ok(committed)
}

/// Digest, salt and commitment, the number of values, and five bytes for each.
fn largest_payload(values: usize) -> usize {
    values.saturating_mul(5).saturating_add(3 * 32 + 10)
}
