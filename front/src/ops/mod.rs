//! The float ops: what each takes, and what it computes.
//!
//! | op | module |
//! | --- | --- |
//! | Contract | [`contract`] |
//! | Rectify, Abs, Clip, Unary, Add, Mul, Reshape | [`pointwise`] |
//! | Convolve, MaxPool, MeanPool | `windows` |
//! | Arrange, Pick, Concat | `arrange` |
//! | Linear, Affine, Normalise, Share, MatMul, Reduce, Expand | `rows` |
//! | functions of one number | `function` |
//! | State | `recurrent` |
//! | Gather, Norm, Scale, Rotate | `position` |
//! | Scores, Softmax, Mix | `attention` |
//! | Step, ArgMax | `decide` |

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod arrange;
mod attention;
pub mod contract;
mod decide;
mod function;
pub mod pointwise;
mod position;
mod recurrent;
mod rows;
mod windows;

pub use arrange::{Picks, Read};
pub use function::Function;
pub use recurrent::{Activation, Cell, Kept, State};
pub use rows::product;
pub use windows::{Window, positions};

use std::ops::RangeInclusive;

use crate::graph::{Param, ParamError, Value};

/// A float op.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `y = x·Wᵀ + b` over all features; parameters `W` of the shape `(features of y, features of x)` and, if there
    /// is a bias, `b` of that of `y`'s features.
    Contract,
    /// `x` where positive, else `slope·x`.
    Rectify {
        /// In `[0, 1)`.
        slope: f32,
    },
    /// The absolute value.
    Abs,
    /// The nearest number from `lowest` to `highest`.
    Clip {
        /// The lower end.
        lowest: f32,
        /// The upper end, above the lower.
        highest: f32,
    },
    /// A function of one number.
    Unary(Function),
    /// `y = x·Wᵀ + b` over the last axis, at each place of those before it; parameters `(made, last)` and `(made)`.
    Linear,
    /// A factor and an offset for each entry of one feature axis, or of all numbers of a row; two parameters of its shape.
    Affine {
        /// The feature axis; none if every number has its own.
        axis: Option<usize>,
    },
    /// Entries along the last axis over the root of their mean square.
    Normalise {
        /// Added to the mean square.
        eps: f32,
        /// Whether their mean is taken off first.
        centred: bool,
    },
    /// Softmax along an axis.
    Share {
        /// The feature axis.
        axis: usize,
    },
    /// `factor·a·b` of `(…, m, k)` and `(…, k, n)`, for each place of the axes before, which are the same: `(…, m, n)`.
    MatMul {
        /// Factor of every entry.
        factor: f64,
    },
    /// Axes taken together and left out.
    Reduce {
        /// How.
        kind: Reduction,
        /// The feature axes, each once.
        axes: Vec<usize>,
    },
    /// Axes of one entry repeated.
    Expand,
    /// Sums over windows `(…)` and channels of `(channels, axes…)`: `(made, positions…)`; parameters `(made, channels of a
    /// group, window…)` and `(made)`.
    Convolve {
        /// Windows of the axes.
        windows: Vec<Window>,
        /// Number of equal parts of the channels, of which each makes as many of the results' channels.
        groups: usize,
    },
    /// The largest of each window: `(channels, axes…)` to `(channels, positions…)`.
    MaxPool(Vec<Window>),
    /// The mean of each window.
    MeanPool {
        /// Windows of the axes.
        windows: Vec<Window>,
        /// Whether entries outside count, as zeros.
        padding: bool,
    },
    /// Axes in another order, parts of them, and zeros beside them: what each axis of the result reads.
    Arrange(Vec<Read>),
    /// Each number of the result by itself: number `at` of which operand, or zero.
    Pick(Picks),
    /// Values one behind the other.
    Concat {
        /// The feature axis along which they are joined.
        axis: usize,
    },
    /// The state before every step of a recurrence.
    State(State),
    /// Sum of two values of one shape.
    Add,
    /// Product, number by number, of two values of one shape.
    Mul,
    /// The same numbers under another shape.
    Reshape,
    /// Rows of the parameter `(ids, features)`; the operand has one whole number a row.
    Gather,
    /// Each row over the root of its mean square.
    Norm {
        /// Added to the mean square.
        eps: f32,
    },
    /// Each row times the parameter, `(features)`.
    Scale,
    /// Rotation of the pairs `(x[i], x[i + half])` of the last axis by angles that grow with the row's position.
    Rotate {
        /// Angle of each pair per position.
        frequencies: Vec<f64>,
    },
    /// Queries `(t, g, r, d)` times keys `(u, g, d)`: `(t, g, r, u)`.
    Scores {
        /// Factor of every score.
        factor: f32,
    },
    /// Softmax over the keys `u <= t`; later ones become zero.
    Softmax,
    /// Values `(u, g, d)` mixed by weights `(t, g, r, u)`: `(t, g, r, d)`.
    Mix,
    /// 1 where the one number of a row, or of two the second less the first, is at least so much, else 0.
    Step {
        /// How much.
        least: f64,
    },
    /// The place of the largest number of a row, the first of equal ones.
    ArgMax,
}

