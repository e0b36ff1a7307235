//! Ops that compute every number of its own, and Reshape.

use rayon::prelude::*;

use super::Op;
use crate::graph::Value;

/// Numbers of a task.
const TASK: usize = 1 << 12;

/// All shapes are one; those of Reshape hold equally many numbers.
pub(super) fn check(op: &Op, operands: &[&Value], output: &Value) -> Result<(), String> {
    let fits = |x: &Value| match op {
        Op::Reshape => x.width() == output.width(),
        _ => x.features().eq(output.features()),
    };
    match operands.iter().find(|x| !fits(x)) {
        Some(x) => Err(format!(
            "operand {:?} has shape {}, the result {}",
            x.name,
            x.shape(),
            output.shape()
        )),
        None => Ok(()),
    }
}

/// The op at every pair of numbers; `b` is `a` where there is one operand.
pub(super) fn evaluate(op: &Op, a: &[f32], b: &[f32]) -> Vec<f32> {
    let pairs = a.par_iter().zip(b).with_min_len(TASK);
    pairs
        .map(|(a, b)| op.scalar((*a).into(), (*b).into()) as f32)
        .collect()
}

impl Op {
    /// The op at `a` and, for ops of two operands, `b`. Other ops have no such function and give zero, which
    /// is what they compute for a feature without weights.
    pub fn scalar(&self, a: f64, b: f64) -> f64 {
        match self {
            Self::Contract
            | Self::Linear
            | Self::Affine { .. }
            | Self::Normalise { .. }
            | Self::Share { .. }
            | Self::MatMul { .. }
            | Self::Reduce { .. }
            | Self::Expand
            | Self::Convolve { .. }
            | Self::MaxPool(_)
            | Self::MeanPool { .. }
            | Self::Arrange(_)
            | Self::Pick(_)
            | Self::Concat { .. }
            | Self::State(_)
            | Self::Gather
            | Self::Norm { .. }
            | Self::Scale
            | Self::Rotate { .. }
            | Self::Scores { .. }
            | Self::Softmax
            | Self::Mix
            | Self::Step { .. }
            | Self::ArgMax => 0.0,
            Self::Abs => a.abs(),
            Self::Clip { lowest, highest } => a.max((*lowest).into()).min((*highest).into()),
            Self::Rectify { slope } if *slope == 0.0 => a.max(0.0),
            Self::Rectify { slope } if a < 0.0 => a * f64::from(*slope),
            Self::Rectify { .. } | Self::Reshape => a,
            Self::Unary(function) => function.of(a),
            Self::Add => a + b,
            Self::Mul => a * b,
        }
    }
}
