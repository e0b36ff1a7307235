//! Comparisons, Booleans, selection, and what is made of them: 0 and 1 are numbers like others.

use super::super::error::ImportError;
use super::super::messages::data_type::{BOOL, UINT8, UINT16, UINT32, UINT64, is_float};
use super::Context;
use super::context::Operand;
use crate::graph::ValueId;
use crate::ops::{Function, Op};

type Built = Result<(), ImportError>;

/// What is left of `a - b`, by operand numbers.
fn apart(context: &mut Context<'_, '_>, a: usize, b: usize) -> Result<ValueId, ImportError> {
    match (context.operand(a)?, context.operand(b)?) {
        (Operand::Tensor(a), Operand::Constant(c)) => {
            let (a, _, shift) = context.with_constant(a, &c)?;
            let scale = vec![1.0; shift.len()];
            context.affine(a, scale, shift.into_iter().map(|v| -v).collect())
        }
        (Operand::Constant(c), Operand::Tensor(b)) => {
            let (b, _, shift) = context.with_constant(b, &c)?;
            let scale = vec![-1.0; shift.len()];
            context.affine(b, scale, shift)
        }
        _ => {
            let (a, b) = (context.activation(a)?, context.activation(b)?);
            context.difference(a, b)
        }
    }
}

/// Gives a Boolean result.
fn give(context: &mut Context<'_, '_>, x: ValueId) -> Built {
    context.give(x, context.features(x))?;
    context.typed(BOOL)
}

/// Half of what whole numbers are apart by, so that rounding does not matter; of floats nothing.
fn half(context: &Context<'_, '_>, i: usize) -> Result<f32, ImportError> {
    let whole = |i: usize| -> Result<bool, ImportError> {
        Ok(match context.operand(i)? {
            Operand::Tensor(x) => context.is_whole(x),
            Operand::Constant(c) => c.integers().is_ok(),
        })
    };
    Ok(if whole(i)? { 0.5 } else { 0.0 })
}

/// 1 where `a - b` is larger than zero; than just below zero where `equal`.
fn above(context: &mut Context<'_, '_>, a: usize, b: usize, equal: bool) -> Built {
    let half = half(context, a)?;
    if !equal || half > 0.0 {
        let apart = apart(context, a, b)?;
        let threshold = if equal { -half } else { half };
        let found = context.mapped(apart, Function::Above { threshold })?;
        return give(context, found);
    }
    let apart = apart(context, b, a)?;
    let threshold = 0.0;
    let other = context.mapped(apart, Function::Above { threshold })?;
    let found = context.scaled(other, -1.0, 1.0)?;
    give(context, found)
}

/// `a > b`.
pub fn greater(context: &mut Context<'_, '_>) -> Built {
    above(context, 0, 1, false)
}

/// `a ≥ b`.
pub fn greater_or_equal(context: &mut Context<'_, '_>) -> Built {
    above(context, 0, 1, true)
}

/// `a < b`.
pub fn less(context: &mut Context<'_, '_>) -> Built {
    above(context, 1, 0, false)
}

/// `a ≤ b`.
pub fn less_or_equal(context: &mut Context<'_, '_>) -> Built {
    above(context, 1, 0, true)
}

/// `a = b`, of floats up to what integers tell apart.
pub fn equal(context: &mut Context<'_, '_>) -> Built {
    let within = half(context, 0)?;
    let apart = apart(context, 0, 1)?;
    let found = context.mapped(apart, Function::Near { within })?;
    give(context, found)
}

/// Both.
pub fn and(context: &mut Context<'_, '_>) -> Built {
    let (a, b) = (context.activation(0)?, context.activation(1)?);
    let found = context.product_of(a, b)?;
    give(context, found)
}

/// One or both: the sum less the product.
pub fn or(context: &mut Context<'_, '_>) -> Built {
    joint(context, -1.0)
}

/// One alone: the sum less twice the product.
pub fn xor(context: &mut Context<'_, '_>) -> Built {
    joint(context, -2.0)
}

fn joint(context: &mut Context<'_, '_>, factor: f64) -> Built {
    let (a, b) = (context.activation(0)?, context.activation(1)?);
    let both = context.product_of(a, b)?;
    let both = context.scaled(both, factor, 0.0)?;
    let sum = context.sum_of(a, b)?;
    let found = context.sum_of(sum, both)?;
    give(context, found)
}

/// `1 - a`.
pub fn not(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let found = context.scaled(x, -1.0, 1.0)?;
    give(context, found)
}

/// The second operand where the first is 1, else the third: `y + c·(x - y)`.
pub fn select(context: &mut Context<'_, '_>) -> Built {
    let found = match (
        context.operand(0)?,
        context.operand(1)?,
        context.operand(2)?,
    ) {
        (Operand::Constant(_), ..) => {
            return super::moves::select(context);
        }
        (Operand::Tensor(c), Operand::Constant(x), Operand::Constant(y)) => {
            let (c, features, x) = context.with_constant(c, &x)?;
            let (c, wide, shift) = context.with_constant(c, &y)?;
            if wide != features {
                return Err(context.fail("operand 2 has more axes than operands 0 and 1"));
            }
            let scale = x.iter().zip(&shift).map(|(x, y)| x - y).collect();
            context.affine(c, scale, shift)?
        }
        (Operand::Tensor(c), ..) => {
            let (x, y) = (context.activation(1)?, context.activation(2)?);
            let apart = context.difference(x, y)?;
            let own = context.product_of(c, apart)?;
            context.sum_of(own, y)?
        }
    };
    let kind = match (context.operand(1)?, context.operand(2)?) {
        (Operand::Tensor(x), _) | (_, Operand::Tensor(x)) => context.kind(x),
        _ => super::super::messages::data_type::FLOAT,
    };
    context.give(found, context.features(found))?;
    context.typed(kind)
}

