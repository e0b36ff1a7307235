//! Functions of one number: one line each, which is all that the front knows of a function. Integers look them up in a table.

use laminate_prover::exec::tables::sigmoid;

macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $($(#[$of:meta])* $parameter:ident),+ })? $text:literal |$x:ident| $value:expr;
    )*) => {
        /// A function of one number.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Function {
            $($(#[$doc])* $name $({ $($(#[$of])* $parameter: f32),+ })?,)*
        }

        impl Function {
            /// Its name as it stands in messages.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($parameter: _),+ })? => $text,)*
                }
            }

            /// Its value, in f64 with `libm` for equal results on every platform; not finite outside of its domain.
            pub fn of(&self, x: f64) -> f64 {
                match self {
                    $(Self::$name $({ $($parameter),+ })? => {
                        $($(let $parameter = f64::from(*$parameter);)+)?
                        let $x = x;
                        $value
                    })*
                }
            }
        }
    };
}

functions! {
    /// `1 / (1 + exp(-x))`.
    Sigmoid "sigmoid" |x| sigmoid(x);
    /// Hyperbolic tangent.
    Tanh "tanh" |x| libm::tanh(x);
    /// `x / (1 + exp(-x))`, computed in f32.
    Silu "silu" |x| { let x = x as f32; f64::from(x / (1.0 + (-x).exp())) };
    /// `x·Φ(x)`, the Gaussian error linear unit (Hendrycks and Gimpel 2016).
    Gelu "gelu" |x| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
    /// Its approximation by tanh.
    GeluTanh "gelu (tanh)" |x| 0.5 * x * (1.0 + libm::tanh((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)));
    /// Error function.
    Erf "erf" |x| libm::erf(x);
    /// `e^x`.
    Exp "exp" |x| libm::exp(x);
    /// Natural logarithm.
    Log "log" |x| libm::log(x);
    /// Square root.
    Sqrt "sqrt" |x| libm::sqrt(x);
    /// `1 / x`.
    Reciprocal "reciprocal" |x| 1.0 / x;
    /// `|x|^exponent` with the sign that a power has.
    Pow {
        /// A constant.
        exponent
    } "pow" |x| libm::pow(x, exponent);
    /// `log(1 + e^x)`.
    Softplus "softplus" |x| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
    /// `x / (1 + |x|)`.
    Softsign "softsign" |x| x / (1.0 + x.abs());
    /// `x·tanh(softplus(x))`.
    Mish "mish" |x| x * libm::tanh(x.max(0.0) + libm::log1p(libm::exp(-x.abs())));
    /// `alpha·x + beta` between 0 and 1.
    HardSigmoid {
        /// Slope.
        alpha,
        /// Value at 0.
        beta
    } "hard sigmoid" |x| (alpha * x + beta).clamp(0.0, 1.0);
    /// `x·(x/6 + 1/2)`, the factor between 0 and 1.
    HardSwish "hard swish" |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0);
    /// `x` where positive, else `alpha·(e^x - 1)`.
    Elu {
        /// What it tends to.
        alpha
    } "elu" |x| if x > 0.0 { x } else { alpha * libm::expm1(x) };
    /// `gamma·x` where positive, else `gamma·alpha·(e^x - 1)`.
    Selu {
        /// Of negative numbers.
        alpha,
        /// Of all.
        gamma
    } "selu" |x| gamma * if x > 0.0 { x } else { alpha * libm::expm1(x) };
    /// `x` where positive, else `alpha·(e^(x/alpha) - 1)`.
    Celu {
        /// What it tends to.
        alpha
    } "celu" |x| if x > 0.0 { x } else { alpha * libm::expm1(x / alpha) };
    /// `x` above `alpha`, else 0.
    ThresholdedRelu {
        /// The threshold.
        alpha
    } "thresholded relu" |x| if x > alpha { x } else { 0.0 };
    /// Zero within `lambd` of zero; beyond, nearer to zero by `bias`.
    Shrink {
        /// How far from zero.
        lambd,
        /// By how much.
        bias
    } "shrink" |x| if x < -lambd { x + bias } else if x > lambd { x - bias } else { 0.0 };
    /// Sine.
    Sin "sin" |x| libm::sin(x);
    /// Cosine.
    Cos "cos" |x| libm::cos(x);
    /// Tangent.
    Tan "tan" |x| libm::tan(x);
    /// Hyperbolic sine.
    Sinh "sinh" |x| libm::sinh(x);
    /// Hyperbolic cosine.
    Cosh "cosh" |x| libm::cosh(x);
    /// Inverse sine.
    Asin "asin" |x| libm::asin(x);
    /// Inverse cosine.
    Acos "acos" |x| libm::acos(x);
    /// Inverse tangent.
    Atan "atan" |x| libm::atan(x);
    /// Inverse hyperbolic sine.
    Asinh "asinh" |x| libm::asinh(x);
    /// Inverse hyperbolic cosine.
    Acosh "acosh" |x| libm::acosh(x);
    /// Inverse hyperbolic tangent.
    Atanh "atanh" |x| libm::atanh(x);
    /// The largest integer that is no larger.
    Floor "floor" |x| libm::floor(x);
    /// The smallest integer that is no smaller.
    Ceil "ceil" |x| libm::ceil(x);
    /// The nearest integer, halves to even ones.
    Round "round" |x| libm::rint(x);
    /// The integer part.
    Trunc "trunc" |x| libm::trunc(x);
    /// 1 above the threshold, else 0.
    Above {
        /// The threshold.
        threshold
    } "above" |x| if x > threshold { 1.0 } else { 0.0 };
    /// 1 not further than that from zero, else 0.
    Near {
        /// How far.
        within
    } "near" |x| if x.abs() <= within { 1.0 } else { 0.0 };
    /// What is left of a division, with the divisor's sign.
    Modulo {
        /// Not zero.
        divisor
    } "modulo" |x| x - divisor * libm::floor(x / divisor);
    /// What is left of a division, with the operand's sign.
    Remainder {
        /// Not zero.
        divisor
    } "remainder" |x| libm::fmod(x, divisor);
    /// -1, 0 or 1.
    Sign "sign" |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { 0.0 };
}

impl Function {
    /// Whether it is 0 or 1, by a threshold.
    pub fn is_step(&self) -> bool {
        matches!(self, Self::Above { .. } | Self::Near { .. })
    }

    /// Whether integers have it at the scale of tables, 14, whatever calibration saw: it stays within ±1.
    pub fn is_unit(&self) -> bool {
        matches!(self, Self::Sigmoid | Self::Tanh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let near = |function: Function, x: f64, expected: f64| {
            let found = function.of(x);
            assert!(
                (found - expected).abs() < 1e-6,
                "{}: {found}",
                function.name()
            );
        };
        near(Function::Gelu, 1.0, 0.841_344_7);
        near(Function::GeluTanh, 1.0, 0.841_192);
        near(Function::Softplus, -2.0, 0.126_928);
        near(Function::Mish, 1.0, 0.865_098_4);
        near(
            Function::Selu {
                alpha: 1.5,
                gamma: 2.0,
            },
            -1.0,
            -1.896_361_7,
        );
        near(
            Function::Shrink {
                lambd: 0.5,
                bias: 0.25,
            },
            -2.0,
            -1.75,
        );
        near(
            Function::HardSigmoid {
                alpha: 0.2,
                beta: 0.5,
            },
            9.0,
            1.0,
        );
        near(Function::Round, 2.5, 2.0);
        assert!(Function::Log.of(0.0).is_infinite() && Function::Sqrt.of(-1.0).is_nan());
    }
}
