//! Where tensors live during a run, and how the carry joins the blocks.

use std::ops::Range;

use laminate_model::program::{Carry, Program, TensorId};

use super::rows::Rows;
use crate::exec::ops::Computed;
use crate::exec::{NodeAux, Trace, Values};

/// Storage of a run.
pub trait Memory {
    /// An operand in a block.
    fn rows(&self, id: TensorId, block: usize) -> Rows<'_>;
    /// Keeps what a node computed for some slots of a block.
    fn store(&mut self, node: usize, block: usize, slots: &Range<usize>, computed: Computed);
}

/// Every tensor and witness of all slots.
pub struct TraceMemory<'p> {
    program: &'p Program,
    tensors: Vec<Vec<i32>>,
    aux: Vec<NodeAux>,
}

impl<'p> TraceMemory<'p> {
    /// Memory with the input filled in and the carried tensors zero.
    pub fn new(program: &'p Program, input: Vec<i32>) -> Self {
        let mut tensors = vec![Vec::new(); program.tensors.len()];
        let mut place = program.input;
        if let Some(carry) = program.carry {
            for id in [carry.entry, carry.output] {
                tensors[id] = vec![0; 1 << program.column_log(id)];
            }
            // What comes into a shard may be the first entry at once.
            if carry.input == program.input {
                place = carry.entry;
            }
        }
        if place == program.input {
            tensors[place] = input;
        } else {
            let first = tensors[place].iter_mut().zip(&input);
            first.for_each(|(to, from)| *to = *from);
        }
        Self {
            program,
            tensors,
            aux: vec![NodeAux::default(); program.nodes.len()],
        }
    }

    /// The record of the run.
    pub fn into_trace(self) -> Trace {
        Trace {
            tensors: self.tensors,
            aux: self.aux,
        }
    }

    /// Values of a block of a tensor.
    fn size(&self, id: TensorId) -> usize {
        self.program.slots() << self.program.tensors[id].width_log()
    }

    /// The tensor and block that a view shows: what enters the body is its first entry, what leaves a
    /// block is the next one's entry or the output.
    fn viewed(&self, id: TensorId, block: usize) -> (TensorId, usize) {
        match self.program.carry {
            Some(carry) if id == carry.input => (carry.entry, 0),
            Some(carry) if id == carry.exit => after(self.program, carry, block),
            _ => (id, block),
        }
    }
}

/// Where the exit of a block stands.
fn after(program: &Program, carry: Carry, block: usize) -> (TensorId, usize) {
    if block + 1 == program.tensors[carry.entry].stack as usize {
        (carry.output, 0)
    } else {
        (carry.entry, block + 1)
    }
}

impl Memory for TraceMemory<'_> {
    fn rows(&self, id: TensorId, block: usize) -> Rows<'_> {
        let (id, block) = self.viewed(id, block);
        let size = self.size(id);
        Rows {
            values: &self.tensors[id][block * size..][..size],
            first: 0,
            width: 1 << self.program.tensors[id].width_log(),
        }
    }

    fn store(&mut self, node: usize, block: usize, _slots: &Range<usize>, computed: Computed) {
        let output = self.program.nodes[node].output;
        let (id, at) = self.viewed(output, block);
        let copies = 1 << self.program.tensors[output].stack_log();
        append_aux(&mut self.aux[node], computed.aux, copies);
        if id == output {
            append(&mut self.tensors[id], computed.values, copies);
            return;
        }
        // A padded block leaves zeros, which its successor's entry already has.
        let size = self.size(id);
        if let Some(place) = self.tensors[id].chunks_exact_mut(size).nth(at) {
            place.copy_from_slice(&computed.values);
        }
    }
}

/// Appends a block's values, the first of `copies` making room for all.
fn append<T: Copy>(to: &mut Vec<T>, from: Vec<T>, copies: usize) {
    if copies == 1 {
        *to = from;
        return;
    }
    if to.capacity() == 0 {
        to.reserve_exact(from.len() * copies);
    }
    to.extend_from_slice(&from);
}

fn append_aux(to: &mut NodeAux, from: NodeAux, copies: usize) {
    append(&mut to.remainder, from.remainder, copies);
    append(&mut to.negative, from.negative, copies);
    append(&mut to.positive, from.positive, copies);
    append(&mut to.accumulator, from.accumulator, copies);
    for (role, values) in from.others {
        match (to.others.get_mut(&role), values) {
            (Some(Values::Narrow(to)), Values::Narrow(from)) => append(to, from, copies),
            (Some(Values::Wide(to)), Values::Wide(from)) => append(to, from, copies),
            (_, values) => {
                to.others.insert(role, values);
            }
        }
    }
}
