//! How close the integer program is to the float model.

use laminate_model::ops::Argmax;
use laminate_model::program::{Op, Program, TensorId, Weights, padded_index};
use laminate_prover::exec::{ExecError, Executor, Trace};
use rayon::prelude::*;

use super::QuantError;
use super::detail::{Detail, Row};
use super::input::real;
use super::model::Model;
use super::saturate::is_clamped;
use crate::graph::Graph;
use crate::ops::{Function, Op as FloatOp};

/// How a classifier decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One output, a probability: positive from 0.5 on.
    Threshold,
    /// One output, which is the class.
    Class,
    /// Several outputs: the largest, of equal ones the first. Of a language model, the likeliest token.
    Argmax,
}

/// Perplexity on texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Perplexity {
    /// Of the float model.
    pub float: f64,
    /// Of the integer program.
    pub integer: f64,
}

/// Integer outputs against float outputs, row by row; a row of a text is the output at one of its positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Fidelity {
    /// Rows compared.
    pub rows: usize,
    /// Rows that the program refuses because a value leaves its range, of a text all of them; not compared.
    pub refused: usize,
    /// Why the first of them was refused.
    pub first_refusal: Option<ExecError>,
    /// Compared rows on which a value was moved to an end of its range: of programs that saturate.
    pub clamped: usize,
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
    /// Of language models, over the rows whose next token the text has.
    pub perplexity: Option<Perplexity>,
    /// Rows one by one, as far as they are shown.
    pub detail: Detail,
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
    /// What the float model and the program decide.
    decided: Option<[usize; 2]>,
    /// Whether a value was moved to an end of its range.
    clamped: bool,
    /// The first output, float and integer.
    first: (f64, f64),
    /// `-ln softmax(outputs)[next]` of what comes true, float and integer.
    surprise: Option<(f64, f64)>,
}

/// Comparison of the rows of a sample, or how many there are and why the program refused them.
type Rows = Result<Vec<Compared>, (usize, ExecError)>;

/// Runs both models on `samples`, each alone, and compares.
///
/// # Errors
/// [`QuantError`] if the samples are none of the model's or program and weights do not fit each other; a
/// value that leaves its range inside the program only counts as refused, an input value that does is
/// refused likewise.
pub fn fidelity<M: Model>(
    model: &M,
    program: &Program,
    weights: &Weights,
    samples: &[Vec<M::Item>],
) -> Result<Fidelity, QuantError> {
    let samples = model.pieces(samples, program.slots())?;
    let mut single = program.clone();
    if program.sequence.is_none() {
        single.batch_log = 0;
    }
    let executor = Executor::new(&single, weights)?;
    let decision = decision(model.graph());
    let width = model.graph().width(model.graph().output()).max(1);
    let output = compared(program);
    let mut results: Vec<Rows> = vec![];
    model.outputs(&samples, &mut |range, expected| {
        let group = samples.get(range).unwrap_or_default();
        // Samples that come together are of one length.
        let length = (expected.len() / group.len().max(1)).max(1);
        let compare = |(sample, expected): (&&[M::Item], &[f32])| {
            let count = expected.len() / width;
            let trace = M::trace(&single, &executor, sample).map_err(|error| (count, error))?;
            let found = outputs(&single, &trace, output);
            let clamped = is_clamped(&single, &trace);
            let expected = expected.chunks_exact(width).zip(found).enumerate();
            let row = |(at, (expected, found)): (usize, (&[f32], Vec<f64>))| Compared {
                clamped,
                ..compare(expected, &found, decision, M::next(sample, at))
            };
            Ok(expected.map(row).collect())
        };
        let pairs = group.par_iter().zip(expected.par_chunks(length));
        results.par_extend(pairs.map(compare));
    })?;
    Ok(summarise(results, decision, width))
}

/// The tensor of outputs: what the choice of a token chooses from, or the program's.
fn compared(program: &Program) -> TensorId {
    let last = program.nodes.iter().find(|n| n.op == Op::Argmax(Argmax));
    let logits = last.and_then(|node| node.inputs.first());
    logits.copied().unwrap_or(program.output)
}

/// Real outputs of all rows.
fn outputs(program: &Program, trace: &Trace, id: TensorId) -> impl Iterator<Item = Vec<f64>> {
    let tensor = &program.tensors[id];
    let places = (0..tensor.width()).map(|i| padded_index(&tensor.axes, i));
    let places: Vec<usize> = places.collect();
    let rows = trace.tensors[id].chunks_exact(1 << tensor.width_log());
    rows.map(move |row| {
        places
            .iter()
            .map(|at| real(row[*at], tensor.scale))
            .collect()
    })
}

