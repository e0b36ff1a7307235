//! Integer factors of ops on numbers.

use laminate_model::ops::{Add, LeakyRelu, Relu};
use laminate_model::program::Op;

use super::rules::TOP;

/// A slope that rounds to zero is a Relu, one that rounds to one the largest below.
pub fn leaky_relu(slope: f32) -> Op {
    match libm::round(f64::from(slope) * 65_536.0) as u32 {
        0 => Op::Relu(Relu),
        slope => Op::LeakyRelu(LeakyRelu {
            slope: slope.min((1 << 16) - 1),
        }),
    }
}

/// `2^exponent` rounded to an integer.
fn power(exponent: i32) -> u32 {
    libm::round(libm::exp2(f64::from(exponent))) as u32
}

/// `z = a·2^(z-a) + b·2^(z-b)` with the largest shift whose factors fit, at a lower scale if none does.
/// A factor is exact, or its operand is below half a unit of the output altogether.
pub fn add(a: i32, b: i32, wanted: i32) -> (Op, i32) {
    let (low, high) = (a.min(b), a.max(b));
    let mut scale = wanted.min(low + TOP - 8);
    if scale - high + 8 < 0 {
        // A factor may not be an integer: with a shift of 16 or more that operand is below 2^-2 units.
        scale = scale.min(low + TOP - 16);
    }
    let fits = |shift: &&u8| scale - low + i32::from(**shift) <= TOP;
    let shift = [24u8, 16, 8].iter().find(fits).copied().unwrap_or(8);
    let factor = |operand: i32| power(scale - operand + i32::from(shift));
    (
        Op::Add(Add {
            left: factor(a),
            right: factor(b),
            shift,
        }),
        scale,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_factors() {
        assert_eq!(
            add(10, 12, 11),
            (
                Op::Add(Add {
                    left: 1 << 17,
                    right: 1 << 15,
                    shift: 16
                }),
                11
            )
        );
        assert_eq!(
            add(10, 10, 30),
            (
                Op::Add(Add {
                    left: 1 << 23,
                    right: 1 << 23,
                    shift: 8
                }),
                25
            )
        );
        // 2^-26 of an operand below 2^15 is nothing.
        assert_eq!(
            add(40, 14, 14),
            (
                Op::Add(Add {
                    left: 0,
                    right: 1 << 16,
                    shift: 16
                }),
                14
            )
        );
    }

    #[test]
    fn add_is_within_half_a_unit_for_any_scales() {
        for (a, b, wanted) in (-40..=40)
            .flat_map(|a| (-40..=40).flat_map(move |b| (-40..=40).map(move |z| (a, b, z))))
        {
            let (Op::Add(Add { left, right, shift }), scale) = add(a, b, wanted) else {
                unreachable!()
            };
            assert!(scale <= wanted && left < 1 << 24 && right < 1 << 24);
            for (factor, operand) in [(left, a), (right, b)] {
                let exact = libm::exp2(f64::from(scale - operand));
                let error = (f64::from(factor) / libm::exp2(shift.into()) - exact).abs() * 32_768.0;
                assert!(error <= 0.25, "{a} {b} {wanted}: {error}");
            }
        }
    }

    #[test]
    fn slopes() {
        assert_eq!(leaky_relu(0.01), Op::LeakyRelu(LeakyRelu { slope: 655 }));
        assert_eq!(leaky_relu(1e-9), Op::Relu(Relu));
        assert_eq!(
            leaky_relu(0.999_999_9),
            Op::LeakyRelu(LeakyRelu { slope: 65_535 })
        );
    }
}
