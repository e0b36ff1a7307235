//! The columns of the trace: which limbs there are, and in which region.

use std::collections::BTreeMap;

use super::reliance::{free_role, free_tensors};
use crate::ops::Output;
use crate::program::{Carry, Extent, Node, Program, Role, TensorId, padded_log};
use laminate_engine::geometry::Poly;
use laminate_engine::packer::{EMPTY, Packer, Slot, region_logs};

pub(super) struct Columns {
    pub(super) tensors: Vec<Vec<Slot>>,
    pub(super) unsigned: Vec<bool>,
    pub(super) aux: Vec<BTreeMap<Role, Vec<Slot>>>,
    pub(super) limbs: Vec<usize>,
    pub(super) free: Vec<usize>,
}

/// A limb before placement: its region and its number there.
pub(super) type Request = (bool, usize);

pub(super) struct Regions<'a> {
    program: &'a Program,
    packers: [Packer; 2],
}

impl Regions<'_> {
    /// Requests the limbs of a column of `bytes` bytes a value.
    pub(super) fn column(&mut self, log: usize, bytes: usize, free: bool) -> Vec<Request> {
        let limbs = self.program.limbs(bytes);
        let packer = &mut self.packers[usize::from(free)];
        (0..limbs).map(|_| (free, packer.request(log))).collect()
    }

    pub(super) fn tensor(&mut self, id: TensorId, free: bool) -> Vec<Request> {
        let bytes = self
            .program
            .tensors
            .get(id)
            .map_or(2, |t| usize::from(t.bits) / 8);
        self.column(self.program.column_log(id), bytes, free)
    }
}

pub(super) fn place_columns(program: &Program) -> Columns {
    let mut regions = Regions {
        program,
        packers: [Packer::new(Poly::Trace), Packer::new(Poly::Trace)],
    };
    let free = free_tensors(program);
    let is_free = |id: TensorId| free.get(id) == Some(&true);
    let mut tensors: Vec<Vec<Request>> = vec![vec![]; program.tensors.len()];
    let mut unsigned = vec![false; program.tensors.len()];
    let place = |tensors: &mut Vec<Vec<Request>>, regions: &mut Regions<'_>, id: TensorId| {
        let column = regions.tensor(id, is_free(id));
        if let Some(slot) = tensors.get_mut(id) {
            *slot = column;
        }
    };
    let stands = program.input_end().in_trace() && !program.is_weights_only();
    if stands && !is_view(program.carry, program.input) {
        place(&mut tensors, &mut regions, program.input);
    }
    if let Some(carry) = program.carry {
        place(&mut tensors, &mut regions, carry.entry);
        place(&mut tensors, &mut regions, carry.output);
    }
    let mut aux_requests = vec![];
    for node in &program.nodes {
        let output = node.op.output();
        let mut no_offset = output == Output::Unsigned;
        match output {
            Output::Operand(operand) => {
                let operand = node.inputs.get(operand).copied().unwrap_or(program.input);
                no_offset = unsigned.get(operand) == Some(&true);
                let shared = tensors.get(operand).cloned().unwrap_or_default();
                if let Some(slot) = tensors.get_mut(node.output) {
                    *slot = shared;
                }
            }
            Output::Clear | Output::View => {}
            _ if is_view(program.carry, node.output) => {}
            Output::Signed | Output::Unsigned => {
                place(&mut tensors, &mut regions, node.output);
            }
        }
        if let Some(slot) = unsigned.get_mut(node.output) {
            *slot = no_offset;
        }
        let mut aux = BTreeMap::new();
        let aux_columns = node.op.aux_columns().into_iter();
        for column in aux_columns.filter(|c| !node.op.is_viewed(program, c.role)) {
            let log = extent_log(program, node, column.extent);
            let free = free_role(program, &node.op, column.role);
            aux.insert(column.role, regions.column(log, column.bytes, free));
        }
        aux_requests.push(aux);
    }
    let [checked, looked_up] = regions.packers.map(Packer::place);
    let slot = |(free, index): &Request| {
        let blocks = if *free { &looked_up.0 } else { &checked.0 };
        let block = blocks.get(*index).copied().unwrap_or(EMPTY);
        Slot {
            free: *free,
            offset: block.offset,
            log: block.log,
        }
    };
    let slots = |requests: &Vec<Request>| requests.iter().map(slot).collect::<Vec<Slot>>();
    // With bytes, one block covers the whole region.
    let logs = |used: usize| match program.limb_bits {
        8 if used > 0 => vec![padded_log(used)],
        _ => region_logs(used),
    };
    Columns {
        tensors: tensors.iter().map(slots).collect(),
        unsigned,
        aux: aux_requests
            .iter()
            .map(|aux| aux.iter().map(|(role, r)| (*role, slots(r))).collect())
            .collect(),
        limbs: logs(checked.1),
        free: logs(looked_up.1),
    }
}

/// Whether the carry makes this tensor a view of others.
pub(super) fn is_view(carry: Option<Carry>, id: TensorId) -> bool {
    carry.is_some_and(|c| c.input == id || c.exit == id)
}

/// log2 of an auxiliary column's length.
pub(super) fn extent_log(program: &Program, node: &Node, extent: Extent) -> usize {
    let out = program.column_log(node.output);
    let axes = |id: TensorId| program.tensors.get(id).map_or(&[] as &[u32], |t| &t.axes);
    let width = |axes: &[u32]| crate::program::axes_log(axes);
    let all = axes(node.output);
    match extent {
        Extent::Output => out,
        Extent::Steps { log } => out + log,
        Extent::Rows => out - all.last().map_or(0, |last| padded_log(*last as usize)),
        Extent::Slots => out - width(all),
        Extent::Operand => node
            .inputs
            .first()
            .map_or(out, |id| program.column_log(*id)),
    }
}
