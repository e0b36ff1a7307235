//! Scales of an input: one for all of it, or of raw inputs one for a column.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use eyre::ensure;
use laminate_front::rows;
use serde::{Deserialize, Serialize};

use super::Compile;
use crate::columns::place;
use crate::printable::printable;

/// Most in absolute value.
const MOST: i8 = 40;

/// `--input-scale`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum InputScale {
    /// Of all columns.
    All(i8),
    /// Of some, by their names or their indices from 0.
    Columns(Vec<(String, i8)>),
}

fn scale(text: &str) -> Result<i8, String> {
    let found = text.parse::<i8>().ok();
    let found = found.filter(|scale| (-MOST..=MOST).contains(scale));
    found.ok_or_else(|| {
        format!("{text:?} is no scale, expected a whole number from -{MOST} to {MOST}")
    })
}

impl FromStr for InputScale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return scale(text).map(Self::All);
        }
        let column = |part: &str| {
            // A name may have the sign itself.
            let (name, number) = part
                .rsplit_once('=')
                .ok_or_else(|| format!("{part:?}: expected COLUMN=N"))?;
            Ok((name.trim().to_owned(), scale(number.trim())?))
        };
        let columns = text.split(',').map(column);
        columns.collect::<Result<_, String>>().map(Self::Columns)
    }
}

impl fmt::Display for InputScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(scale) => write!(f, "{scale}"),
            Self::Columns(columns) => {
                let parts = columns
                    .iter()
                    .map(|(name, scale)| format!("{name}={scale}"));
                f.write_str(&parts.collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl From<InputScale> for String {
    fn from(scale: InputScale) -> Self {
        scale.to_string()
    }
}

impl TryFrom<String> for InputScale {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Compile {
    /// Whether columns have scales of their own.
    pub(super) fn is_raw(&self) -> bool {
        self.raw_inputs || matches!(self.input_scale, Some(InputScale::Columns(_)))
    }

    /// The one scale that is given for an input of int16.
    pub(super) fn common_scale(&self) -> Option<i8> {
        match self.input_scale {
            Some(InputScale::All(scale)) if !self.is_raw() => Some(scale),
            _ => None,
        }
    }

    /// The scales that are given of a raw input's columns, whose names stand in the calibration file.
    ///
    /// # Errors
    /// A column that is none, or given twice.
    pub(super) fn column_scales(
        &self,
        calibration: &Path,
        width: usize,
    ) -> eyre::Result<Vec<Option<i8>>> {
        let columns = match &self.input_scale {
            None => return Ok(vec![]),
            Some(InputScale::All(scale)) => return Ok(vec![Some(*scale); width]),
            Some(InputScale::Columns(columns)) => columns,
        };
        let names: Vec<Option<String>> = (0..width)
            .map(|column| rows::column_name(calibration, column))
            .collect();
        let mut out = vec![None; width];
        for (name, scale) in columns {
            let column = place("--input-scale", name, &names)?;
            ensure!(
                out[column].is_none(),
                "--input-scale gives column {} twice",
                printable(name)
            );
            out[column] = Some(*scale);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_read_and_written_alike() {
        for text in ["0", "-7", "amount=0", "amount=0,ratio=12,3=-2"] {
            let scale: InputScale = text.parse().expect("a scale");
            assert_eq!(scale.to_string(), text);
        }
        let scale: InputScale = "a=b = 4".parse().expect("a scale");
        assert_eq!(scale, InputScale::Columns(vec![("a=b".into(), 4)]));
        for wrong in ["", "41", "x", "amount=", "amount=99", "amount=1,2"] {
            assert!(wrong.parse::<InputScale>().is_err(), "{wrong}");
        }
    }
}
