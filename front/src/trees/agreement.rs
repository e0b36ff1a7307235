//! How close the integer program is to what the library predicts.

use std::borrow::Cow;

use laminate_model::program::{Program, Weights};
use laminate_prover::exec::{ExecError, Executor};
use rayon::prelude::*;

use super::Predict;
use super::ensemble::{Decision, Ensemble};
use super::head::Made;
use super::program::keys_of;
use crate::quant::detail::{Detail, Row};

/// Values of rows, computed here or as they were given.
type Values<'a> = Cow<'a, [Vec<f64>]>;

/// What the integer program is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The float evaluation of the file.
    Floats,
    /// Margins that the library gave: scores before the link function.
    Margins,
    /// Predictions that the library gave: probabilities or expectations.
    Predictions,
    /// Classes that the library gave.
    Classes,
}

impl Against {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Floats => "float evaluation of the file",
            Self::Margins => "margins of the library",
            Self::Predictions => "predictions of the library",
            Self::Classes => "classes of the library",
        }
    }
}

/// The integer program against the library.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// What it is compared with.
    pub against: Against,
    /// Rows compared.
    pub rows: usize,
    /// Mean absolute error of all values; zero for classes.
    pub mean_error: f64,
    /// Largest absolute error.
    pub max_error: f64,
    /// Rows with the same class, where there are classes.
    pub agreeing: Option<usize>,
    /// Rows one by one, as far as they are shown; empty where the library's classes are all there is.
    pub detail: Detail,
}

/// What the integer program gives for rows of float32 features.
///
/// # Errors
/// [`ExecError`] where program, weights and rows do not fit each other.
pub fn outputs(
    program: &Program,
    weights: &Weights,
    rows: &[Vec<f32>],
) -> Result<Vec<Vec<f64>>, ExecError> {
    let single = Program {
        batch_log: 0,
        ..program.clone()
    };
    let executor = Executor::new(&single, weights)?;
    let scale = single.tensors.get(single.output).map_or(0, |t| t.scale);
    let unit = (-f64::from(scale)).exp2();
    let row = |row: &Vec<f32>| {
        let trace = executor.rows(&[keys_of(row)])?;
        let outputs = trace.outputs(&single).into_iter().flatten();
        Ok(outputs.map(|y| f64::from(y) * unit).collect())
    };
    rows.par_iter().map(row).collect()
}

/// What is known of a row, before or after the link function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Margins,
    Predictions,
}

/// Compares with margins of the library or of the float evaluation.
#[must_use]
pub fn with_margins(
    ensemble: &Ensemble,
    made: &Made,
    against: Against,
    found: &[Vec<f64>],
    expected: &[Vec<f64>],
) -> Agreement {
    Agreement {
        against,
        ..compare(ensemble, made, Space::Margins, found, expected)
    }
}

/// Compares with a table that the library's user has saved: one row for each of `found`. It may hold classes (by label),
/// margins, or predictions; of the latter two what is nearer is what it holds. Of two columns of one output the second
/// counts, as libraries give the probabilities of both classes. None where the table has another shape.
#[must_use]
pub fn with_table(
    ensemble: &Ensemble,
    made: &Made,
    found: &[Vec<f64>],
    table: &[Vec<f32>],
) -> Option<Agreement> {
    let outputs = ensemble.outputs();
    let width = table.first()?.len();
    if table.len() != found.len() {
        return None;
    }
    // Classes of the library are by its own threshold; 0 and 1 by another one are read as predictions.
    let labelled = match made.asked {
        Some(_) => None,
        None => classes(ensemble, made, found, table),
    };
    if let Some(agreeing) = labelled {
        return Some(Agreement {
            against: Against::Classes,
            rows: found.len(),
            mean_error: 0.0,
            max_error: 0.0,
            agreeing: Some(agreeing),
            detail: Detail::default(),
        });
    }
    let skip = width.checked_sub(outputs)?;
    if skip > 0 && (outputs, width) != (1, 2) {
        return None;
    }
    let wide = |row: &Vec<f32>| row.iter().skip(skip).map(|&v| f64::from(v)).collect();
    let table: Vec<Vec<f64>> = table.iter().map(wide).collect();
    let [margins, predictions] = [Space::Margins, Space::Predictions]
        .map(|space| compare(ensemble, made, space, found, &table));
    let nearer = match made.predict {
        // Classes are as far from both; probabilities are told by their range.
        Predict::Class => table.iter().flatten().all(|p| (0.0..=1.0).contains(p)),
        Predict::Margin | Predict::Response => predictions.mean_error < margins.mean_error,
    };
    Some(if nearer { predictions } else { margins })
}

