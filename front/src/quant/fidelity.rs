//! How close the integer program is to the float model.

use laminate_model::program::{Program, Weights};
use laminate_prover::exec::{ExecError, Executor};
use rayon::prelude::*;

use super::QuantError;
use super::input::{nearest, real};
use crate::graph::Graph;
use crate::ops::{Function, Op};
use crate::rows;

/// How a classifier decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One output, a probability: positive from 0.5 on.
    Threshold,
    /// Several outputs: the largest, of equal ones the first.
    Argmax,
}

/// Integer outputs against float outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Fidelity {
    /// Rows compared.
    pub rows: usize,
    /// Rows that the program refuses because a value leaves its range; not compared.
    pub refused: usize,
    /// Why the first of them was refused.
    pub first_refusal: Option<ExecError>,
    /// Mean absolute error of all outputs.
    pub mean_error: f64,
    /// Largest absolute error.
    pub max_error: f64,
    /// How the model decides; `None` for one output that is not a probability.
    pub decision: Option<Decision>,
    /// Compared rows on which both decide alike.
    pub agreeing: usize,
    /// Coefficient of determination of one output that is not a probability: one less the share of the float
    /// output's variance that the errors are. `None` if it does not vary.
    pub determination: Option<f64>,
}

impl Fidelity {
    /// Share of compared rows on which both decide alike, for classifiers.
    pub fn agreement(&self) -> Option<f64> {
        self.decision
            .filter(|_| self.rows > 0)
            .map(|_| self.agreeing as f64 / self.rows as f64)
    }
}

/// Comparison of one row.
struct Compared {
    /// Sum of the outputs' absolute errors.
    sum: f64,
    /// Largest of them.
    max: f64,
    /// Whether both decide alike.
    agrees: bool,
    /// The first output, float and integer.
    first: (f64, f64),
}

/// Comparison of one row, or why the program refused it.
type RowResult = Result<Compared, ExecError>;

/// Runs both models on `rows`, each alone, and compares.
///
/// # Errors
/// [`QuantError`] if the rows do not fit the input or program and weights do not fit each other; a
/// value that leaves its range inside the program only counts as refused, an input value that does is
/// refused likewise.
pub fn fidelity(
    graph: &Graph,
    program: &Program,
    weights: &Weights,
    rows: &[Vec<f32>],
) -> Result<Fidelity, QuantError> {
    rows::check(rows, graph.width(graph.input()))?;
    let single = Program {
        batch_log: 0,
        ..program.clone()
    };
    let executor = Executor::new(&single, weights)?;
    let expected = graph.run(rows)?;
    let decision = decision(graph);
    let scale = program.tensors.get(program.output).map_or(0, |t| t.scale);
    let results: Vec<RowResult> = rows
        .par_iter()
        .zip(&expected)
        .map(|(row, expected)| {
            let found = run_row(&single, &executor, row)?;
            let found: Vec<f64> = found.into_iter().map(|v| real(v, scale)).collect();
            let expected: Vec<f64> = expected.iter().map(|v| f64::from(*v)).collect();
            let errors = || found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let agrees = decision.is_some_and(|d| d.decide(&found) == d.decide(&expected));
            let first = |outputs: &[f64]| outputs.first().copied().unwrap_or(0.0);
            Ok(Compared {
                sum: errors().sum(),
                max: errors().fold(0.0, f64::max),
                agrees,
                first: (first(&expected), first(&found)),
            })
        })
        .collect();
    Ok(summarise(
        results,
        decision,
        program.tensor_width(program.output),
    ))
}

/// Of pairs of float and integer output.
fn determination(pairs: &[(f64, f64)]) -> Option<f64> {
    let mean = pairs.iter().map(|p| p.0).sum::<f64>() / pairs.len() as f64;
    let variance: f64 = pairs.iter().map(|p| (p.0 - mean).powi(2)).sum();
    let errors: f64 = pairs.iter().map(|p| (p.0 - p.1).powi(2)).sum();
    (variance > 0.0).then(|| 1.0 - errors / variance)
}

fn run_row(program: &Program, executor: &Executor<'_>, row: &[f32]) -> Result<Vec<i32>, ExecError> {
    let scale = program.tensors.get(program.input).map_or(0, |t| t.scale);
    // Not range-checked here: the executor refuses it and names row and feature.
    let input = row.iter().map(|x| nearest(*x, scale)).collect();
    let trace = executor.rows(&[input])?;
    Ok(trace.outputs(program).into_iter().flatten().collect())
}

fn summarise(results: Vec<RowResult>, decision: Option<Decision>, width: usize) -> Fidelity {
    let mut out = Fidelity {
        rows: 0,
        refused: 0,
        first_refusal: None,
        mean_error: 0.0,
        max_error: 0.0,
        decision,
        agreeing: 0,
        determination: None,
    };
    let mut outputs = vec![];
    for result in results {
        match result {
            Ok(row) => {
                out.rows += 1;
                out.mean_error += row.sum;
                out.max_error = out.max_error.max(row.max);
                out.agreeing += usize::from(row.agrees);
                outputs.push(row.first);
            }
            Err(error) => {
                out.refused += 1;
                out.first_refusal.get_or_insert(error);
            }
        }
    }
    out.mean_error /= (out.rows * width).max(1) as f64;
    if decision.is_none() {
        out.determination = determination(&outputs);
    }
    out
}

/// A model with one output decides by threshold only if that output is a probability.
fn decision(graph: &Graph) -> Option<Decision> {
    if graph.width(graph.output()) > 1 {
        return Some(Decision::Argmax);
    }
    let mut id = graph.output();
    while let Some(node) = graph.producer(id) {
        match node.op {
            Op::Reshape => id = *node.inputs.first()?,
            Op::Unary(Function::Sigmoid) => return Some(Decision::Threshold),
            _ => return None,
        }
    }
    None
}

impl Decision {
    fn decide(self, outputs: &[f64]) -> usize {
        match self {
            Self::Threshold => usize::from(outputs.first().is_some_and(|v| *v >= 0.5)),
            Self::Argmax => {
                let pairs = outputs.iter().enumerate();
                pairs
                    .fold((0, f64::NEG_INFINITY), |best, (i, v)| {
                        if *v > best.1 { (i, *v) } else { best }
                    })
                    .0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions() {
        assert_eq!(Decision::Threshold.decide(&[0.5]), 1);
        assert_eq!(Decision::Threshold.decide(&[0.499]), 0);
        assert_eq!(Decision::Argmax.decide(&[1.0, 3.0, 3.0, -1.0]), 1);
    }

    #[test]
    fn determination_is_what_the_errors_leave_of_the_variance() {
        // Variance 2 around 2, errors 0.5² once: 1 - 0.25/2.
        let pairs = [(1.0, 1.0), (2.0, 2.5), (3.0, 3.0)];
        assert_eq!(determination(&pairs), Some(0.875));
        assert_eq!(determination(&[(1.0, 2.0); 3]), None);
        assert_eq!(determination(&[]), None);
    }
}
