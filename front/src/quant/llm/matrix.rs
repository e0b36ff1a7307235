//! Float matrices as the program has them.

use crate::llama::{BlockPart, FloatLlama, FloatRun, LlmError, Part};
use crate::passes::Plan;

/// The float matrices of the program.
#[derive(Clone, Copy)]
pub struct Source<'m> {
    /// The model.
    pub model: &'m FloatLlama,
    /// Its graph.
    pub run: &'m FloatRun<'m>,
    /// How the program differs.
    pub plan: &'m Plan<'m>,
}

impl Source<'_> {
    /// A matrix, row-major with its number of columns.
    ///
    /// # Errors
    /// [`LlmError`] if there is no such part or it cannot be read.
    pub fn matrix(&self, part: Part) -> Result<(Vec<f32>, usize), LlmError> {
        let missing = || LlmError::NoSuchPart {
            part: part.to_string(),
            layers: self.model.config.layers,
        };
        let value = self.run.value(part).ok_or_else(missing)?;
        Ok(self.plan.matrix(value)?)
    }

    /// Hidden features of every block.
    pub fn hidden(&self) -> usize {
        let up = self.run.value(Part::Block(0, BlockPart::Down));
        let down = up.and_then(|id| self.plan.graph.producer(id));
        let hidden = down.and_then(|node| node.inputs.first());
        hidden.map_or(0, |id| self.plan.width(*id))
    }
}
