//! Another shape of the same values: the output is the operand's column, so nothing is proven.

use laminate_engine::relations::Relation;
use serde::{Deserialize, Serialize};

use super::bounds::WORD;
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights};

/// `y = x`, the same flat index under another shape: no data moves and nothing is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshape;

impl Reshape {
    pub(super) const EXAMPLE: Self = Self;
}

impl OpSpec for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.elementwise()
    }

    fn output(&self) -> Output {
        Output::Operand(0)
    }

    fn steps(&self, _: &Io<'_>) -> bool {
        true
    }

    fn relied_output(&self) -> Option<Bounds> {
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        None
    }

    fn padding(&self, _: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(operand(0))
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        zero(0, axis)
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
