//! The output token of every slot is the lowest one of largest logit.
//!
//! `gap[t,v] = best[t] - logit[t,v] - [v < id_t]` for `v` in the vocabulary and zero beyond; gaps are
//! limbs, so not negative: no logit is larger than `best`, and before `id_t` every one is smaller.
//! `Σ_v [v = id_t]·gap[t,v] = 0` for every slot makes `best` the logit of `id_t`. The verifier knows
//! the tokens and checks `id_t` below the vocabulary itself, so all selectors are public here.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::fr_from_i64;
use laminate_engine::relations::{Factor, Gap, Kernel, Product, Relation, Stage};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::check::bits;
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::lower::OUTPUT_TOKENS;
use crate::program::{ACTIVATION_BOUND, End, Program, Weights, padded_log};

impl Role {
    /// Largest logit, plus 2^15.
    pub const BEST: Self = Self::new("Best");

    /// `best - logit - [v < id]`.
    pub const GAP: Self = Self::new("Gap");
}

/// The lowest token of the largest logit of every slot, as int16 `id - 2^15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argmax;

impl Argmax {
    pub(super) const EXAMPLE: Self = Self;
}

impl OpSpec for Argmax {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let (x, out) = (node.operand(0)?, node.output()?);
        bits(x, 16)?;
        let program = node.program();
        let is_output = node.io().node.output == program.output;
        match program.sequence {
            Some(s)
                if (program.output_end() == End::Tokens
                    || !on("argmax where tokens are chosen"))
                    && (is_output || !on("argmax of the output"))
                    && (x.axes == [s.vocab] || !on("logits of the vocabulary"))
                    && (x.stack == 1 || !on("copies of logits"))
                    && ((out.axes.as_slice(), out.stack) == (&[1], 1)
                        || !on("shape of an argmax")) =>
            {
                Ok(())
            }
            _ => Err("wants the logits of a sequence and gives the program's output".into()),
        }
    }

    fn output(&self) -> Output {
        Output::Clear
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let mut out = AuxColumn::all([Role::BEST], 2, Extent::Slots);
        out.extend(AuxColumn::all([Role::GAP], 2, Extent::Operand));
        out
    }

    fn relied_output(&self) -> Option<Bounds> {
        // Public.
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

    fn open_padding(&self, node: &Io<'_>) -> Option<&'static str> {
        // Not summed, but gaps of padded tokens are limbs only if their logits are zero.
        let open = node.is_padded(0, 0) && !node.zero_padded(0, 0);
        (open && on("padding of the vocabulary")).then_some("the logits are not")
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        2 * WORD
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let vocab = node.io.program.sequence?.vocab;
        let logs = [node.slots_log(), padded_log(vocab as usize)];
        let gap = node.aux(Role::GAP);
        let [t, v] = [0, 1];
        let chosen = Product {
            name: "argmax",
            axes: logs.to_vec(),
            target: None,
            target_axes: vec![t],
            constant: Fr::ONE,
            stages: vec![Stage {
                name: "argmax",
                shared: vec![],
                contracted: vec![t, v],
                kernel: Some(Kernel::Known {
                    list: OUTPUT_TOKENS,
                    slot: t,
                    entry: v,
                    shared: true,
                }),
                factors: vec![Factor::new(gap.clone(), &[t, v])],
                inner: false,
                offset: None,
            }],
        };
        let best = node.aux_from(fr_from_i64(-ACTIVATION_BOUND), Role::BEST);
        Some(vec![
            Relation::Gap(Gap {
                columns: [best, node.operand(0)?, gap],
                logs,
                size: vocab as usize,
                list: OUTPUT_TOKENS,
            }),
            Relation::Product(chosen),
        ])
    }
}
