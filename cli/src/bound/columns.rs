//! Public columns by name or index, as `compile --input-public` takes them.

use eyre::ensure;
use laminate_model::binding::{Column, PublicInput};

use crate::columns::place;
use crate::printable::printable;

/// The public columns of an input of `width` columns: those asked for by name, as far as columns have `names`, or by index
/// from 0; all if none is asked for.
///
/// # Errors
/// A name that no column or that several have, an index beyond the last column, or a column twice.
pub fn public(
    asked: &[String],
    width: usize,
    names: &dyn Fn(usize) -> Option<String>,
) -> eyre::Result<PublicInput> {
    if asked.is_empty() {
        return Ok(PublicInput::All);
    }
    let names: Vec<Option<String>> = (0..width).map(names).collect();
    let mut indices = vec![];
    for one in asked {
        let index = place("--input-public", one.trim(), &names)?;
        ensure!(
            !indices.contains(&index),
            "--input-public names column {} twice; name it once",
            printable(one)
        );
        indices.push(index);
    }
    // Statements have them in the order of the input, however they were asked for.
    indices.sort_unstable();
    let column = |index: usize| Column {
        index: index as u32,
        name: names.get(index).cloned().flatten().unwrap_or_default(),
    };
    Ok(PublicInput::Columns(
        indices.into_iter().map(column).collect(),
    ))
}

/// Public columns as people read them: names, or indices of those without.
pub fn shown(columns: &[Column]) -> String {
    let one = |column: &Column| match column.name.is_empty() {
        true => format!("#{}", column.index),
        false => printable(&column.name).into_owned(),
    };
    let all: Vec<String> = columns.iter().map(one).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(index: usize) -> Option<String> {
        [
            Some("age"),
            None,
            Some("amount"),
            Some("twice"),
            Some("twice"),
        ]
        .get(index)
        .copied()
        .flatten()
        .map(str::to_owned)
    }

    fn of(asked: &[&str]) -> eyre::Result<PublicInput> {
        let asked: Vec<String> = asked.iter().map(|a| (*a).to_owned()).collect();
        public(&asked, 5, &names)
    }

    #[test]
    fn columns_are_found_by_name_and_index_in_the_order_of_the_input() {
        let PublicInput::Columns(columns) = of(&["amount", "1", "0", "4"]).unwrap() else {
            panic!("columns");
        };
        assert_eq!(shown(&columns), "age, #1, amount, twice");
        let indices: Vec<u32> = columns.iter().map(|c| c.index).collect();
        assert_eq!(indices, [0, 1, 2, 4]);
        assert_eq!(of(&[]).unwrap(), PublicInput::All);
    }

    #[test]
    fn what_is_no_column_is_refused() {
        for (asked, says) in [
            (&["income"][..], "the columns are age, amount"),
            (&["5"], "columns 0 to 4"),
            (&["twice"], "3 and 4"),
            (&["age", "0"], "twice"),
        ] {
            let error = of(asked).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let error = public(&["age".into()], 2, &|_| None).unwrap_err();
        assert!(error.to_string().contains("no line of names"), "{error}");
    }
}
