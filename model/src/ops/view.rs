//! Tensors that are read off others: the output is a view of the operands' columns, so nothing is proven and nothing
//! committed. What a reader claims of it is a claim on those columns ([`laminate_engine::maps`]).

use laminate_engine::claim;
use laminate_engine::field::fr_from_i64;
use laminate_engine::relations::Relation;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, values};
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::view::MAX_TERMS;
use crate::program::{AxisMap, Program, TensorView, ViewTerm, Weights};

/// `y(x) = constant + Σ coefficient · Π masks(x) · Σ_z Π_i A_i(x; z_i) · operand(z)`, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Index into [`Program::views`].
    pub view: usize,
    /// Number of operands.
    pub operands: usize,
}

impl View {
    pub(super) const EXAMPLE: Self = Self {
        view: 0,
        operands: 1,
    };

    /// The maps.
    pub fn of<'p>(&self, program: &'p Program) -> Option<&'p TensorView> {
        program.views.get(self.view)
    }
}

impl OpSpec for View {
    fn name(&self) -> &'static str {
        "view"
    }

    fn arity(&self) -> usize {
        self.operands
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let (program, number) = (node.program(), self.view);
        if program.sequence.is_some() && on("views of rows") {
            return Err("reads by maps, which programs over tokens do not have".into());
        }
        let view = self.of(program);
        let view = view.ok_or_else(|| format!("view {number} does not exist"))?;
        let operands: Result<Vec<&[u32]>, String> = (0..self.operands)
            .map(|i| Ok(node.operand(i)?.axes.as_slice()))
            .collect();
        let checked = view.check(&node.output()?.axes, &operands?);
        checked.map_err(|problem| format!("view {number} {problem}"))
    }

    fn output(&self) -> Output {
        Output::View
    }

    fn view(&self, node: &Io<'_>, operands: &[claim::View]) -> Result<Option<claim::View>, String> {
        let view = self.of(node.program).ok_or("view does not exist")?;
        read(view, node, operands).map(Some)
    }

    fn steps(&self, node: &Io<'_>) -> bool {
        let same = |map: &AxisMap| *map == AxisMap::Same { axis: 0 };
        let term = |term: &ViewTerm| {
            let maps = term.maps.first().is_some_and(same);
            maps && term.masks.iter().all(|mask| !mask.reads().contains(&0))
        };
        self.of(node.program)
            .is_some_and(|view| view.terms.iter().all(term))
    }

    fn relied_output(&self) -> Option<Bounds> {
        // Its columns are bounded, and its maps: `TensorView::bound`.
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // Whoever reads the view relies on this of what it reads.
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
        let view = self.of(node.program);
        view.is_some_and(|view| view.zero_behind(axis as u32, zero))
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // Every map is bounded by the axis that it reads, but `Same`, which sums over nothing.
        None
    }

    fn bound(&self, node: &Io<'_>, _: &Weights) -> u128 {
        // What a view sums is held to its tensor's bits by the executor.
        node.output().map_or(WORD, values)
    }

    fn relations(&self, _: &Placed<'_>) -> Option<Vec<Relation>> {
        None
    }
}

/// A view of the columns of a node's operands.
///
/// # Errors
/// What does not fit; never of a checked program.
pub(super) fn read(
    view: &TensorView,
    node: &Io<'_>,
    operands: &[claim::View],
) -> Result<claim::View, String> {
    let (program, out) = (node.program, node.output());
    let out = out.ok_or("output does not exist")?;
    let count = view.terms.iter().map(|term| {
        let operand = operands.get(term.operand as usize);
        operand.map_or(0, |operand| operand.terms.len())
    });
    let (count, most) = (count.sum::<usize>(), MAX_TERMS * program.limbs(2));
    if count > most && on("terms of composed views") {
        return Err(format!(
            "is a sum of {count} blocks through the views that it reads, expected at most {most}"
        ));
    }
    let shared = [out.stack_log(), program.batch_log.into()];
    let mut sum: Option<claim::View> = None;
    for (number, term) in view.terms.iter().enumerate() {
        let operand = term.operand as usize;
        let tensor = node.operand(operand);
        let (Some(tensor), Some(column)) = (tensor, operands.get(operand)) else {
            return Err(format!("operand {operand} does not exist"));
        };
        let wiring = term.wiring(&shared, &out.axes, &tensor.axes)?;
        let own = column.through(term.coefficient, &wiring).ok_or_else(|| {
            format!(
                "reads the view {} in term {number}, and the two do not compose to one of few pairs or one \
                 linear map; make an op that stores its output stand between them",
                tensor.name
            )
        })?;
        sum = Some(match sum {
            None => own,
            Some(sum) => sum.scale_add(fr_from_i64(1), &own),
        });
    }
    let mut sum = sum.ok_or("has no terms")?;
    sum.constant += fr_from_i64(view.constant);
    Ok(sum)
}