fn compare(
    ensemble: &Ensemble,
    made: &Made,
    space: Space,
    found: &[Vec<f64>],
    table: &[Vec<f64>],
) -> Agreement {
    let both = |(f, t): (&Vec<f64>, &Vec<f64>)| {
        let expected = expected(ensemble, made, space, t);
        (expected, decided(ensemble, made, f))
    };
    let decided: Vec<_> = found.iter().zip(table).map(both).collect();
    let classes = ensemble.decision != Decision::None || made.asked.is_some();
    let agreeing = classes.then(|| decided.iter().filter(|(e, f)| e == f).count());
    let linked = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        rows.iter().map(|row| ensemble.predictions(row)).collect()
    };
    let (found, table): (Values<'_>, Values<'_>) = match (made.predict, space) {
        (Predict::Class, _) => (Cow::default(), Cow::default()),
        (Predict::Margin, Space::Margins) | (Predict::Response, Space::Predictions) => {
            (found.into(), table.into())
        }
        (Predict::Margin, Space::Predictions) => (linked(found).into(), table.into()),
        (Predict::Response, Space::Margins) => (found.into(), linked(table).into()),
    };
    let errors = errors(&found, &table);
    Agreement {
        against: match space {
            Space::Margins => Against::Margins,
            Space::Predictions => Against::Predictions,
        },
        rows: decided.len(),
        // Of none it is zero, and not its negative.
        mean_error: errors.iter().fold(0.0, |sum, e| sum + e) / errors.len().max(1) as f64,
        max_error: errors.iter().copied().fold(0.0, f64::max),
        agreeing,
        detail: detail(&found, &table, &decided),
    }
}

/// Rows one by one: values where both have them, classes otherwise.
fn detail(
    found: &[Vec<f64>],
    table: &[Vec<f64>],
    decided: &[(Option<usize>, Option<usize>)],
) -> Detail {
    let row = |(row, (expected, class)): (usize, &(Option<usize>, Option<usize>))| {
        let classes = expected.zip(*class).map(|(e, c)| [e, c]);
        let (ours, theirs) = (found.get(row), table.get(row));
        let first = |values: Option<&Vec<f64>>, class: &Option<usize>| match values {
            Some(values) => values.first().copied().unwrap_or(0.0),
            None => class.map_or(0.0, |class| class as f64),
        };
        let pairs = ours.into_iter().flatten().zip(theirs.into_iter().flatten());
        let shown = Row {
            row,
            float: first(theirs, expected),
            integer: first(ours, class),
            error: pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max),
        };
        (shown, classes)
    };
    Detail::new(&decided.iter().enumerate().map(row).collect::<Vec<_>>())
}

/// The class that outputs of the program decide for.
fn decided(ensemble: &Ensemble, made: &Made, outputs: &[f64]) -> Option<usize> {
    let first = outputs.first().copied()?;
    match (made.predict, made.threshold) {
        (Predict::Class, _) => Some(first as usize),
        (_, Some(threshold)) => Some(usize::from(first > threshold)),
        _ => ensemble.class(outputs),
    }
}

/// The class that the library decides for, or its scores by the threshold that was asked for.
fn expected(ensemble: &Ensemble, made: &Made, space: Space, row: &[f64]) -> Option<usize> {
    if let Some(asked) = made.asked {
        let score = row.first().copied()?;
        return Some(usize::from(match space {
            Space::Margins => asked.reached(ensemble, score),
            Space::Predictions => asked.reached_by_prediction(ensemble, score),
        }));
    }
    match (ensemble.decision, space) {
        (Decision::Above(t), Space::Predictions) => {
            // The link function rises, so that a margin and its prediction are above together.
            let threshold = ensemble.predictions(&[t]).first().copied()?;
            Some(usize::from(row.first().is_some_and(|p| *p > threshold)))
        }
        _ => ensemble.class(row),
    }
}

/// Rows with the class of a table of one column of labels; none where the table holds something else.
fn classes(
    ensemble: &Ensemble,
    made: &Made,
    found: &[Vec<f64>],
    table: &[Vec<f32>],
) -> Option<usize> {
    if ensemble.decision == Decision::None {
        return None;
    }
    let labels: Vec<f64> = ensemble
        .labels
        .iter()
        .map(|l| l.parse())
        .collect::<Result<_, _>>()
        .ok()?;
    let label = |row: &Vec<f32>| match row.as_slice() {
        [one] => labels.iter().position(|&l| l == f64::from(*one)),
        _ => None,
    };
    let expected: Vec<usize> = table.iter().map(label).collect::<Option<_>>()?;
    let agrees = |(m, e): &(&Vec<f64>, &usize)| decided(ensemble, made, m) == Some(**e);
    Some(found.iter().zip(&expected).filter(agrees).count())
}

fn errors(found: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<f64> {
    let pairs = found.iter().zip(expected);
    let pairs = pairs.flat_map(|(a, b)| a.iter().zip(b));
    pairs.map(|(a, b)| (a - b).abs()).collect()
}
