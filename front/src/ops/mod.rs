//! The float ops: what each takes, and what it computes.
//!
//! | op | module |
//! | --- | --- |
//! | Contract | [`contract`] |
//! | Rectify, Unary, Add, Mul, Reshape | [`pointwise`] |

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

pub mod contract;
pub mod pointwise;

use std::borrow::Cow;

use crate::graph::{Param, Value};

/// A float op.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// `y = x·Wᵀ + b` over all features; parameters `W` of the shape `(features of y, features of x)` and `b` of
    /// that of `y`'s features.
    Contract,
    /// `x` where positive, else `slope·x`.
    Rectify {
        /// In `[0, 1)`.
        slope: f32,
    },
    /// A function of one number.
    Unary(Function),
    /// Sum of two values of one shape.
    Add,
    /// Product, number by number, of two values of one shape.
    Mul,
    /// The same numbers under another shape.
    Reshape,
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

impl Op {
    /// Name as it stands in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Rectify { .. } => "rectify",
            Self::Unary(Function::Sigmoid) => "sigmoid",
            Self::Unary(Function::Tanh) => "tanh",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Reshape => "reshape",
        }
    }

    /// Number of operands, and of parameters.
    pub fn arity(&self) -> (usize, usize) {
        match self {
            Self::Contract => (1, 2),
            Self::Add | Self::Mul => (2, 0),
            Self::Rectify { .. } | Self::Unary(_) | Self::Reshape => (1, 0),
        }
    }
}

/// Checks a node's shapes.
pub(crate) fn check(
    op: &Op,
    operands: &[&Value],
    params: &[&Param],
    output: &Value,
) -> Result<(), String> {
    let found = (operands.len(), params.len());
    if found != op.arity() {
        return Err(format!(
            "(operands, parameters) are {found:?}, expected {:?}",
            op.arity()
        ));
    }
    match op {
        Op::Contract => contract::check(operands, params, output),
        op => pointwise::check(op, operands, output),
    }
}

/// What a checked node computes of its operands, `(rows, features…)` each; the result's rows have `width` features.
pub(crate) fn evaluate(
    op: &Op,
    operands: &[&[f32]],
    params: &[Cow<'_, [f32]>],
    width: usize,
) -> Vec<f32> {
    match (op, operands, params) {
        (Op::Contract, [x], [weight, bias]) => contract::evaluate(x, weight, bias, width),
        (op, [a, b], _) => pointwise::evaluate(op, a, b),
        (op, [a], _) => pointwise::evaluate(op, a, a),
        _ => vec![],
    }
}
