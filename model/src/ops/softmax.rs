//! Causal softmax without its division (that is part of the mix): `e = exp(score - maximum)` by a
//! lookup of the depth `z = maximum - score`, masked scores at the depth where the table is zero.
//! Subtracting the row's maximum leaves a softmax unchanged (the shift of zkLLM, arXiv 2404.16109).
//!
//! With `μ = [u ≤ t]` public: `μ·(max - score - z) = 0`, `(1 - μ)·(2^16 - 1 - z) = 0`,
//! `pick·z = 0` and `Σ_u pick = 1`. Depths are not negative, so the maximum is at least every
//! unmasked score; picks are not negative integers with sum one, so one place has depth zero, and it
//! is not masked.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::fr_from_i64;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Causal, Elementwise, Expression, stated};
use laminate_engine::relations::row_sum::RowSum;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::check::{alike, bits};
use super::{AuxColumn, Bounds, Check, Extent, Io, Lookup, OpSpec, Output, Place, Placed, Role};
use crate::program::{ACTIVATION_BOUND, MASKED, Program, WIDE_TABLE_LOG, Weights};

impl Role {
    /// The row's maximum, plus 2^15.
    pub const MAXIMUM: Self = Self::new("Maximum");

    /// Maximum less score; 2^16 - 1 where masked.
    pub const DEPTH: Self = Self::new("Depth");

    /// One at a place of the maximum, else zero.
    pub const PICK: Self = Self::new("Pick");
}

/// `y[t,g,r,u] = table[max_{u'≤t} x[t,g,r,u'] - x[t,g,r,u] - 2^15]` for `u ≤ t`, else 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Softmax {
    /// Index of the exponential table in [`Program::tables`].
    pub table: usize,
}

impl Softmax {
    pub(super) const EXAMPLE: Self = Self { table: 0 };
}

impl OpSpec for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let out = node.output()?;
        alike("scores", node.operand(0)?, out)?;
        let ok = node.program().tables.get(self.table).is_some_and(|t| {
            (t.log() == WIDE_TABLE_LOG || !on("table of all depths"))
                && (t.values.iter().all(|v| *v >= 0) || !on("weights that are positive"))
                && (t.values.first().is_some_and(|v| *v > 0) || !on("weight of the best"))
                && (t.values.last() == Some(&0) || !on("weight of the masked"))
        });
        let all = out.axes.last().copied() == Some(node.program().slots() as u32);
        if !ok || (!all && on("scores of all slots")) {
            return Err("wants scores of all slots and a table of 2^16 values that starts above and ends at zero".into());
        }
        bits(out, 16)
    }

    fn output(&self) -> Output {
        Output::Unsigned
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let mut out = AuxColumn::all([Role::MAXIMUM], 2, Extent::Rows);
        out.extend(AuxColumn::all([Role::DEPTH, Role::PICK], 2, Extent::Output));
        out
    }

    fn relied_output(&self) -> Option<Bounds> {
        // Looked up.
        None
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

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // Summed: slots, which are a power of two.
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        2 * WORD
    }

    /// Columns `[score, maximum, z, pick, μ]`.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let pick = node.aux(Role::PICK);
        let slots = node.slots_log();
        let stack = node.io.output()?.stack_log();
        let masked = fr_from_i64(MASKED);
        let rows = Elementwise {
            columns: vec![
                node.operand(0)?,
                node.aux_from(fr_from_i64(-ACTIVATION_BOUND), Role::MAXIMUM),
                node.aux(Role::DEPTH),
                pick.clone(),
            ],
            causal: Some(Causal {
                row: stack,
                log: slots,
            }),
            quadratic: stated([
                (
                    on("softmax: depth"),
                    Expression::default()
                        .plus(Fr::ONE, &[4, 1])
                        .plus(-Fr::ONE, &[4, 0])
                        .plus(-Fr::ONE, &[4, 2]),
                ),
                (
                    on("softmax: mask"),
                    Expression::default()
                        .plus(masked, &[])
                        .plus(-masked, &[4])
                        .plus(-Fr::ONE, &[2])
                        .plus(Fr::ONE, &[4, 2]),
                ),
                (
                    on("softmax: pick"),
                    Expression::default().plus(Fr::ONE, &[3, 2]),
                ),
            ]),
            ..Elementwise::named("softmax")
        };
        let picks = RowSum {
            column: pick,
            sum_log: slots,
            total: None,
        };
        Some(vec![Relation::Elementwise(rows), Relation::RowSum(picks)])
    }

    /// Depths are table indices as `z - 2^15`.
    fn lookups(&self) -> Vec<Lookup> {
        vec![Lookup {
            table: self.table,
            index: Place::Auxiliary(Role::DEPTH),
            offset: -ACTIVATION_BOUND,
            result: Place::Output,
        }]
    }
}
