//! Maxima over the last axes: the pool of a convolutional net, if the operand is a view of windows.
//!
//! `gap(…, w) = y(…) - x(…, w)` is a limb, so that `y` is no less than any entry; `pick·gap = 0` and `Σ_w pick = 1`, so
//! that some entry is `y`. Neither needs more of `pick` than that it is in the field. With limbs as wide as a gap it is
//! no column: the view `y - x` is looked up.
//!
//! **What is outside.** Entries that the operand's maps relate to nothing (a window's places outside the image), and those
//! behind the ends of the reduced axes, count as the least that the operand's column stores: -2^15, or 0 where it is stored
//! without an offset. That is at most what is inside, so that a pick there changes nothing. Were it the zero that the
//! view has there, the maximum of negative numbers would be any prover's to choose; were it what the column has behind
//! the end of an axis, any maximum.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim;
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::maps::{Linear, Map, Wiring};
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::relations::{Relation, RowSum};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::check::bits;
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::layout::symbolic_column;
use crate::program::{ACTIVATION_BOUND, Program, Tensor, Weights, padded_log};

/// `y(…) = max_w x(…, w)` over the last axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Max {
    /// Number of axes that the maximum is over.
    pub axes: usize,
}

impl Max {
    pub(super) const EXAMPLE: Self = Self { axes: 1 };

    /// log2 of all axes of the operand, and how many of them stay.
    fn logs(self, node: &Io<'_>) -> Option<(Vec<usize>, usize)> {
        let x = node.operand(0)?;
        let features = x.axes.iter().map(|axis| padded_log(*axis as usize));
        let shared = [x.stack_log(), node.program.batch_log.into()];
        let logs: Vec<usize> = shared.into_iter().chain(features).collect();
        let kept = logs.len().checked_sub(self.axes)?;
        Some((logs, kept))
    }

    /// The operand, what is outside as the least of its column.
    fn inside(self, node: &Io<'_>, x: &claim::View) -> Option<claim::View> {
        let (logs, kept) = self.logs(node)?;
        let shared = logs.len() - node.operand(0)?.axes.len();
        let sizes = node.operand(0)?.axes.iter().map(|axis| *axis as usize);
        let sizes: Vec<usize> = vec![0; shared].into_iter().chain(sizes).collect();
        let open = |axis: usize| axis >= kept && !sizes[axis].is_power_of_two();
        let open = |axis: usize| open(axis) && on("ends of the axes of a maximum");
        let bounded = match (0..logs.len()).any(open) {
            false => x.clone(),
            true => {
                let map = |(axis, log): (usize, &usize)| match open(axis) {
                    true => (
                        *log,
                        Map::Linear(Linear::shift(axis, sizes[axis], 0, sizes[axis])),
                    ),
                    false => (*log, Map::Same { axis }),
                };
                x.through(
                    1,
                    &Arc::new(Wiring {
                        axes: logs.iter().enumerate().map(map).collect(),
                        view: logs,
                        masks: vec![],
                    }),
                )?
            }
        };
        least_outside(bounded, node.program)
    }
}

/// The entries of a maximum's operand that are outside, of one slot, and what they count as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// What they count as.
    pub least: i32,
    /// Whether each entry, padded, is outside.
    pub entries: Vec<bool>,
}

impl Max {
    /// What is outside of the operand of a node of a checked program.
    pub fn outside(self, node: &Io<'_>) -> Option<Outside> {
        let id = *node.node.inputs.first()?;
        let inside = self.inside(node, &symbolic_column(node.program, id)?)?;
        let mut entries = vec![false; 1 << node.operand(0)?.width_log()];
        if let Some(wiring) = &inside.terms.first()?.wiring {
            let (inner, totals) = wiring.totals();
            for (at, outside) in entries.iter_mut().enumerate() {
                *outside = totals.get(at >> inner) == Some(&0);
            }
        }
        let least = match inside.constant == Fr::ZERO {
            true => 0,
            false => -(ACTIVATION_BOUND as i32),
        };
        Some(Outside { least, entries })
    }
}

/// A column as it stands by one wiring, once at most, with the least that it stores where it does not; none of other
/// views.
fn least_outside(view: claim::View, program: &Program) -> Option<claim::View> {
    let wiring = view.terms.first()?.wiring.clone();
    let limbs = view.terms.iter().enumerate().all(|(i, term)| {
        term.wiring == wiring && term.coefficient == pow2(usize::from(program.limb_bits) * i)
    });
    let once = |wiring: &Arc<Wiring>| {
        let map = |map: &Map| match map {
            Map::Same { .. } | Map::Fixed { .. } | Map::Linear(_) => true,
            Map::Sum { below } => *below == 1,
            Map::Pairs(pairs) => {
                let mut places: Vec<&[usize]> = vec![];
                let entries = pairs.entries.iter();
                entries.for_each(|pair| places.push(&pair.view));
                let count = places.len();
                places.sort_unstable();
                places.dedup();
                places.len() == count && pairs.entries.iter().all(|pair| pair.coefficient == 1)
            }
        };
        wiring.axes.iter().all(|(_, own)| map(own))
    };
    if !limbs || view.terms.len() != program.limbs(2) || !wiring.iter().all(once) {
        return None;
    }
    // A constant beside the column's own would stand outside, too.
    let lowest = fr_from_i64(-ACTIVATION_BOUND);
    let least = match view.constants.as_slice() {
        [] if [Fr::ZERO, lowest].contains(&view.constant) => view.constant,
        [one] if Some(&one.wiring) == wiring.as_ref() && view.constant == Fr::ZERO => {
            if one.value != lowest {
                return None;
            }
            lowest
        }
        _ => return None,
    };
    if !on("least outside a maximum") {
        return Some(view);
    }
    Some(claim::View {
        constant: least,
        constants: vec![],
        terms: view.terms,
    })
}

