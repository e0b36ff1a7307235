//! Leaky ReLU: the operand splits as that of a [`super::relu`], and `2^16·y + rem = 2^16·p - slope·n + 2^15`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::relu::split;
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights, round};

impl Role {
    /// `max(x, 0)`.
    pub const POSITIVE: Self = Self::new("Positive");
}

/// Fractional bits of the slope.
const SLOPE_BITS: u8 = 16;

/// `y = floor((max(x,0)·2^16 + min(x,0)·slope + 2^15) / 2^16)`, `0 < slope < 2^16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakyRelu {
    /// Slope times 2^16.
    pub slope: u32,
}

impl LeakyRelu {
    pub(super) const EXAMPLE: Self = Self { slope: 1 };
}

impl OpSpec for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let slope = self.slope;
        if !(1..1 << SLOPE_BITS).contains(&slope) && on("slope") {
            return Err(format!("slope {slope}/2^16, expected between 0 and 1"));
        }
        node.elementwise()
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(SLOPE_BITS) / 8
    }

    fn columns(&self) -> Vec<AuxColumn> {
        AuxColumn::all([Role::POSITIVE, Role::NEGATIVE], 2, Extent::Output)
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        let x = operand(0);
        let scaled = (x.max(0) << SLOPE_BITS) + x.min(0) * i64::from(self.slope);
        Some(round(scaled, SLOPE_BITS))
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        false
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        (WORD << SLOPE_BITS) + half(SLOPE_BITS)
    }

    /// Columns `[x, p, n, y, rem]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let bits = usize::from(SLOPE_BITS);
        let scaled = Expression::default()
            .plus(pow2(bits), &[1])
            .plus(-Fr::from(u64::from(self.slope)), &[2])
            .plus(pow2(bits - 1), &[])
            .plus(-pow2(bits), &[3])
            .plus(-Fr::ONE, &[4]);
        Some(vec![Relation::Elementwise(Elementwise {
            columns: vec![
                node.operand(0)?,
                node.aux(Role::POSITIVE),
                node.aux(Role::NEGATIVE),
                node.output(),
                node.aux(Role::REMAINDER),
            ],
            quadratic: stated([(
                on("leaky relu: p·n"),
                Expression::default().plus(Fr::ONE, &[1, 2]),
            )]),
            linear: stated([
                (on("leaky relu: x - p + n"), split()),
                (on("leaky relu: slope"), scaled),
            ]),
            ..Elementwise::named("leaky relu")
        })])
    }
}
