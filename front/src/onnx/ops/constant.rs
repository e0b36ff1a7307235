//! Constant: a tensor, float or integer given by an attribute.

use super::super::builder::Value;
use super::super::error::ImportError;
use super::super::messages::attribute_type::{FLOAT, FLOATS, INT, INTS, TENSOR};
use super::super::tensor::{Constant, Elements};
use super::Context;

/// Attributes that hold a value.
pub const ATTRIBUTES: &[&str] = &[
    "value",
    "value_float",
    "value_floats",
    "value_int",
    "value_ints",
];

/// Gives the node's output its value; no node is added.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let name = context.output()?;
    let own = |dims, elements| Constant::new(name, dims, elements).map(Value::Constant);
    let value = if let Some(a) = context.attribute("value", TENSOR)? {
        Value::Stored(
            a.t.as_ref()
                .ok_or_else(|| context.fail("attribute \"value\" holds no tensor"))?,
        )
    } else if let Some(a) = context.attribute("value_float", FLOAT)? {
        own(vec![], Elements::Float(vec![a.f]))?
    } else if let Some(a) = context.attribute("value_floats", FLOATS)? {
        own(vec![a.floats.len()], Elements::Float(a.floats.clone()))?
    } else if let Some(a) = context.attribute("value_int", INT)? {
        own(vec![], Elements::Int(vec![a.i]))?
    } else if let Some(a) = context.attribute("value_ints", INTS)? {
        own(vec![a.ints.len()], Elements::Int(a.ints.clone()))?
    } else {
        return Err(context.fail(
            "has no value, expected one of value, value_float, value_floats, value_int, value_ints",
        ));
    };
    context.alias(value)
}