impl Max {
    /// The output, repeated along the axes that the maximum is over.
    fn spread(self, node: &Placed<'_>) -> Option<claim::View> {
        let (logs, kept) = self.logs(&node.io)?;
        let own = logs.iter().take(kept).enumerate();
        let wiring = Wiring {
            axes: own.map(|(axis, log)| (*log, Map::Same { axis })).collect(),
            view: logs,
            masks: vec![],
        };
        node.output().through(1, &Arc::new(wiring))
    }

    /// `y - x`
    fn difference(self, node: &Placed<'_>) -> Option<claim::View> {
        let inside = self.inside(&node.io, &node.operand(0)?)?;
        Some(inside.scale_add(-Fr::ONE, &self.spread(node)?))
    }
}

impl OpSpec for Max {
    fn name(&self) -> &'static str {
        "max"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        if node.program().sequence.is_some() && on("maxima of rows") {
            return Err("is an op over rows".into());
        }
        let (x, out): (&Tensor, &Tensor) = (node.operand(0)?, node.output()?);
        bits(x, 16)?;
        bits(out, 16)?;
        let kept = x.axes.len().checked_sub(self.axes);
        let kept = kept.and_then(|kept| x.axes.get(..kept));
        let some = self.axes > 0 || !on("axes of a maximum");
        if some && (kept == Some(out.axes.as_slice()) || !on("output of a maximum")) {
            return Ok(());
        }
        Err(format!(
            "is over the last {} axes of {:?}, output {:?}",
            self.axes, x.axes, out.axes
        ))
    }

    fn check_columns(&self, node: &Io<'_>, operands: &[claim::View]) -> Result<(), String> {
        let inside = operands.first().and_then(|x| self.inside(node, x));
        let inside = inside.ok_or(
            "is over a view that is more than entries of one tensor, each once at most; store it in a column first",
        )?;
        inside.check().map_err(|error| error.to_string())
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let mut out = AuxColumn::all([Role::PICK], 1, Extent::Operand);
        out.extend(AuxColumn::all([Role::GAP], 2, Extent::Operand));
        out
    }

    fn ranges(&self, node: &Placed<'_>) -> Vec<claim::View> {
        let viewed = self.is_viewed(node.io.program, Role::GAP) && on("range of a maximum's gaps");
        viewed
            .then(|| self.difference(node))
            .flatten()
            .into_iter()
            .collect()
    }

    fn viewed(&self, role: Role) -> Option<&'static str> {
        (role == Role::GAP).then_some("no column: the view `y - x`, looked up")
    }

    fn relied_output(&self) -> Option<Bounds> {
        // It is an entry of the operand.
        None
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

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        false
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // What is behind the ends of the reduced axes is outside.
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        2 * WORD
    }

    /// Columns `[pick, gap]`, and `[y, x]` where the gap is one.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let (logs, kept) = self.logs(&node.io)?;
        let pick = node.aux(Role::PICK);
        let once = RowSum {
            column: pick.clone(),
            sum_log: logs.iter().skip(kept).sum(),
            total: None,
        };
        // The gap is the difference, or a column that is shown to be.
        let viewed = self.is_viewed(node.io.program, Role::GAP);
        let gap = match viewed {
            true => self.difference(node)?,
            false => node.aux(Role::GAP),
        };
        let mut columns = vec![pick, gap];
        let mut linear = vec![];
        if !viewed {
            columns.push(self.spread(node)?);
            columns.push(self.inside(&node.io, &node.operand(0)?)?);
            linear = stated([(on("max: gap"), is_difference())]);
        }
        let rows = Elementwise {
            columns,
            quadratic: stated([(
                on("max: pick·gap"),
                Expression::default().plus(Fr::ONE, &[0, 1]),
            )]),
            linear,
            ..Elementwise::named("max")
        };
        Some(vec![Relation::RowSum(once), Relation::Elementwise(rows)])
    }
}

/// `gap - y + x = 0`
fn is_difference() -> Expression {
    Expression::default()
        .plus(Fr::ONE, &[1])
        .plus(-Fr::ONE, &[2])
        .plus(Fr::ONE, &[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{accepts_and_refuses, columns};

    #[test]
    fn a_maximum_is_no_less_than_any_and_one_of_them() {
        let relation = Elementwise {
            columns: columns(4),
            quadratic: vec![Expression::default().plus(Fr::ONE, &[0, 1])],
            linear: vec![is_difference()],
            ..Elementwise::named("max")
        };
        accepts_and_refuses(
            &relation,
            &[1, 0, -7, -7],
            &[&[1, 1, -6, -7], &[1, 0, -6, -7], &[0, 0, -8, -7]],
        );
        accepts_and_refuses(
            &relation,
            &[0, 2, -7, -9],
            &[&[1, 2, -7, -9], &[0, 1, -7, -9]],
        );
    }
}