fn compare(
    expected: &[f32],
    found: &[f64],
    decision: Option<Decision>,
    next: Option<usize>,
) -> Compared {
    let expected: Vec<f64> = expected.iter().map(|v| f64::from(*v)).collect();
    let errors = || found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let first = |outputs: &[f64]| outputs.first().copied().unwrap_or(0.0);
    Compared {
        sum: errors().sum(),
        max: errors().fold(0.0, f64::max),
        decided: decision.map(|d| [d.decide(&expected), d.decide(found)]),
        clamped: false,
        first: (first(&expected), first(found)),
        surprise: next.map(|next| (surprise(&expected, next), surprise(found, next))),
    }
}

/// `-ln softmax(logits)[token]`.
fn surprise(logits: &[f64], token: usize) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|l| libm::exp(l - largest)).sum();
    let own = logits.get(token).copied().unwrap_or(largest);
    largest + libm::log(total) - own
}

/// Of pairs of float and integer output.
fn determination(pairs: &[(f64, f64)]) -> Option<f64> {
    let mean = pairs.iter().map(|p| p.0).sum::<f64>() / pairs.len() as f64;
    let variance: f64 = pairs.iter().map(|p| (p.0 - mean).powi(2)).sum();
    let errors: f64 = pairs.iter().map(|p| (p.0 - p.1).powi(2)).sum();
    (variance > 0.0).then(|| 1.0 - errors / variance)
}

/// Of pairs of float and integer surprise.
fn perplexity(pairs: &[(f64, f64)]) -> Option<Perplexity> {
    let of = |nats: f64| libm::exp(nats / pairs.len() as f64);
    (!pairs.is_empty()).then(|| Perplexity {
        float: of(pairs.iter().map(|p| p.0).sum()),
        integer: of(pairs.iter().map(|p| p.1).sum()),
    })
}

fn summarise(results: Vec<Rows>, decision: Option<Decision>, width: usize) -> Fidelity {
    let mut out = Fidelity {
        rows: 0,
        refused: 0,
        first_refusal: None,
        clamped: 0,
        mean_error: 0.0,
        max_error: 0.0,
        decision,
        agreeing: 0,
        determination: None,
        perplexity: None,
        detail: Detail::default(),
    };
    let mut rows = vec![];
    for result in results {
        match result {
            Ok(compared) => rows.extend(compared),
            Err((count, error)) => {
                out.refused += count;
                out.first_refusal.get_or_insert(error);
            }
        }
    }
    out.rows = rows.len();
    out.mean_error = rows.iter().map(|r| r.sum).sum::<f64>() / (out.rows * width).max(1) as f64;
    out.max_error = rows.iter().map(|r| r.max).fold(0.0, f64::max);
    out.clamped = rows.iter().filter(|r| r.clamped).count();
    let agrees = |r: &&Compared| r.decided.is_some_and(|[float, integer]| float == integer);
    out.agreeing = rows.iter().filter(agrees).count();
    let shown = rows.iter().enumerate().map(|(row, r)| {
        let (float, integer) = r.first;
        let shown = Row {
            row,
            float,
            integer,
            error: r.max,
        };
        (shown, r.decided)
    });
    out.detail = Detail::new(&shown.collect::<Vec<_>>());
    if decision.is_none() {
        let first: Vec<_> = rows.iter().map(|r| r.first).collect();
        out.determination = determination(&first);
    }
    let surprises: Vec<_> = rows.iter().filter_map(|r| r.surprise).collect();
    out.perplexity = perplexity(&surprises);
    out
}

/// A model with one output decides by threshold only if that output is a probability, or the decision itself.
fn decision(graph: &Graph) -> Option<Decision> {
    if graph.width(graph.output()) > 1 {
        return Some(Decision::Argmax);
    }
    let mut id = graph.output();
    while let Some(node) = graph.producer(id) {
        match node.op {
            FloatOp::Reshape => id = *node.inputs.first()?,
            FloatOp::Step { .. } | FloatOp::ArgMax => return Some(Decision::Class),
            FloatOp::Unary(Function::Sigmoid) => return Some(Decision::Threshold),
            _ => return None,
        }
    }
    None
}

impl Decision {
    fn decide(self, outputs: &[f64]) -> usize {
        match self {
            Self::Threshold => usize::from(outputs.first().is_some_and(|v| *v >= 0.5)),
            // A whole number.
            Self::Class => outputs.first().map_or(0, |v| *v as usize),
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
        assert_eq!(Decision::Class.decide(&[2.0]), 2);
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

    #[test]
    fn perplexity_counts_equally_likely_tokens() {
        let even = [0.0; 4];
        let sure = [50.0, 0.0, 0.0, 0.0];
        let pairs = [(surprise(&even, 2), surprise(&sure, 0))];
        let found = perplexity(&pairs).unwrap();
        assert!((found.float - 4.0).abs() < 1e-12 && (found.integer - 1.0).abs() < 1e-12);
        assert_eq!(perplexity(&[]), None);
    }
}
