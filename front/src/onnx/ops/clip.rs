//! Clip and Abs: elementwise, shape kept.

use super::super::error::ImportError;
use super::Context;
use crate::ops::Op;

/// The nearest number of an interval: attributes before opset 11, operands since, both ends optional.
pub fn clip(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let end = |i: usize, name: &str, none: f32| -> Result<f32, ImportError> {
        if context.opset() < 11 {
            return context.float(name, none);
        }
        if context.optional(i)?.is_none() {
            return Ok(none);
        }
        let constant = context.constant(i)?;
        match constant.numbers().as_slice() {
            [end] => Ok(*end as f32),
            other => Err(context.fail(format!(
                "operand {i} has {} numbers, expected one",
                other.len()
            ))),
        }
    };
    let (lowest, highest) = (end(1, "min", f32::MIN)?, end(2, "max", f32::MAX)?);
    if lowest >= highest {
        // The higher end is the last word.
        let x = context.tensor(0)?;
        let features = context.features(x);
        let same = context.scaled(x, 0.0, highest.into())?;
        return context.give(same, features);
    }
    context.push_unary(Op::Clip { lowest, highest })
}

/// `|x|`.
pub fn abs(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    context.push_unary(Op::Abs)
}
