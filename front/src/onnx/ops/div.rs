//! Div: by a constant that broadcasts to the activation, or by an activation, whose reciprocals a table has.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::add::both_constant;
use super::context::Operand::{Constant, Tensor};
use crate::graph::ValueId;
use crate::ops::{Function, Op};

fn reciprocal(
    context: &mut Context<'_, '_>,
    x: ValueId,
    features: Vec<usize>,
) -> Result<ValueId, ImportError> {
    let op = Draft::Op(Op::Unary(Function::Reciprocal));
    context.push_part("reciprocal", op, vec![x], features)
}

/// `a / b`, as `a` times the reciprocals of `b`.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(x), Constant(c)) => {
            let features = context.features(x);
            let divisors = c.broadcast(&features)?;
            if let Some(index) = divisors.iter().position(|d| *d == 0.0) {
                return Err(context.fail(format!("the divisor of feature {index} is 0")));
            }
            let scale: Vec<f64> = divisors.into_iter().map(f64::recip).collect();
            let shift = vec![0.0; scale.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
        (Tensor(a), Tensor(b)) => {
            let own = context.features(b);
            let inverse = reciprocal(context, b, own)?;
            let ([a, b], features) = context.alike(a, inverse)?;
            context.push(Draft::Op(Op::Mul), vec![a, b], features)
        }
        (Constant(c), Tensor(x)) => {
            let features = context.features(x);
            let scale = c.broadcast(&features)?;
            let shift = vec![0.0; scale.len()];
            let inverse = reciprocal(context, x, features.clone())?;
            context.push(Draft::Affine { scale, shift }, vec![inverse], features)
        }
    }
}
