//! What the executor knows of an op.

use laminate_model::program::{ACTIVATION_BOUND, Program, Weights};

use super::ops::{Computed, Operand};
use super::sequence::{Failure, Rows, Task};

/// An op over rows: all slots, or the flat index in the output and the value that does not fit.
pub type Outcome = Result<Computed, (usize, i128)>;

/// How an op is computed, for the struct of its parameters; [`laminate_model::with_op`] finds the implementation.
pub trait Execute {
    /// All slots of a program over rows; none if the op is none of theirs.
    fn on_rows<'t>(
        &self,
        model: (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome>;

    /// Some slots of one block of a program over tokens.
    ///
    /// # Errors
    /// The first value that does not fit.
    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure>;

    /// The weights that it multiplies activations with, by their number: they are packed if they are ternary.
    fn layer(&self) -> Option<usize> {
        None
    }

    /// The operand of which earlier slots are read as well, so that a generator keeps them.
    fn kept(&self) -> Option<usize> {
        None
    }

    /// What does not fit if a value over rows does not, and the least that does.
    fn limit(&self, _: &Program) -> (&'static str, i64) {
        ("output", -ACTIVATION_BOUND)
    }
}
