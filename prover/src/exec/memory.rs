//! Where tensors live during a run, and how the carry joins the blocks.

use std::ops::Range;

use laminate_model::program::{Program, TensorId};
use laminate_model::with_op;

use super::step::{Computed, Execute, Rows};
use super::{NodeAux, Trace};

/// Tensors of a run: all of it for a record, else the present slots and what later slots read of earlier ones.
#[derive(Clone, Debug)]
pub struct Memory<'p> {
    program: &'p Program,
    /// Slots of the present step.
    slots: Range<usize>,
    /// By tensor.
    tensors: Vec<Held>,
    /// Witnesses by node; none if there is no record.
    aux: Option<Vec<NodeAux>>,
}

/// A tensor.
#[derive(Clone, Debug)]
struct Held {
    /// Whether all slots and blocks are held, those to come as zeros; else the present slots of the present block.
    whole: bool,
    values: Vec<i32>,
}

impl<'p> Memory<'p> {
    /// Keeps every tensor and witness; the carried tensors begin as zero.
    pub fn recording(program: &'p Program) -> Self {
        let whole = |_| Held {
            whole: true,
            values: vec![],
        };
        let mut out = Self {
            program,
            slots: 0..0,
            tensors: program.tensors.iter().map(whole).collect(),
            aux: Some(vec![NodeAux::default(); program.nodes.len()]),
        };
        for id in program.carry.iter().flat_map(|c| [c.entry, c.output]) {
            out.tensors[id].values = vec![0; out.copies(id) * out.size(id)];
        }
        out
    }

    /// Keeps the operands of which ops read earlier slots.
    pub fn generating(program: &'p Program) -> Self {
        let present = |_| Held {
            whole: false,
            values: vec![],
        };
        let mut out = Self {
            program,
            slots: 0..0,
            tensors: program.tensors.iter().map(present).collect(),
            aux: None,
        };
        for node in &program.nodes {
            let operand = with_op!(node.op, op => op.kept());
            let kept = operand.and_then(|operand| node.inputs.get(operand));
            if let Some(id) = kept {
                let (id, _) = out.viewed(*id, 0);
                out.tensors[id] = Held {
                    whole: true,
                    values: vec![0; out.copies(id) * out.size(id)],
                };
            }
        }
        out
    }

    /// Fills in the input of some slots, which are computed next.
    pub fn begin(&mut self, slots: Range<usize>, input: Vec<i32>) {
        self.slots = slots;
        self.put(self.program.input, 0, input);
    }

    /// Slots of the present step.
    pub fn slots(&self) -> Range<usize> {
        self.slots.clone()
    }

    /// The output's values, of the present slots if it is not held whole.
    pub fn output(&self) -> &[i32] {
        &self.tensors[self.program.output].values
    }

    /// The record of the run.
    pub fn into_trace(self) -> Trace {
        Trace {
            tensors: self.tensors.into_iter().map(|t| t.values).collect(),
            aux: self.aux.unwrap_or_default(),
        }
    }

    /// An operand in a block.
    pub fn rows(&self, id: TensorId, block: usize) -> Rows<'_> {
        let (id, block) = self.viewed(id, block);
        let (held, size) = (&self.tensors[id], self.size(id));
        let (values, first) = match held.whole {
            true => (&held.values[block * size..][..size], 0),
            false => (held.values.as_slice(), self.slots.start),
        };
        Rows {
            values,
            first,
            width: self.width(id),
        }
    }

    /// Keeps what a node computed for the present slots of a block.
    pub fn store(&mut self, node: usize, block: usize, computed: Computed) {
        let output = self.program.nodes[node].output;
        if let Some(aux) = &mut self.aux {
            let copies = 1 << self.program.tensors[output].stack_log();
            append_aux(&mut aux[node], computed.aux, copies);
        }
        self.put(output, block, computed.values);
    }

    fn put(&mut self, id: TensorId, block: usize, values: Vec<i32>) {
        let (id, block) = self.viewed(id, block);
        let (copies, size, width) = (self.copies(id), self.size(id), self.width(id));
        let held = &mut self.tensors[id];
        if !held.whole || copies * size == values.len() {
            held.values = values;
            return;
        }
        if held.values.is_empty() {
            held.values = vec![0; copies * size];
        }
        // The last padded block leaves zeros that no successor reads.
        if block < copies {
            let at = block * size + self.slots.start * width;
            held.values[at..at + values.len()].copy_from_slice(&values);
        }
    }

    /// Padded features of a tensor.
    fn width(&self, id: TensorId) -> usize {
        1 << self.program.tensors[id].width_log()
    }

    /// Values of a block of a tensor.
    fn size(&self, id: TensorId) -> usize {
        self.program.slots() * self.width(id)
    }

    /// Blocks of a tensor; a record has the padded ones.
    fn copies(&self, id: TensorId) -> usize {
        let tensor = &self.program.tensors[id];
        match self.aux {
            Some(_) => 1 << tensor.stack_log(),
            None => tensor.stack as usize,
        }
    }

    /// The tensor and block that a view shows: what enters the body is its first entry, what leaves a
    /// block is the next one's entry or the output.
    fn viewed(&self, id: TensorId, block: usize) -> (TensorId, usize) {
        match self.program.carry {
            Some(carry) if id == carry.input => (carry.entry, 0),
            Some(carry) if id == carry.exit => {
                if block + 1 == self.program.tensors[carry.entry].stack as usize {
                    (carry.output, 0)
                } else {
                    (carry.entry, block + 1)
                }
            }
            _ => (id, block),
        }
    }
}

/// Appends a block's witnesses, the first of `copies` making room for all.
fn append_aux(to: &mut NodeAux, from: NodeAux, copies: usize) {
    if to.sums.is_empty() {
        to.sums = from.sums;
        to.sums.reserve_exact(to.sums.len() * (copies - 1));
    } else {
        to.sums.extend_from_slice(&from.sums);
    }
    for (role, mut values) in from.columns {
        if let Some(to) = to.columns.get_mut(&role) {
            to.append(&values);
        } else {
            values.reserve_exact(values.len() * (copies - 1));
            to.columns.insert(role, values);
        }
    }
}
