//! Products of two activations: `y[s…, m…, n…] = round(multiplier·Σ_k a[s…, m…, k]·b[s…, n…, k])`.
//!
//! Both operands end with the axis that is contracted and begin with those that they share (heads of an attention, batches of
//! a MatMul); views bring their axes into this order. A [`Product`] of one stage: `2^s·y + rem - 2^(s-1) = multiplier·Σ_k a·b`,
//! slots shared. Nobody bounds what stands behind the end of the contracted axis, so one of the operands is proven zero there.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::relations::Relation;
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::{bits, factor, positive};
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights, axes_log, padded_log};

/// `y[s…, m…, n…] = floor((multiplier·Σ_k a[s…, m…, k]·b[s…, n…, k] + 2^(s-1)) / 2^s)`; operands `a`, `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatMul {
    /// Number of the axes that both operands begin with.
    pub shared: usize,
    /// Factor, below 2^24.
    pub multiplier: u32,
    /// `s`: 8, 16, 24 or 32.
    pub shift: u8,
}

impl MatMul {
    pub(super) const EXAMPLE: Self = Self {
        shared: 0,
        multiplier: 1,
        shift: 16,
    };

    /// Shared axes, own axes and the contracted one of an operand of these axes.
    fn cut(self, axes: &[u32]) -> Option<(&[u32], &[u32], u32)> {
        let (k, rest) = axes.split_last()?;
        let (shared, own) = rest.split_at_checked(self.shared)?;
        Some((shared, own, *k))
    }
}

impl OpSpec for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn arity(&self) -> usize {
        2
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[8, 16, 24, 32])?;
        factor(self.multiplier)?;
        positive("multiplier", self.multiplier.into())?;
        if node.program().sequence.is_some() && on("matrix products of rows") {
            return Err("is an op over rows".into());
        }
        let (a, b, out) = (node.operand(0)?, node.operand(1)?, node.output()?);
        for tensor in [a, b] {
            bits(tensor, 16)?;
        }
        node.rounded()?;
        let wrong = || {
            format!(
                "{:?} and {:?} with {} shared axes do not give {:?}",
                a.axes, b.axes, self.shared, out.axes
            )
        };
        let (left, right) = self.cut(&a.axes).zip(self.cut(&b.axes)).ok_or_else(wrong)?;
        let made = [left.0, left.1, right.1].concat();
        if (left.0 == right.0 || !on("shared axes of a matrix product"))
            && (left.2 == right.2 || !on("contracted axis of a matrix product"))
            && (made == out.axes || !on("output of a matrix product"))
        {
            return Ok(());
        }
        Err(wrong())
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        self.shared > 0
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        None
    }

    fn even_padding(&self, _: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        false
    }

    fn zero_padding(
        &self,
        node: &Io<'_>,
        axis: usize,
        zero: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        let left = node
            .operand(0)
            .map_or(0, |a| a.axes.len().saturating_sub(1));
        match axis {
            shared if shared < self.shared => zero(0, shared) || zero(1, shared),
            own if own < left => zero(0, own),
            own => zero(1, own - left + self.shared),
        }
    }

    fn open_padding(&self, node: &Io<'_>) -> Option<&'static str> {
        let last = |operand: usize| {
            let axes = node.operand(operand).map_or(0, |x| x.axes.len());
            axes.saturating_sub(1)
        };
        let zero = |operand: usize| node.zero_padded(operand, last(operand));
        let open = node.is_padded(0, last(0)) && !zero(0) && !zero(1);
        (open && on("padding of a matrix product")).then_some("neither operand is")
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        let count = node.operand(0).and_then(|a| a.axes.last()).copied();
        u128::from(count.unwrap_or(1)) * WORD * WORD * u128::from(self.multiplier)
            + half(self.shift)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let [t, s, m, n, k] = [0, 1, 2, 3, 4];
        let (shared, left, contracted) = self.cut(&node.io.operand(0)?.axes)?;
        let (_, right, _) = self.cut(&node.io.operand(1)?.axes)?;
        Some(vec![Relation::Product(Product {
            name: "matmul",
            axes: vec![
                node.slots_log(),
                axes_log(shared),
                axes_log(left),
                axes_log(right),
                padded_log(contracted as usize),
            ],
            target: Some(node.unrounded(&node.output(), self.shift.into())),
            target_axes: vec![t, s, m, n],
            constant: Fr::from(u64::from(self.multiplier)),
            stages: vec![Stage {
                name: "matmul",
                shared: vec![t, s],
                contracted: vec![k],
                kernel: None,
                factors: vec![
                    Factor::new(node.operand(0)?, &[t, s, m, k]),
                    Factor::new(node.operand(1)?, &[t, s, n, k]),
                ],
                inner: false,
                offset: None,
            }],
        })])
    }
}
