//! Which values of a graph are computed step by step.

use super::{Graph, ValueId};
use crate::ops::{Op, State};

impl Graph {
    /// The states of recurrences, each with the value that it is before every step.
    pub fn states(&self) -> impl Iterator<Item = (ValueId, &State)> {
        self.nodes.iter().filter_map(|node| match &node.op {
            Op::State(state) => Some((node.output, state)),
            _ => None,
        })
    }

    /// Whether a value is a state, before or after every step.
    pub fn is_state(&self, id: ValueId) -> bool {
        self.states()
            .any(|(before, state)| before == id || state.source == id)
    }

    /// Of every value, whether it lies between the states before a step and those after it, these included.
    pub fn recurrent(&self) -> Vec<bool> {
        let mut after = vec![false; self.values.len()];
        let mut before = after.clone();
        let set = |of: &mut Vec<bool>, id: ValueId| {
            if let Some(slot) = of.get_mut(id) {
                *slot = true;
            }
        };
        let is = |of: &[bool], id: &ValueId| of.get(*id) == Some(&true);
        for (id, state) in self.states() {
            set(&mut after, id);
            set(&mut before, state.source);
        }
        for node in &self.nodes {
            if node.inputs.iter().any(|id| is(&after, id)) {
                set(&mut after, node.output);
            }
        }
        for node in self.nodes.iter().rev() {
            if is(&before, &node.output) && !matches!(node.op, Op::State(_)) {
                node.inputs.iter().for_each(|id| set(&mut before, *id));
            }
        }
        let states: Vec<ValueId> = self.states().map(|(id, _)| id).collect();
        let both = after.iter().zip(before).enumerate();
        both.map(|(id, (after, before))| states.contains(&id) || (*after && before))
            .collect()
    }

    /// A state's source is defined behind it, of its shape.
    pub(super) fn check_states(&self) -> Result<(), (String, String)> {
        for (at, node) in self.nodes.iter().enumerate() {
            let Op::State(state) = &node.op else {
                continue;
            };
            let made = self
                .nodes
                .iter()
                .position(|other| other.output == state.source);
            let shape = |id: ValueId| {
                self.values
                    .get(id)
                    .map(|value| value.features().collect::<Vec<_>>())
            };
            if made.is_none_or(|made| made <= at) || shape(node.output) != shape(state.source) {
                let problem = format!(
                    "is the state of value {}, which no later node makes with its shape",
                    state.source
                );
                return Err((node.name.clone(), problem));
            }
        }
        Ok(())
    }
}
