//! Nodes that are computed step by step: those between a delay and what it reads.

use std::ops::Range;

use laminate_engine::switch::on;

use super::{Program, TensorId};
use crate::ops::Io;

/// Nodes that depend on what they make themselves, one step before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// From the first delay to the last node that a delay reads.
    pub nodes: Range<usize>,
    /// Those of them that depend on a delay, in their order, delays included. The others are computed before.
    pub recurrent: Vec<usize>,
    /// Steps: entries of the first feature axis of all of them.
    pub steps: u32,
}

impl Program {
    /// The recurrences, in the order of the nodes. Delays whose nodes overlap are one.
    ///
    /// # Errors
    /// The node that breaks the induction over steps ([`crate::ops::delay`]) and how; none of a checked program.
    pub fn recurrences(&self) -> Result<Vec<Recurrence>, (usize, String)> {
        let mut spans: Vec<Range<usize>> = vec![];
        for (index, node) in self.nodes.iter().enumerate() {
            let read = node.op.delayed().and_then(|at| node.inputs.get(at));
            let Some(state) = read else {
                continue;
            };
            let made = self.nodes.iter().position(|other| other.output == *state);
            let Some(end) = made.filter(|made| *made > index || !on("delay of what is made later"))
            else {
                return Err((
                    index,
                    "delays a tensor that no later node makes, expected the state of a recurrence; of others, a view is".into(),
                ));
            };
            match spans.last_mut() {
                Some(last) if index < last.end => last.end = last.end.max(end + 1),
                _ => spans.push(index..end + 1),
            }
        }
        spans
            .into_iter()
            .map(|nodes| self.recurrence(nodes))
            .collect()
    }

    fn recurrence(&self, nodes: Range<usize>) -> Result<Recurrence, (usize, String)> {
        let steps = self.steps_of(nodes.start);
        let mut depends = vec![false; self.tensors.len()];
        let mut recurrent = vec![];
        for index in nodes.clone() {
            let Some(node) = self.nodes.get(index) else {
                continue;
            };
            let delayed = node.op.delayed();
            let read = |id: &TensorId| depends.get(*id) == Some(&true);
            let own = node.inputs.iter().enumerate();
            let other = { own }.any(|(at, id)| Some(at) != delayed && read(id));
            if delayed.is_none() && !other {
                continue;
            }
            let io = Io {
                program: self,
                node,
            };
            let problem = match delayed {
                Some(_) if other && on("beginning of a recurrence") => {
                    Some("begins with what depends on the recurrence itself")
                }
                None if !node.op.steps(&io) && on("ops that step") => Some(
                    "stands in a recurrence, which wants ops that do the same at every step from what is there at that step",
                ),
                _ => None,
            };
            if let Some(problem) = problem {
                return Err((index, problem.into()));
            }
            // Of a delay's own operands its check asks it.
            let operands = node.inputs.iter().filter(|_| delayed.is_none());
            let axes = operands
                .chain([&node.output])
                .filter_map(|id| self.tensors.get(*id));
            let mut first = axes.map(|tensor| tensor.axes.first().copied());
            if let Some(found) = first.find(|found| *found != Some(steps))
                && on("steps of a recurrence")
            {
                let found = found.unwrap_or(0);
                return Err((
                    index,
                    format!("has {found} entries where the recurrence has {steps} steps"),
                ));
            }
            recurrent.push(index);
            if let Some(slot) = depends.get_mut(node.output) {
                *slot = true;
            }
        }
        Ok(Recurrence {
            nodes,
            recurrent,
            steps,
        })
    }

    fn steps_of(&self, node: usize) -> u32 {
        let output = self
            .nodes
            .get(node)
            .and_then(|node| self.tensors.get(node.output));
        output
            .and_then(|tensor| tensor.axes.first())
            .copied()
            .unwrap_or(0)
    }
}
