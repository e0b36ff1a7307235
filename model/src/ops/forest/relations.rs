//! What is zero: branches, missing values, sums.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::maps::{Linear, Map, Mask, Wiring};
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::switch::on;

use super::axes::Axes;
use super::{Forest, MISS};
use crate::ops::columns::{masked, wired};
use crate::ops::{Placed, Role};
use crate::program::WORD_BOUND;

impl Forest {
    /// Branches, with columns `[β, a - θ, δ]`.
    pub(super) fn branches(node: &Placed<'_>) -> Relation {
        let difference = word(node, Role::THRESHOLD).scale_add(-Fr::ONE, &word(node, Role::KEY));
        Relation::Elementwise(Elementwise {
            columns: vec![node.aux(Role::BRANCH), difference, node.aux(Role::DISTANCE)],
            quadratic: stated([
                (on("forest: side of the threshold"), side()),
                (on("forest: branch that is a bit"), bit()),
            ]),
            ..Elementwise::named("forest branch")
        })
    }

    /// Missing values, with columns `[ν, x - MISS, present]`.
    pub(super) fn missing(node: &Placed<'_>) -> Option<Relation> {
        let mut above = node.operand(0)?;
        above.constant -= fr_from_i64(MISS.into());
        Some(Relation::Elementwise(Elementwise {
            columns: vec![node.aux(Role::MISSING), above, node.aux(Role::PRESENT)],
            quadratic: stated([
                (on("forest: missing that is a bit"), bit()),
                (on("forest: missing value"), missing()),
            ]),
            linear: stated([(on("forest: value that is not missing"), present())]),
            ..Elementwise::named("forest missing")
        }))
    }

    /// Outputs less the sums of values, which is zero.
    pub(super) fn sums(self, node: &Placed<'_>, axes: &Axes) -> Relation {
        let chains = self.chains as usize;
        let full = chains == 1 << axes.chains;
        let wiring = Arc::new(Wiring {
            view: vec![axes.slots, axes.chains],
            axes: vec![
                (
                    axes.steps,
                    Map::Sum {
                        below: self.steps as usize,
                    },
                ),
                (axes.slots, Map::Same { axis: 0 }),
                (
                    axes.chains,
                    match full {
                        true => Map::Same { axis: 1 },
                        false => Map::Linear(Linear::shift(1, chains, 0, chains)),
                    },
                ),
            ],
            masks: vec![],
        });
        let values = node.aux(Role::VALUE);
        let mut sums = wired(&values, &wiring);
        let offset = -fr_from_i64(WORD_BOUND) * Fr::from(u64::from(self.steps));
        match full {
            true => sums.constant += offset,
            false => {
                let below = Mask::Below {
                    axis: 1,
                    size: chains,
                };
                sums.constants
                    .push(masked(offset, &wiring.view, vec![below]));
            }
        }
        let mut difference = node.output();
        difference = sums.scale_add(-Fr::ONE, &difference);
        // The first term tells the column's size, whichever it is.
        Relation::Elementwise(Elementwise {
            columns: vec![difference],
            linear: stated([(
                on("forest: sum of the values"),
                Expression::default().plus(Fr::ONE, &[0]),
            )]),
            ..Elementwise::named("forest sum")
        })
    }
}

/// An int32 auxiliary column.
pub(super) fn word(node: &Placed<'_>, role: Role) -> View {
    node.aux_from(fr_from_i64(-WORD_BOUND), role)
}

/// `(2β - 1)·d + β - 1 - δ = 0`
fn side() -> Expression {
    Expression::default()
        .plus(Fr::from(2), &[0, 1])
        .plus(-Fr::ONE, &[1])
        .plus(Fr::ONE, &[0])
        .plus(-Fr::ONE, &[])
        .plus(-Fr::ONE, &[2])
}

/// `β² - β = 0`
fn bit() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[0, 0])
        .plus(-Fr::ONE, &[0])
}

/// `ν·(x - MISS) = 0`
fn missing() -> Expression {
    Expression::default().plus(Fr::ONE, &[0, 1])
}

/// `(x - MISS) + 1 - ν + present = 0`
fn present() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[1])
        .plus(Fr::ONE, &[])
        .plus(-Fr::ONE, &[0])
        .plus(Fr::ONE, &[2])
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn the_branch_is_the_side_of_the_threshold() {
        let relation = Elementwise {
            columns: columns(3),
            quadratic: vec![side(), bit()],
            ..Elementwise::named("forest branch")
        };
        // a - θ = 5, 0, -1, and the ends: [β, a - θ, δ]
        let far = (1i64 << 32) - 1;
        for good in [
            [1, 5, 5],
            [1, 0, 0],
            [0, -1, 0],
            [1, far, far],
            [0, -far, far - 1],
        ] {
            let [branch, difference, distance] = good;
            accepts_and_refuses(
                &relation,
                &good,
                &[
                    // The other branch has a negative distance, and only that.
                    &[1 - branch, difference, distance],
                    &[branch, difference, distance + 1],
                    &[2, difference, distance],
                    &[-1, difference, distance],
                ],
            );
            let other = if branch == 1 {
                -difference - 1
            } else {
                difference
            };
            assert!(other < 0);
            accepts_and_refuses(&relation, &[1 - branch, difference, other], &[]);
        }
    }

    #[test]
    fn missing_is_the_highest_key_only() {
        let relation = Elementwise {
            columns: columns(3),
            quadratic: vec![bit(), missing()],
            linear: vec![present()],
            ..Elementwise::named("forest missing")
        };
        // [ν, x - MISS, present]
        accepts_and_refuses(&relation, &[1, 0, 0], &[&[0, 0, 0], &[2, 0, 1], &[1, 0, 1]]);
        // The only other solution for a missing value is negative.
        accepts_and_refuses(&relation, &[0, 0, -1], &[]);
        for x in [-1i64, -5, -(1 << 31), 1 - (1 << 32)] {
            accepts_and_refuses(&relation, &[0, x, -x - 1], &[&[1, x, -x], &[0, x, -x]]);
        }
    }
}
