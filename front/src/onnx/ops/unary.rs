//! Functions of one number, and what is made of them: shape kept.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use crate::graph::ValueId;
use crate::ops::{Function, Op, Reduction};

type Built = Result<(), ImportError>;

/// Importers of functions without parameters.
macro_rules! plain {
    ($($name:ident $function:ident,)*) => {
        $(
            #[doc = concat!("[`Function::", stringify!($function), "`]")]
            pub fn $name(context: &mut Context<'_, '_>) -> Built {
                context.push_unary(Op::Unary(Function::$function))
            }
        )*
    };
}

plain! {
    acos Acos, acosh Acosh, asin Asin, asinh Asinh, atan Atan, atanh Atanh, ceil Ceil, cos Cos, cosh Cosh, erf Erf, exp Exp,
    floor Floor, hard_swish HardSwish, mish Mish, reciprocal Reciprocal, round Round, sigmoid Sigmoid, sign Sign, sin Sin,
    sinh Sinh, softplus Softplus, softsign Softsign, sqrt Sqrt, tan Tan, tanh Tanh,
}

/// The functions of one number that the importer computes of constants.
pub(super) fn of_constants(operator: &str) -> Option<Function> {
    Some(match operator {
        "Ceil" => Function::Ceil,
        "Exp" => Function::Exp,
        "Floor" => Function::Floor,
        "Log" => Function::Log,
        "Reciprocal" => Function::Reciprocal,
        "Round" => Function::Round,
        "Sign" => Function::Sign,
        "Sqrt" => Function::Sqrt,
        _ => return None,
    })
}

fn push(context: &mut Context<'_, '_>, function: Function) -> Built {
    context.push_unary(Op::Unary(function))
}

/// The logarithm; of a sum of powers of e it is taken as that of powers less the largest, which integers can hold.
pub fn log(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let features = context.features(x);
    match powers_summed(context, x) {
        None => context.push_unary(Op::Unary(Function::Log)),
        Some((x, axes)) => {
            let found = super::reduce::log_sum_exp_of(context, x, &axes)?;
            context.give(found, features)
        }
    }
}

/// Of what the powers of e are summed to a value, and over which axes.
fn powers_summed(context: &Context<'_, '_>, x: ValueId) -> Option<(ValueId, Vec<usize>)> {
    let (op, sum) = context.maker(x)?;
    let Op::Reduce {
        kind: Reduction::Sum,
        axes,
    } = op
    else {
        return None;
    };
    let axes = axes.clone();
    match context.maker(sum)? {
        // Axes are those of what is summed.
        (Op::Unary(Function::Exp), x) if context.features(x) == context.features(sum) => {
            Some((x, axes))
        }
        _ => None,
    }
}

/// By the error function, or approximately by tanh.
pub fn gelu(context: &mut Context<'_, '_>) -> Built {
    let function = match context.text("approximate", "none")?.as_str() {
        "none" => Function::Gelu,
        "tanh" => Function::GeluTanh,
        other => {
            return Err(context.fail(format!(
                "approximate is {other:?}, expected \"none\" or \"tanh\""
            )));
        }
    };
    push(context, function)
}

/// `alpha` for negative numbers.
pub fn elu(context: &mut Context<'_, '_>) -> Built {
    let alpha = context.float("alpha", 1.0)?;
    push(context, Function::Elu { alpha })
}

/// `gamma` times an Elu.
pub fn selu(context: &mut Context<'_, '_>) -> Built {
    let alpha = context.float("alpha", 1.673_263_2)?;
    let gamma = context.float("gamma", 1.050_701)?;
    push(context, Function::Selu { alpha, gamma })
}

/// An Elu that is smooth at zero.
pub fn celu(context: &mut Context<'_, '_>) -> Built {
    let alpha = context.float("alpha", 1.0)?;
    if alpha == 0.0 {
        return Err(context.fail("alpha is 0, expected another number"));
    }
    push(context, Function::Celu { alpha })
}

