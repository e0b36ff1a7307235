//! Cast where it changes no value: floats to float or double, integers to integers, whole numbers to floats.

use super::super::builder::Value;
use super::super::error::ImportError;
use super::super::messages::attribute_type::INT;
use super::super::messages::data_type::{DOUBLE, FLOAT, INT32, INT64};
use super::super::tensor::{Constant, Elements};
use super::Context;
use crate::ops::Op;

/// Largest integer up to which a float holds all.
const EXACT: u64 = 1 << f32::MANTISSA_DIGITS;

/// Of an activation a reshape to the same shape, of a constant or shape another name for it.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let to = context.attribute("to", INT)?.map(|a| a.i);
    let to = to.and_then(|to| i32::try_from(to).ok()).unwrap_or(0);
    let (float, integer) = (matches!(to, FLOAT | DOUBLE), matches!(to, INT32 | INT64));
    match context.raw(0)?.cloned() {
        Some(Value::Tensor(_)) if float => context.push_unary(Op::Reshape),
        Some(shape @ Value::Shape(_)) if integer => context.alias(shape),
        Some(Value::Stored(_) | Value::Constant(_)) => {
            let constant = context.constant(0)?;
            let value = match &constant.elements {
                Elements::Float(_) if float => constant,
                Elements::Int(values) if float => Constant::new(
                    &constant.name,
                    constant.dims.clone(),
                    Elements::Float(exact(context, values)?),
                )?,
                Elements::Int(values) if to == INT64 || (integer && fits(values)) => constant,
                _ => return Err(unsupported(context, to)),
            };
            context.alias(Value::Constant(value))
        }
        None => Err(context.fail("operand 0 is missing")),
        Some(_) => Err(unsupported(context, to)),
    }
}

fn unsupported(context: &Context<'_, '_>, to: i32) -> ImportError {
    context.fail(format!(
        "casts to element type {to}, expected one that changes no value: float (1) or double (11) of floats; export the model in float32"
    ))
}

fn fits(values: &[i64]) -> bool {
    values.iter().all(|v| i32::try_from(*v).is_ok())
}

fn exact(context: &Context<'_, '_>, values: &[i64]) -> Result<Vec<f32>, ImportError> {
    let float = |v: &i64| match v.unsigned_abs() {
        0..=EXACT => Ok(*v as f32),
        _ => Err(context.fail(format!("{v} is not a float exactly"))),
    };
    values.iter().map(float).collect()
}
