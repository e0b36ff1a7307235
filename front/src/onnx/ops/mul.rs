//! Mul: of two activations that broadcast to each other, or of an activation and a constant that broadcasts to it.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::add::both_constant;
use super::context::Operand::{Constant, Tensor};
use crate::ops::Op;

/// `a · b`.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(a), Tensor(b)) => {
            let ([a, b], features) = context.alike(a, b)?;
            context.push(Draft::Op(Op::Mul), vec![a, b], features)
        }
        (Tensor(x), Constant(c)) | (Constant(c), Tensor(x)) => {
            let (x, features, scale) = context.with_constant(x, &c)?;
            let shift = vec![0.0; scale.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
    }
}
