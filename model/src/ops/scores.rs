//! Scores of grouped-query attention: queries times keys.
//!
//! Queries `(stack, slots, [groups, queries, head])`, keys `(stack, slots, [groups, head])`. A group's key
//! head serves all its queries: in the product the key simply has no query axis, so nothing is copied
//! (Ainslie et al., arXiv 2305.13245).

use halo2curves_axiom::bn256::Fr;
use laminate_engine::relations::Relation;
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::{bits, factor, positive};
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights, axes_len, axes_log};

/// `y[t,g,r,u] = round_s(multiplier·Σ_d q[t,g,r,d]·k[u,g,d])`; operands `q`, `k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scores {
    /// Factor below 2^24.
    pub multiplier: u32,
    /// `s`: 16 or 32.
    pub shift: u8,
}

impl Scores {
    pub(super) const EXAMPLE: Self = Self {
        multiplier: 1,
        shift: 16,
    };
}

impl OpSpec for Scores {
    fn name(&self) -> &'static str {
        "scores"
    }

    fn arity(&self) -> usize {
        2
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[16, 32])?;
        factor(self.multiplier)?;
        positive("multiplier", self.multiplier.into())?;
        let (q, k, out) = (node.operand(0)?, node.operand(1)?, node.output()?);
        for tensor in [q, k, out] {
            bits(tensor, 16)?;
        }
        let shapes = (q.axes.as_slice(), k.axes.as_slice(), out.axes.as_slice());
        let slots = node.program().slots() as u32;
        match shapes {
            ([g, r, qd @ ..], [kg, kd @ ..], [og, or, u])
                if (g == og || !on("groups of scores"))
                    && (r == or || !on("queries of scores"))
                    && (qd == kd || !on("features of scores"))
                    && (g == kg || !on("groups of keys"))
                    && (*u == slots || !on("slots of scores"))
                    && (!qd.is_empty() || !on("features of queries"))
                    && (q.stack == out.stack || !on("copies of queries"))
                    && (k.stack == out.stack || !on("copies of keys")) =>
            {
                Ok(())
            }
            _ => Err(format!(
                "queries {:?} and keys {:?} do not give scores {:?}",
                q.axes, k.axes, out.axes
            )),
        }
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        false
    }

    fn open_padding(&self, node: &Io<'_>) -> Option<&'static str> {
        // Summed: the features of a head, from the key's second axis on.
        let open = node.is_padded(1, 1) && !node.zero_padded(0, 2) && !node.zero_padded(1, 1);
        (open && on("padding of heads")).then_some("neither queries nor keys are")
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        let head = node
            .operand(1)
            .map_or(0, |keys| axes_len(keys.axes.get(1..).unwrap_or(&[])));
        head as u128 * WORD * WORD * u128::from(self.multiplier) + half(self.shift)
    }

    /// `2^s·y + rem - 2^(s-1) = multiplier·Σ_d q(l,t,g,r,d)·k(l,u,g,d)`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let [l, t, g, r, u, d] = [0, 1, 2, 3, 4, 5];
        let mut axes = node.io.attention_axes()?;
        let head = node.io.operand(0)?.axes.get(2..)?;
        axes.extend([node.slots_log(), axes_log(head)]);
        Some(vec![Relation::Product(Product {
            name: "scores",
            axes,
            target: Some(node.unrounded(&node.output(), self.shift.into())),
            target_axes: vec![l, t, g, r, u],
            constant: Fr::from(u64::from(self.multiplier)),
            stages: vec![Stage {
                name: "scores",
                shared: vec![l, g],
                contracted: vec![d],
                kernel: None,
                factors: vec![
                    Factor::new(node.operand(0)?, &[l, t, g, r, d]),
                    Factor::new(node.operand(1)?, &[l, u, g, d]),
                ],
                inner: false,
                offset: None,
            }],
        })])
    }
}