/// How axes are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
}

impl Op {
    /// Name as it stands in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Rectify { .. } => "rectify",
            Self::Abs => "abs",
            Self::Clip { .. } => "clip",
            Self::Linear => "linear",
            Self::Affine { .. } => "affine",
            Self::Normalise { .. } => "normalise",
            Self::Share { .. } => "softmax over an axis",
            Self::MatMul { .. } => "matmul",
            Self::Reduce { .. } => "reduce",
            Self::Expand => "expand",
            Self::Convolve { .. } => "convolve",
            Self::MaxPool(_) => "max pool",
            Self::MeanPool { .. } => "mean pool",
            Self::Arrange(_) => "arrange",
            Self::Pick(_) => "pick",
            Self::Concat { .. } => "concat",
            Self::State(_) => "state",
            Self::Unary(function) => function.name(),
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Reshape => "reshape",
            Self::Gather => "gather",
            Self::Norm { .. } => "norm",
            Self::Scale => "scale",
            Self::Rotate { .. } => "rotate",
            Self::Scores { .. } => "scores",
            Self::Softmax => "softmax",
            Self::Mix => "mix",
            Self::Step { .. } => "threshold",
            Self::ArgMax => "argmax",
        }
    }

    /// Number of operands, and of parameters.
    pub fn arity(&self) -> (RangeInclusive<usize>, RangeInclusive<usize>) {
        match self {
            Self::Contract => (1..=1, 1..=2),
            Self::Convolve { .. } | Self::Linear | Self::Affine { .. } => (1..=1, 2..=2),
            Self::Gather | Self::Scale => (1..=1, 1..=1),
            Self::Add | Self::Mul | Self::MatMul { .. } | Self::Scores { .. } | Self::Mix => {
                (2..=2, 0..=0)
            }
            Self::Concat { .. } | Self::Pick(_) => (1..=usize::MAX, 0..=0),
            Self::State(state) => {
                let initial = state.initial.iter().filter(|is| **is).count();
                let params = 2 * state.cell.layers();
                (1 + initial..=1 + initial, params..=params)
            }
            Self::Rectify { .. }
            | Self::Abs
            | Self::Clip { .. }
            | Self::Normalise { .. }
            | Self::Share { .. }
            | Self::Reduce { .. }
            | Self::Expand
            | Self::MaxPool(_)
            | Self::MeanPool { .. }
            | Self::Arrange(_)
            | Self::Unary(_)
            | Self::Reshape
            | Self::Norm { .. }
            | Self::Rotate { .. }
            | Self::Softmax
            | Self::Step { .. }
            | Self::ArgMax => (1..=1, 0..=0),
        }
    }

    /// Whether it depends on the axes of its operands, not on their flat order alone.
    pub fn reads_axes(&self) -> bool {
        matches!(
            self,
            Self::Convolve { .. }
                | Self::Linear
                | Self::Affine { axis: Some(_) }
                | Self::Normalise { .. }
                | Self::Share { .. }
                | Self::MatMul { .. }
                | Self::Reduce { .. }
                | Self::Expand
                | Self::MaxPool(_)
                | Self::MeanPool { .. }
                | Self::Arrange(_)
                | Self::Pick(_)
                | Self::Concat { .. }
                | Self::State(_)
        )
    }

    /// The operand, if any, of which it reads all rows of a text.
    pub(crate) fn reads_other_rows(&self) -> Option<usize> {
        matches!(self, Self::Scores { .. } | Self::Mix).then_some(1)
    }
}

