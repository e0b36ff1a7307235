//! Add, Sub and Sum: of activations that broadcast to each other, or of one and a constant that broadcasts to it.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::context::Operand::{Constant, Tensor};
use crate::graph::ValueId;
use crate::ops::Op;

/// `a + b`.
pub fn add(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(a), Tensor(b)) => {
            let ([a, b], features) = context.alike(a, b)?;
            context.push(Draft::Op(Op::Add), vec![a, b], features)
        }
        (Tensor(x), Constant(c)) | (Constant(c), Tensor(x)) => {
            let (x, features, shift) = context.with_constant(x, &c)?;
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
            let (x, features, shift) = context.with_constant(x, &c)?;
            let shift: Vec<f64> = shift.into_iter().map(|v| -v).collect();
            let scale = vec![1.0; shift.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(c), Tensor(x)) => {
            let (x, features, shift) = context.with_constant(x, &c)?;
            let scale = vec![-1.0; shift.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
    }
}

/// The sum of all operands.
pub fn sum(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let total = total(context)?;
    context.give(total, context.features(total))
}

/// The mean of all operands.
pub fn mean(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let total = total(context)?;
    let features = context.features(total);
    let mean = context.scaled(total, (context.operands() as f64).recip(), 0.0)?;
    context.give(mean, features)
}

fn total(context: &mut Context<'_, '_>) -> Result<ValueId, ImportError> {
    let mut total = context.activation(0)?;
    for i in 1..context.operands() {
        let next = context.activation(i)?;
        total = context.sum_of(total, next)?;
    }
    Ok(total)
}

pub(super) fn both_constant(context: &Context<'_, '_>) -> ImportError {
    context.fail("both operands are constants; export with constant folding")
}
