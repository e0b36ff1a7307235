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
    let own = |dims, elements| Constant::new(&name, dims, elements).map(Value::Constant);
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

/// What is only computed of constants.
pub fn computed(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    Err(context.fail("an operand is computed from the input or the batch's size, expected constants: export with static shapes"))
}

/// Ones on a diagonal, in the shape of an activation.
pub fn eye(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    if context.lead() == 1 {
        return Err(context.fail("has the batch's size as an axis, expected a static shape"));
    }
    let dims = context.features(x);
    let zeros = vec![0.0; context.width(x)];
    let shape = Constant::new(
        "shape",
        dims.clone(),
        Elements::Float(vec![0.0; zeros.len()]),
    )?;
    let by = context.int("k", 0)?;
    let (&[_, cols], own) = (dims.as_slice(), shape) else {
        return Err(context.fail("expected an operand of two axes"));
    };
    let one = |at: usize| {
        let apart = ((at % cols) as i64).saturating_sub((at / cols) as i64);
        f32::from(u8::from(apart == by))
    };
    let values = (0..own.numbers().len()).map(one).collect();
    context.alias(Value::Constant(Constant::new(
        &context.output()?,
        dims,
        Elements::Float(values),
    )?))
}