/// Checks a node's shapes.
pub(crate) fn check(
    op: &Op,
    operands: &[&Value],
    params: &[&Param],
    output: &Value,
) -> Result<(), String> {
    let (inputs, weights) = op.arity();
    if !inputs.contains(&operands.len()) || !weights.contains(&params.len()) {
        return Err(format!(
            "{} operands and {} parameters, expected {} and {} to {}",
            operands.len(),
            params.len(),
            inputs.start(),
            weights.start(),
            weights.end()
        ));
    }
    let flat = |value: &&&Value| !value.is_of_rows();
    let attends = matches!(op, Op::Scores { .. } | Op::Softmax | Op::Mix);
    if let Some(value) = operands
        .iter()
        .chain([&output])
        .find(flat)
        .filter(|_| !attends)
    {
        return Err(format!(
            "value {:?} has shape {}, expected one axis of rows",
            value.name,
            value.shape()
        ));
    }
    match op {
        Op::Contract => contract::check(operands, params, output),
        Op::Gather | Op::Norm { .. } | Op::Scale | Op::Rotate { .. } => {
            position::check(op, operands, params, output)
        }
        Op::Scores { .. } | Op::Softmax | Op::Mix => attention::check(op, operands, output),
        Op::Convolve { .. } | Op::MaxPool(_) | Op::MeanPool { .. } => {
            windows::check(op, operands, params, output)
        }
        Op::Linear
        | Op::Affine { .. }
        | Op::Normalise { .. }
        | Op::Share { .. }
        | Op::MatMul { .. }
        | Op::Reduce { .. }
        | Op::Expand => rows::check(op, operands, params, output),
        Op::Arrange(reads) => match operands {
            [x] => arrange::check_arrange(reads, x, output),
            _ => Err("expected one operand".into()),
        },
        Op::Pick(picks) => arrange::check_pick(picks, operands, output),
        Op::Concat { axis } => arrange::check_concat(*axis, operands, output),
        Op::State(state) => recurrent::check(state, operands, params, output),
        Op::Step { .. } | Op::ArgMax => decide::check(op, operands, output),
        op => pointwise::check(op, operands, output),
    }
}

/// An operand of a run.
pub(crate) struct Operand<'a> {
    /// Its shape at a row, without axes of rows.
    pub features: Vec<usize>,
    /// All numbers of the node's own rows.
    pub whole: &'a [f32],
    /// The numbers of each text; of operands of which other rows are read, all rows so far.
    pub texts: Vec<&'a [f32]>,
}

/// How a node is run.
pub(crate) struct Context<'a> {
    /// Position of the first row of each text.
    pub first: usize,
    /// Rows of each text.
    pub lens: &'a [usize],
    /// Whether sums are taken in f32 side by side.
    pub lanes: bool,
    /// Number of features of the result, without axes of rows.
    pub width: usize,
    /// Its shape at a row, likewise.
    pub features: Vec<usize>,
}

