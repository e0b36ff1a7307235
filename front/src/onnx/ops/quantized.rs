//! Integers with a scale and a zero: QuantizeLinear, DequantizeLinear, QLinearMatMul, MatMulInteger, by their definitions, clamped
//! exactly.

use super::super::builder::Value;
use super::super::error::ImportError;
use super::super::messages::data_type::{FLOAT, INT8, INT16, INT32, UINT8, UINT16};
use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::ops::{Function, Op};

type Built = Result<(), ImportError>;

/// Attributes.
pub const ATTRIBUTES: &[&str] = &["axis", "saturate", "block_size", "output_dtype"];

/// A constant of one number or one for each entry of the node's axis, at all numbers of a value.
fn spread(
    context: &Context<'_, '_>,
    x: ValueId,
    i: usize,
) -> Result<Option<Vec<f64>>, ImportError> {
    if context.raw(i)?.is_none() {
        return Ok(None);
    }
    if context.int("block_size", 0)? != 0 {
        return Err(context.fail("block_size is set, expected none"));
    }
    let features = context.features(x);
    let width = context.width(x);
    let own = context.constant(i)?.numbers();
    if let &[one] = own.as_slice() {
        return Ok(Some(vec![one; width]));
    }
    let at = context.axis(context.int("axis", 1)?, features.len())?;
    if features.get(at) != Some(&own.len()) {
        return Err(context.fail(format!(
            "operand {i} has {} numbers, expected one, or one for each entry of the axis",
            own.len()
        )));
    }
    let stride: usize = features.iter().skip(at + 1).product();
    let entry = |i: usize| own.get(i / stride.max(1) % own.len().max(1)).copied();
    Ok(Some((0..width).map(|i| entry(i).unwrap_or(0.0)).collect()))
}

/// Element type of a constant operand.
fn kind(context: &Context<'_, '_>, i: usize) -> Result<i32, ImportError> {
    Ok(match context.raw(i)? {
        Some(Value::Stored(proto)) => proto.data_type,
        _ => UINT8,
    })
}

/// `x/scale` to the nearest integer, halves to even ones, and the zero, clamped.
fn quantised(
    context: &mut Context<'_, '_>,
    x: ValueId,
    (scale, zero): (Vec<f64>, Vec<f64>),
    kind: i32,
) -> Result<ValueId, ImportError> {
    let (lowest, highest) = match kind {
        UINT8 => (0.0, 255.0),
        INT8 => (-128.0, 127.0),
        UINT16 => (0.0, 65_535.0),
        INT16 => (-32_768.0, 32_767.0),
        other => {
            return Err(context.fail(format!(
                "gives element type {other}, expected uint8 (2), int8 (3), uint16 (4) or int16 (5)"
            )));
        }
    };
    if scale.contains(&0.0) {
        return Err(context.fail("a scale is 0"));
    }
    let width = scale.len();
    let x = context.affine(
        x,
        scale.into_iter().map(f64::recip).collect(),
        vec![0.0; width],
    )?;
    let x = context.mapped(x, Function::Round)?;
    let x = context.affine(x, vec![1.0; width], zero)?;
    let features = context.features(x);
    let x = context.part(Op::Clip { lowest, highest }, vec![x], features)?;
    context.set_kind(x, kind);
    Ok(x)
}

/// See [`quantised`].
pub fn quantise(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let Some(scale) = spread(context, x, 1)? else {
        return Err(context.fail("the scale is missing"));
    };
    let zero = spread(context, x, 2)?.unwrap_or_else(|| vec![0.0; scale.len()]);
    let kind = match (context.int("output_dtype", 0)?, context.raw(2)?) {
        (0, None) => UINT8,
        (0, Some(_)) => kind(context, 2)?,
        (given, _) => i32::try_from(given).unwrap_or(0),
    };
    let found = quantised(context, x, (scale, zero), kind)?;
    context.give(found, context.features(found))
}

/// `(x - zero)·scale`.
pub fn dequantise(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let Some(scale) = spread(context, x, 1)? else {
        return Err(context.fail("the scale is missing"));
    };
    let zero = spread(context, x, 2)?.unwrap_or_else(|| vec![0.0; scale.len()]);
    let shift = zero.iter().zip(&scale).map(|(zero, scale)| -zero * scale);
    let shift = shift.collect();
    let found = context.affine(x, scale, shift)?;
    context.give(found, context.features(found))?;
    context.typed(FLOAT)
}

/// One number that operand `i` is, or 0.
fn single(context: &Context<'_, '_>, i: usize) -> Result<f64, ImportError> {
    if context.raw(i)?.is_none() {
        return Ok(0.0);
    }
    match context.constant(i)?.numbers().as_slice() {
        &[one] => Ok(one),
        other => Err(context.fail(format!(
            "operand {i} has {} numbers, expected one",
            other.len()
        ))),
    }
}

/// An operand of a product less its zero and times its scale; a constant becomes a value.
fn real(
    context: &mut Context<'_, '_>,
    i: usize,
    zero: f64,
    scale: f64,
) -> Result<ValueId, ImportError> {
    let x = match context.operand(i)? {
        Operand::Tensor(x) => x,
        Operand::Constant(constant) => context.fixed(&constant)?,
    };
    let x = context.scaled(x, scale, -zero * scale)?;
    context.set_kind(x, FLOAT);
    Ok(x)
}

/// `a·b` of what both stand for, quantised.
pub fn matmul(context: &mut Context<'_, '_>) -> Built {
    let scales = [
        single(context, 1)?,
        single(context, 4)?,
        single(context, 6)?,
    ];
    let zeros = [
        single(context, 2)?,
        single(context, 5)?,
        single(context, 7)?,
    ];
    let [sa, sb, sy] = scales;
    let [za, zb, zy] = zeros;
    let (a, b) = (real(context, 0, za, sa)?, real(context, 3, zb, sb)?);
    let (found, features) = super::matmul::product_part(context, a, b)?;
    let width = context.width(found);
    let kind = kind(context, 7)?;
    let found = quantised(context, found, (vec![sy; width], vec![zy; width]), kind)?;
    context.give(found, features)
}

/// `(a - zero)·(b - zero)`.
pub fn matmul_integer(context: &mut Context<'_, '_>) -> Built {
    let (za, zb) = (single(context, 2)?, single(context, 3)?);
    let (a, b) = (real(context, 0, za, 1.0)?, real(context, 1, zb, 1.0)?);
    let (found, features) = super::matmul::product_part(context, a, b)?;
    context.give(found, features)?;
    context.typed(INT32)
}
