//! Cast and CastLike: floats to whole numbers lose their fraction, numbers to Booleans are whether they are zero. Other casts
//! change no number that both types hold; that a result is outside of its type is not looked at.

use super::super::builder::Value;
use super::super::error::ImportError;
use super::super::messages::attribute_type::INT;
use super::super::messages::data_type::{BOOL, INT32, INT64, is_float, is_integer, is_number};
use super::super::tensor::{Constant, Elements};
use super::{Context, logic};

/// To the type of an attribute.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let to = context.attribute("to", INT)?.map(|a| a.i);
    let to = to.and_then(|to| i32::try_from(to).ok()).unwrap_or(0);
    cast(context, to)
}

/// To the type of the second operand.
pub fn like(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let to = match context.raw(1)? {
        Some(Value::Tensor(id) | Value::Moved(id, _)) => context.kind(*id),
        Some(Value::Stored(proto)) => proto.data_type,
        Some(Value::Shape(_) | Value::Label) => INT64,
        Some(Value::Constant(constant)) => match constant.integers() {
            Ok(_) => INT64,
            Err(_) => super::super::messages::data_type::FLOAT,
        },
        None => return Err(context.fail("operand 1 is missing")),
    };
    cast(context, to)
}

fn cast(context: &mut Context<'_, '_>, to: i32) -> Result<(), ImportError> {
    if !is_number(to) {
        return Err(context.fail(format!(
            "casts to element type {to}, expected a number: float (1), float16 (10), double (11), bfloat16 (16), integers of 8 to 64 bits, or bool (9)"
        )));
    }
    match context.raw(0)?.cloned() {
        Some(Value::Tensor(_) | Value::Moved(..)) => {
            let x = context.tensor(0)?;
            logic::cast_to(context, x, to)
        }
        Some(shape @ Value::Shape(_)) if matches!(to, INT32 | INT64) => context.alias(shape),
        Some(Value::Shape(_)) => {
            Err(context.fail("casts the batch's size to another type than an integer"))
        }
        Some(Value::Stored(_) | Value::Constant(_)) => {
            let constant = context.constant(0)?;
            let value = Constant::new(
                &constant.name,
                constant.dims.clone(),
                converted(&constant, to),
            )?;
            context.alias(Value::Constant(value))
        }
        Some(label @ Value::Label) => context.alias(label),
        None => Err(context.fail("operand 0 is missing")),
    }
}

/// The elements of a constant in another type.
pub(super) fn converted(constant: &Constant, to: i32) -> Elements {
    match &constant.elements {
        Elements::Float(values) if is_integer(to) => {
            Elements::Int(values.iter().map(|v| *v as i64).collect())
        }
        Elements::Int(values) if is_float(to) => {
            Elements::Float(values.iter().map(|v| *v as f32).collect())
        }
        _ if to == BOOL => {
            let numbers = constant.numbers().into_iter();
            Elements::Int(numbers.map(|v| i64::from(v != 0.0)).collect())
        }
        other => other.clone(),
    }
}
