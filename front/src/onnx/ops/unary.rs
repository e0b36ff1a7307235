//! Functions of one number, and what is made of them: shape kept.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use crate::ops::{Function, Op};

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
    floor Floor, hard_swish HardSwish, log Log, mish Mish, reciprocal Reciprocal, round Round, sigmoid Sigmoid, sign Sign, sin Sin,
    sinh Sinh, softplus Softplus, softsign Softsign, sqrt Sqrt, tan Tan, tanh Tanh,
}

fn push(context: &mut Context<'_, '_>, function: Function) -> Built {
    context.push_unary(Op::Unary(function))
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

/// A constant power; a square is a product.
pub fn pow(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let exponents = context.constant(1)?;
    let exponents = match exponents.integers() {
        Ok(integers) => integers.iter().map(|v| *v as f64).collect(),
        Err(_) => exponents.broadcast(&features)?,
    };
    let Some(first) = exponents.first().copied() else {
        return Err(context.fail("operand 1 is empty, expected an exponent"));
    };
    if exponents.iter().any(|e| *e != first) {
        return Err(context.fail("exponents differ, expected one for all features"));
    }
    if first == 2.0 {
        return context.push(Draft::Op(Op::Mul), vec![x, x], features);
    }
    let exponent = first as f32;
    push(context, Function::Pow { exponent })
}

/// `x` where positive, else `slope·x` with a constant slope: `relu(x) - slope·relu(-x)`.
pub fn prelu(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let slope = context.constant(1)?.broadcast(&features)?;
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
