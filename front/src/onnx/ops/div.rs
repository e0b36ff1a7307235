//! Div: of an activation by a constant that broadcasts to it.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::add::both_constant;
use super::context::Operand::{Constant, Tensor};

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
        (_, Tensor(_)) => Err(context.fail("operand 1 is computed, expected a constant divisor")),
    }
}
