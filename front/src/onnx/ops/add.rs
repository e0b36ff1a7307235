//! Add, Sub and Sum: of activations that broadcast to each other, or of one and a constant that broadcasts to it.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::context::Operand::{Constant, Tensor};
use crate::ops::Op;

/// `a + b`.
pub fn add(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(a), Tensor(b)) => {
            let ([a, b], features) = context.alike(a, b)?;
            context.push(Draft::Op(Op::Add), vec![a, b], features)
        }
        (Tensor(x), Constant(c)) | (Constant(c), Tensor(x)) => {
            let features = context.features(x);
            let shift = c.broadcast(&features)?;
            let scale = vec![1.0; shift.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
    }
}

/// `a - b`; of two activations as `a + (-1)·b`, since the integer op's factors are not negative.
pub fn sub(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(a), Tensor(b)) => {
            let ([a, b], features) = context.alike(a, b)?;
            let width = context.width(b);
            let negate = Draft::Affine {
                scale: vec![-1.0; width],
                shift: vec![0.0; width],
            };
            let negative = context.push_part("negative", negate, vec![b], features.clone())?;
            context.push(Draft::Op(Op::Add), vec![a, negative], features)
        }
        (Tensor(x), Constant(c)) => {
            let features = context.features(x);
            let shift: Vec<f64> = c.broadcast(&features)?.into_iter().map(|v| -v).collect();
            let scale = vec![1.0; shift.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(c), Tensor(x)) => {
            let features = context.features(x);
            let shift = c.broadcast(&features)?;
            let scale = vec![-1.0; shift.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
    }
}

/// The sum of all operands.
pub fn sum(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let last = context.operands().saturating_sub(1);
    let mut total = context.tensor(0)?;
    if last == 0 {
        return context.push_unary(Op::Reshape);
    }
    for i in 1..=last {
        let next = context.tensor(i)?;
        let ([a, b], features) = context.alike(total, next)?;
        let add = Draft::Op(Op::Add);
        if i == last {
            return context.push(add, vec![a, b], features);
        }
        total = context.push_part(&format!("first {}", i + 1), add, vec![a, b], features)?;
    }
    Ok(())
}

pub(super) fn both_constant(context: &Context<'_, '_>) -> ImportError {
    context.fail("both operands are constants; export with constant folding")
}
