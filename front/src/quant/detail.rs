//! Rows of a fidelity report one by one, as far as they are shown: a sample, the worst, and counts.

use serde::{Deserialize, Serialize};

/// Most rows of a sample.
pub const SAMPLE: usize = 400;
/// Rows named as the worst.
pub const WORST: usize = 10;
/// Bins of the histogram of errors.
pub const BINS: usize = 20;
/// Most classes whose confusion is counted.
pub const CLASSES: usize = 16;

/// One row of both models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its place among the rows compared, from 0.
    pub row: usize,
    /// First output of the float model.
    pub float: f64,
    /// First output of the integer program.
    pub integer: f64,
    /// Largest absolute error of its outputs.
    pub error: f64,
}

/// What is kept of the rows that were compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// Every n-th row, at most [`SAMPLE`].
    pub sample: Vec<Row>,
    /// The rows with the largest errors, those first; none without an error.
    pub worst: Vec<Row>,
    /// Rows by their largest error, in [`BINS`] equal bins from 0 to the largest of all; empty if there is no error.
    pub histogram: Vec<usize>,
    /// Rows by what the float model decides, then by what the program decides; empty for models that decide nothing or among
    /// more than [`CLASSES`].
    pub confusion: Vec<Vec<usize>>,
}

impl Detail {
    /// Of rows, with both decisions where there are such.
    pub fn new(rows: &[(Row, Option<[usize; 2]>)]) -> Self {
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let finite = |row: &&Row| row.float.is_finite() && row.integer.is_finite();
        let sample = rows.iter().map(|r| &r.0).step_by(step).filter(finite);
        let mut worst: Vec<Row> = rows.iter().map(|r| r.0).collect();
        worst.retain(|r| r.error > 0.0 && finite(&r));
        worst.sort_by(|a, b| b.error.total_cmp(&a.error).then(a.row.cmp(&b.row)));
        worst.truncate(WORST);
        Self {
            sample: sample.copied().collect(),
            histogram: histogram(rows.iter().map(|r| r.0.error)),
            confusion: confusion(rows.iter().filter_map(|r| r.1)),
            worst,
        }
    }
}

fn histogram(errors: impl Iterator<Item = f64> + Clone) -> Vec<usize> {
    let largest = errors.clone().fold(0.0, f64::max);
    if !largest.is_finite() || largest <= 0.0 {
        return vec![];
    }
    let mut bins = vec![0; BINS];
    for error in errors {
        let bin = ((error / largest * BINS as f64) as usize).min(BINS - 1);
        if let Some(count) = bins.get_mut(bin) {
            *count += 1;
        }
    }
    bins
}

fn confusion(pairs: impl Iterator<Item = [usize; 2]> + Clone) -> Vec<Vec<usize>> {
    let Some(last) = pairs.clone().flatten().max() else {
        return vec![];
    };
    if last >= CLASSES {
        return vec![];
    }
    // One class alone is a decision, too: the other one never came up.
    let classes = (last + 1).max(2);
    let mut counts = vec![vec![0; classes]; classes];
    for [float, integer] in pairs {
        if let Some(count) = counts.get_mut(float).and_then(|row| row.get_mut(integer)) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: usize, float: f64, integer: f64) -> (Row, Option<[usize; 2]>) {
        let error = (float - integer).abs();
        let decided = [usize::from(float >= 0.5), usize::from(integer >= 0.5)];
        let row = Row {
            row,
            float,
            integer,
            error,
        };
        (row, Some(decided))
    }

    #[test]
    fn rows_are_counted_and_the_worst_named() {
        let rows = [
            row(0, 0.25, 0.25),
            row(1, 0.5, 0.75),
            row(2, 0.5, 0.375),
            row(3, 0.0, 0.5),
        ];
        let found = Detail::new(&rows);
        let worst: Vec<usize> = found.worst.iter().map(|r| r.row).collect();
        assert_eq!(worst, [3, 1, 2]);
        assert_eq!(found.confusion, [[1, 1], [1, 1]]);
        assert_eq!(found.histogram.len(), BINS);
        assert_eq!(found.histogram.iter().sum::<usize>(), rows.len());
        assert_eq!(
            [found.histogram[0], found.histogram[5], found.histogram[10]],
            [1, 1, 1]
        );
        assert_eq!(found.histogram[BINS - 1], 1);
        assert_eq!(found.sample.len(), 4);
    }

    #[test]
    fn samples_are_bounded_and_exact_models_have_no_errors() {
        let rows: Vec<_> = (0..10 * SAMPLE + 1)
            .map(|i| (row(i, 1.0, 1.0).0, None))
            .collect();
        let found = Detail::new(&rows);
        assert!((SAMPLE / 2..=SAMPLE).contains(&found.sample.len()));
        assert_eq!(
            (
                found.worst.len(),
                found.histogram.len(),
                found.confusion.len()
            ),
            (0, 0, 0)
        );
        let many = [CLASSES, 0].map(|class| (row(0, 1.0, 1.0).0, Some([class; 2])));
        assert!(Detail::new(&many).confusion.is_empty());
        let one = [(row(0, 1.0, 1.0).0, Some([0, 0]))];
        assert_eq!(Detail::new(&one).confusion, [[1, 0], [0, 0]]);
        assert_eq!(Detail::new(&[]), Detail::default());
    }

    /// JSON has no infinity: such a row is counted and not drawn.
    #[test]
    fn outputs_that_are_no_numbers_are_left_out() {
        let rows = [row(0, f64::NAN, 1.0), row(1, 1.0, f64::INFINITY)];
        let found = Detail::new(&rows);
        assert!(found.sample.is_empty() && found.worst.is_empty() && found.histogram.is_empty());
    }
}
