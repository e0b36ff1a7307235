//! Identity and Dropout (at inference): no data moves.

use super::super::builder::Value;
use super::super::error::ImportError;
use super::Context;
use crate::ops::Op;

/// Of a constant or shape another name for it, of an activation a reshape to the same shape.
pub fn identity(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match context.raw(0)?.cloned() {
        Some(Value::Tensor(_) | Value::Moved(..)) => context.push_unary(Op::Reshape),
        Some(other) => context.alias(other),
        None => Err(context.fail("operand 0 is missing")),
    }
}

/// Identity, unless the file was exported in training mode (an operand since opset 12).
pub fn dropout(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if context.opset() >= 12 && context.optional(2)?.is_some() {
        let training = context.constant(2)?;
        if training.integers()?.iter().any(|v| *v != 0) {
            return Err(context.fail("training_mode is set; export the model in inference mode"));
        }
    }
    context.push_unary(Op::Reshape)
}
