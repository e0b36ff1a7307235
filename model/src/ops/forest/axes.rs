//! What is read off columns: the nodes that steps stand on, slots, variants.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::{Term, View};
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::maps::{Linear, Map, Mask, Wiring};

use super::{Forest, LOWEST, MISS, MISSING_AS};
use crate::ops::columns::{masked, wired};
use crate::ops::{Placed, Role};

/// log2 of the axes of a forest's columns; those of steps are `(steps, slots, chains)`.
pub(super) struct Axes {
    pub(super) steps: usize,
    pub(super) slots: usize,
    pub(super) chains: usize,
    pub(super) kinds: usize,
    pub(super) features: usize,
}

impl Axes {
    /// The nodes that steps stand on.
    pub(super) fn nodes(&self, node: &Placed<'_>) -> View {
        let rest = self.slots + self.chains;
        let before = Arc::new(Wiring {
            view: vec![self.steps, rest],
            axes: vec![
                (
                    self.steps,
                    Map::Linear(Linear::shift(0, 1 << self.steps, -1, 1 << self.steps)),
                ),
                (rest, Map::Same { axis: 1 }),
            ],
            masks: vec![],
        });
        let taken = node
            .aux(Role::CHILD)
            .scale_add(Fr::ONE, &node.aux(Role::BRANCH));
        let mut nodes = wired(&taken, &before);
        // The number of the chain, bit by bit, at the first step.
        let first = vec![Mask::Only { axis: 0, at: 0 }, Mask::Only { axis: 2, at: 1 }];
        nodes.constants = (0..self.chains)
            .map(|i| masked(pow2(i), &[self.steps, rest - 1 - i, 1, i], first.clone()))
            .collect();
        nodes
    }

    /// The slots of steps, `of` being a column of steps: it stands there with a factor of zero.
    pub(super) fn slots(&self, of: &View) -> View {
        let bit = |i: usize| {
            let axes = [self.steps + self.slots - 1 - i, 1, i + self.chains];
            masked(pow2(i), &axes, vec![Mask::Only { axis: 1, at: 1 }])
        };
        View {
            constant: Fr::ZERO,
            constants: (0..self.slots).map(bit).collect(),
            terms: of
                .terms
                .iter()
                .take(1)
                .map(|term| Term {
                    coefficient: Fr::ZERO,
                    ..term.clone()
                })
                .collect(),
        }
    }

    /// log2 of the variants of a slot.
    pub(super) fn variants(&self) -> usize {
        self.kinds + self.features
    }

    /// What variants read, `(slots, kinds, features)`.
    pub(super) fn read(&self, node: &Placed<'_>) -> Option<View> {
        let operand = node.operand(0)?;
        let axes = vec![self.slots, self.kinds, self.features];
        let only = |kind: usize| Mask::Only { axis: 1, at: kind };
        let constant = |kind: usize, value: Fr| masked(value, &axes, vec![only(kind)]);
        let mut out = View {
            constant: Fr::ZERO,
            constants: vec![constant(Forest::BOTTOM, fr_from_i64(LOWEST.into()))],
            terms: vec![],
        };
        for kind in Forest::PLAIN..1 << self.kinds {
            let wiring = Arc::new(Wiring {
                view: axes.clone(),
                axes: vec![
                    (self.slots, Map::Same { axis: 0 }),
                    (self.features, Map::Same { axis: 2 }),
                ],
                masks: vec![only(kind)],
            });
            out.constants.push(constant(kind, operand.constant));
            out.terms.extend(wired(&operand, &wiring).terms);
            if let Some(value) = MISSING_AS.get(kind).copied().flatten() {
                let missing = wired(&node.aux(Role::MISSING), &wiring);
                let change = fr_from_i64(value - i64::from(MISS));
                out = missing.scale_add(change, &out);
            }
        }
        Some(out)
    }
}
