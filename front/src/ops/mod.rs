//! The float ops: what each takes, and what it computes.
//!
//! | op | module |
//! | --- | --- |
//! | Contract | [`contract`] |
//! | Rectify, Abs, Clip, Unary, Add, Mul, Reshape | [`pointwise`] |
//! | Convolve, MaxPool, MeanPool | `windows` |
//! | Arrange, Concat | `arrange` |
//! | Gather, Norm, Scale, Rotate | `position` |
//! | Scores, Softmax, Mix | `attention` |

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
pub mod pointwise;
mod position;
mod windows;

pub use arrange::Read;
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
    /// Sums over windows `(…)` and channels of `(channels, axes…)`: `(made, positions…)`; parameters `(made, channels,
    /// window…)` and `(made)`.
    Convolve(Vec<Window>),
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
    /// Values one behind the other.
    Concat {
        /// The feature axis along which they are joined.
        axis: usize,
    },
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
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x / (1 + exp(-x))`, computed in f32.
    Silu,
}

impl Op {
    /// Name as it stands in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Rectify { .. } => "rectify",
            Self::Abs => "abs",
            Self::Clip { .. } => "clip",
            Self::Convolve(_) => "convolve",
            Self::MaxPool(_) => "max pool",
            Self::MeanPool { .. } => "mean pool",
            Self::Arrange(_) => "arrange",
            Self::Concat { .. } => "concat",
            Self::Unary(Function::Sigmoid) => "sigmoid",
            Self::Unary(Function::Tanh) => "tanh",
            Self::Unary(Function::Silu) => "silu",
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
        }
    }

    /// Number of operands, and of parameters.
    pub fn arity(&self) -> (RangeInclusive<usize>, RangeInclusive<usize>) {
        match self {
            Self::Contract => (1..=1, 1..=2),
            Self::Convolve(_) => (1..=1, 2..=2),
            Self::Gather | Self::Scale => (1..=1, 1..=1),
            Self::Add | Self::Mul | Self::Scores { .. } | Self::Mix => (2..=2, 0..=0),
            Self::Concat { .. } => (1..=usize::MAX, 0..=0),
            Self::Rectify { .. }
            | Self::Abs
            | Self::Clip { .. }
            | Self::MaxPool(_)
            | Self::MeanPool { .. }
            | Self::Arrange(_)
            | Self::Unary(_)
            | Self::Reshape
            | Self::Norm { .. }
            | Self::Rotate { .. }
            | Self::Softmax => (1..=1, 0..=0),
        }
    }

    /// Whether it depends on the axes of its operands, not on their flat order alone.
    pub fn reads_axes(&self) -> bool {
        matches!(
            self,
            Self::Convolve(_)
                | Self::MaxPool(_)
                | Self::MeanPool { .. }
                | Self::Arrange(_)
                | Self::Concat { .. }
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
        Op::Convolve(_) | Op::MaxPool(_) | Op::MeanPool { .. } => {
            windows::check(op, operands, params, output)
        }
        Op::Arrange(reads) => match operands {
            [x] => arrange::check_arrange(reads, x, output),
            _ => Err("expected one operand".into()),
        },
        Op::Concat { axis } => arrange::check_concat(*axis, operands, output),
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
        (Op::Convolve(_) | Op::MaxPool(_) | Op::MeanPool { .. }, [x], params) => {
            let params = params.iter().map(|param| param.read());
            let params = params.collect::<Result<Vec<_>, _>>()?;
            let params: Vec<&[f32]> = params.iter().map(|param| &**param).collect();
            windows::evaluate(op, x.whole, &x.features, &params)
        }
        (Op::Arrange(reads), [x], _) => {
            arrange::arrange(x.whole, reads, &x.features, &context.features)
        }
        (Op::Concat { axis }, operands, _) => {
            let parts = operands.iter().map(|x| (x.whole, x.features.as_slice()));
            arrange::concat(*axis, &parts.collect::<Vec<_>>())
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
