//! Recurrences: their nodes step by step, each step as a program whose time has one entry.
//!
//! Every op of a recurrence does the same at each step from what is there at that step, so that the nodes of the program, with
//! tensors of one step, compute it. Padded steps are computed as well, from a state of zero. What is kept is of all steps, as
//! of any other node.

use std::collections::BTreeMap;

use laminate_model::program::{Program, Recurrence, TensorId, axes_len, axes_log, padded_index};

use super::memory::Memory;
use super::step::{Computed, Failure, Rows, Task};
use super::{ExecError, Executor, Values};

/// A recurrence, and the program of one step.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Where its nodes are.
    own: Recurrence,
    /// The program, time of what the nodes read and make cut to one entry.
    program: Program,
}

impl Steps {
    /// All recurrences of a checked program.
    pub fn all(program: &Program) -> Vec<Self> {
        let found = program.recurrences().unwrap_or_default().into_iter();
        found.map(|own| Self::new(program, own)).collect()
    }

    fn new(program: &Program, own: Recurrence) -> Self {
        let mut step = program.clone();
        for index in &own.recurrent {
            let node = &program.nodes[*index];
            // Of a delay the initial state has no time.
            let read = node.inputs.iter().filter(|_| node.op.delayed().is_none());
            for id in read.chain([&node.output]) {
                step.tensors[*id].axes[0] = 1;
            }
        }
        Self { own, program: step }
    }

    /// Whether it is the recurrence in whose range a node is.
    pub fn contains(&self, node: usize) -> bool {
        self.own.nodes.contains(&node)
    }

    /// Whether a node is the first of its range.
    pub fn begins(&self, node: usize) -> bool {
        self.own.nodes.start == node
    }

    /// The nodes of the range that depend on no delay.
    pub fn others(&self) -> impl Iterator<Item = usize> {
        let range = self.own.nodes.clone();
        range.filter(|node| self.own.recurrent.binary_search(node).is_err())
    }

    /// Runs the nodes for all steps and keeps what they compute.
    ///
    /// # Errors
    /// [`ExecError::OutOfRange`] for the first value of the first step that does not fit.
    pub fn run(&self, executor: &Executor<'_>, memory: &mut Memory<'_>) -> Result<(), ExecError> {
        let padded = self.own.steps.next_power_of_two() as usize;
        let slots = memory.slots();
        let mut made: Vec<Computed> = vec![Computed::new(vec![]); self.own.recurrent.len()];
        // Values of this step, and of the last one where this has none yet.
        let mut present: BTreeMap<TensorId, Vec<i32>> = BTreeMap::new();
        for time in 0..padded {
            for (index, made) in self.own.recurrent.iter().zip(&mut made) {
                let node = &self.program.nodes[*index];
                let width = |id: TensorId| 1usize << self.program.tensors[id].width_log();
                let at = |id: TensorId, time: usize| match present.get(&id) {
                    Some(values) => values.clone(),
                    None => part(memory.rows(id, 0), width(id), time),
                };
                let computed = match node.op.delayed().map(|at| node.inputs[at]) {
                    Some(state) => {
                        let read = match (time, node.inputs.get(1)) {
                            (0, initial) => initial.map(|id| memory.rows(*id, 0).values.to_vec()),
                            _ if time < self.own.steps as usize => Some(at(state, time - 1)),
                            _ => None,
                        };
                        let axes = &self.program.tensors[node.output].axes;
                        let zero = || vec![0; slots.len() * width(node.output)];
                        Computed::new(read.map_or_else(zero, |read| inside(axes, &read)))
                    }
                    None => {
                        let operands = node.inputs.iter().map(|id| at(*id, time));
                        let operands: Vec<Vec<i32>> = operands.collect();
                        let rows = operands.iter().zip(&node.inputs);
                        let rows: Vec<Rows<'_>> = rows
                            .map(|(values, id)| Rows {
                                values,
                                first: slots.start,
                                width: width(*id),
                            })
                            .collect();
                        let task = |program| Task {
                            program,
                            layers: &executor.layers,
                            node,
                            block: 0,
                            slots: slots.clone(),
                        };
                        let whole = |failure: Failure| Failure {
                            feature: time * width(node.output) + failure.feature,
                            ..failure
                        };
                        let step = task(&self.program).execute(&rows);
                        let located =
                            |failure| task(executor.program).located(*index, false, whole(failure));
                        step.map_err(located)?
                    }
                };
                put(made, &computed, (time, padded), slots.len());
                present.insert(node.output, computed.values);
            }
        }
        for (index, made) in self.own.recurrent.iter().zip(made) {
            memory.store(*index, 0, made);
        }
        Ok(())
    }
}

/// Values with zero behind the ends of axes, as a delay reads them.
fn inside(axes: &[u32], values: &[i32]) -> Vec<i32> {
    let mut out = vec![0; values.len()];
    let width = 1 << axes_log(axes);
    let places = (0..axes_len(axes)).map(|flat| padded_index(axes, flat));
    for place in places {
        let slots = out.iter_mut().zip(values);
        let own = slots.skip(place).step_by(width);
        own.for_each(|(out, value)| *out = *value);
    }
    out
}

/// One step of what is held whole: `width` values of every slot.
fn part(rows: Rows<'_>, width: usize, time: usize) -> Vec<i32> {
    let slots = rows.values.chunks_exact(rows.width);
    slots
        .flat_map(|row| &row[time * width..][..width])
        .copied()
        .collect()
}

/// Puts a step among all of them: of every column the first axis after the slots is time.
fn put(to: &mut Computed, from: &Computed, (time, steps): (usize, usize), slots: usize) {
    scatter(&mut to.values, &from.values, (time, steps), slots);
    scatter(&mut to.aux.sums, &from.aux.sums, (time, steps), slots);
    for (role, values) in &from.aux.columns {
        let own = to.aux.columns.entry(*role);
        let own = own.or_insert_with(|| match values {
            Values::Narrow(_) => Values::Narrow(vec![]),
            Values::Wide(_) => Values::Wide(vec![]),
        });
        match (own, values) {
            (Values::Narrow(to), Values::Narrow(from)) => scatter(to, from, (time, steps), slots),
            (Values::Wide(to), Values::Wide(from)) => scatter(to, from, (time, steps), slots),
            _ => debug_assert!(false, "steps of unlike columns"),
        }
    }
}

fn scatter<T: Copy + Default>(
    to: &mut Vec<T>,
    from: &[T],
    (time, steps): (usize, usize),
    slots: usize,
) {
    to.resize(from.len() * steps, T::default());
    let width = from.len() / slots.max(1);
    for (slot, values) in from.chunks_exact(width.max(1)).enumerate() {
        to[(slot * steps + time) * width..][..width].copy_from_slice(values);
    }
}
