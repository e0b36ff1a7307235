//! Generation with the integer program: every token is computed once, with the keys and values of
//! earlier slots kept. It gives the tokens that a run of the whole sequence proves.

use std::collections::BTreeMap;
use std::ops::Range;

use laminate_model::program::{ACTIVATION_BOUND, Node, Program, TensorId, Weights};
use laminate_model::with_op;

use super::encode;
use super::memory::Memory;
use super::plan::Plan;
use super::rows::Rows;
use super::task::{execute, packed};
use crate::exec::execute::Execute;
use crate::exec::ops::Computed;
use crate::exec::{ExecError, check_weights};
use crate::kernels::ternary::Packed;

/// A sequence under way.
pub struct Generator<'p> {
    program: &'p Program,
    weights: &'p Weights,
    packed: Vec<Option<Packed>>,
    plan: Plan,
    memory: CacheMemory<'p>,
    length: usize,
}

impl<'p> Generator<'p> {
    /// An empty sequence.
    ///
    /// # Errors
    /// [`ExecError`] if the program or the weights are malformed, or the program is not over tokens.
    pub fn new(program: &'p Program, weights: &'p Weights) -> Result<Self, ExecError> {
        program.check()?;
        check_weights(program, weights)?;
        Ok(Self {
            program,
            weights,
            packed: packed(program, weights),
            plan: Plan::new(program)?,
            memory: CacheMemory::new(program),
            length: 0,
        })
    }

    /// Appends tokens and returns the one that follows them.
    ///
    /// # Errors
    /// [`ExecError`] if they do not fit, or a value leaves its range.
    pub fn push(&mut self, tokens: &[u32]) -> Result<u32, ExecError> {
        let input = encode(self.program, tokens, self.program.slots() - self.length)?;
        let last = self.push_values(input, tokens.len())?.last().copied();
        Ok((i64::from(last.unwrap_or_default()) + ACTIVATION_BOUND) as u32)
    }

    /// Appends `count` slots of the input, padded, and returns those of the output.
    pub(super) fn push_values(
        &mut self,
        input: Vec<i32>,
        count: usize,
    ) -> Result<&[i32], ExecError> {
        let slots = self.length..self.length + count;
        self.memory.first = slots.start;
        if let Some(carry) = self.program.carry.filter(|c| c.input == self.program.input) {
            self.memory.current[carry.entry].clone_from(&input);
        }
        self.memory.current[self.program.input] = input;
        execute(
            self.program,
            (self.weights, &self.packed),
            &self.plan,
            self.plan.blocks,
            slots.clone(),
            &mut self.memory,
        )?;
        self.length = slots.end;
        Ok(&self.memory.current[self.program.output])
    }

    /// Number of tokens so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// `count` tokens that follow `prompt`, each the likeliest (of equals, the lowest).
///
/// # Errors
/// [`ExecError`] if program, weights or prompt are unusable, the whole does not fit the program's
/// slots (the last token may be one beyond), or a value leaves its range.
pub fn generate(
    program: &Program,
    weights: &Weights,
    prompt: &[u32],
    count: usize,
) -> Result<Vec<u32>, ExecError> {
    let mut generator = Generator::new(program, weights)?;
    let mut out = Vec::with_capacity(count);
    if count > 0 {
        out.push(generator.push(prompt)?);
    }
    while out.len() < count {
        let last = out.last().copied().unwrap_or_default();
        out.push(generator.push(&[last])?);
    }
    Ok(out)
}

/// The present slots of every tensor, and all slots of those that later slots read.
struct CacheMemory<'p> {
    program: &'p Program,
    /// First present slot.
    first: usize,
    /// By tensor: the present slots, in the present block.
    current: Vec<Vec<i32>>,
    /// Keys and values, `(stack, slots, width)`; later slots are zero.
    kept: BTreeMap<TensorId, Vec<i32>>,
}

impl<'p> CacheMemory<'p> {
    fn new(program: &'p Program) -> Self {
        let kept = |node: &'p Node| {
            let operand = with_op!(node.op, op => op.kept())?;
            node.inputs.get(operand)
        };
        let read = program.nodes.iter().filter_map(kept);
        let size = |id: TensorId| {
            let tensor = &program.tensors[id];
            (tensor.stack as usize * program.slots()) << tensor.width_log()
        };
        Self {
            program,
            first: 0,
            current: vec![Vec::new(); program.tensors.len()],
            kept: read.map(|id| (*id, vec![0; size(*id)])).collect(),
        }
    }
}

impl Memory for CacheMemory<'_> {
    fn rows(&self, id: TensorId, block: usize) -> Rows<'_> {
        let width = 1 << self.program.tensors[id].width_log();
        let size = self.program.slots() * width;
        match self.kept.get(&id) {
            Some(kept) => Rows {
                values: &kept[block * size..][..size],
                first: 0,
                width,
            },
            None => Rows {
                values: &self.current[id],
                first: self.first,
                width,
            },
        }
    }

    fn store(&mut self, node: usize, block: usize, slots: &Range<usize>, computed: Computed) {
        let id = self.program.nodes[node].output;
        let values = computed.values;
        if let Some(kept) = self.kept.get_mut(&id) {
            let width = 1 << self.program.tensors[id].width_log();
            let at = (block * self.program.slots() + slots.start) * width;
            kept[at..][..values.len()].copy_from_slice(&values);
        }
        if let Some(carry) = self.program.carry {
            let last = block + 1 == self.program.tensors[carry.entry].stack as usize;
            if id == carry.input {
                self.current[carry.entry].clone_from(&values);
            } else if id == carry.exit {
                let to = if last { carry.output } else { carry.entry };
                self.current[to].clone_from(&values);
            }
        }
        self.current[id] = values;
    }
}