/// A line between 0 and 1.
pub fn hard_sigmoid(context: &mut Context<'_, '_>) -> Built {
    let (alpha, beta) = (context.float("alpha", 0.2)?, context.float("beta", 0.5)?);
    push(context, Function::HardSigmoid { alpha, beta })
}

/// Zero up to `alpha`.
pub fn thresholded_relu(context: &mut Context<'_, '_>) -> Built {
    let alpha = context.float("alpha", 1.0)?;
    push(context, Function::ThresholdedRelu { alpha })
}

/// Zero near zero.
pub fn shrink(context: &mut Context<'_, '_>) -> Built {
    let (lambd, bias) = (context.float("lambd", 0.5)?, context.float("bias", 0.0)?);
    push(context, Function::Shrink { lambd, bias })
}

/// `x·sigmoid(alpha·x)`.
pub fn swish(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let alpha = context.float("alpha", 1.0)?;
    let scaled = context.scaled(x, alpha.into(), 0.0)?;
    let gate = context.mapped(scaled, Function::Sigmoid)?;
    let found = context.product_of(x, gate)?;
    context.give(found, context.features(x))
}

/// `-x`.
pub fn neg(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let (width, features) = (context.width(x), context.features(x));
    let negate = Draft::Affine {
        scale: vec![-1.0; width],
        shift: vec![0.0; width],
    };
    context.push(negate, vec![x], features)
}

/// A constant power, or powers where each number has its own; a square is a product.
pub fn pow(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let exponents = context.constant(1)?;
    let (x, features, exponents) = context.with_constant(x, &exponents)?;
    let Some(first) = exponents.first().copied() else {
        return Err(context.fail("operand 1 is empty, expected an exponent"));
    };
    if exponents.iter().all(|e| *e == first) {
        let found = power(context, x, first)?;
        return context.give(found, features);
    }
    // A power of all for each exponent, of which each number takes its own.
    let mut different: Vec<f64> = vec![];
    for exponent in &exponents {
        if !different.contains(exponent) {
            different.push(*exponent);
        }
    }
    if different.len() > 8 {
        return Err(context.fail(format!(
            "has {} different exponents, expected at most 8",
            different.len()
        )));
    }
    let mut powers = vec![];
    for exponent in &different {
        powers.push(power(context, x, *exponent)?);
    }
    let own = |(at, exponent): (usize, &f64)| {
        let which = different.iter().position(|e| e == exponent)?;
        Some((which as u32, at as u32))
    };
    let picks: Vec<Option<(u32, u32)>> = exponents.iter().enumerate().map(own).collect();
    context.push(Draft::Op(Op::Pick(picks.into())), powers, features)
}

fn power(context: &mut Context<'_, '_>, x: ValueId, exponent: f64) -> Result<ValueId, ImportError> {
    if exponent == 1.0 {
        return Ok(x);
    }
    if exponent == 2.0 {
        return context.product_of(x, x);
    }
    let exponent = exponent as f32;
    context.mapped(x, Function::Pow { exponent })
}

/// `x` where positive, else `slope·x` with a constant slope: `relu(x) - slope·relu(-x)`.
pub fn prelu(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let slope = context.constant(1)?;
    let (x, features, slope) = context.with_constant(x, &slope)?;
    let width = slope.len();
    let affine = |scale: Vec<f64>| Draft::Affine {
        scale,
        shift: vec![0.0; width],
    };
    let relu = || Draft::Op(Op::Rectify { slope: 0.0 });
    let positive = context.push_part("positive", relu(), vec![x], features.clone())?;
    let turned = affine(vec![-1.0; width]);
    let turned = context.push_part("turned", turned, vec![x], features.clone())?;
    let negative = context.push_part("negative", relu(), vec![turned], features.clone())?;
    let slopes = affine(slope.into_iter().map(|v| -v).collect());
    let scaled = context.push_part("scaled", slopes, vec![negative], features.clone())?;
    context.push(Draft::Op(Op::Add), vec![positive, scaled], features)
}
