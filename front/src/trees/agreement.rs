//! How close the integer program is to what the library predicts.

use laminate_model::program::{Program, Weights};
use laminate_prover::exec::{ExecError, Executor};
use rayon::prelude::*;

use super::ensemble::{Decision, Ensemble};
use super::program::keys_of;

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
}

/// Margins of the integer program for rows of float32 features.
///
/// # Errors
/// [`ExecError`] where program, weights and rows do not fit each other.
pub fn margins(
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

/// Compares margins with those of the library or of the float evaluation.
#[must_use]
pub fn with_margins(
    ensemble: &Ensemble,
    against: Against,
    found: &[Vec<f64>],
    expected: &[Vec<f64>],
) -> Agreement {
    let classes = ensemble.decision != Decision::None;
    let agrees = |(a, b): (&Vec<f64>, &Vec<f64>)| ensemble.class(a) == ensemble.class(b);
    let agreeing = classes.then(|| found.iter().zip(expected).filter(|&p| agrees(p)).count());
    measure(against, found, expected, agreeing)
}

/// Compares with a table that the library's user has saved: one row for each of `found`. It may hold classes (by label),
/// margins, or predictions; of the latter two what is nearer is what it holds. Of two columns of one output the second
/// counts, as libraries give the probabilities of both classes. None where the table has another shape.
#[must_use]
pub fn with_table(
    ensemble: &Ensemble,
    found: &[Vec<f64>],
    table: &[Vec<f32>],
) -> Option<Agreement> {
    let outputs = ensemble.outputs();
    let width = table.first()?.len();
    if table.len() != found.len() {
        return None;
    }
    if let Some(agreeing) = classes(ensemble, found, table) {
        return Some(Agreement {
            against: Against::Classes,
            rows: found.len(),
            mean_error: 0.0,
            max_error: 0.0,
            agreeing: Some(agreeing),
        });
    }
    let skip = width.checked_sub(outputs)?;
    if skip > 0 && (outputs, width) != (1, 2) {
        return None;
    }
    let wide = |row: &Vec<f32>| row.iter().skip(skip).map(|&v| f64::from(v)).collect();
    let table: Vec<Vec<f64>> = table.iter().map(wide).collect();
    let margins = with_margins(ensemble, Against::Margins, found, &table);
    let predicted: Vec<Vec<f64>> = found.iter().map(|m| ensemble.predictions(m)).collect();
    let pairs = || predicted.iter().zip(&table);
    let threshold = match ensemble.decision {
        Decision::Above(t) => ensemble.predictions(&[t]).first().copied(),
        Decision::None | Decision::ArgMax => None,
    };
    let class = |row: &[f64]| match threshold {
        // The link function rises, so that a margin and its prediction are above together.
        Some(t) => usize::from(row.first().is_some_and(|&p| p > t)),
        None => ensemble.class(row).unwrap_or(0),
    };
    let classes = ensemble.decision != Decision::None;
    let agreeing = classes.then(|| pairs().filter(|(a, b)| class(a) == class(b)).count());
    let predictions = measure(Against::Predictions, &predicted, &table, agreeing);
    Some(if predictions.mean_error < margins.mean_error {
        predictions
    } else {
        margins
    })
}

/// Rows with the class of a table of one column of labels; none where the table holds something else.
fn classes(ensemble: &Ensemble, found: &[Vec<f64>], table: &[Vec<f32>]) -> Option<usize> {
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
    let agrees = |(m, e): &(&Vec<f64>, &usize)| ensemble.class(m) == Some(**e);
    Some(found.iter().zip(&expected).filter(agrees).count())
}

fn measure(
    against: Against,
    found: &[Vec<f64>],
    expected: &[Vec<f64>],
    agreeing: Option<usize>,
) -> Agreement {
    let errors = || {
        let pairs = found
            .iter()
            .zip(expected)
            .flat_map(|(a, b)| a.iter().zip(b));
        pairs.map(|(a, b)| (a - b).abs())
    };
    Agreement {
        against,
        rows: found.len(),
        mean_error: errors().sum::<f64>() / errors().count().max(1) as f64,
        max_error: errors().fold(0.0, f64::max),
        agreeing,
    }
}