/// The largest of all operands: `b` and what `a` is above it.
pub fn max(context: &mut Context<'_, '_>) -> Built {
    extreme(context, 1.0)
}

/// The smallest: the largest of the negatives, negated.
pub fn min(context: &mut Context<'_, '_>) -> Built {
    extreme(context, -1.0)
}

fn extreme(context: &mut Context<'_, '_>, sign: f64) -> Built {
    let mut most = context.activation(0)?;
    for i in 1..context.operands() {
        let own = context.activation(i)?;
        let apart = context.difference(own, most)?;
        let apart = match sign {
            1.0 => apart,
            _ => context.scaled(apart, -1.0, 0.0)?,
        };
        let features = context.features(apart);
        let more = context.part(Op::Rectify { slope: 0.0 }, vec![apart], features)?;
        let more = match sign {
            1.0 => more,
            _ => context.scaled(more, -1.0, 0.0)?,
        };
        most = context.sum_of(most, more)?;
    }
    context.give(most, context.features(most))
}

/// What is left of a division by constants.
pub fn modulo(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let by = context.constant(1)?;
    let truncated = context.int("fmod", 0)? != 0;
    let (x, features, divisors) = context.with_constant(x, &by)?;
    if divisors.contains(&0.0) {
        return Err(context.fail("a divisor is 0"));
    }
    let function = |divisor: f64| {
        let divisor = divisor as f32;
        match truncated {
            true => Function::Remainder { divisor },
            false => Function::Modulo { divisor },
        }
    };
    let found = each_its_own(context, x, &divisors, function)?;
    context.give(found, features)
}

/// A function of each number by a parameter of its own; of few different ones.
fn each_its_own(
    context: &mut Context<'_, '_>,
    x: ValueId,
    parameters: &[f64],
    function: impl Fn(f64) -> Function,
) -> Result<ValueId, ImportError> {
    let mut different: Vec<f64> = vec![];
    for parameter in parameters {
        if !different.contains(parameter) {
            different.push(*parameter);
        }
    }
    if different.len() > 8 {
        return Err(context.fail(format!(
            "has {} different parameters, expected at most 8",
            different.len()
        )));
    }
    let mut found = vec![];
    for parameter in &different {
        found.push(context.mapped(x, function(*parameter))?);
    }
    if let [one] = found.as_slice() {
        return Ok(*one);
    }
    let own = |(at, parameter): (usize, &f64)| {
        let which = different.iter().position(|p| p == parameter)?;
        Some((which as u32, at as u32))
    };
    let picks: Vec<Option<(u32, u32)>> = parameters.iter().enumerate().map(own).collect();
    context.part(Op::Pick(picks.into()), found, context.features(x))
}

/// Whole numbers times or over powers of two that are constant.
pub fn shift(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let by = context.constant(1)?;
    let (x, features, by) = context.with_constant(x, &by)?;
    let left = match context.text("direction", "")?.as_str() {
        "LEFT" => true,
        "RIGHT" => false,
        other => {
            return Err(context.fail(format!(
                "direction is {other:?}, expected \"LEFT\" or \"RIGHT\""
            )));
        }
    };
    if by.iter().any(|by| !(0.0..32.0).contains(by)) {
        return Err(context.fail("shifts by more than 31 bits"));
    }
    let power = |by: &f64| libm::exp2(if left { *by } else { -by });
    let scale: Vec<f64> = by.iter().map(power).collect();
    let shift = match left {
        true => vec![0.0; by.len()],
        false => scale.iter().map(|v| v / 2.0).collect(),
    };
    let found = context.affine(x, scale, shift)?;
    let found = match left {
        true => found,
        false => context.mapped(found, Function::Floor)?,
    };
    context.give(found, features)
}

/// All bits turned: `-1 - x`, of an unsigned type its largest number less `x`.
pub fn bitwise_not(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let most = match context.kind(x) {
        UINT8 => 255.0,
        UINT16 => 65_535.0,
        UINT32 | UINT64 => {
            return Err(context
                .fail("turns the bits of numbers of 32 bits, expected fewer, or a signed type"));
        }
        _ => -1.0,
    };
    let found = context.scaled(x, -1.0, most)?;
    context.give(found, context.features(found))
}

/// Another element type.
pub fn cast_to(context: &mut Context<'_, '_>, x: ValueId, to: i32) -> Built {
    let features = context.features(x);
    let float = is_float(context.kind(x));
    let found = match to {
        BOOL if context.kind(x) != BOOL => {
            let within = if float { 0.0 } else { 0.5 };
            let zero = context.mapped(x, Function::Near { within })?;
            context.scaled(zero, -1.0, 1.0)?
        }
        to if float && !is_float(to) => context.mapped(x, Function::Trunc)?,
        _ => x,
    };
    context.give(found, features)?;
    context.typed(to)
}
