//! What another tensor is one step before: how a recurrence reads its state.
//!
//! The first feature axis is time. The output is a view of a column that a *later* node makes,
//!
//! ```text
//! y(t, …) = x(t - 1, …)  for 0 < t < T ,   the initial state at t = 0 ,   0 behind the end
//! ```
//!
//! so nothing is committed and nothing proven, and cost does not grow with `T` but by the axis. What makes it a recurrence
//! and not an equation that many tensors solve is [`crate::program::Recurrence`]: whatever lies between a delay and what it
//! reads does the same at every step from what its operands have at that step ([`OpSpec::steps`]). Then step 0 follows from
//! the initial state, and each step from the one before: by induction over steps, and over the nodes of a step, every value
//! is the one that the executor computes. No padded step is before another one, so none is read.

use laminate_engine::claim;
use laminate_engine::relations::Relation;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::check::{bits, same_shape};
use super::{Bounds, Check, Io, OpSpec, Output, Placed, view};
use crate::program::{AxisMap, AxisMask, Program, TensorView, ViewTerm, Weights};

/// `y[t] = x[t-1]`, `y[0]` the second operand, or zero if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// One, or two with an initial state.
    pub operands: usize,
}

impl Delay {
    pub(super) const EXAMPLE: Self = Self { operands: 1 };

    /// How operands are read: the state `(steps, features…)` and the initial one `(features…)`. Behind the ends of axes there is
    /// nothing, whatever the operands have there.
    pub fn reads(self, axes: &[u32]) -> TensorView {
        let inside = |(at, size): (usize, &u32)| {
            let axis = at as u32 + 1;
            match size.is_power_of_two() || !on("ends of a delay") {
                true => AxisMap::Same { axis },
                false => AxisMap::shift(axis, 0),
            }
        };
        let features = || axes.iter().skip(1).enumerate().map(inside);
        let before = std::iter::once(AxisMap::shift(0, -1)).chain(features());
        let mut out = TensorView::of(before.collect());
        if self.operands > 1 {
            out.terms.push(ViewTerm {
                masks: vec![AxisMask::Only { axis: 0, at: 0 }],
                ..ViewTerm::new(1, features().collect())
            });
        }
        out
    }
}

impl OpSpec for Delay {
    fn name(&self) -> &'static str {
        "delay"
    }

    fn arity(&self) -> usize {
        self.operands
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        if node.program().sequence.is_some() && on("delays of rows") {
            return Err("is an op over rows".into());
        }
        if !(1..=2).contains(&self.operands) && on("operands of a delay") {
            let found = self.operands;
            return Err(format!(
                "has {found} operands, expected a state and at most an initial one"
            ));
        }
        let (x, out) = (node.operand(0)?, node.output()?);
        bits(x, 16)?;
        bits(out, 16)?;
        same_shape("state", x, out)?;
        let Some((_, features)) = out
            .axes
            .split_first()
            .filter(|(_, rest)| !rest.is_empty() || !on("features of a state"))
        else {
            return Err(format!(
                "has axes {:?}, expected steps and features",
                out.axes
            ));
        };
        if self.operands > 1 {
            let initial = node.operand(1)?;
            bits(initial, 16)?;
            if initial.axes != features && on("axes of an initial state") {
                return Err(format!(
                    "begins with {:?}, a step is {features:?}",
                    initial.axes
                ));
            }
        }
        let axes: Vec<&[u32]> = (0..self.operands)
            .map(|i| Ok(node.operand(i)?.axes.as_slice()))
            .collect::<Result<_, String>>()?;
        self.reads(&out.axes).check(&out.axes, &axes)
    }

    /// What it reads is made later, so it must stand in a column whatever is before that.
    fn check_columns(&self, node: &Io<'_>, operands: &[claim::View]) -> Result<(), String> {
        node.stored_operand(operands.get(..1).unwrap_or(operands))
    }

    fn delayed(&self) -> Option<usize> {
        Some(0)
    }

    fn output(&self) -> Output {
        Output::View
    }

    fn view(&self, node: &Io<'_>, operands: &[claim::View]) -> Result<Option<claim::View>, String> {
        let out = node.output().ok_or("output does not exist")?;
        view::read(&self.reads(&out.axes), node, operands).map(Some)
    }

    fn relied_output(&self) -> Option<Bounds> {
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // Whoever reads the output relies on this of what it reads.
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        None
    }

    fn even_padding(&self, _: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        false
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        // By its own maps: nothing is known yet of what it reads.
        true
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        WORD
    }

    fn relations(&self, _: &Placed<'_>) -> Option<Vec<Relation>> {
        None
    }
}
