//! A dense layer that is added to the residual stream: [`super::dense`] with `y - res` in the place of `y`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::{alike, bits};
use super::{Bounds, Check, Io, OpSpec, Output, Placed, dense};
use crate::program::{Program, Weights};

/// `y[t,j] = res[t,j] + round_s(m[j]·Σ_k w[j,k]·x[t,k])`; operands `x` (int16), `res` (int32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseAdd {
    /// Index of the hidden parameters in [`Program::weights`].
    pub weight: usize,
    /// `s`: 16, 24 or 32.
    pub shift: u8,
}

impl DenseAdd {
    pub(super) const EXAMPLE: Self = Self {
        weight: 0,
        shift: 16,
    };
}

impl OpSpec for DenseAdd {
    fn name(&self) -> &'static str {
        "dense_add"
    }

    fn arity(&self) -> usize {
        2
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[16, 24, 32])?;
        let out = node.output()?;
        bits(out, 32)?;
        alike("residual", node.operand(1)?, out)?;
        dense::check(node, self.weight)
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(32))
    }

    fn relied_operand(&self, operand: usize) -> Option<Bounds> {
        Some(match operand {
            1 => Bounds::signed(32),
            _ => Bounds::WORD,
        })
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        // With an embedding's, whatever has 32 bits is zero: so no norm squares anything else, and
        // blocks of a stack that read zeros give zeros to the next.
        zero(1, axis)
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, weights: &Weights) -> u128 {
        dense::dense_bound(weights, self.weight, WORD) + half(self.shift)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let sum = node.operand(1)?.scale_add(-Fr::ONE, &node.output());
        dense::relations(node, self.weight, self.shift, &sum)
    }
}
