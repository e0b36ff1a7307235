//! Mul: of two activations of one shape, or of an activation and a constant that broadcasts to it.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::add::{both_constant, same_shape};
use super::context::Operand::{Constant, Tensor};
use crate::ops::Op;

/// `a · b`.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(a), Tensor(b)) => {
            let features = context.features(a);
            same_shape(context, &features, &context.features(b))?;
            context.push(Draft::Op(Op::Mul), vec![a, b], features)
        }
        (Tensor(x), Constant(c)) | (Constant(c), Tensor(x)) => {
            let features = context.features(x);
            let scale = c.broadcast(&features)?;
            let shift = vec![0.0; scale.len()];
            context.push(Draft::Affine { scale, shift }, vec![x], features)
        }
        (Constant(_), Constant(_)) => Err(both_constant(context)),
    }
}