/// What a checked node computes.
pub(crate) fn evaluate(
    op: &Op,
    operands: &[Operand<'_>],
    params: &[&Param],
    context: &Context<'_>,
) -> Result<Vec<f32>, ParamError> {
    let (first, width) = (context.first, context.width);
    Ok(match (op, operands, params) {
        (Op::Contract, [x], [weight, bias @ ..]) => {
            contract::evaluate(x.whole, weight, bias.first().copied(), context)?
        }
        (Op::Expand, [x], _) => rows::expand(x.whole, &x.features, &context.features),
        (
            Op::Linear
            | Op::Affine { .. }
            | Op::Normalise { .. }
            | Op::Share { .. }
            | Op::MatMul { .. }
            | Op::Reduce { .. },
            operands,
            params,
        ) => {
            let params = params.iter().map(|param| param.read());
            let params = params.collect::<Result<Vec<_>, _>>()?;
            let params: Vec<&[f32]> = params.iter().map(|param| &**param).collect();
            let operands = operands.iter().map(|x| (x.whole, x.features.as_slice()));
            rows::evaluate(op, &operands.collect::<Vec<_>>(), &params)
        }
        (Op::Convolve { .. } | Op::MaxPool(_) | Op::MeanPool { .. }, [x], params) => {
            let params = params.iter().map(|param| param.read());
            let params = params.collect::<Result<Vec<_>, _>>()?;
            let params: Vec<&[f32]> = params.iter().map(|param| &**param).collect();
            windows::evaluate(op, x.whole, &x.features, &params)
        }
        (Op::Arrange(reads), [x], _) => {
            arrange::arrange(x.whole, reads, &x.features, &context.features)
        }
        (Op::Pick(picks), operands, _) => {
            let parts = operands.iter().map(|x| (x.whole, x.features.as_slice()));
            arrange::pick(picks, &parts.collect::<Vec<_>>())
        }
        (Op::Concat { axis }, operands, _) => {
            let parts = operands.iter().map(|x| (x.whole, x.features.as_slice()));
            arrange::concat(*axis, &parts.collect::<Vec<_>>())
        }
        (Op::State(state), operands, params) => {
            let params = params.iter().map(|param| param.read());
            let params = params.collect::<Result<Vec<_>, _>>()?;
            let params: Vec<&[f32]> = params.iter().map(|param| &**param).collect();
            let operands = operands.iter().map(|x| (x.whole, x.features.as_slice()));
            let operands: Vec<_> = operands.collect();
            recurrent::evaluate(state, &operands, &params, &context.features)
        }
        (Op::Step { .. } | Op::ArgMax, [x], _) => {
            decide::evaluate(op, x.whole, x.features.iter().product())
        }
        (Op::Gather, [x], [table]) => position::gather(x.whole, table)?,
        (Op::Norm { eps }, [x], _) => position::norm(x.whole, width, *eps),
        (Op::Scale, [x], [by]) => position::scale(x.whole, &by.read()?),
        (Op::Rotate { frequencies }, [x], _) => {
            let texts = x.texts.iter();
            texts
                .flat_map(|x| position::rotate(x, width, frequencies, first))
                .collect()
        }
        (Op::Scores { factor }, [q, k], _) => match q.features.as_slice() {
            &[groups, shared, d] => q
                .texts
                .iter()
                .zip(&k.texts)
                .flat_map(|(q, k)| attention::scores(q, k, [groups, shared, d], *factor))
                .collect(),
            _ => vec![],
        },
        (Op::Softmax, [x], _) => {
            let texts = x.texts.iter().zip(context.lens);
            texts
                .flat_map(|(x, rows)| attention::softmax(x, width, first + rows, first))
                .collect()
        }
        (Op::Mix, [p, v], _) => match (p.features.as_slice(), v.features.as_slice()) {
            (&[groups, shared], &[_, d]) => p
                .texts
                .iter()
                .zip(&v.texts)
                .flat_map(|(p, v)| attention::mix(p, v, [groups, shared, d], first))
                .collect(),
            _ => vec![],
        },
        (op, [a, b], _) => pointwise::evaluate(op, a.whole, b.whole),
        (op, [a], _) => pointwise::evaluate(op, a.whole, a.whole),
        _ => vec![],
    })
}
