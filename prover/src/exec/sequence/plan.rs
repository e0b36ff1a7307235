//! The order of execution: nodes outside the body once, the body once for each block.

use std::ops::Range;

use laminate_model::program::Program;

use crate::exec::ExecError;

/// Nodes before, in and after the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Nodes of the body, one range of the list; empty if nothing repeats.
    pub body: Range<usize>,
    /// Blocks of the body.
    pub blocks: usize,
}

impl Plan {
    /// Finds the body: the nodes whose output has more than one copy.
    ///
    /// # Errors
    /// [`ExecError::NotSequence`] if the program is not over tokens, [`ExecError::Body`] if the repeated
    /// nodes do not stand together.
    pub fn new(program: &Program) -> Result<Self, ExecError> {
        if program.sequence.is_none() {
            return Err(ExecError::NotSequence);
        }
        let stack = |node: usize| program.tensors[program.nodes[node].output].stack as usize;
        let count = program.nodes.len();
        let start = (0..count).find(|i| stack(*i) > 1).unwrap_or(count);
        let end = (start..count)
            .rfind(|i| stack(*i) > 1)
            .map_or(start, |i| i + 1);
        let blocks = if start < end { stack(start) } else { 1 };
        match (start..end).find(|i| stack(*i) != blocks) {
            None => Ok(Self {
                body: start..end,
                blocks,
            }),
            Some(node) => Err(ExecError::Body {
                node,
                name: program.nodes[node].name.clone(),
                found: stack(node),
                expected: blocks,
            }),
        }
    }

    /// Blocks of the body with padding.
    pub fn padded_blocks(&self) -> usize {
        self.blocks.next_power_of_two()
    }
}
