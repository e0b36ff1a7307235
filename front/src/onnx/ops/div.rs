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
            let (x, features, divisors) = context.with_constant(x, &c)?;
            if let Some(index) = divisors.iter().position(|d| *d == 0.0) {
                return Err(context.fail(format!("the divisor of feature {index} is 0")));
            }
            let scale: Vec<f64> = divisors.into_iter().map(f64::recip).collect();
            if context.is_whole(x) {
                // Towards zero: a half more than whole quotients and half a unit more keep them apart from the next.
                let sign = context.mapped(x, Function::Sign)?;
                let size = context.part(Op::Abs, vec![x], features.clone())?;
                let signs = scale.iter().map(|v| v.signum()).collect();
                let shift = scale.iter().map(|v| v.abs() / 2.0).collect();
                let size = context.affine(size, scale.iter().map(|v| v.abs()).collect(), shift)?;
                let size = context.mapped(size, Function::Floor)?;
                let zeros = vec![0.0; scale.len()];
                let sign = context.affine(sign, signs, zeros)?;
                return context.push(Draft::Op(Op::Mul), vec![size, sign], features);
            }
            let shift = vec![0.0; scale.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
        (_, Tensor(b)) if context.is_whole(b) => Err(context.fail(
            "divides whole numbers by computed ones, expected a constant divisor, or floats",
        )),
        (Tensor(a), Tensor(b)) => {
            let own = context.features(b);
            let inverse = reciprocal(context, b, own)?;
            let ([a, b], features) = context.alike(a, inverse)?;
            context.push(Draft::Op(Op::Mul), vec![a, b], features)
        }
        (Constant(c), Tensor(x)) => {
            let (x, features, scale) = context.with_constant(x, &c)?;
            let shift = vec![0.0; scale.len()];
            let inverse = reciprocal(context, x, features.clone())?;
            context.push(Draft::Affine { scale, shift }, vec![inverse], features)
        }
    }
}
