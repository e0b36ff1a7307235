//! Add and Sub: of two activations of one shape, or of an activation and a constant that broadcasts
//! to it.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::context::Operand::{Constant, Tensor};
use crate::ops::Op;

/// `a + b`.
pub fn add(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(a), Tensor(b)) => {
            let features = context.features(a);
            same_shape(context, &features, &context.features(b))?;
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
            let features = context.features(a);
            same_shape(context, &features, &context.features(b))?;
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

/// Both operands' features have one shape; activations do not broadcast to each other.
pub(super) fn same_shape(
    context: &Context<'_, '_>,
    a: &[usize],
    b: &[usize],
) -> Result<(), ImportError> {
    if a == b {
        return Ok(());
    }
    Err(context.fail(format!(
        "operands have feature shapes {a:?} and {b:?}, expected equal ones"
    )))
}

pub(super) fn both_constant(context: &Context<'_, '_>) -> ImportError {
    context.fail("both operands are constants; export with constant folding")
}
