//! Relu and LeakyRelu: elementwise, shape kept.

use super::super::error::ImportError;
use super::Context;
use crate::ops::Op;

/// `max(x, 0)`.
pub fn relu(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    context.push_unary(Op::Rectify { slope: 0.0 })
}

/// `x` where positive, else `alpha·x`; `0 <= alpha < 1`, as the integer op has it.
pub fn leaky_relu(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let slope = context.float("alpha", 0.01)?;
    if !(0.0..1.0).contains(&slope) {
        return Err(context.fail(format!("alpha is {slope}, expected 0 <= alpha < 1")));
    }
    context.push_unary(Op::Rectify { slope })
}
