//! Columns of rows as command lines name them.

use eyre::{ensure, eyre};

use crate::printable::printable;

/// Most names that a message lists.
const LISTED: usize = 12;

/// The column that is asked for: by its name, as far as columns have `names`, or by its index from 0. Messages begin with the option.
///
/// # Errors
/// A name that no column or that several have, or an index beyond the last column.
pub fn place(option: &str, asked: &str, names: &[Option<String>]) -> eyre::Result<usize> {
    let of_name = |name: &Option<String>| name.as_deref() == Some(asked);
    let mut found = (0..names.len()).filter(|index| names.get(*index).is_some_and(of_name));
    match (found.next(), found.next()) {
        (Some(index), None) => return Ok(index),
        (Some(first), Some(second)) => {
            return Err(eyre!(
                "{option}: columns {first} and {second} of the input are both called {}; give the index of one",
                printable(asked)
            ));
        }
        (None, _) => {}
    }
    let width = names.len();
    if let Ok(index) = asked.parse::<usize>() {
        ensure!(
            index < width,
            "{option}: there is no column {index}, the input has columns 0 to {}",
            width.saturating_sub(1)
        );
        return Ok(index);
    }
    let known: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
    let listed: Vec<String> = known
        .iter()
        .take(LISTED)
        .map(|name| printable(name).into_owned())
        .collect();
    let more = if known.len() > LISTED { ", …" } else { "" };
    Err(match known.is_empty() {
        true => eyre!(
            "{option}: no column is called {}: the calibration rows have no line of names; add one, or give indices from 0 to {}",
            printable(asked),
            width.saturating_sub(1)
        ),
        false => eyre!(
            "{option}: no column is called {}; the columns are {}{more}, or give indices from 0 to {}",
            printable(asked),
            listed.join(", "),
            width.saturating_sub(1)
        ),
    })
}
