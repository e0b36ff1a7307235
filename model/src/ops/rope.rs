//! Rotary position embedding (Su et al., arXiv 2104.09864) of heads `[…, 2, half]`:
//! `2^16·y + rem - 2^15 = cos·x ∓ sin·x'`, linear in `x`, with public angles of slot and pair.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::kernel::{Kernel, Rotation};
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::{alike, bits};
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights, axes_log, padded_log};

/// Rotation of the pairs `(x[i], x[i + half])` of every head by the angles of slot `t`;
/// `y = round_16(…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rope {
    /// Index into [`Program::rope`].
    pub table: usize,
}

impl Rope {
    pub(super) const EXAMPLE: Self = Self { table: 0 };
}

impl OpSpec for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let out = node.output()?;
        bits(out, 16)?;
        alike("operand", node.operand(0)?, out)?;
        let [.., 2, half] = out.axes.as_slice() else {
            return Err(format!("axes {:?}, expected heads of two halves", out.axes));
        };
        let entries = node.program().slots() * *half as usize;
        match node.program().rope.get(self.table) {
            Some(t)
                if (t.cos.len() == entries || !on("cosines of all slots"))
                    && (t.sin.len() == entries || !on("sines of all slots")) =>
            {
                Ok(())
            }
            _ => Err(format!(
                "rotation table {} does not have {entries} entries",
                self.table
            )),
        }
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        2
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

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        zero(0, axis)
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        2 * (WORD << 16) + half(16)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let tensor = node.io.output()?;
        let [heads @ .., halves, pairs] = tensor.axes.as_slice() else {
            return None;
        };
        let angles = node.io.program.rope.get(self.table)?;
        let angles = Rotation {
            cos: angles.cos.clone(),
            sin: angles.sin.clone(),
        };
        let [l, t, h, b, e] = [0, 1, 2, 3, 4];
        Some(vec![Relation::Product(Product {
            name: "rope",
            axes: vec![
                tensor.stack_log(),
                node.slots_log(),
                axes_log(heads),
                padded_log(*halves as usize),
                padded_log(*pairs as usize),
            ],
            target: Some(node.unrounded(&node.output(), 16)),
            target_axes: vec![l, t, h, b, e],
            constant: Fr::ONE,
            stages: vec![Stage {
                name: "rope",
                shared: vec![],
                contracted: vec![t, b, e],
                kernel: Some(Kernel::Rotation {
                    angles: Arc::new(angles),
                    slot: t,
                    half: b,
                    pair: e,
                }),
                factors: vec![Factor::new(node.operand(0)?, &[l, t, h, b, e])],
                inner: false,
                offset: None,
            }],
        })])
    }
}
